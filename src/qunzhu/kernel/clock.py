"""The one place that asks what time it is; everything else is handed a clock."""

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo


class Clock(Protocol):
    """Anything that can say what time it is."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock for tests, replays and simulations: it moves only when told to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def move_to(self, at: datetime) -> None:
        self.at = at


SYSTEM_CLOCK = SystemClock()


@lru_cache(maxsize=4096)
def _local_day_of_quarter_hour(zone: str, quarter: int) -> date:
    return datetime.fromtimestamp(quarter * 900, ZoneInfo(zone)).date()


def local_day(at: datetime, zone: str) -> date:
    """The calendar day of `at` in `zone`; offsets are whole quarter hours everywhere, so quarters are cached."""
    return _local_day_of_quarter_hour(zone, int(at.timestamp()) // 900)
