"""Figures for pages, read from the rollups with a fixed number of queries, whatever the history."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Sum

from qunzhu.analytics.models import CommunityDay, GroupHour, MemberDay
from qunzhu.analytics.policy import messages_per_day
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community, Group


@dataclass(frozen=True)
class DayFigures:
    """One day of a community. `groups_reaching` of `groups` had at least `threshold` messages."""

    day: date
    messages: int
    speakers: int
    commands: int
    joins: int
    leaves: int
    decisions: int
    groups: int
    groups_reaching: int
    threshold: int


@dataclass(frozen=True)
class HourFigures:
    """One local hour: its start, and what happened in it."""

    hour: datetime
    messages: int
    commands: int
    joins: int
    leaves: int
    decisions: int


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Start of `day` and of the next day in `zone`; days with a clock change have 23 or 25 hours."""
    tz = ZoneInfo(zone)
    return datetime.combine(day, time(), tz), datetime.combine(day + timedelta(days=1), time(), tz)


def today_figures(community: Community, *, now: datetime) -> DayFigures:
    """The figures of the community's current day; 3 queries."""
    return day_figures(community, day=local_day(now, community.timezone))


def day_figures(community: Community, *, day: date) -> DayFigures:
    """The figures of one day of the community; 3 queries."""
    start, end = day_bounds(day, community.timezone)
    threshold = messages_per_day(community.blueprint)
    hours = GroupHour.objects.filter(community_id=community.pk, hour__gte=start, hour__lt=end)
    by_group = list(
        hours.values("group_id").annotate(
            m=Sum("messages"), c=Sum("commands"), j=Sum("joins"), x=Sum("leaves"), d=Sum("decisions")
        )
    )
    return DayFigures(
        day=day,
        messages=sum(g["m"] for g in by_group),
        speakers=speakers(community.pk, day=day),
        commands=sum(g["c"] for g in by_group),
        joins=sum(g["j"] for g in by_group),
        leaves=sum(g["x"] for g in by_group),
        decisions=sum(g["d"] for g in by_group),
        groups=Group.objects.filter(community=community).exclude(state=Group.State.CLOSED).count(),
        groups_reaching=sum(g["m"] >= threshold for g in by_group),
        threshold=threshold,
    )


def speakers(community_id: int, *, day: date, group_id: int | None = None) -> int:
    """How many different people posted a message that day, in the community or in one group."""
    if group_id is None:
        row = CommunityDay.objects.filter(community_id=community_id, day=day).values_list("speakers").first()
        return row[0] if row else 0
    return MemberDay.objects.filter(community_id=community_id, day=day, messages__gt=0, group_id=group_id).count()


def messages_by_day(community: Community, *, first: date, last: date) -> list[tuple[date, int, int]]:
    """(day, messages, speakers) for every day from `first` to `last`, days without a word included; 1 query."""
    rows = CommunityDay.objects.filter(community_id=community.pk, day__range=(first, last))
    found = {day: (messages, people) for day, messages, people in rows.values_list("day", "messages", "speakers")}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return [(day, *found.get(day, (0, 0))) for day in days]


def hours_of_day(community: Community, *, day: date, group_id: int | None = None) -> list[HourFigures]:
    """Every hour of a day with what happened, of the community or one group; 1 query."""
    start, end = day_bounds(day, community.timezone)
    rows = GroupHour.objects.filter(community_id=community.pk, hour__gte=start, hour__lt=end)
    if group_id is not None:
        rows = rows.filter(group_id=group_id)
    sums = rows.values("hour").annotate(
        m=Sum("messages"), c=Sum("commands"), j=Sum("joins"), x=Sum("leaves"), d=Sum("decisions")
    )
    return [HourFigures(r["hour"], r["m"], r["c"], r["j"], r["x"], r["d"]) for r in sums.order_by("hour")]


def messages_by_group(community: Community, *, day: date, groups: Iterable[int] | None = None) -> dict[int, int]:
    """Group id → messages of that day (of `groups`, None: of all); silent groups are absent. 1 query."""
    start, end = day_bounds(day, community.timezone)
    rows = GroupHour.objects.filter(community_id=community.pk, hour__gte=start, hour__lt=end, messages__gt=0)
    if groups is not None:
        rows = rows.filter(group_id__in=list(groups))
    return dict(rows.values_list("group_id").annotate(Sum("messages")))
