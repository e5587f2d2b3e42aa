"""Undo a decision for a while after it was made: its act is taken back and the case waits again."""

from datetime import datetime, timedelta

from django.db import transaction

from qunzhu.kernel.cases.actions import UNDOES, take_back
from qunzhu.kernel.cases.clocks import read_clocks
from qunzhu.kernel.cases.errors import CaseError
from qunzhu.kernel.cases.locks import lock_case
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.reports import has_reports
from qunzhu.kernel.cases.services import NotAllowed, Stale, check_action
from qunzhu.kernel.community import audit
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class CannotUndo(CaseError):
    """What was done cannot be taken back, or not any more."""


def undo_until(case: Case) -> datetime | None:
    """Until when the decision of this case can be undone; None when it cannot be at all."""
    if case.state != Case.State.DECIDED or case.decided_at is None or case.proposed_by:
        return None  # what took two people is not undone by one
    if (case.kind, case.action) not in UNDOES:
        return None
    if has_reports(case) and case.action != "freeze":
        return None  # it was a verdict about reports: who was right has been paid
    return case.decided_at + timedelta(minutes=read_clocks(case.community_id).queue.undo_within)


def undo_decision(*, community_id: int, case_id: int, user: str, role: str | None, version: int, now: datetime) -> Case:
    """Take the decision back and reopen the case. Raises `Stale`, `NotAllowed`, `CannotUndo` or Case.DoesNotExist."""
    try:
        return _undo(community_id, case_id, user, role, version, now)
    except NotAllowed:
        audit.record(
            community_id=community_id, user=user, action="case.undo", target=f"case:{case_id}", allowed=False, now=now
        )
        raise


@transaction.atomic
def _undo(community_id: int, case_id: int, user: str, role: str | None, version: int, now: datetime) -> Case:
    case = lock_case(community_id, case_id)
    if case.version != version:
        raise Stale(case)
    until = undo_until(case)
    if until is None:
        raise CannotUndo("这个决定不能撤销")
    button = check_action(case, case.action, role=role, note=case.note)
    if now >= until:
        raise CannotUndo(f"超过了可以撤销的时间,“{button.label}”已经生效")
    if Case.objects.filter(community_id=community_id, key=case.key, state=Case.State.OPEN).exists():
        raise CannotUndo("同一件事已经有新的工单,请在那里处理")
    outcome = take_back(case, user=user, now=now)
    body = {
        "case": case.pk, "kind": case.kind, "action": case.action, "by": user, "decided": case.decided_seq,
    }  # fmt: skip
    case.state, case.action, case.note, case.decided_by = Case.State.OPEN, "", "", ""
    case.decided_at, case.decided_seq, case.version = None, None, case.version + 1
    case.escalate_at = read_clocks(community_id).after_assigning(case, now)
    case.save()
    CaseNote.objects.create(
        community_id=community_id, case=case, at=now, author=user, text=f"撤销了“{button.label}”,重新待处理"
    )
    audit.record(
        community_id=community_id, user=user, action="case.undo", target=f"case:{case_id}",
        detail={"action": button.name}, now=now,
    )  # fmt: skip
    reopened = NewEvent(
        community_id,
        event_id("case.reopened", community_id, case_id, case.version),
        "case.reopened",
        now,
        body,
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [*outcome.events, reopened], now=now)
    return case
