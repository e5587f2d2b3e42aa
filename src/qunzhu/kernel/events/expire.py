"""Old messages lose their contents after the community's `governance.privacy.keep_messages` days; digests stay.

What is kept longer: evidence of open cases, and of penalties that can still be appealed against. Each round appends
`messages.expired`, which says exactly which rows it covers, so that the log verifies and nothing else may be empty.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from django.db import transaction

from qunzhu.kernel.blueprint.chapters.governance import Appeal, Privacy
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import leaf, log
from qunzhu.kernel.events.erase import drop_files, wait_for_consumers
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

KIND = "messages.expired"
SPOKEN = ("message.posted", "command.posted")
ROUND = 10_000  # rows in one transaction: the log's lock is held for their length


@dataclass(frozen=True)
class Record:
    """A `messages.expired` event, read back."""

    seq: int
    before: bytes
    upto: int
    kept: frozenset[int]

    @classmethod
    def of(cls, seq: int, body: Any) -> "Record | None":
        """What the body of event `seq` says; None when it is not of that form."""
        try:
            before = leaf.time_bytes(datetime.fromisoformat(body["before"]))
            return cls(seq, before, int(body["upto"]), frozenset(body["kept"]))
        except (KeyError, TypeError, ValueError):
            return None

    def covers(self, seq: int, kind: str, received_at: bytes) -> bool:
        """Whether the row of a header may be without its body because of this record."""
        old = int.from_bytes(received_at, signed=True) < int.from_bytes(self.before, signed=True)
        return kind in SPOKEN and old and seq <= self.upto and seq < self.seq and seq not in self.kept


def expire_messages(*, community_id: int, now: datetime) -> int:
    """Take the bodies of messages that are too old; returns how many. Interrupted, the next call goes on."""
    settings = msgspec.convert(_governance(community_id).get("privacy", {}), Privacy)
    if not settings.keep_messages:
        return 0
    before = now - timedelta(days=settings.keep_messages)
    after, waiting = _last_record(raw_connection(), community_id)
    total = 0
    while True:
        done, upto, end = _round(community_id, before, now, after, waiting)
        total, after, waiting = total + done, max(after, upto), []
        if after >= end:
            return total


@transaction.atomic
def _round(community_id: int, before: datetime, now: datetime, after: int, waiting: list[int]) -> tuple[int, int, int]:
    """One transaction: (how many bodies went, up to which seq, how far there is something to do)."""
    conn = raw_connection()
    end = _last_before(conn, community_id, before, wait_for_consumers(community_id))
    upto = max(after, min(end, after + ROUND))
    protected = _protected(conn, community_id, now)
    taken = _run(
        conn,
        "UPDATE event SET body = NULL, salt = NULL WHERE community_id = %s AND kind = ANY(%s) AND body IS NOT NULL"
        " AND (seq > %s AND seq <= %s OR seq = ANY(%s)) AND received_at < %s AND seq <> ALL(%s) RETURNING seq",
        [community_id, list(SPOKEN), after, upto, waiting, before, protected],
    )
    if not taken:
        return 0, upto, end
    rows = _run(
        conn,
        "SELECT seq FROM event WHERE community_id = %s AND kind = ANY(%s) AND seq = ANY(%s) AND seq <= %s"
        " AND body IS NOT NULL ORDER BY seq",
        [community_id, list(SPOKEN), protected, upto],
    )
    kept: list[int] = [row[0] for row in rows]
    body = {"before": before.isoformat(), "upto": upto, "events": len(taken), "kept": kept}
    _drop_uploads(conn, community_id, before, kept)
    first = min(row[0] for row in taken)  # a body is taken once, so this names the round
    record = NewEvent(community_id, event_id(KIND, community_id, first), KIND, now, body)
    log.append(conn, [record], now=now)
    return len(taken), upto, end


def _run(conn: psycopg.Connection[Any], query: str, values: list[Any]) -> list[tuple[Any, ...]]:
    cursor = psycopg.Cursor(conn).execute(query, values)
    return cursor.fetchall() if cursor.description else []


def _governance(community_id: int) -> dict[str, Any]:
    governance: dict[str, Any] = blueprint_of(community_id).get("governance", {})
    return governance


def _last_before(conn: psycopg.Connection[Any], community_id: int, before: datetime, heard: int) -> int:
    """The last seq, of those that every consumer has heard, received before `before`; the log is in that order."""
    low, high = 0, heard
    while low < high:
        middle = (low + high + 1) // 2
        rows = _run(conn, "SELECT received_at < %s FROM event WHERE community_id = %s AND seq = %s", [
            before, community_id, middle,
        ])  # fmt: skip
        if rows and rows[0][0]:
            low = middle
        else:
            high = middle - 1
    return low


def _last_record(conn: psycopg.Connection[Any], community_id: int) -> tuple[int, list[int]]:
    """(how far the last round came, what it kept)."""
    rows = _run(
        conn,
        "SELECT body FROM event WHERE community_id = %s AND kind = %s ORDER BY seq DESC LIMIT 1",
        [community_id, KIND],
    )
    return (int(rows[0][0]["upto"]), list(rows[0][0]["kept"])) if rows else (0, [])


def _protected(conn: psycopg.Connection[Any], community_id: int, now: datetime) -> list[int]:
    """Seqs that somebody may still have to look at."""
    appeal = msgspec.convert(_governance(community_id).get("appeal", {}), Appeal)
    cases = _run(
        conn,
        "SELECT event_seq, evidence FROM \"case\" WHERE community_id = %s AND state = 'open'",
        [community_id],
    )
    penalties = _run(
        conn,
        "SELECT seq, evidence FROM penalty WHERE community_id = %s AND at > %s AND reversed_at IS NULL",
        [community_id, now - timedelta(days=appeal.within)],
    )
    named = {seq for row in (*cases, *penalties) for seq in _seqs(row)}
    pointed = _run(  # a report is evidence for the message it is about
        conn,
        "SELECT (body->>'target_seq')::int8, (body->>'cause_seq')::int8 FROM event"
        " WHERE community_id = %s AND seq = ANY(%s) AND body IS NOT NULL",
        [community_id, sorted(named)],
    )
    return sorted(named | {seq for row in pointed for seq in row if seq is not None})


def _seqs(row: tuple[Any, ...]) -> Iterable[int]:
    evidence = msgspec.json.decode(row[1]) if isinstance(row[1], str | bytes) else row[1]
    return (seq for seq in (row[0], *(evidence or ())) if isinstance(seq, int))


def _drop_uploads(conn: psycopg.Connection[Any], community_id: int, before: datetime, kept: list[int]) -> None:
    """Pictures as old as the messages go too, but for those of kept messages."""
    rows = _run(
        conn,
        "DELETE FROM local_upload WHERE community_id = %s AND at < %s AND id NOT IN (SELECT"
        " (body->'image'->>'upload')::uuid FROM event WHERE community_id = %s AND seq = ANY(%s)"
        " AND body->'image'->>'upload' IS NOT NULL) RETURNING sha256",
        [community_id, before, community_id, kept],
    )
    drop_files({row[0] for row in rows})
