"""Streaks as a function of the set of days, in whatever order the days came. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

ONE = timedelta(days=1)


@dataclass(frozen=True)
class Reached:
    """What a new day makes of its run: the streak on that day, how long the whole run is now, and was at most before.

    Bonuses of lengths up to `settled` were paid when the pieces of the run grew; those above, up to `run`, are new.
    """

    streak: int
    run: int
    settled: int


@dataclass
class Streaks:
    """A member's days from `first` on, all of them; `before`: the streak of the day before `first`."""

    first: date
    before: int = 0
    days: set[date] = field(default_factory=set)

    def upto(self, day: date) -> int:
        """The streak on `day`; 0 without a check-in. Nothing is known of days long before `first`."""
        length = 0
        while day >= self.first and day in self.days:
            length, day = length + 1, day - ONE
        return length + self.before if day == self.first - ONE else length

    def after(self, day: date) -> int:
        """How many days in a row follow `day`."""
        length = 0
        while (day := day + ONE) in self.days:
            length += 1
        return length

    def add(self, day: date) -> Reached:
        """Note a day that was not there."""
        earlier, later = self.upto(day - ONE), self.after(day)
        self.days.add(day)
        return Reached(earlier + 1, earlier + 1 + later, max(earlier, later))

    def gap(self, today: date, back: int) -> date | None:
        """The latest day before `today` without a check-in that has one before it, at most `back` days ago."""
        missing = [d for n in range(1, back + 1) if (d := today - n * ONE) not in self.days and d >= self.first]
        if not missing:
            return None
        gap = missing[0]
        return gap if self.before or any(day < gap for day in self.days) else None


def all_streaks(days: Iterable[date], first: date, before: int = 0) -> dict[date, int]:
    """Day → streak of every day from `first` on; `before`: the streak of the day before `first`."""
    result: dict[date, int] = {}
    last, length = first - ONE, before
    for day in sorted(days):
        length = length + 1 if day - last == ONE else 1
        result[day], last = length, day
    return result
