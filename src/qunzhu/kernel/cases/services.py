"""Open, decide, assign and annotate cases. Versioned: of two people who press at once, one learns who was first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.db import transaction
from django.db.models import F
from psycopg.types.json import Jsonb

from qunzhu.kernel.cases.actions import perform
from qunzhu.kernel.cases.kinds import KINDS, CaseAction
from qunzhu.kernel.cases.locks import lock_case
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


@dataclass(frozen=True)
class Opened:
    """`event` (case.opened) is for the caller to append; None when the matter already had an open case."""

    case_id: int
    event: NewEvent | None


class CaseError(Exception):
    """A decision that was refused; the message is a Chinese sentence for the person who pressed."""


class Stale(CaseError):
    """Someone else was first, or the page is old. `decided_by` is "" when the case is still open."""

    def __init__(self, case: Case) -> None:
        self.decided_by, self.action, self.version = case.decided_by, case.action, case.version
        if case.state == Case.State.OPEN:
            text = "这个工单刚刚有更新,请看过最新内容再处理"
        else:
            known = KINDS[case.kind].action(case.action)
            text = f"{case.decided_by} 已经处理了这个工单:{known.label if known else case.action}"
        super().__init__(text)


class NotAllowed(CaseError):
    """The role lacks the permission that the button needs."""


class UnknownAction(CaseError):
    """The kind of case has no such button, or a note is needed and missing."""


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
    hours = KINDS[kind].deadline_hours[urgency]
    row = (
        psycopg.Cursor(raw_connection())
        .execute(
            'INSERT INTO "case" (community_id, kind, key, title, summary, urgency, state, group_id, member_id, '
            "event_seq, evidence, payload, assigned_to, deadline, version, opened_at, decided_by, action, note)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'open', %s, %s, %s, %s, %s, '', %s, 1, %s, '', '', '')"
            " ON CONFLICT (community_id, key) WHERE state = 'open' DO NOTHING RETURNING id",
            [
                community_id, kind, key, title, summary, urgency, group_id, member_id, event_seq,
                Jsonb(sorted(set(evidence))), Jsonb(payload or {}), deadline or now + timedelta(hours=hours), now,
            ],
        )
        .fetchone()
    )  # fmt: skip
    if row is None:
        case = Case.objects.select_for_update().get(community_id=community_id, key=key, state=Case.State.OPEN)
        case.evidence = sorted({*case.evidence, *evidence})
        case.save(update_fields=["evidence"])
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


def decide_case(
    *,
    community_id: int,
    case_id: int,
    action: str,
    user: str,
    role: str | None,
    version: int,
    note: str = "",
    now: datetime,
) -> Case:
    """Press a button: act, close the case, write event, note and audit line, all in one transaction.

    `version` is the one the person saw. Raises `Stale`, `NotAllowed`, `UnknownAction` or Case.DoesNotExist; a refusal
    for lack of permission is audited.
    """
    try:
        return _decide(community_id, case_id, action, user, role, version, note.strip(), now)
    except NotAllowed:
        audit.record(
            community_id=community_id,
            user=user,
            action=f"case.{action}",
            target=f"case:{case_id}",
            allowed=False,
            now=now,
        )
        raise


@transaction.atomic
def _decide(
    community_id: int, case_id: int, action: str, user: str, role: str | None, version: int, note: str, now: datetime
) -> Case:
    case = lock_case(community_id, case_id)
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    check_action(case, action, role=role, note=note)
    outcome = perform(case, action, user=user, note=note, now=now)
    case.state, case.action, case.note = Case.State.DECIDED, action, note
    case.decided_by, case.decided_at, case.version = user, now, case.version + 1
    case.save(update_fields=["state", "action", "note", "decided_by", "decided_at", "version"])
    CaseNote.objects.create(community_id=community_id, case=case, at=now, author=user, text=_said(case, action, note))
    audit.record(
        community_id=community_id,
        user=user,
        action=f"case.{action}",
        target=f"case:{case_id}",
        detail={"note": note} if note else {},
        now=now,
    )
    decided = NewEvent(
        community_id,
        event_id("case.decided", community_id, case_id, case.version),
        "case.decided",
        now,
        {"case": case_id, "kind": case.kind, "action": action, "by": user, "note": note, **outcome.facts},
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [*outcome.events, decided], now=now)
    return case


def check_action(case: Case, action: str, *, role: str | None, note: str = "") -> CaseAction:
    """The button, or `UnknownAction` / `NotAllowed`. Pages use it to show only what this person may press."""
    button = KINDS[case.kind].action(action)
    if button is None:
        raise UnknownAction(f"这类工单没有“{action}”这个操作")
    if not may(role, button.permission):
        raise NotAllowed(f"你的角色不能“{button.label}”")
    if button.needs_note and not note:
        raise UnknownAction(f"“{button.label}”需要先写内容")
    return button


def actions_for(case: Case, role: str | None) -> list[CaseAction]:
    """The buttons of an open case that `role` may press, in their order."""
    if case.state != Case.State.OPEN:
        return []
    return [a for a in KINDS[case.kind].actions if may(role, a.permission)]


@transaction.atomic
def assign_case(*, community_id: int, case_id: int, to: str, user: str, version: int, now: datetime) -> Case:
    """Give an open case to `to` ("" gives it back). Raises `Stale` like `decide_case`."""
    case = lock_case(community_id, case_id)
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    case.assigned_to, case.version = to, case.version + 1
    case.save(update_fields=["assigned_to", "version"])
    text = f"交给 {to}" if to else "放回待处理"
    CaseNote.objects.create(community_id=community_id, case=case, at=now, author=user, text=text)
    audit.record(
        community_id=community_id, user=user, action="case.assign", target=f"case:{case_id}", detail={"to": to}, now=now
    )
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
