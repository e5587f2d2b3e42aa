"""Open, decide, assign and annotate cases. Versioned: of two people who press at once, one learns who was first.

Buttons under the two-person rule are only proposed at the first press (two_person.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import transaction
from django.db.models import F
from psycopg.types.json import Jsonb

from qunzhu.kernel.cases import two_person
from qunzhu.kernel.cases.actions import perform
from qunzhu.kernel.cases.clocks import read_clocks
from qunzhu.kernel.cases.errors import CaseError
from qunzhu.kernel.cases.kinds import KINDS, CaseAction
from qunzhu.kernel.cases.locks import lock_case
from qunzhu.kernel.cases.models import Case, CaseNote, CaseProposal
from qunzhu.kernel.cases.press import Unchosen
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.connectors.port import Detail
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


@dataclass(frozen=True)
class Opened:
    """`event` (case.opened) is for the caller to append; None when the matter already had an open case."""

    case_id: int
    event: NewEvent | None


class Stale(CaseError):
    """Someone else was first, or the page is old. `decided_by` is "" when the case is still open."""

    def __init__(self, case: Case) -> None:
        self.decided_by, self.action, self.version = case.decided_by, case.action, case.version
        if case.state == Case.State.OPEN:
            text = "这个工单刚刚有更新,请看过最新内容再处理"
        elif case.state == Case.State.MERGED:
            text = f"{case.decided_by} 已把这个工单并入 #{case.merged_into}"
        elif case.state == Case.State.EXPIRED:
            text = "这个工单已过期关闭"
        else:
            known = KINDS[case.kind].action(case.action)
            text = f"{case.decided_by} 已经处理了这个工单:{known.label if known else case.action}"
        super().__init__(text)


class NotAllowed(CaseError):
    """The role lacks the permission that the button needs."""


class SecondPersonNeeded(CaseError):
    """A proposal stands, and this person cannot be the one who carries it out, or wants something else."""


class UnknownAction(CaseError):
    """The kind of case has no such button, a note is needed and missing, or what was chosen cannot be done."""


@transaction.atomic
def open_case(  # noqa: PLR0913  (a case is described once, by name)
    *,
    community_id: int,
    kind: str,
    key: str,
    title: str,
    summary: str = "",
    urgency: str = "grey",
    group_id: int | None = None,
    member_id: int | None = None,
    event_seq: int | None = None,
    evidence: Sequence[int] = (),
    payload: dict[str, Any] | None = None,
    deadline: datetime | None = None,
    now: datetime,
) -> Opened:
    """Open a case, or add `evidence` (seqs) to the open case of the same `key`. Raises KeyError for an unknown kind."""
    clocks = read_clocks(community_id)
    late = deadline or now + clocks.decide_within(kind, urgency)
    row = (
        psycopg.Cursor(raw_connection())
        .execute(
            'INSERT INTO "case" (community_id, kind, key, title, summary, urgency, state, group_id, member_id, '
            "event_seq, evidence, payload, assigned_to, deadline, escalate_at, version, opened_at, decided_by, action,"
            " note) VALUES (%s, %s, %s, %s, %s, %s, 'open', %s, %s, %s, %s, %s, '', %s, %s, 1, %s, '', '', '')"
            " ON CONFLICT (community_id, key) WHERE state = 'open' DO NOTHING RETURNING id",
            [
                community_id, kind, key, title, summary, urgency, group_id, member_id, event_seq,
                Jsonb(sorted(set(evidence))), Jsonb(payload or {}), late, clocks.escalate_at(urgency, late, now), now,
            ],
        )
        .fetchone()
    )  # fmt: skip
    if row is None:
        case = Case.objects.select_for_update().get(community_id=community_id, key=key, state=Case.State.OPEN)
        if (weight := (payload or {}).get("weight")) is not None and weight != case.payload.get("weight"):
            case.payload["weight"] = weight
            case.save(update_fields=["payload"])
        more = sorted({*evidence} - {*case.evidence})
        if more:
            case.evidence = sorted([*case.evidence, *more])
            case.save(update_fields=["evidence"])
            _note(case, "qunzhu", now, f"又有 {len(more)} 条证据")
        return Opened(case.pk, None)
    opened = NewEvent(
        community_id,
        event_id("case.opened", community_id, row[0]),
        "case.opened",
        now,
        {"case": row[0], "kind": kind, "title": title, "urgency": urgency},
        group_id=group_id,
        member_id=member_id,
    )
    return Opened(row[0], opened)


def decide_case(  # noqa: PLR0913  (a press is described once, by name)
    *,
    community_id: int,
    case_id: int,
    action: str,
    user: str,
    role: str | None,
    version: int,
    note: str = "",
    choices: dict[str, Any] | None = None,
    now: datetime,
    came_of_it: Detail | None = None,
) -> Case:
    """Press a button: act, close the case, write event, note and audit line, all in one transaction.

    Under the two-person rule the first press writes a proposal: the case comes back still open. `version` is the one
    the person saw, `choices` what a page of the action's own asked for, `came_of_it` the effect of a task that a
    platform reports on; `role` None is the product itself. Raises `Stale`, `NotAllowed`, `UnknownAction`,
    `SecondPersonNeeded` or Case.DoesNotExist; a refusal for lack of permission or for being the same person is audited.
    """
    try:
        return _decide(
            community_id,
            case_id,
            action,
            user,
            role,
            version,
            note.strip(),
            now,
            choices=choices,
            came_of_it=came_of_it,
        )
    except (NotAllowed, SecondPersonNeeded):
        _audit(community_id, case_id, f"case.{action}", user, now, allowed=False)
        raise


@transaction.atomic
def _decide(  # noqa: PLR0913  (what decide_case was told, once more)
    community_id: int,
    case_id: int,
    action: str,
    user: str,
    role: str | None,
    version: int,
    note: str,
    now: datetime,
    *,
    choices: dict[str, Any] | None,
    came_of_it: Detail | None,
) -> Case:
    case = lock_case(community_id, case_id)
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    proposal = two_person.standing(case, now=now)
    asked = proposal if proposal is not None and proposal.action == action else None
    button = check_action(case, action, role=role, note=asked.note if asked else note)
    if guard := two_person.guard_of(case, button, two_person.guarded(community_id)):
        proposal = _confirmable(case, button, proposal, user, now)
        if proposal is None:
            two_person.propose(case, button, guard, user=user, note=note, now=now)
            _audit(community_id, case_id, f"case.propose.{action}", user, now, note=note)
            return case
        two_person.close(case, CaseProposal.State.CONFIRMED, by=user, now=now)
        case.proposed_by, remark, note = proposal.proposed_by, note, proposal.note
        _note(case, user, now, f"确认 {proposal.proposed_by} 的提议" + (f":{remark}" if remark else ""))
    else:
        two_person.close(case, CaseProposal.State.OVERRULED, by=user, now=now)
    return _carry_out(case, action, user, note, now, choices=choices, came_of_it=came_of_it)


def _confirmable(
    case: Case, button: CaseAction, proposal: CaseProposal | None, user: str, now: datetime
) -> CaseProposal | None:
    """The proposal that `user` may confirm by this press; None: the press is a (new) proposal."""
    who = two_person.people(case.community_id, user, *([proposal.proposed_by] if proposal else []))
    if not who.may(user, button.permission):
        raise NotAllowed(f"你的角色不能“{button.label}”")
    if proposal is None:
        two_person.close(case, CaseProposal.State.EXPIRED, by="qunzhu", now=now)
        return None
    known = KINDS[case.kind].action(proposal.action)
    if known is None or not who.may(proposal.proposed_by, known.permission):
        two_person.close(case, CaseProposal.State.VOID, by="qunzhu", now=now)
        return None
    if proposal.action != button.name:
        raise SecondPersonNeeded(f"{proposal.proposed_by} 已提议“{known.label}”,先确认或撤回它,再作别的决定")
    if who.same(proposal.proposed_by, user):
        raise SecondPersonNeeded(f"“{button.label}”需要两个人:你已经提议过,请另一位同事确认")
    return proposal


def _carry_out(
    case: Case,
    action: str,
    user: str,
    note: str,
    now: datetime,
    *,
    choices: dict[str, Any] | None = None,
    came_of_it: Detail | None = None,
) -> Case:
    try:
        outcome = perform(case, action, user=user, note=note, now=now, choices=choices, came_of_it=came_of_it)
    except Unchosen as error:
        raise UnknownAction(str(error)) from error
    note = "" if outcome.forget else note
    case.state, case.action, case.note = Case.State.DECIDED, action, note
    case.decided_by, case.decided_at, case.version = user, now, case.version + 1
    case.save(update_fields=["state", "action", "note", "decided_by", "decided_at", "proposed_by", "version"])
    _note(case, user, now, _said(case, action, note))
    _audit(case.community_id, case.pk, f"case.{action}", user, now, note=note, proposed_by=case.proposed_by)
    proposed = {"proposed_by": case.proposed_by} if case.proposed_by else {}
    decided = NewEvent(
        case.community_id,
        event_id("case.decided", case.community_id, case.pk, case.version),
        "case.decided",
        now,
        {"case": case.pk, "kind": case.kind, "action": action, "by": user, "note": note}
        | (judged(case) | proposed | outcome.facts),
        group_id=case.group_id,
        member_id=case.member_id,
    )
    case.decided_seq = log.append(raw_connection(), [*outcome.events, decided], now=now)[-1].seq
    case.save(update_fields=["decided_seq"])
    return case


@transaction.atomic
def withdraw_proposal(
    *, community_id: int, case_id: int, user: str, role: str | None, version: int, now: datetime
) -> Case:
    """End the proposal that stands: who made it takes it back, anybody else with the permission refuses it.

    Raises `Stale`, `NotAllowed`, `UnknownAction` (nothing is proposed) or Case.DoesNotExist.
    """
    case = lock_case(community_id, case_id)
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    proposal = two_person.standing(case, now=now)
    if proposal is None:
        raise UnknownAction("这个工单现在没有等待确认的提议")
    own = proposal.proposed_by == user
    if not own:
        check_action(case, proposal.action, role=role, note=proposal.note)
    two_person.close(case, CaseProposal.State.WITHDRAWN if own else CaseProposal.State.REFUSED, by=user, now=now)
    _audit(community_id, case_id, f"case.{'withdraw' if own else 'refuse'}.{proposal.action}", user, now)
    return case


def _note(case: Case, author: str, now: datetime, text: str) -> None:
    CaseNote.objects.create(community_id=case.community_id, case=case, at=now, author=author, text=text)


def _audit(
    community_id: int, case_id: int, action: str, user: str, now: datetime, *, allowed: bool = True, **detail: str
) -> None:
    audit.record(
        community_id=community_id,
        user=user,
        action=action,
        target=f"case:{case_id}",
        detail={name: value for name, value in detail.items() if value},
        allowed=allowed,
        now=now,
    )


def judged(case: Case) -> dict[str, Any]:
    """Which rule on which event a case asks about; nothing when it asks about something else."""
    rule = case.payload.get("rule")
    return {"rule": rule, "cause_seq": case.event_seq} if rule and case.event_seq is not None else {}


def check_action(case: Case, action: str, *, role: str | None, note: str = "") -> CaseAction:
    """The button, or `UnknownAction` / `NotAllowed`. Pages use it to show only what this person may press."""
    button = KINDS[case.kind].action(action)
    if button is None or (button.place == "machine" and role is not None):
        raise UnknownAction(f"这类工单没有“{action}”这个操作")
    if button.place != "machine" and not may(role, button.permission):
        raise NotAllowed(f"你的角色不能“{button.label}”")
    if button.needs_note and not note:
        raise UnknownAction(f"“{button.label}”需要先写内容")
    return button


def actions_for(case: Case, role: str | None) -> list[CaseAction]:
    """The buttons of an open case that `role` may press, in their order."""
    if case.state != Case.State.OPEN:
        return []
    return [a for a in KINDS[case.kind].actions if a.place != "machine" and may(role, a.permission)]


@transaction.atomic
def assign_case(
    *, community_id: int, case_id: int, to: str, user: str, version: int, note: str = "", now: datetime
) -> Case:
    """Take an open case, hand it over to `to` with a note, or ("") give it back. Raises `Stale` like `decide_case`.

    Whoever holds a case has until its deadline; one that was given back must be taken again in time.
    """
    case = lock_case(community_id, case_id)
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    before, note = case.assigned_to, note.strip()
    case.assigned_to, case.version = to, case.version + 1
    case.escalate_at = read_clocks(community_id).after_assigning(case, now)
    case.save(update_fields=["assigned_to", "version", "escalate_at"])
    done = "放回待处理" if not to else "接下" if to == user else f"交给 {to}"
    _note(case, user, now, f"{done}:{note}" if note else done)
    _audit(community_id, case_id, "case.assign", user, now, to=to, note=note)
    event = NewEvent(
        community_id,
        event_id("case.assigned", community_id, case_id, case.version),
        "case.assigned",
        now,
        {"case": case_id, "kind": case.kind, "from": before, "to": to, "by": user, "note": note},
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [event], now=now)
    return case


@transaction.atomic
def add_note(*, community_id: int, case_id: int, text: str, user: str, now: datetime) -> CaseNote:
    """Write a remark under a case, open or decided. Raises ValueError for an empty one."""
    if not text.strip():
        raise ValueError("备注不能为空")
    case = Case.objects.get(community_id=community_id, pk=case_id)
    return CaseNote.objects.create(community_id=community_id, case=case, at=now, author=user, text=text.strip())


@transaction.atomic
def expire_cases(*, community_id: int, kinds: Sequence[str], before: datetime) -> int:
    """Close open cases of `kinds` opened before `before` without acting; returns how many."""
    return Case.objects.filter(
        community_id=community_id, state=Case.State.OPEN, kind__in=kinds, opened_at__lt=before
    ).update(state=Case.State.EXPIRED, version=F("version") + 1)


def _said(case: Case, action: str, note: str) -> str:
    button = KINDS[case.kind].action(action)
    label = button.label if button else action
    return f"{label}:{note}" if note else label
