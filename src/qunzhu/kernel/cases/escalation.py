"""What time does to cases: nobody took one, or its deadline passed, or who held it is gone."""

from datetime import datetime

from django.contrib.auth import get_user_model
from django.db import transaction

from qunzhu.kernel.cases.clocks import read_clocks
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import Stale, assign_case
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.permissions import ROLE_PERMISSIONS
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

BY = "qunzhu"
DECIDERS = [role for role, granted in ROLE_PERMISSIONS.items() if "case.decide" in granted]
_URGENCY = {"red": "红色", "orange": "橙色", "yellow": "黄色", "grey": "一般"}
_ROLE = {"manager": "运营主管", "owner": "群主"}


def escalate(*, now: datetime) -> int:
    """Raise every open case whose time has come, each in its own transaction; returns how many."""
    due = Case.objects.filter(state=Case.State.OPEN, escalate_at__lte=now)
    count = 0
    for pk in list(due.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            case = due.select_for_update(skip_locked=True).filter(pk=pk).first()
            if case is not None:  # neither decided nor taken since
                _raise(case, now)
                count += 1
    return count


def give_back_of_the_gone(*, now: datetime) -> int:
    """Cases held by somebody who may no longer decide any are free again; returns how many."""
    held = Case.objects.filter(state=Case.State.OPEN).exclude(assigned_to="")
    posts = Staff.objects.filter(role__in=DECIDERS, user__is_active=True)
    able = set(posts.values_list("community_id", "user__username"))
    root = set(get_user_model().objects.filter(is_superuser=True, is_active=True).values_list("username", flat=True))
    count = 0
    for case in held.order_by("pk"):
        if case.assigned_to in root or (case.community_id, case.assigned_to) in able:
            continue
        try:
            assign_case(
                community_id=case.community_id, case_id=case.pk, to="", user=BY, version=case.version,
                note=f"{case.assigned_to} 已不能处理工单", now=now,
            )  # fmt: skip
        except Stale:
            continue  # somebody was faster; the next round looks again
        count += 1
    return count


def _raise(case: Case, now: datetime) -> None:
    late = case.deadline is not None and case.deadline <= now
    was, asked = case.urgency, case.asked
    case.urgency, case.asked, case.escalate_at = read_clocks(case.community_id).raised(case, now)
    case.version += 1
    case.save(update_fields=["urgency", "asked", "escalate_at", "version"])
    steps = [f"提高到{_URGENCY[case.urgency]}"] if case.urgency != was else []
    steps += [f"请{_ROLE[case.asked]}处理"] if case.asked != asked else []
    said = "超过处理期限" if late else "没有人接"
    CaseNote.objects.create(community_id=case.community_id, case=case, at=now, author=BY, text=",".join([said, *steps]))
    body = {
        "case": case.pk, "kind": case.kind, "urgency": case.urgency, "asked": case.asked,
        "why": "late" if late else "untaken",
    }  # fmt: skip
    event = NewEvent(
        case.community_id,
        event_id("case.escalated", case.community_id, case.pk, case.version),
        "case.escalated",
        now,
        body,
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [event], now=now)
