"""What people do about silences and leaves: take leave, end it, bring somebody back."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from qunzhu.governance.elimination import policy
from qunzhu.governance.elimination.following import return_event
from qunzhu.governance.elimination.leaves import Taken, current, ended_event, leaves_of, taken_event
from qunzhu.governance.elimination.locks import lock_elimination
from qunzhu.governance.elimination.models import Observation
from qunzhu.governance.elimination.policy import Leave
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

LONGEST_BY_STAFF = 366


class NotTaken(ValueError):
    """What was asked cannot be done; the message is a sentence for the person who asked."""


@transaction.atomic
def take_leave(*, community: Community, member_id: int, leave: Leave, by: str, key: str, now: datetime) -> int:
    """A leave for a member: by "member" within the settings, by staff for up to a year. Raises `NotTaken`."""
    raw = raw_connection()
    lock_elimination(raw, community.pk)
    today = local_day(now, community.timezone)
    event = taken_event(community.pk, member_id, leave, by=by, fact=f"form:{key}", now=now)
    known = log.seq_of(raw, community.pk, event.id)
    if known is not None:
        return known
    taken = [(t.first, t.last) for t in leaves_of(raw, community.pk, [member_id]).get(member_id, ())]
    if by == "member":
        problem = policy.problem_of_leave(leave, taken, today, policy.settings_from(community.blueprint))
    else:
        problem = _problem_for_staff(leave, taken)
    if problem:
        raise NotTaken(problem)
    return log.append(raw, [event], now=now)[0].seq


def _problem_for_staff(leave: Leave, taken: Sequence[tuple[date, date]]) -> str:
    if leave.last < leave.first:
        return "结束日期要不早于开始日期。"
    if leave.days > LONGEST_BY_STAFF:
        return f"一次最多 {LONGEST_BY_STAFF} 天。"
    if any(first <= leave.last and leave.first <= last for first, last in taken):
        return "这几天里已经有一段请假，先销假再重新请。"
    return ""


@transaction.atomic
def end_leave(*, community: Community, member_id: int, by: str, now: datetime, seq: int | None = None) -> None:
    """End the running or next leave (or the one taken at `seq`) today. Raises `NotTaken` when there is none."""
    raw = raw_connection()
    lock_elimination(raw, community.pk)
    today = local_day(now, community.timezone)
    known = leaves_of(raw, community.pk, [member_id]).get(member_id, [])
    running: Taken | None = current([t for t in known if seq is None or t.seq == seq], today)
    if running is None:
        raise NotTaken("没有正在进行或即将开始的请假。")
    log.append(raw, [ended_event(community.pk, member_id, running, today=today, by=by, now=now)], now=now)


@transaction.atomic
def bring_back(*, community_id: int, seq: int, by: str, now: datetime) -> None:
    """Back from the observation group, as a human wants it. Raises `NotTaken`, Observation.DoesNotExist."""
    row = Observation.objects.get(community_id=community_id, seq=seq)
    if row.state != Observation.State.OBSERVED:
        raise NotTaken(f"这位成员现在是“{row.get_state_display()}”，不在观察群里。")
    event = return_event(community_id, row.seq, row.member_id, why="staff", by=by, now=now)
    log.append(raw_connection(), [event], now=now)
