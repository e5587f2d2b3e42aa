"""Decide many cases with one press: each on its own, versioned, with an answer for every one of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from qunzhu.kernel.cases import two_person
from qunzhu.kernel.cases.appeals import check_not_barred
from qunzhu.kernel.cases.clocks import read_clocks
from qunzhu.kernel.cases.errors import Barred, CaseError
from qunzhu.kernel.cases.kinds import KINDS
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import (
    NotAllowed,
    SecondPersonNeeded,
    Stale,
    UnknownAction,
    check_action,
    decide_case,
)

Ended = Literal["done", "proposed", "first", "denied", "impossible", "second", "gone"]


class TooMany(CaseError):
    """More cases than one press may decide here."""


@dataclass(frozen=True)
class Chosen:
    """A case as the person saw it."""

    case_id: int
    version: int


@dataclass(frozen=True)
class Result:
    """What came of one case, or would: `said` is the reason where it is not done."""

    case_id: int
    case: Case | None
    ended: Ended
    said: str = ""


def at_most(community_id: int) -> int:
    """How many cases one press may decide here."""
    return read_clocks(community_id).queue.bulk_at_most


def check_how_many(community_id: int, chosen: Sequence[Chosen]) -> None:
    """Raise `TooMany` over the community's cap."""
    cap = at_most(community_id)
    if len(chosen) > cap:
        raise TooMany(f"选了 {len(chosen)} 个,一次最多 {cap} 个;请分几次处理")


def preview_many(
    *, community_id: int, chosen: Sequence[Chosen], action: str, user: str, role: str | None, note: str, now: datetime
) -> list[Result]:
    """What `decide_many` would come to now, without doing it; in the order of `chosen`."""
    check_how_many(community_id, chosen)
    cases = Case.objects.filter(community_id=community_id, pk__in=[c.case_id for c in chosen])
    found = {case.pk: case for case in cases}
    listed = two_person.guarded(community_id)
    proposals = two_person.standing_of(found.values(), now=now)
    results = []
    for one in chosen:
        case = found.get(one.case_id)
        if case is None:
            results.append(Result(one.case_id, None, "gone", "没有这个工单"))
            continue
        try:
            if case.state != Case.State.OPEN or case.version != one.version:
                raise Stale(case)
            button = check_action(case, action, role=role, note=note)
            check_not_barred(case, user)
        except CaseError as refusal:
            results.append(Result(case.pk, case, _ended(refusal), str(refusal)))
            continue
        proposal = proposals.get(case.pk)
        if not two_person.guard_of(case, button, listed):
            results.append(Result(case.pk, case, "done"))
        elif proposal is None:
            results.append(Result(case.pk, case, "proposed"))
        else:
            own = proposal.proposed_by == user or proposal.action != action
            results.append(Result(case.pk, case, "second" if own else "done"))
    return results


def decide_many(
    *, community_id: int, chosen: Sequence[Chosen], action: str, user: str, role: str | None, note: str, now: datetime
) -> list[Result]:
    """Press `action` on every case, in order of their numbers; one that is refused keeps none of the others back.

    Each case is its own transaction. Raises `TooMany` before anything is done.
    """
    check_how_many(community_id, chosen)
    return [
        _one(community_id, one, action, user, role, note, now)
        for one in sorted(set(chosen), key=lambda c: (c.case_id, c.version))
    ]


def actions_of(cases: Iterable[Case]) -> list[str]:
    """Names of the buttons that at least one of these cases has, in the order of their kinds."""
    kinds = dict.fromkeys(case.kind for case in cases)
    return list(dict.fromkeys(action.name for kind in kinds for action in KINDS[kind].actions))


def _one(community_id: int, one: Chosen, action: str, user: str, role: str | None, note: str, now: datetime) -> Result:
    try:
        case = decide_case(
            community_id=community_id, case_id=one.case_id, action=action, user=user, role=role, version=one.version,
            note=note, now=now,
        )  # fmt: skip
    except Case.DoesNotExist:
        return Result(one.case_id, None, "gone", "没有这个工单")
    except CaseError as refusal:
        return Result(one.case_id, Case.objects.get(pk=one.case_id), _ended(refusal), str(refusal))
    return Result(one.case_id, case, "proposed" if case.state == Case.State.OPEN else "done")


def _ended(refusal: CaseError) -> Ended:
    for kind, ended in _REFUSALS:
        if isinstance(refusal, kind):
            return ended
    return "impossible"


_REFUSALS: tuple[tuple[type[CaseError], Ended], ...] = (
    (Stale, "first"), (NotAllowed, "denied"), (Barred, "denied"), (SecondPersonNeeded, "second"),
    (UnknownAction, "impossible"),
)  # fmt: skip
