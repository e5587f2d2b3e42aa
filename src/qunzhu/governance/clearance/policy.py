"""What a request for ad clearance says, whether it may be made, and what is answered. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.text.likeness import alike, shape_of

TEXT_LENGTH = 2_000
LINKS = 10
WINDOW_HOURS, LONGEST_HOURS, OPEN_AT_MOST, PER_DAY = 24, 168, 2, 3

SAY_EMPTY = (
    "报备要带上广告内容或链接，例如：报备 新课上线 https://example.com/course 明天 10:00-18:00。"
    "也可以引用要发的那条消息发“报备”。"
)
SAY_SAME = "这条已经在等审核了，不用重复提交。"
SAY_PAST = "你写的时间已经过去了，请换一个以后的时间再报备。"
SAY_BACKWARDS = "结束时间要晚于开始时间，请改一改再报备。"


class Limits(msgspec.Struct, frozen=True):
    """Settings `governance.ads`: hours of a window, and what one member may ask for."""

    window: int = WINDOW_HOURS
    longest: int = LONGEST_HOURS
    open_at_most: int = OPEN_AT_MOST
    per_day: int = PER_DAY


class Ask(msgspec.Struct, frozen=True):
    """What a member wants to post, and when (None: from approval on, as long as the setting says)."""

    text: str = ""
    links: tuple[str, ...] = ()
    images: tuple[dict[str, Any], ...] = ()
    since: datetime | None = None
    until: datetime | None = None


class Standing(msgspec.Struct, frozen=True):
    """A member's requests: those that wait, and how many were made today."""

    waiting: tuple[Ask, ...] = ()
    today: int = 0


def limits_from(blueprint: Mapping[str, Any]) -> Limits:
    """The settings of the blueprint's section `governance.ads`, with defaults for what it leaves out."""
    given = blueprint.get("governance", {}).get("ads", {})
    return Limits(**{name: int(given[name]) for name in Limits.__struct_fields__ if name in given})


def problem_of(ask: Ask, standing: Standing, limits: Limits, *, now: datetime) -> str:
    """Why the request cannot be made, as a sentence for its author; "" when it can."""
    if problem := _content_problem(ask) or _window_problem(ask, limits, now):
        return problem
    if any(_same(ask, other) for other in standing.waiting):
        return SAY_SAME
    if len(standing.waiting) >= limits.open_at_most:
        return f"你还有 {len(standing.waiting)} 条报备在等审核，有了结果再提新的。"
    if standing.today >= limits.per_day:
        return f"今天已经提过 {standing.today} 次报备，明天再来。"
    return ""


def _content_problem(ask: Ask) -> str:
    if not (ask.text.strip() or ask.links or ask.images):
        return SAY_EMPTY
    if len(ask.text) > TEXT_LENGTH or len(ask.links) > LINKS:
        return f"一次报备最多 {TEXT_LENGTH} 字、{LINKS} 个链接，请分开报备。"
    return ""


def _window_problem(ask: Ask, limits: Limits, now: datetime) -> str:
    if ask.until is None:
        return ""
    if ask.until <= now:
        return SAY_PAST
    start = max(ask.since or now, now)
    if ask.until <= start or (ask.since is not None and ask.until <= ask.since):
        return SAY_BACKWARDS
    if ask.until - start > timedelta(hours=limits.longest):
        return f"一次报备最长 {_hours(limits.longest)}，请缩短时间，或者请管理员手动开通。"
    return ""


def _same(one: Ask, other: Ask) -> bool:
    if one.links or other.links:
        return set(one.links) == set(other.links)
    if one.images or other.images:
        return [i.get("sha256") for i in one.images] == [i.get("sha256") for i in other.images]
    return alike(shape_of(one.text), shape_of(other.text)) or one.text == other.text


# --- what is typed after 报备 --------------------------------------------------------------------------------------

_DAY = r"(?P<{n}day>今天|明天|后天|(?:(?P<{n}month>\d{{1,2}})月(?P<{n}date>\d{{1,2}})[日号]))"
_CLOCK = r"(?P<{n}hour>\d{{1,2}})(?:[:：](?P<{n}minute>\d{{2}})|点(?P<{n}half>半)?)"
_TO = r"\s*(?:-|–|—|~|～|到|至)\s*"


def _part(pattern: str, name: str) -> str:
    return pattern.format(n=name)


_SPAN = re.compile(
    rf"(?:{_part(_DAY, 'a_')}\s*)?{_part(_CLOCK, 'a_')}{_TO}(?:{_part(_DAY, 'b_')}\s*)?{_part(_CLOCK, 'b_')}\s*$"
)
_DAYS = re.compile(rf"{_part(_DAY, 'a_')}(?:{_TO}{_part(_DAY, 'b_')})?\s*$")
_UNTIL = re.compile(rf"(?:到|至){_part(_DAY, 'b_')}?\s*(?:{_part(_CLOCK, 'b_')})?\s*$")
_LENGTH = re.compile(r"(?<![\d.])(?P<count>\d{1,3})\s*(?P<unit>小时|个小时|天)\s*$")


class Typed(msgspec.Struct, frozen=True):
    """What stands before the time, and the time: a window, its length in hours, or neither."""

    text: str
    since: datetime | None = None
    until: datetime | None = None


def read_window(typed: str, *, now: datetime, zone: str) -> Typed:
    """Take the time off the end: 明天 10:00-18:00 · 11月28日 · 到11月30日 18:00 · 24小时 · 3天, all in `zone`.

    A text that does not end so is all content. A time that the calendar does not have (25:00, 2月30日) is content too.
    """
    local = now.astimezone(ZoneInfo(zone))
    for pattern, read in ((_SPAN, _span), (_UNTIL, _until), (_DAYS, _days), (_LENGTH, _length)):
        match = pattern.search(typed)
        if match is None or (match.start() and not _apart(typed, match.start())):
            continue
        try:
            since, until = read(match.groupdict(), local)
        except ValueError:
            continue
        return Typed(typed[: match.start()].rstrip(" \t\r\n,，;；"), since, until)
    return Typed(typed.strip())


def _apart(typed: str, at: int) -> bool:
    """Whether the time is set off from what stands before it: by a blank or a mark."""
    return not typed[at - 1].isalnum()


_Window = tuple[datetime | None, datetime | None]


def _span(found: dict[str, Any], local: datetime) -> _Window:
    first = _day(found, "a_", local.date()) or local.date()
    since = _at(first, found, "a_", local)
    last = _day(found, "b_", local.date()) or first
    until = _at(last, found, "b_", local)
    if until <= since and not found["b_day"]:
        until = _at(last + timedelta(days=1), found, "b_", local)  # 22:00-02:00 goes past midnight
    return since, until


def _until(found: dict[str, Any], local: datetime) -> _Window:
    if not found["b_day"] and found["b_hour"] is None:
        raise ValueError("到 what?")
    day = _day(found, "b_", local.date()) or local.date()
    return None, _at(day, found, "b_", local) if found["b_hour"] is not None else _midnight(day, local)


def _days(found: dict[str, Any], local: datetime) -> _Window:
    first = _day(found, "a_", local.date())
    if first is None:
        raise ValueError("no day")
    last = _day(found, "b_", first) or first
    return datetime.combine(first, time(), local.tzinfo), _midnight(last, local)


def _length(found: dict[str, Any], local: datetime) -> _Window:
    count = int(found["count"])
    if count == 0:
        raise ValueError("no time at all")
    return None, local + (timedelta(days=count) if found["unit"] == "天" else timedelta(hours=count))


def _day(found: dict[str, Any], name: str, today: date) -> date | None:
    word = found[f"{name}day"]
    if not word:
        return None
    if word in _NEAR:
        return today + timedelta(days=_NEAR[word])
    month, day = int(found[f"{name}month"]), int(found[f"{name}date"])
    this_year = date(today.year, month, day)
    # 1月3日, said in December, is next year's; a day of the last months is simply past.
    return this_year if (today - this_year).days < 180 else date(today.year + 1, month, day)  # noqa: PLR2004


_NEAR = {"今天": 0, "明天": 1, "后天": 2}


def _at(day: date, found: dict[str, Any], name: str, local: datetime) -> datetime:
    hour, minute = int(found[f"{name}hour"]), int(found[f"{name}minute"] or 0)
    if found[f"{name}half"]:
        minute = 30
    if (hour, minute) == (24, 0):
        return _midnight(day, local)
    return datetime.combine(day, time(hour, minute), local.tzinfo)


def _midnight(day: date, local: datetime) -> datetime:
    """The end of a day: the first moment of the next one."""
    return datetime.combine(day + timedelta(days=1), time(), local.tzinfo)


# --- what is answered ---------------------------------------------------------------------------------------------


def say_asked(ask: Ask, limits: Limits, zone: str) -> str:
    """The answer to a request that was taken."""
    when = f"你想发的时间：{window(ask.since, ask.until, zone)}。" if ask.until else ""
    usual = "" if ask.until else f"批准后 {_hours(limits.window)}内有效。"
    return f"收到报备，管理员审核后会告诉你结果。{when}{usual}进度在「我的」里的「我的报备」。"


def say_granted(since: datetime | None, until: datetime, zone: str, *, everywhere: bool, note: str = "") -> str:
    """What the member is told when the ad was cleared."""
    place = "各群" if everywhere else "本群"
    remark = f"管理员说：{note}。" if note else ""
    return (
        f"报备通过了：{window(since, until, zone)}，在{place}发这条广告不算违规。{remark}"
        "换了链接、号码或者大改内容，要重新报备。"
    )


def say_declined(reason: str) -> str:
    return f"这次报备没有通过：{reason.rstrip('。')}。改好以后可以再报备一次。"


def say_ended(until: datetime, zone: str) -> str:
    return f"管理员提前结束了你的报备（原来到 {spoken(until, zone)}），之后再发要重新报备。"


def window(since: datetime | None, until: datetime | None, zone: str) -> str:
    """11月25日 10:00–18:00, 11月25日 18:00 到 11月26日 18:00; without a beginning: 即日起到 …"""
    if until is None:
        return ""
    if since is None:
        return f"即日起到 {spoken(until, zone)}"
    first, last = since.astimezone(ZoneInfo(zone)), until.astimezone(ZoneInfo(zone))
    return f"{spoken(since, zone)}{f'–{last:%H:%M}' if first.date() == last.date() else f' 到 {spoken(until, zone)}'}"


def spoken(at: datetime, zone: str) -> str:
    """11月25日 18:00 in `zone`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local.month}月{local.day}日 {local:%H:%M}"


def content_of(typed: str, words: Sequence[str]) -> str:
    """What stands after the command word, as it was typed."""
    rest = typed.strip().lstrip("/#").lstrip()
    for word in words:
        if rest.startswith(word):
            return rest.removeprefix(word).lstrip(" \t\r\n:：")
    return rest


def title_of(name: str, text: str, links: Sequence[str]) -> str:
    """The line a case and a list show."""
    said = " ".join(text.split()) or (links[0] if links else "[图片]")
    return f"{name} 报备：{said[:40]}{'…' if len(said) > 40 else ''}"  # noqa: PLR2004  (a line)


def _hours(hours: int) -> str:
    return f"{hours // 24} 天" if hours % 24 == 0 and hours > 24 else f"{hours} 小时"  # noqa: PLR2004  (a day)
