"""The log as operators read it: newest first, filtered, by keyset over (community, seq); never OFFSET, never COUNT.

A page reads one index backwards and stops. Where a second condition has to be checked row by row, a page looks at no
more than SCAN events and says so; the next page goes on from there. So a page costs the same at any length of the log.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from qunzhu.kernel.events.schema import Event

ROWS = 50
SCAN = 50_000
EXPORT_ROWS = 100_000
EVENT_COLUMNS = (
    "community_id, seq, id, kind, group_id, member_id, occurred_at, received_at, connector, historic, body::text"
)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True)
class StreamFilter:
    """What is asked for; empty means all. `since` ≤ received < `until`."""

    kinds: tuple[str, ...] = ()
    group: int | None = None
    member: int | None = None
    level: str = ""
    outcome: str = ""
    rule: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def of_decisions(self) -> bool:
        return bool(self.level or self.outcome or self.rule)

    @property
    def checks_rows(self) -> bool:
        """Whether one index cannot answer alone, so that rows are looked at and a page needs a bound."""
        chosen = sum((bool(self.kinds) or self.of_decisions, self.group is not None, self.member is not None))
        return chosen > 1 or self.of_decisions


@dataclass(frozen=True)
class Stream:
    """A page of events. `older`: the ?before= of the next page, "" at the end; `erased`: seqs without a body.

    `looked`: (first, last) seq that were looked at when the bound was met, else None.
    """

    events: list[Event]
    older: str
    head: int
    looked: tuple[int, int] | None = None
    erased: frozenset[int] = field(default_factory=frozenset)


def latest(community_id: int, wanted: StreamFilter, *, before: int | None, rows: int = ROWS) -> Stream:
    """The newest `rows` events before `before` (None: from the head). At most four queries."""
    head = log_head(community_id)
    top = min(before, head + 1) if before is not None else head + 1
    if wanted.until:
        top = min(top, first_seq_since(community_id, wanted.until))
    floor = first_seq_since(community_id, wanted.since) if wanted.since else 1
    bottom = max(floor, top - SCAN) if wanted.checks_rows else floor
    found = _query(community_id, wanted, low=bottom, high=top, rows=rows + 1, newest=True)
    events, more = found[:rows], len(found) > rows
    if more:
        return Stream([e for e, _ in events], str(events[-1][0].seq), head, None, _erased(events))
    cut = bottom > floor
    looked = (bottom, top - 1) if cut else None
    return Stream([e for e, _ in events], str(bottom) if cut else "", head, looked, _erased(events))


def newer(community_id: int, wanted: StreamFilter, *, after: int, rows: int = ROWS) -> Stream:
    """The next `rows` events after `after`, newest first; `head` is up to where was looked. Two queries."""
    top = min(log_head(community_id), after + SCAN)
    found = _query(community_id, wanted, low=after + 1, high=top + 1, rows=rows, newest=False)
    events = sorted(found, key=lambda f: -f[0].seq)
    last = events[0][0].seq if len(events) == rows else max(top, after)
    return Stream([e for e, _ in events], "", last, None, _erased(events))


def everything(community_id: int, wanted: StreamFilter) -> Iterator[Event]:
    """Events of a filter, newest first, at most 100,000, read 2,000 at a time."""
    before: int | None = None
    left = EXPORT_ROWS
    while left > 0:
        part = latest(community_id, wanted, before=before, rows=min(2_000, left))
        yield from part.events
        left -= len(part.events)
        if not part.older:
            return
        before = int(part.older)


def event_at(community_id: int, seq: int) -> Event | None:
    """One event; an erased body reads as {}."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {EVENT_COLUMNS} FROM event WHERE community_id = %s AND seq = %s", [community_id, seq])
        row = cursor.fetchone()
    return event_from_row(row)[0] if row else None


def log_head(community_id: int) -> int:
    """The last seq of the log: also the exact number of its events."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM event_head WHERE community_id = %s", [community_id])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def first_seq_since(community_id: int, at: datetime) -> int:
    """The first seq that was received at or after `at` (head + 1 when there is none), by halving over the log's key.

    Received times never run backwards by more than a transaction takes.
    """
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_SINCE, {"c": community_id, "at": at})
        row = cursor.fetchone()
    return int(row[0])


_FIRST_SINCE = """
WITH RECURSIVE search(low, high) AS (
    SELECT 1::int8, coalesce((SELECT seq FROM event_head WHERE community_id = %(c)s), 0) + 1
  UNION ALL
    SELECT CASE WHEN early THEN middle + 1 ELSE low END, CASE WHEN early THEN high ELSE middle END
    FROM (
        SELECT low, high, (low + high) / 2 AS middle, coalesce((
            SELECT received_at < %(at)s FROM event
            WHERE community_id = %(c)s AND seq >= (low + high) / 2 ORDER BY seq LIMIT 1), false) AS early
        FROM search WHERE low < high
    ) AS half
)
SELECT min(high) FROM search
"""


def _query(
    community_id: int, wanted: StreamFilter, *, low: int, high: int, rows: int, newest: bool
) -> list[tuple[Event, bool]]:
    """Events with low ≤ seq < high. Kinds are read one by one, so that each walks its own part of the index."""
    order = "seq DESC" if newest else "seq"
    where = ["community_id = %(c)s", "seq >= %(low)s", "seq < %(high)s"]
    values: dict[str, Any] = {"c": community_id, "low": low, "high": high, "rows": rows}
    kinds = ("decision.made",) if wanted.of_decisions else wanted.kinds
    for name, column in (("group", "group_id"), ("member", "member_id")):
        if (chosen := getattr(wanted, name)) is not None:
            where.append(f"{column} = %({name})s")
            values[name] = chosen
    for name in ("level", "outcome", "rule"):
        if chosen := getattr(wanted, name):
            where.append(f"body->>'{name}' = %({name})s")
            values[name] = chosen
    if not kinds:
        sql = _one(where, order)
    else:
        values.update({f"k{i}": kind for i, kind in enumerate(kinds)})
        parts = [_one([*where, *_of_kind(kind, i)], order) for i, kind in enumerate(kinds)]
        sql = f"SELECT * FROM ({' UNION ALL '.join(f'({p})' for p in parts)}) AS found ORDER BY {order} LIMIT %(rows)s"
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [event_from_row(row) for row in cursor.fetchall()]


def _one(where: list[str], order: str) -> str:
    return f"SELECT {EVENT_COLUMNS} FROM event WHERE {' AND '.join(where)} ORDER BY {order} LIMIT %(rows)s"


def _of_kind(kind: str, number: int) -> list[str]:
    """The condition on the kind; the second one lets PostgreSQL use the index of all that are not messages."""
    same = f"kind = %(k{number})s"
    return [same] if kind == "message.posted" else [same, "kind <> 'message.posted'"]


def event_from_row(row: tuple[Any, ...]) -> tuple[Event, bool]:
    """The event of a row, and whether its body was erased."""
    body = _decode(row[10]) if row[10] else {}
    return Event(*row[:10], body), row[10] is None  # type: ignore[call-arg]  # mypy cannot count a slice


def _erased(found: list[tuple[Event, bool]]) -> frozenset[int]:
    return frozenset(event.seq for event, gone in found if gone)
