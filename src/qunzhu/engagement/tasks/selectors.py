"""Tasks as members and operators see them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import msgspec
from django.db.models import Count, Max, Q, QuerySet

from qunzhu.engagement.tasks import policy
from qunzhu.engagement.tasks.models import TaskBook, TaskNewcomer, TaskProgress
from qunzhu.engagement.tasks.policy import Unit
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import names_of


@dataclass(frozen=True)
class Card:
    """A unit as it stands for a member now."""

    unit: Unit
    count: int
    goal: int
    done_at: datetime | None
    steps: tuple["Card", ...] = ()
    last_day: date | None = None  # of the newcomer path

    @property
    def name(self) -> str:
        return self.unit.name

    @property
    def points(self) -> int:
        return self.unit.points

    @property
    def done(self) -> bool:
        return self.done_at is not None

    @property
    def percent(self) -> int:
        return 100 if self.done else min(100, 100 * self.count // max(1, self.goal))


@dataclass(frozen=True)
class TaskRow:
    """A unit with what became of it in its running period and in all."""

    unit: Unit
    period: str
    started: int
    done: int
    ever: int
    taken_back: int

    @property
    def percent(self) -> int:
        return 100 * self.done // self.started if self.started else 0


def names(community_id: int, members: Sequence[int]) -> dict[int, str]:
    """Display names."""
    return names_of(community_id, members)


def say_done(rows: Sequence[tuple[str, str, int]]) -> str:
    """What the group hears of completions: (who, what, points)."""
    if len(rows) == 1:
        who, what, points = rows[0]
        return f"{who} 完成了“{what}”" + (f"，+{points} 积分。" if points else "。")
    listed = "、".join(who for who, _, _ in rows[:12] if who)
    return f"{listed}{' 等' if len(rows) > 12 else ''} {len(rows)} 人完成了任务。"  # noqa: PLR2004


def current_units(community_id: int) -> list[Unit]:
    """The units that hold now; 1 query."""
    held = TaskBook.objects.filter(community_id=community_id).order_by("-seq").values_list("units", flat=True).first()
    return policy.decode(held or [])


def cards_of(community_id: int, member_id: int, day: date, zone: str) -> list[Card]:
    """A member's tasks on `day`, a path with its steps; 3 queries."""
    units = current_units(community_id)
    return _cards(community_id, {member_id: day}, units, zone)[member_id]


def open_tasks(
    community_id: int, people: Mapping[int, date], units: Sequence[Unit], zone: str
) -> dict[int, list[Card]]:
    """Member → tasks that are not done, a path by its next step; 2 queries."""
    found = _cards(community_id, people, units, zone)
    return {member: [_next(card) for card in cards if not card.done] for member, cards in found.items()}


def _next(card: Card) -> Card:
    """A path is named with the step that comes next."""
    ahead = next((step for step in card.steps if not step.done), None)
    return card if ahead is None else replace(card, unit=_named(card.unit, f"{card.name}（{ahead.name}）"))


def _named(unit: Unit, name: str) -> Unit:
    return msgspec.structs.replace(unit, name=name)


def _cards(community_id: int, people: Mapping[int, date], units: Sequence[Unit], zone: str) -> dict[int, list[Card]]:
    members = list(people)
    joined = {
        row.member_id: local_day(row.joined_at, zone)
        for row in TaskNewcomer.objects.filter(community_id=community_id, member_id__in=members)
    }
    periods = {policy.period_of(unit.period, day) for unit in units for day in people.values()}
    rows = TaskProgress.objects.filter(community_id=community_id, member_id__in=members, period__in=periods)
    standing = {(r.member_id, r.unit, r.period): r for r in rows}
    found: dict[int, list[Card]] = {}
    for member, day in people.items():
        cards, steps = [], list[Card]()
        for unit in units:
            row = standing.get((member, unit.id, policy.period_of(unit.period, day)))
            card = Card(unit, row.count if row else 0, unit.count, row.completed_at if row else None)
            if unit.id != unit.task:
                steps.append(card)
                continue
            first, own, steps = joined.get(member), tuple(steps), []
            if not unit.within:
                cards.append(card)
            elif policy.in_time(unit, first, day) and first is not None:
                cards.append(replace(card, steps=own, last_day=first + timedelta(days=unit.within - 1)))
        found[member] = cards
    return found


def rows_of(community_id: int, day: date) -> list[TaskRow]:
    """Every unit that holds, with its figures; 2 queries."""
    units = current_units(community_id)
    periods = {unit.id: policy.period_of(unit.period, day) for unit in units}
    now = Q()
    for name, period in periods.items():
        now |= Q(unit=name, period=period)
    figures = {
        row["unit"]: row
        for row in TaskProgress.objects.filter(community_id=community_id, unit__in=list(periods))
        .values("unit")
        .annotate(
            started=Count("member_id", filter=now & Q(count__gt=0)),
            done=Count("member_id", filter=now & Q(completed_at__isnull=False)),
            ever=Count("member_id", filter=Q(completed_at__isnull=False)),
            back=Count("member_id", filter=Q(taken_back=True)),
        )
    } if units else {}  # fmt: skip
    none = {"started": 0, "done": 0, "ever": 0, "back": 0}
    result = []
    for unit in units:
        own = figures.get(unit.id, none)
        result.append(TaskRow(unit, periods[unit.id], own["started"], own["done"], own["ever"], own["back"]))
    return result


def participants(community_id: int, unit: str, *, state: str = "", period: str = "") -> QuerySet[TaskProgress]:
    """Who began a unit, the latest first."""
    rows = TaskProgress.objects.filter(community_id=community_id)
    if unit:
        rows = rows.filter(unit=unit)
    if period:
        rows = rows.filter(period=period)
    if state == "done":
        rows = rows.filter(completed_at__isnull=False)
    elif state == "open":
        rows = rows.filter(completed_at__isnull=True, taken_back=False)
    elif state == "back":
        rows = rows.filter(taken_back=True)
    return rows.order_by("-seq", "member_id", "period")


def periods_of(community_id: int, unit: str) -> list[str]:
    """The periods in which somebody began a unit, newest first."""
    rows = TaskProgress.objects.filter(community_id=community_id, unit=unit).values("period").annotate(last=Max("seq"))
    return [row["period"] for row in rows.order_by("-last")]
