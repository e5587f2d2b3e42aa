"""A member's check-ins, for the points page."""

from dataclasses import dataclass
from datetime import date, timedelta

from qunzhu.engagement.days import load_streaks, made_up_days
from qunzhu.engagement.makeup import CARD, Purse, refusal
from qunzhu.engagement.models import CheckIn
from qunzhu.engagement.policy import bonus_for, settings_from
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events.models import ConsumerCursor
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, member_account


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


@dataclass(frozen=True)
class MakeUpState:
    """The month's calendar and what 补签 would do now. `why`: the code of what stands in the way, "" for nothing."""

    check_in: CheckInState
    made_up: frozenset[date]
    gap: date | None
    cards: int
    points: int
    price: int
    why: str
    left: int  # days that may still be made up in the gap's month

    @property
    def buys(self) -> bool:
        """Whether the next one is paid with points."""
        return not self.cards and self.price > 0


def makeup_state(community: Community, member_id: int, *, today: date) -> MakeUpState:
    """The state on `today`, with what the log says ahead of the projection; 6 queries."""
    conn, owner = raw_connection(), member_account(member_id)
    settings = settings_from(community.blueprint)
    cursor = ConsumerCursor.objects.filter(consumer="engagement", community_id=community.pk)
    after = cursor.values_list("seq", flat=True).first() or 0
    first = min(today.replace(day=1), today - timedelta(days=settings.makeup.back + 1))
    streaks = load_streaks(conn, community.pk, {member_id: first}, after=after)[member_id]
    made_up = made_up_days(conn, community.pk, [member_id], after=after)[member_id]
    purse = Purse(balance(community.pk, owner, CARD), balance(community.pk, owner), frozenset(made_up))
    gap = streaks.gap(today, settings.makeup.back)
    why = refusal(gap, purse, settings, buy=True)
    done = today in streaks.days
    streak = streaks.upto(today if done else today - timedelta(days=1))
    left = 0 if done else settings.points + bonus_for(streak + 1, settings)
    month = gap or today
    used = sum((d.year, d.month) == (month.year, month.month) for d in made_up)
    return MakeUpState(
        CheckInState(today, done, streak, left, tuple(sorted(streaks.days))), purse.made_up, gap, purse.cards,
        purse.points, settings.makeup.price, why.code if why else "", max(0, settings.makeup.per_month - used),
    )  # fmt: skip
