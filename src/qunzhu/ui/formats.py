"""Numbers, money, times and durations as people say them, in Chinese and English. Pure functions."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

DASH = "–"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Length in seconds and its two names, longest first.
_UNITS = ((86_400, "天", "d"), (3_600, "小时", "h"), (60, "分钟", "min"), (1, "秒", "s"))


def is_chinese(language: str | None) -> bool:
    """Chinese is what is spoken where nothing else was chosen."""
    return not language or language.lower().startswith("zh")


def number(value: float | None, language: str = "zh-hans") -> str:
    """A figure to read at a glance: 9,999 · 1.2万 · 3.4亿, in English 9,999 · 12.3k · 340M. None is a dash."""
    if value is None:
        return DASH
    scales = ((1e8, "亿"), (1e4, "万")) if is_chinese(language) else ((1e9, "B"), (1e6, "M"), (1e4, "k"))
    size = abs(value)
    for scale, name in scales:
        if size >= scale:
            unit = 1e3 if name == "k" else scale
            return f"{_trimmed(value / unit)}{name}"
    return exact(value)


def exact(value: float | None) -> str:
    """Every digit, grouped: 1,234,567; fractions keep one decimal. None is a dash."""
    if value is None:
        return DASH
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def money(fen: int | None) -> str:
    """Yuan from fen: ¥8.60, -¥0.05, ¥1,200.00."""
    if fen is None:
        return DASH
    return f"{'-' if fen < 0 else ''}¥{abs(fen) / 100:,.2f}"


def percent(ratio: float | None) -> str:
    """38.0% from 0.38."""
    return DASH if ratio is None else f"{ratio * 100:.1f}%"


def delta(now: float | None, before: float | None, against: str, language: str = "zh-hans") -> str:
    """The change against what was: 较上周 +12%, in English +12% vs last week. Empty where nothing can be compared."""
    if now is None or not before:
        return ""
    change = f"{(now - before) / abs(before) * 100:+.0f}%"
    return f"较{against} {change}" if is_chinese(language) else f"{change} vs {against}"


def when(at: datetime | None, now: datetime, zone: str, language: str = "zh-hans") -> str:
    """今天 20:00 · 昨天 09:05 · 11月23日 20:00 · 2025年3月1日 20:00, in the zone of the community."""
    if at is None:
        return DASH
    local = at.astimezone(ZoneInfo(zone))
    return f"{day(local.date(), now.astimezone(ZoneInfo(zone)).date(), language)} {local:%H:%M}"


def day(value: date | None, today: date, language: str = "zh-hans") -> str:
    """今天 · 昨天 · 明天 · 11月23日 · 2025年3月1日; in English today · 23 Nov · 1 Mar 2025."""
    if value is None:
        return DASH
    chinese = is_chinese(language)
    near = {-1: ("昨天", "yesterday"), 0: ("今天", "today"), 1: ("明天", "tomorrow")}.get((value - today).days)
    if near:
        return near[0] if chinese else near[1]
    if chinese:
        return f"{'' if value.year == today.year else f'{value.year}年'}{value.month}月{value.day}日"
    return f"{value.day} {_MONTHS[value.month - 1]}{'' if value.year == today.year else f' {value.year}'}"


def full(at: datetime | None, zone: str) -> str:
    """2026-11-23 20:00:05, for tooltips and files."""
    return DASH if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def duration(value: timedelta | float | None, language: str = "zh-hans") -> str:
    """Up to two neighbouring units: 1小时 · 1小时30分钟 · 3天 · 45秒; in English 1 h 30 min. Negative counts as 0."""
    if value is None:
        return DASH
    left = max(0, round(value.total_seconds() if isinstance(value, timedelta) else value))
    chinese = is_chinese(language)
    parts: list[str] = []
    for index, (seconds, zh, en) in enumerate(_UNITS):
        count, rest = divmod(left, seconds)
        if count == 0 and not parts and index < len(_UNITS) - 1:
            continue
        if count or not parts:
            parts.append(f"{count}{zh}" if chinese else f"{count} {en}")
        left = rest
        if len(parts) == 2 or (parts and count == 0) or not rest:  # noqa: PLR2004  (two units are enough)
            break
    return "".join(parts) if chinese else " ".join(parts)


def ago(at: datetime | None, now: datetime, zone: str, language: str = "zh-hans") -> str:
    """刚刚 · 3分钟前 · 2小时前, older than half a day as `when`."""
    if at is None:
        return DASH
    passed = (now - at).total_seconds()
    if passed < -5 or passed > 12 * 3600:  # noqa: PLR2004  (clocks differ by a little; half a day)
        return when(at, now, zone, language)
    chinese = is_chinese(language)
    if passed < 60:  # noqa: PLR2004  (seconds)
        return "刚刚" if chinese else "just now"
    whole = duration(passed // 3600 * 3600 if passed >= 3600 else passed // 60 * 60, language)  # noqa: PLR2004
    return f"{whole}前" if chinese else f"{whole} ago"


def clock(deadline: datetime | None, now: datetime, language: str = "zh-hans") -> str:
    """What a deadline says: 还剩 2小时, 已超时 10分钟; "" without a deadline."""
    if deadline is None:
        return ""
    left = (deadline - now).total_seconds()
    said = duration(abs(left) // 60 * 60 if abs(left) >= 60 else abs(left), language)  # noqa: PLR2004
    if is_chinese(language):
        return f"还剩 {said}" if left >= 0 else f"已超时 {said}"
    return f"{said} left" if left >= 0 else f"{said} overdue"


def _trimmed(value: float) -> str:
    """One decimal, without a trailing zero; always down, so that 99,999 does not read as 10万."""
    tenths = int(abs(value) * 10 + 1e-9)
    sign = "-" if value < 0 else ""
    return f"{sign}{tenths // 10:,}" if tenths % 10 == 0 else f"{sign}{tenths // 10:,}.{tenths % 10}"


def local_input(at: datetime | None, zone: str) -> str:
    """What a field of type datetime-local shows: 2026-11-25T18:00 in the zone of the community; "" for None."""
    return "" if at is None else at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")


def read_local(text: str, zone: str) -> datetime | None:
    """What was entered into such a field, with its zone; None when it is empty. Raises ValueError."""
    text = text.strip()
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) if text else None
