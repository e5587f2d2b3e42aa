"""Consumer `rollups`: messages, joins and decisions by hour and group, and by member and day.

Works on imported history too. A batch is added up in Python and written with two statements, so a message costs
microseconds; the hour and the day of an instant in the community's zone are cached by quarter hour.
"""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from qunzhu.kernel.bulk import Array, execute, upsert
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.events.runner import Batch, Consumer

MESSAGE, COMMAND, JOIN, LEAVE, DECISION = range(5)
COUNTS_AS = {
    "message.posted": MESSAGE,
    "command.posted": COMMAND,
    "member.joined": JOIN,
    "member.left": LEAVE,
    "member.removed": LEAVE,
    "decision.made": DECISION,
}
QUARTER = 900  # seconds; every zone's offset is a whole number of these

_HOUR_COLUMNS = {
    "community_id": "int8",
    "group_id": "int8",
    "hour": "timestamptz",
    "messages": "int4",
    "commands": "int4",
    "joins": "int4",
    "leaves": "int4",
    "decisions": "int4",
}
_HOUR_CONFLICT = "(community_id, group_id, hour) DO UPDATE SET " + ", ".join(
    f"{name} = t.{name} + excluded.{name}" for name in list(_HOUR_COLUMNS)[3:]
)
_DAY_COLUMNS = {
    "community_id": "int8",
    "day": "date",
    "group_id": "int8",
    "member_id": "int8",
    "messages": "int4",
    "commands": "int4",
    "last_seq": "int8",
}
_DAY_CONFLICT = (
    "(community_id, day, group_id, member_id) DO UPDATE SET messages = t.messages + excluded.messages,"
    " commands = t.commands + excluded.commands, last_seq = greatest(t.last_seq, excluded.last_seq)"
)

_COMMUNITY_COLUMNS = {
    "community_id": "int8",
    "day": "date",
    "messages": "int4",
    "commands": "int4",
    "speakers": "int4",
}
_COMMUNITY_CONFLICT = "(community_id, day) DO UPDATE SET " + ", ".join(
    f"{name} = t.{name} + excluded.{name}" for name in list(_COMMUNITY_COLUMNS)[2:]
)


@lru_cache(maxsize=16_384)
def hour_and_day(zone: str, quarter: int) -> tuple[datetime, date]:
    """The local hour's start (in UTC) and the local day of the quarter hour `quarter` since 1970."""
    local = datetime.fromtimestamp(quarter * QUARTER, ZoneInfo(zone))
    past = timedelta(minutes=local.minute, seconds=local.second)
    return datetime.fromtimestamp(quarter * QUARTER, UTC) - past, local.date()


def handle(batch: Batch) -> None:
    """Add the batch to `group_hour` and `member_day`."""
    zone = zone_of(batch.community_id)
    quarters: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    days: dict[tuple[date, int, int], list[int]] = defaultdict(lambda: [0, 0, 0])
    day_of: dict[int, date] = {}
    for event in batch.events:
        group_id = event.group_id
        if group_id is None:
            continue
        what = COUNTS_AS[event.kind]
        if what == DECISION and event.body.get("outcome") != "live":
            continue
        quarter = int(event.occurred_at.timestamp()) // QUARTER
        quarters[group_id, quarter][what] += 1
        if what <= COMMAND and event.member_id is not None:
            day = day_of.get(quarter)
            if day is None:
                day = day_of[quarter] = hour_and_day(zone, quarter)[1]
            row = days[day, group_id, event.member_id]
            row[what] += 1
            row[2] = event.seq
    hours: dict[tuple[int, datetime], list[int]] = {}
    for (group_id, quarter), counts in quarters.items():
        key = (group_id, hour_and_day(zone, quarter)[0])
        known = hours.get(key)
        hours[key] = counts if known is None else [a + b for a, b in zip(known, counts, strict=True)]
    _write(batch, hours, days)


def _write(
    batch: Batch, hours: dict[tuple[int, datetime], list[int]], days: dict[tuple[date, int, int], list[int]]
) -> None:
    community = batch.community_id
    by_hour: list[tuple[Any, ...]] = [(community, *key, *counts) for key, counts in sorted(hours.items())]
    by_day: list[tuple[Any, ...]] = [(community, *key, *counts) for key, counts in sorted(days.items())]
    by_community = _by_community(batch, days)  # before member_day is written: it asks who had not spoken yet
    upsert(batch.connection, "community_day", _COMMUNITY_COLUMNS, by_community, _COMMUNITY_CONFLICT)
    upsert(batch.connection, "group_hour", _HOUR_COLUMNS, by_hour, _HOUR_CONFLICT)
    upsert(batch.connection, "member_day", _DAY_COLUMNS, by_day, _DAY_CONFLICT)


def _by_community(batch: Batch, days: dict[tuple[date, int, int], list[int]]) -> list[tuple[Any, ...]]:
    """(community, day, messages, commands, new speakers) of the batch."""
    totals: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
    spoke: set[tuple[date, int]] = set()
    for (day, _, member_id), counts in days.items():
        total = totals[day]
        total[MESSAGE] += counts[MESSAGE]
        total[COMMAND] += counts[COMMAND]
        if counts[MESSAGE]:
            spoke.add((day, member_id))
    for day, count in _first_words(batch, sorted(spoke)):
        totals[day][2] = count
    return [(batch.community_id, day, *total) for day, total in sorted(totals.items())]


def _first_words(batch: Batch, spoke: list[tuple[date, int]]) -> list[tuple[date, int]]:
    """How many of these had not said a word in the community that day, by day."""
    if not spoke:
        return []
    days, members = zip(*spoke, strict=True)
    found = execute(
        batch.connection,
        "SELECT n.day, count(*) FROM unnest(%b::date[], %b::int8[]) AS n(day, member_id) WHERE NOT EXISTS ("
        "SELECT FROM member_day d WHERE d.community_id = %s AND d.day = n.day AND d.member_id = n.member_id"
        " AND d.messages > 0) GROUP BY n.day",
        [Array("date", list(days)), Array("int8", list(members)), batch.community_id],
    )
    return found.fetchall()


CONSUMER = Consumer("rollups", handle, kinds=frozenset(COUNTS_AS), tables=("group_hour", "member_day", "community_day"))
