"""Take a penalty back: what has not happened yet is withdrawn, what has happened is undone, and the log says so.

One way for every hand that can do it: the member's page in the console, a case's button, an upheld appeal. Pressing
twice, or two people at once, is one reversal: event and effects carry the penalty's own name.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from qunzhu.kernel.community.models import Membership
from qunzhu.kernel.community.selectors import muted_now
from qunzhu.kernel.connectors.port import detail
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

HUMAN = "human"  # the rule that a penalty given by a person counts as
WITHDRAWN = "withdrawn"  # effects/details.py


@dataclass(frozen=True)
class Taken:
    """A penalty that is to be taken back. `of_case`: the case by which a human decided it; None for a rule's, and for
    one that was given by hand.
    """

    community_id: int
    seq: int
    rule: str
    rulebook_version: int
    member_id: int
    group_id: int | None
    step: str
    at: datetime
    until: datetime | None = None
    of_case: int | None = None


def reversal_id(community_id: int, seq: int, rule: str) -> Any:
    """The id of `penalty.reversed` for this penalty: there is one, ever."""
    return event_id("penalty.reversed", community_id, seq, rule)


def take_back(taken: Taken, *, by: str, now: datetime, case: int | None = None) -> NewEvent:
    """Ask for the effects of the reversal, in the caller's transaction; returns `penalty.reversed` to append last."""
    _withdraw(taken, now)
    request(raw_connection(), taken.community_id, _amends(taken, by, now), now=now)
    body: dict[str, Any] = {
        "cause_seq": taken.seq, "rule": taken.rule, "rulebook_version": taken.rulebook_version, "by": by,
    }  # fmt: skip
    if case is not None:
        body["case"] = case
    if taken.of_case is not None:
        body["of_case"] = taken.of_case
    return NewEvent(
        taken.community_id,
        reversal_id(taken.community_id, taken.seq, taken.rule),
        "penalty.reversed",
        now,
        body,
        group_id=taken.group_id,
        member_id=taken.member_id,
    )


def effects_of(seq: int, rule: str, of_case: int | None) -> tuple[str, list[Any]]:
    """SQL condition for the effects that a penalty asked for, with its values."""
    if of_case is not None:
        return "starts_with(idempotency_key, %s)", [f"case:{of_case}:"]
    if rule == HUMAN:  # given by hand: the effect names the penalty's own event
        return "cause_seq = %s AND rule = %s", [seq, rule]
    return "cause_seq = %s AND rule = %s AND requested_by = 'rule'", [seq, rule]


def _withdraw(taken: Taken, now: datetime) -> None:
    """What still waits to be delivered will not be; who delivers it this moment is waited for."""
    condition, values = effects_of(taken.seq, taken.rule, taken.of_case)
    psycopg.Cursor(raw_connection()).execute(
        "UPDATE effect SET status = 'failed', detail = %s, finished_at = %s WHERE community_id = %s AND member_id = %s"
        f" AND status = 'pending' AND kind = ANY(%s) AND {condition}",
        [Jsonb(detail(WITHDRAWN)), now, taken.community_id, taken.member_id, ["mute", "remove"], *values],
    )


def _amends(taken: Taken, by: str, now: datetime) -> list[EffectRequest]:
    """End a mute that runs (in the penalty's group also one on its way), let back in who was removed."""
    if taken.step == "mute" and taken.until is not None and taken.until > now:
        kind, groups = "unmute", {m.group_id for m in muted_now(taken.community_id, taken.member_id, now=now)}
        groups = {taken.group_id} if taken.group_id is not None else groups
    elif taken.step == "remove":
        kind, groups = "readmit", _removed_from(taken)
    else:
        return []
    return [
        EffectRequest(
            kind=kind,
            key=f"penalty:{taken.community_id}:{taken.seq}:{kind}:{group}",
            group_id=group,
            member_id=taken.member_id,
            cause_seq=taken.seq,
            rule=taken.rule,
            requested_by=by,
        )
        for group in sorted(groups)
    ]


def _removed_from(taken: Taken) -> set[int]:
    """Groups that the member is out of because of this penalty: by the effect itself, or as the platform reported."""
    condition, values = effects_of(taken.seq, taken.rule, taken.of_case)
    done = psycopg.Cursor(raw_connection()).execute(
        "SELECT group_id FROM effect WHERE community_id = %s AND member_id = %s AND kind = 'remove'"
        f" AND status = 'done' AND {condition}",
        [taken.community_id, taken.member_id, *values],
    )
    gone = Membership.objects.filter(
        community_id=taken.community_id, member_id=taken.member_id, state=Membership.State.REMOVED,
        left_at__gte=taken.at,
    )  # fmt: skip
    if taken.group_id is not None:
        gone = gone.filter(group_id=taken.group_id)
    return {group for (group,) in done.fetchall()} | set(gone.values_list("group_id", flat=True))
