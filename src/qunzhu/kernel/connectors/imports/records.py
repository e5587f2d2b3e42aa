"""What an export says, one entry at a time, and how times are read."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

KINDS = frozenset({"msg", "action", "join", "leave", "nick", "other"})
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MAX_TEXT = 20_000
MAX_NAME = 120
_MILLISECONDS_FROM = 10**11  # seconds of the year 5138
_LOOSE = re.compile(
    r"\s*(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[ T]*"
    r"(上午|下午|AM|PM)?\s*(\d{1,2})[::时](\d{1,2})(?:[::分](\d{1,2})秒?)?"
    r"(?:\.(\d{1,6})\d*)?\s*(AM|PM)?\s*",
    re.IGNORECASE,
)


class Record(NamedTuple):
    """Something that happened. `user_id` is the platform's id ("" when the export knows names only)."""

    line: int
    raw: str
    at: datetime
    kind: str  # one of KINDS
    user_id: str
    user: str
    text: str
    media: str = "text"  # text, image, link or quote
    platform_id: str = ""


class Rejected(NamedTuple):
    """A line or object that was left aside, from its first line number."""

    line: int
    raw: str
    reason: str


Entry = Record | Rejected


class BadValue(ValueError):
    """A field cannot be used; the message is the reason, in Chinese."""


def time_reader(zone: ZoneInfo) -> Callable[[Any], datetime]:
    """A function from a time as exports write it to UTC. Raises BadValue.

    Local times without offset are of `zone`. A time that occurs twice (clocks put back) is read as the first; one that
    never occurs (clocks put forward) is read with the offset from before the change, so it comes out an hour later.
    """
    fromiso = datetime.fromisoformat

    def read(value: Any) -> datetime:
        try:
            if isinstance(value, str):
                at = _numeric(value) or _iso(value, fromiso) or _loose(value)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                at = _epoch(float(value))
            else:
                raise BadValue("没有时间")
            at = (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)
        except (ValueError, OverflowError, OSError) as error:
            if isinstance(error, BadValue):
                raise
            raise BadValue(f"看不懂的时间 {str(value)[:40]!r}") from error
        if at < EARLIEST:
            raise BadValue(f"时间 {str(value)[:40]!r} 早于 1990 年")
        return at

    return read


def _iso(value: str, fromiso: Callable[[str], datetime]) -> datetime | None:
    try:
        return fromiso(value)
    except ValueError:
        return None


def _numeric(value: str) -> datetime | None:
    """Seconds or milliseconds since 1970, typed as digits; 8 digits are a date and no time."""
    if not value[:1].isdecimal() or not value.isascii() or "-" in value:
        return None
    whole, _, part = value.strip().partition(".")
    return (
        _epoch(float(value))
        if len(whole) in {9, 10, 13} and whole.isdecimal() and part.isdecimal() | (not part)
        else None
    )


def _epoch(value: float) -> datetime:
    seconds = value / 1000 if value > _MILLISECONDS_FROM else value
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _loose(value: str) -> datetime:
    """Forms such as 2024/1/5 8:03, 2024年1月5日 下午3:04:05."""
    found = _LOOSE.fullmatch(value)
    if not found:
        raise BadValue(f"看不懂的时间 {value[:40]!r}" if value.strip() else "没有时间")
    year, month, day, before, hour, minute, second, fraction, after = found.groups()
    half = (before or after or "").upper()
    hours = int(hour)
    if half:
        hours = hours % 12 + (12 if half in {"下午", "PM"} else 0)
    micros = int((fraction or "0").ljust(6, "0"))
    return datetime(int(year), int(month), int(day), hours, int(minute), int(second or 0), micros)  # noqa: DTZ001  (the zone is set by the caller)


def checked(
    line: int,
    raw: str,
    at: datetime,
    kind: str,
    user_id: str,
    user: str,
    text: str,
    media: str = "text",
    number: str = "",
) -> Entry:
    """A record, or why it is none: nobody said it, nothing was said, it is too long, the kind is unknown."""
    if kind not in KINDS:
        return Rejected(line, raw, f"不认识的类型 {kind[:40]!r}")
    if kind == "other":
        return Rejected(line, raw, "系统消息,没有对应的事件")
    user = " ".join(user.replace("\x00", "").split())[:MAX_NAME]
    if not user and not user_id:
        return Rejected(line, raw, "没有发言人")
    text = text.replace("\x00", "")
    if kind in {"msg", "action", "nick"} and not text.strip():
        return Rejected(line, raw, "内容是空的")
    if len(text) > MAX_TEXT:
        return Rejected(line, raw, f"内容超过 {MAX_TEXT} 字")
    return Record(line, raw, at, kind, user_id, user or user_id, text, media, number)


Parser = Callable[..., Iterator[Entry]]
