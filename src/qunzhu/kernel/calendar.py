"""Working days and holidays of mainland China, with make-up days (调休), as the State Council published them.

A year that has not been published is unknown, never guessed (docs/decisions/0011); an operator may enter its days.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any, Literal

import chinese_calendar
import msgspec

Kind = Literal["work", "weekend", "holiday"]
SATURDAY = 6


@cache
def published_years() -> range:
    """The years whose arrangement the installed data has."""
    return range(min(chinese_calendar.holidays).year, max(chinese_calendar.holidays).year + 1)


class OwnYear(msgspec.Struct, frozen=True):
    """A year as an operator entered it: days off, and weekend days that are worked."""

    off: frozenset[date] = frozenset()
    work: frozenset[date] = frozenset()


class Calendar(msgspec.Struct, frozen=True):
    """What kind of day it is. `own` years stand before the published ones."""

    own: Mapping[int, OwnYear] = {}

    def kind(self, day: date) -> Kind | None:
        """Whether people work on `day`; None when its year is not known."""
        own = self.own.get(day.year)
        if own is None:
            return _published(day)
        if day in own.off:
            return "holiday"
        return "weekend" if day.isoweekday() >= SATURDAY and day not in own.work else "work"

    def holiday(self, day: date) -> str:
        """What is celebrated on `day` (国庆节), "" on other days and where it is not known."""
        own = self.own.get(day.year)
        if own is not None:
            return "假日" if day in own.off else ""
        name = chinese_calendar.holidays.get(day)
        return str(chinese_calendar.Holiday(name).chinese) if name else ""


@cache
def _published(day: date) -> Kind | None:
    if day.year not in published_years():
        return None
    if day in chinese_calendar.holidays:
        return "holiday"
    return "work" if chinese_calendar.is_workday(day) else "weekend"


CHINA = Calendar()


def calendar_of(years: list[dict[str, Any]]) -> Calendar:
    """The calendar with a blueprint's own years: [{year, off: [ISO dates], work: [ISO dates]}]."""
    if not years:
        return CHINA
    return Calendar({int(y["year"]): OwnYear(_days(y.get("off")), _days(y.get("work"))) for y in years})


def _days(given: list[Any] | None) -> frozenset[date]:
    return frozenset(date.fromisoformat(str(day)) for day in given or ())
