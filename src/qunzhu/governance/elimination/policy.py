"""How long somebody has been silent, counted in days of the community; leave as it is typed. Pure.

A day counts when it is over, lies after the last interaction, after the grace of a newcomer, after the last leave and
after the day on which the only groups of a member, shut overnight, opened again; and is not (where the setting says so)
a holiday or an ordinary weekend: those neither add to the row nor break it.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, time, timedelta
from typing import Any

import msgspec

from qunzhu.kernel.calendar import CHINA, Calendar, calendar_of

INTERACTIONS = ("message", "command", "checkin")
LOOK_BACK = 400  # days; whoever was silent for longer is silent for that long
LEAVE_WINDOW = 90
_DAY = timedelta(days=1)


class Settings(msgspec.Struct, frozen=True):
    """Settings `governance.elimination` of the blueprint."""

    inactive_after: int = 3
    counts_as: tuple[str, ...] = INTERACTIONS
    tag: str = "沉默"
    human_review: bool = True
    grace_for_new: int = 7
    respects_holidays: bool = True
    respects_weekends: bool = False
    at_most: int = 20
    run_at: time = time(9, 30)
    returns_after: int = 1
    longest_leave: int = 14
    leave_within_90_days: int = 30
    calendar: Calendar = CHINA


def settings_from(blueprint: Mapping[str, Any]) -> Settings:
    """The settings, with defaults for what the blueprint leaves out."""
    given = dict(blueprint.get("governance", {}).get("elimination", {}))
    leave = given.pop("leave", {})
    plain = {name: given[name] for name in Settings.__struct_fields__ if name in given}
    if "counts_as" in plain:
        plain["counts_as"] = tuple(plain["counts_as"])
    if "run_at" in plain:
        plain["run_at"] = time.fromisoformat(plain["run_at"])
    plain["calendar"] = calendar_of(given.get("calendar") or [])
    if "longest" in leave:
        plain["longest_leave"] = leave["longest"]
    if "within_90_days" in leave:
        plain["leave_within_90_days"] = leave["within_90_days"]
    return Settings(**plain)


class Presence(msgspec.Struct, frozen=True):
    """What is known of a member: the first day here, the last day of each kind of interaction, leaves, a fresh start.

    `fresh` is the last day on which a human let the member stay or return: the row begins anew after it.
    """

    joined: date | None
    last: Mapping[str, date] = {}
    leaves: tuple[tuple[date, date], ...] = ()
    fresh: date | None = None


class Silence(msgspec.Struct, frozen=True):
    """How many days in a row count, and how many may or may not, because their `years` are not known."""

    days: int
    unknown: int = 0
    years: tuple[int, ...] = ()


def last_day(presence: Presence, settings: Settings) -> date | None:
    """The last day with an interaction that counts as one."""
    return max((day for kind, day in presence.last.items() if kind in settings.counts_as), default=None)


def silence(presence: Presence, today: date, settings: Settings) -> Silence:
    """The silence of a member as it stands on the morning of `today`, which is not over and does not count."""
    start = first_counted(presence, today, settings)
    return Silence(0) if start is None else _silence_since(start, today, settings)


def _silence_since(start: date, today: date, settings: Settings) -> Silence:
    start = max(start, today - timedelta(days=LOOK_BACK))
    days, unknown = 0, []
    for number in range((today - start).days):
        day = start + timedelta(days=number)
        counts = _counts(day, settings)
        if counts is None:
            unknown.append(day)
        else:
            days += counts
    return Silence(days, len(unknown), tuple(sorted({day.year for day in unknown})))


def first_counted(presence: Presence, today: date, settings: Settings) -> date | None:
    """The first day that could count; None when nothing is known of the member."""
    start = None if presence.joined is None else presence.joined + timedelta(days=settings.grace_for_new)
    known = [presence.last[kind] for kind in settings.counts_as if kind in presence.last]
    if presence.fresh is not None:
        known.append(presence.fresh)
    known += [last for first, last in presence.leaves if first <= last and first <= today]
    if known:
        after = max(known) + _DAY
        return after if start is None else max(start, after)
    return start


def _counts(day: date, settings: Settings) -> bool | None:
    if not (settings.respects_holidays or settings.respects_weekends):
        return True
    kind = settings.calendar.kind(day)
    if kind is None:
        return None
    if kind == "holiday":
        return not settings.respects_holidays
    return not (kind == "weekend" and settings.respects_weekends)


class Verdict(msgspec.Struct, frozen=True):
    """Who is silent for long enough, and the years whose holidays must be known before it can be said of the others."""

    silent: dict[int, Silence]
    unknown: dict[int, Silence]
    years: tuple[int, ...] = ()


def judge(people: Mapping[int, Presence], today: date, settings: Settings) -> Verdict:
    """Who of `people` has been silent for `inactive_after` days or more, longest first.

    Nobody is judged by a day of which it is not known whether it is a holiday: such people are `unknown`.
    """
    silent: dict[int, Silence] = {}
    unknown: dict[int, Silence] = {}
    since: dict[date, Silence] = {}  # many people, few first days: each is counted once
    for member, presence in people.items():
        start = first_counted(presence, today, settings)
        if start is None:
            continue
        found = since.get(start) or since.setdefault(start, _silence_since(start, today, settings))
        if found.days >= settings.inactive_after:
            silent[member] = found
        elif found.days + found.unknown >= settings.inactive_after:
            unknown[member] = found
    ordered = sorted(sorted(silent), key=lambda member: silent[member].days, reverse=True)
    return Verdict(
        {member: silent[member] for member in ordered},
        unknown,
        tuple(sorted({year for found in unknown.values() for year in found.years})),
    )


# --- leave --------------------------------------------------------------------------------------------------------


class Leave(msgspec.Struct, frozen=True):
    """Days that do not count, both ends included, and why."""

    first: date
    last: date
    reason: str = ""

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


REASON_LENGTH = 100
SAY_LEAVE_HOW = "请假这样写：请假 3天 出差，请假 到11月30日，或者 请假 11月28日-12月2日 回老家。"
SAY_NO_LEAVE = "你现在没有在请假，不用销假。"
SAY_BACK = "欢迎回来，假期到今天为止，从明天起照常计算。"
_DATE = (
    r"(?:(?P<{n}year>\d{{4}})[年\-/])?(?P<{n}month>\d{{1,2}})[月\-/](?P<{n}day>\d{{1,2}})[日号]?"
    r"|(?P<{n}near>今天|明天|后天)"
)
_COUNT = re.compile(
    r"^(?P<count>\d{1,3}|[一二两三四五六七八九十])\s*个?(?P<unit>天|日|周|星期)(?P<rest>.*)$", re.DOTALL
)
_FROM_TO = re.compile(
    rf"^(?:从\s*)?(?:{_DATE.format(n='a_')})\s*(?:-|–|—|~|～|到|至)\s*(?:{_DATE.format(n='b_')})(?P<rest>.*)$",
    re.DOTALL,
)
_UP_TO = re.compile(rf"^(?:到|至)\s*(?:{_DATE.format(n='b_')})(?P<rest>.*)$", re.DOTALL)
_ON = re.compile(rf"^(?:{_DATE.format(n='a_')})(?P<rest>.*)$", re.DOTALL)
_DIGITS = {c: n for n, c in enumerate("一二三四五六七八九十", 1)} | {"两": 2}
_NEAR = {"今天": 0, "明天": 1, "后天": 2}
_UNITS = {"天": 1, "日": 1, "周": 7, "星期": 7}


def read_leave(typed: str, today: date) -> Leave | None:
    """请假 3天 出差 · 请假 到11月30日 · 请假 11月28日-12月2日 回老家 · 请假 明天; None when no days can be read."""
    typed = typed.strip()
    for pattern, read in ((_FROM_TO, _from_to), (_UP_TO, _up_to), (_ON, _on), (_COUNT, _count)):
        match = pattern.match(typed)
        if match is None:
            continue
        try:
            first, last = read(match.groupdict(), today)
        except (ValueError, OverflowError):
            continue
        if last < first:
            return None
        return Leave(first, last, match["rest"].strip(" ，,。.:：")[:REASON_LENGTH])
    return None


def _from_to(found: dict[str, Any], today: date) -> tuple[date, date]:
    first = _date(found, "a_", today, today)
    return first, _date(found, "b_", first, today)


def _up_to(found: dict[str, Any], today: date) -> tuple[date, date]:
    return today, _date(found, "b_", today, today)


def _on(found: dict[str, Any], today: date) -> tuple[date, date]:
    first = _date(found, "a_", today, today)
    return first, first


def _count(found: dict[str, Any], today: date) -> tuple[date, date]:
    number, unit = found["count"], found["unit"]
    days = (int(number) if number.isdecimal() else _DIGITS[number]) * _UNITS[unit]
    if days < 1:
        raise ValueError("no days at all")
    return today, today + timedelta(days=days - 1)


def _date(found: dict[str, Any], name: str, near: date, today: date) -> date:
    if word := found[f"{name}near"]:
        return today + timedelta(days=_NEAR[word])
    month, day = int(found[f"{name}month"]), int(found[f"{name}day"])
    if year := found[f"{name}year"]:
        return date(int(year), month, day)
    this_year = date(near.year, month, day)
    return this_year if (near - this_year).days < 180 else date(near.year + 1, month, day)  # noqa: PLR2004  (half a year)


def problem_of_leave(leave: Leave, taken: Iterable[tuple[date, date]], today: date, settings: Settings) -> str:
    """Why a member may not take this leave, as a sentence; "" when it is all right. Staff may give more."""
    if leave.first < today:
        return "请假从今天或以后开始，过去的日子请找管理员补。"
    if leave.days > settings.longest_leave:
        return f"一次最多请 {settings.longest_leave} 天假，更长的请找管理员。"
    if (leave.first - today).days > LEAVE_WINDOW:
        return f"最多提前 {LEAVE_WINDOW} 天请假，到时候再来请就好。"
    taken = list(taken)
    if any(first <= leave.last and leave.first <= last for first, last in taken):
        return "这几天里有你已经请好的假，先销假再重新请。"
    since = leave.first - timedelta(days=LEAVE_WINDOW)
    days = sum((last - first).days + 1 for first, last in taken if first > since)
    if days + leave.days > settings.leave_within_90_days:
        return f"90 天里一共可以请 {settings.leave_within_90_days} 天假，已经请了 {days} 天，更多的请找管理员。"
    return ""


# --- what is said -------------------------------------------------------------------------------------------------


def say_leave(leave: Leave) -> str:
    return f"请假记下了：{spoken(leave.first)}到{spoken(leave.last)}，这几天不计入沉默天数。提前回来发“销假”。"


def say_moved(tag: str) -> str:
    """What a member reads in the observation group."""
    return f"有一阵子没见到你了，先请你到观察群坐坐（标签：{tag}）。在这里说句话，就请你回原来的群。"


SAY_RETURNED = "欢迎回来，大家都在。"


def spoken(day: date) -> str:
    return f"{day.month}月{day.day}日"
