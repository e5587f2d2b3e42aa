"""A member's check-ins, for the points page."""

from dataclasses import dataclass
from datetime import date, timedelta

from qunzhu.engagement.models import CheckIn
from qunzhu.engagement.policy import bonus_for, settings_from
from qunzhu.kernel.community.models import Community


@dataclass(frozen=True)
class CheckInState:
    """How a member stands today: streak as it holds (yesterday's while today is open), and what today still gives."""

    today: date
    done_today: bool
    streak: int
    left_today: int
    days: tuple[date, ...]  # checked-in days of the asked stretch, oldest first


def check_in_state(community: Community, member_id: int, *, today: date, first: date | None = None) -> CheckInState:
    """The state on `today`, with the checked-in days since `first` (default: 42 days back); 1 query."""
    first = min(first or today - timedelta(days=41), today - timedelta(days=1))
    rows = dict(
        CheckIn.objects.filter(community_id=community.pk, member_id=member_id, day__range=(first, today))
        .order_by("day")
        .values_list("day", "streak")
    )
    streak = rows.get(today) or rows.get(today - timedelta(days=1), 0)
    settings = settings_from(community.blueprint)
    left = 0 if today in rows else settings.points + bonus_for(streak + 1, settings)
    return CheckInState(today, today in rows, streak, left, tuple(rows))


def checked_in_today(community_id: int, *, today: date) -> int:
    """How many members have checked in on `today`."""
    return CheckIn.objects.filter(community_id=community_id, day=today).count()
