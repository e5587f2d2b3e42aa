"""What happened lately, per subject: sliding windows over event time and counts per local day.

Events may come a little out of order: a late one is put where it belongs and counts what lay before it. A series
keeps twice its longest span, so an event up to one span late is counted exactly; a later one is "unknown" (None).
Memory is bounded by MAX_ENTRIES a series and by days + 1 days; beyond that a count stays at its bound.
"""

from bisect import bisect_left, bisect_right

import msgspec

MAX_ENTRIES = 256
MAX_EVIDENCE = 20


class Series(msgspec.Struct, array_like=True, gc=False):
    """Entries in time order: milliseconds, key (0 when keys do not matter) and seq, three lists of one length."""

    times: list[int] = msgspec.field(default_factory=list)
    keys: list[int] = msgspec.field(default_factory=list)
    seqs: list[int] = msgspec.field(default_factory=list)

    def add(self, at: int, seq: int, keys: tuple[int, ...], horizon: int) -> None:
        """Note an entry per key at time `at` (ms); forget what is older than twice `horizon` ms before the newest."""
        times = self.times
        if not times or at >= times[-1]:
            for key in keys:
                times.append(at)
                self.keys.append(key)
                self.seqs.append(seq)
        else:
            place = bisect_right(times, at)
            for key in keys:
                times.insert(place, at)
                self.keys.insert(place, key)
                self.seqs.insert(place, seq)
                place += 1
        if not times:
            return
        oldest = times[-1] - 2 * horizon
        if times[0] <= oldest or len(times) > MAX_ENTRIES:
            first = max(bisect_right(times, oldest), len(times) - MAX_ENTRIES)
            del times[:first], self.keys[:first], self.seqs[:first]

    def knows(self, at: int, span: int, horizon: int) -> bool:
        """Whether everything in the window that ends at `at` is still here (as far as the bound of entries goes)."""
        return not self.times or at - span >= self.times[-1] - 2 * horizon

    def few(self, most: int, at: int, span: int) -> bool:
        """Whether the window that ends at `at` surely has at most `most` entries; quicker than to count them."""
        times = self.times
        return len(times) <= most or times[-1 - most] <= at - span

    def count(self, at: int, span: int) -> int:
        """Events with at − span < time ≤ at."""
        first, last = bisect_right(self.times, at - span), bisect_right(self.times, at)
        return len(set(self.seqs[first:last]))

    def distinct(self, at: int, span: int) -> int:
        """Different keys with at − span < time ≤ at; negative ones only say that entries are nearly equal."""
        window = self.keys[bisect_right(self.times, at - span) : bisect_right(self.times, at)]
        return sum(key >= 0 for key in set(window))

    def equal(self, at: int, span: int, keys: tuple[int, ...]) -> int:
        """How often the most frequent of `keys` came with at − span < time ≤ at."""
        window = self.keys[bisect_right(self.times, at - span) : bisect_right(self.times, at)]
        return max((window.count(key) for key in keys), default=0)

    def evidence(self, at: int, span: int, keys: tuple[int, ...] | None = None) -> list[int]:
        """The seqs of a window in order, each once, the last MAX_EVIDENCE; of `keys` only when given."""
        first, last = bisect_right(self.times, at - span), bisect_right(self.times, at)
        found = {self.seqs[i] for i in range(first, last) if keys is None or self.keys[i] in keys}
        return sorted(found)[-MAX_EVIDENCE:]


class Day(msgspec.Struct, array_like=True, gc=False):
    """One local day: its ordinal, how many, and the seqs of the last MAX_EVIDENCE."""

    day: int
    count: int
    seqs: list[int]


class Days(msgspec.Struct, array_like=True, gc=False):
    """Counts of the last local days, in order of day."""

    days: list[Day] = msgspec.field(default_factory=list)

    def add(self, day: int, seq: int, horizon: int) -> None:
        """Count one on `day` (an ordinal); keep `horizon` + 1 days before and with the newest."""
        days = self.days
        if days and days[-1].day == day:
            entry = days[-1]
        else:
            place = bisect_left([d.day for d in days], day)
            if place < len(days) and days[place].day == day:
                entry = days[place]
            else:
                entry = Day(day, 0, [])
                days.insert(place, entry)
            oldest = days[-1].day - horizon
            while days[0].day < oldest:
                del days[0]
        entry.count += 1
        entry.seqs.append(seq)
        if len(entry.seqs) > MAX_EVIDENCE:
            del entry.seqs[0]

    def knows(self, day: int, span: int, horizon: int) -> bool:
        """Whether all days of the window that ends with `day` are still here."""
        return not self.days or day - span + 1 >= self.days[-1].day - horizon

    def count(self, day: int, span: int) -> int:
        """How many on the `span` days that end with `day`."""
        days = self.days
        if span == 1 and days and days[-1].day == day:
            return days[-1].count
        return sum(d.count for d in days if day - span < d.day <= day)

    def evidence(self, day: int, span: int) -> list[int]:
        """The seqs of those days in order, the last MAX_EVIDENCE."""
        return sorted(s for d in self.days if day - span < d.day <= day for s in d.seqs)[-MAX_EVIDENCE:]


class Windows(msgspec.Struct, array_like=True, gc=False):
    """All windows of one subject (a member or a group), by stream. Serialises with msgpack."""

    series: dict[str, Series] = msgspec.field(default_factory=dict)
    days: dict[str, Days] = msgspec.field(default_factory=dict)

    def series_of(self, stream: str) -> Series:
        series = self.series.get(stream)
        if series is None:
            series = self.series[stream] = Series()
        return series

    def days_of(self, stream: str) -> Days:
        days = self.days.get(stream)
        if days is None:
            days = self.days[stream] = Days()
        return days
