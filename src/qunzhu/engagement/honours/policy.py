"""Weeks, ranks, ties and badges in pure code."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.blueprint.chapters.engagement import Badge, Engagement, Honour

ALL_TIME = date(1970, 1, 1)  # a Thursday, so no week begins on it
PAST_WEEKS = 4
STARS = 3  # of the newcomers' and the progress list that an announcement names
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MEANS = {"workday": "mon", "weekend": "sat"}
WORDS = {"checkin": "签到", "streak": "连续签到", "quality": "优质内容", "report": "举报属实", "top": "进入每周榜单",
         "days": "来到这里"}  # fmt: skip


class Scored(msgspec.Struct, frozen=True):
    """A member's figure in a list, before ranks."""

    member: int
    points: int


class Place(msgspec.Struct, frozen=True):
    """A member's place; equal points share a rank."""

    member: int
    points: int
    rank: int


class Top(msgspec.Struct, frozen=True):
    """The places that are named; `more` others have the points of the last one."""

    places: tuple[Place, ...]
    more: int = 0


def settings_from(blueprint: Mapping[str, Any]) -> Honour:
    """The section `engagement.honour`, with defaults for what it leaves out."""
    return msgspec.convert(blueprint.get("engagement", {}).get("honour") or {}, Honour)


def badges_from(blueprint: Mapping[str, Any]) -> tuple[Badge, ...]:
    """The badges of the blueprint; those of the product where it says nothing."""
    given = blueprint.get("engagement", {}).get("badges")
    return tuple(Engagement().badges if given is None else msgspec.convert(given, list[Badge]))


def week_of(day: date) -> date:
    """The Monday that the week of `day` began on."""
    return day - timedelta(days=day.weekday())


def bounds(week: date, zone: str) -> tuple[datetime, datetime]:
    """From when to when a week is, in its zone."""
    first = datetime.combine(week, time(), ZoneInfo(zone))
    return first, datetime.combine(week + timedelta(days=7), time(), ZoneInfo(zone))


def week_due(settings: Honour, zone: str, now: datetime) -> date:
    """The last week whose hour of closing has come."""
    monday = week_of(now.astimezone(ZoneInfo(zone)).date())
    day = monday + timedelta(days=_DAYS.index(_MEANS.get(settings.day, settings.day)))
    hour = datetime.combine(day, time.fromisoformat(settings.at), ZoneInfo(zone))
    return monday - timedelta(days=7 if now >= hour else 14)


def ranked(rows: Sequence[Scored], *, first: int = 1) -> list[Place]:
    """Ranks "1, 2, 2, 4" for rows in descending order; `first` is the rank of the first row."""
    places: list[Place] = []
    for number, row in enumerate(rows):
        same = places and places[-1].points == row.points
        places.append(Place(row.member, row.points, places[-1].rank if same else first + number))
    return places


def top_of(rows: Sequence[Scored], top: int, *, level: int | None = None) -> Top:
    """All whose rank is at most `top`; of a tie that would name more than twice as many, who was there first.

    `rows`: in descending order, equal points by who reached them first. `level`: how many have the points of the last
    named place, where `rows` is only the beginning of the list.
    """
    named = [place for place in ranked(rows) if place.rank <= top]
    kept = named[: 2 * top]
    if not kept:
        return Top(())
    last = kept[-1].points
    total = sum(row.points == last for row in rows) if level is None else level
    return Top(tuple(kept), total - sum(place.points == last for place in kept))


class Change(msgspec.Struct, frozen=True):
    """A badge that is due, or whose ground is gone; `turn` makes each a fact of its own."""

    badge: str
    turn: int
    given: bool


def changes(badges: Sequence[Badge], counts: Mapping[str, int], held: Mapping[str, tuple[int, bool]]) -> list[Change]:
    """What has to happen with a member's badges. `held`: badge → (turn, whether it is held)."""
    due = []
    for badge in badges:
        turn, has = held.get(badge.id, (0, False))
        earned = counts.get(badge.counts, 0) >= badge.at
        if earned and not has:
            due.append(Change(badge.id, turn + 1, given=True))
        elif has and not earned and not badge.keeps:
            due.append(Change(badge.id, turn, given=False))
    return due


def said_week(week: date) -> str:
    """11月16日–11月22日"""
    last = week + timedelta(days=6)
    return f"{week.month}月{week.day}日–{last.month}月{last.day}日"


def rule_of(badge: Badge) -> str:
    """What a badge asks for, in a few words."""
    unit = "天" if badge.counts in {"streak", "days"} else "次"
    return f"{WORDS[badge.counts]} {badge.at} {unit}"
