"""One plain Chinese sentence for a decision: what happened, which clause and bound, what follows."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from qunzhu.kernel.engine.rules import Window

UNKNOWN_NAME = "这位成员"


class _Values(dict[str, Callable[[], str]]):
    """Computes a placeholder only when the sentence has it."""

    def __getitem__(self, name: str) -> str:  # type: ignore[override]  # str.format_map asks for finished text
        return super().__getitem__(name)()


def render(template: str, values: dict[str, Callable[[], str]]) -> str:
    """Fill a rule's `explain`; values are never read as templates themselves."""
    return template.format_map(_Values(values))


def duration(minutes: int) -> str:
    """60 → 1 小时, 90 → 90 分钟, 2880 → 2 天."""
    if minutes % 1440 == 0:
        return f"{minutes // 1440} 天"
    if minutes % 60 == 0:
        return f"{minutes // 60} 小时"
    return f"{minutes} 分钟"


def span(window: Window | None) -> str:
    """A rule's window as words."""
    if window is None:
        return ""
    if window.days:
        return "当天" if window.days == 1 else f"{window.days} 天"
    return f"{window.hours} 小时" if window.hours else duration(window.minutes)


def clock_time(at: datetime, *, seen_from: datetime, zone: str) -> str:
    """HH:MM in `zone`; with the date when it is not within a day of `seen_from`."""
    local = at.astimezone(ZoneInfo(zone))
    if at - seen_from < timedelta(days=1):
        return f"{local:%H:%M}"
    return f"{local.month}月{local.day}日 {local:%H:%M}"
