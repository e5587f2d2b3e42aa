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
def _local_quarter_hour(zone: str, quarter: int) -> tuple[date, int]:
    local = datetime.fromtimestamp(quarter * 900, ZoneInfo(zone))
    return local.date(), local.hour


def local_day(at: datetime, zone: str) -> date:
    """The calendar day of `at` in `zone`; offsets are whole quarter hours everywhere, so quarters are cached."""
    return _local_quarter_hour(zone, int(at.timestamp()) // 900)[0]


def local_hour(at: datetime, zone: str) -> int:
    """The hour of `at` on the clock of `zone`, 0–23."""
    return _local_quarter_hour(zone, int(at.timestamp()) // 900)[1]
