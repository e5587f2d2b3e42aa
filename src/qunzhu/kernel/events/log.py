"""The append-only log: total order per community, de-duplication, one NOTIFY per batch (decision 3).

The row of `event_head` is the lock of its community: `seq` is given while it is held and it is let go only by
commit, so a reader of `seq > cursor` never misses a row that commits late, as it would with a plain sequence.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.pq import PipelineStatus

from qunzhu.kernel.bulk import Array, execute
from qunzhu.kernel.events.schema import Appended, Event, NewEvent

CHANNEL = "qunzhu_events"
SALT_BYTES = 16

_COLUMN_TYPES = {
    "community_id": "int8",
    "seq": "int8",
    "id": "uuid",
    "kind": "text",
    "group_id": "int8",
    "member_id": "int8",
    "occurred_at": "timestamptz",
    "received_at": "timestamptz",
    "connector": "text",
    "historic": "bool",
    "body": "json",
    "salt": "bytea",
    "digest": "bytea",
}
_NAMES = ", ".join(_COLUMN_TYPES)
_COPY = f"COPY event ({_NAMES}) FROM STDIN (FORMAT BINARY)"
# The body is declared as text: in binary, text and json are the same bytes, and psycopg's json dumper, which differs
# between Django's connections and plain ones, stays out of what the digest is over.
_COPY_TYPES = tuple("text" if kind == "json" else kind for kind in _COLUMN_TYPES.values())
_INSERT = (
    f"INSERT INTO event ({_NAMES}) SELECT * FROM unnest("
    + ", ".join(f"%b::{'text' if kind == 'json' else kind}[]::{kind}[]" for kind in _COLUMN_TYPES.values())
    + ")"
)
# One wake-up per community and transaction; PostgreSQL delivers it at commit.
_MOVE_HEADS = (
    "UPDATE event_head SET seq = new.seq FROM unnest(%b::int8[], %b::int8[]) AS new(c, seq)"
    " WHERE event_head.community_id = new.c RETURNING pg_notify(%s, new.c || ':' || new.seq)"
)
ONE_STATEMENT = 300  # rows; above, COPY is cheaper
_COLUMNS = "community_id, seq, id, kind, group_id, member_id, occurred_at, received_at, connector, historic, body::text"

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")
_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def encode_body(body: dict[str, Any]) -> str:
    """Canonical JSON of a body: sorted keys, no white space; NUL is dropped, PostgreSQL cannot hold it."""
    return drop_nul(_encode(body).decode())


def drop_nul(text: str) -> str:
    r"""JSON without NUL characters. A backslash that somebody typed before "u0000" (in JSON: \\u0000) is no NUL."""
    return _NUL.sub(r"\1", text) if "\\u0000" in text else text


def body_digest(salt: bytes, body: str) -> bytes:
    """The salted digest that stays when a body is erased: SHA-256(salt ‖ body)."""
    return hashlib.sha256(salt + body.encode()).digest()


class Held:
    """Logs that this transaction holds until it ends: where they stand, and which of the facts asked for they know.

    The answers are read when first asked for, so that a pipeline can send more statements along (one trip for all).
    """

    __slots__ = ("_heads", "_known")

    def __init__(self, conn: psycopg.Connection[Any], facts: Sequence[tuple[int, UUID]]) -> None:
        self._heads = _cursor(conn).execute(
            "SELECT community_id, seq FROM event_head WHERE community_id = ANY(%s) ORDER BY community_id FOR UPDATE",
            [sorted({community_id for community_id, _ in facts})],
        )
        # A statement of its own: it sees what was committed while the lock was waited for.
        self._known = _ask_known(conn, facts)

    def heads(self) -> dict[int, int]:
        """Community → its last seq, for those that have a log; once."""
        return dict(self._heads.fetchall())

    def known(self) -> dict[tuple[int, UUID], int]:
        """(community, id) → seq of those facts that are in the log; once."""
        return {(community_id, fact): seq for community_id, fact, seq in self._known.fetchall()}


def _ask_known(conn: psycopg.Connection[Any], facts: Sequence[tuple[int, UUID]]) -> psycopg.Cursor[Any]:
    """(community, id, seq) of those `facts` that are in the log.

    One probe of the unique index for each id. With `id = ANY(…)` the planner, while it knows little of a young table,
    walks through the whole community instead.
    """
    return execute(
        conn,
        "SELECT n.c, n.id, e.seq FROM unnest(%b::int8[], %b::uuid[]) AS n(c, id)"
        " CROSS JOIN LATERAL (SELECT seq FROM event WHERE community_id = n.c AND id = n.id LIMIT 1) AS e",
        [Array("int8", [c for c, _ in facts]), Array("uuid", [i for _, i in facts])],
    )


def append(conn: psycopg.Connection[Any], events: Sequence[NewEvent], *, now: datetime) -> list[Appended]:
    """Append `events` in the caller's transaction; result i belongs to event i.

    Duplicates (same community and id, in the log or earlier in the list) are not written again and point to the
    first. Call it as late as possible in a transaction: the community's lock is held until commit.
    """
    if not events:
        return []
    held = Held(conn, [(e.community_id, e.id) for e in events])
    return append_held(conn, events, held.heads(), held.known(), now=now)


def append_held(
    conn: psycopg.Connection[Any],
    events: Sequence[NewEvent],
    heads: dict[int, int],
    known: dict[tuple[int, UUID], int],
    *,
    now: datetime,
) -> list[Appended]:
    """`append` to logs that are `Held`, whose `heads` and `known` facts cover all `events`; both are moved on.

    Within a pipeline the rows are on their way when it returns; errors show at its end. Raises LookupError for a
    community without a log.
    """
    missing = sorted({e.community_id for e in events} - heads.keys())
    if missing:
        raise LookupError(
            f"no event log for communities {missing}; create them with community.services.create_community"
        )
    results: list[Appended] = []
    fresh: list[tuple[int, NewEvent]] = []
    for event in events:
        fact = event.community_id, event.id
        seq = known.get(fact)
        if seq is not None:
            results.append(Appended(seq, duplicate=True))
            continue
        seq = known[fact] = heads[event.community_id] = heads[event.community_id] + 1
        results.append(Appended(seq, duplicate=False))
        fresh.append((seq, event))
    _write(conn, fresh, {e.community_id: heads[e.community_id] for _, e in fresh}, now)
    return results


def _cursor(conn: psycopg.Connection[Any]) -> psycopg.Cursor[Any]:
    """A server-side-binding cursor: Django's connections make client-side ones, which cannot read binary rows."""
    return psycopg.Cursor(conn)


def _write(
    conn: psycopg.Connection[Any], fresh: list[tuple[int, NewEvent]], advanced: dict[int, int], now: datetime
) -> None:
    """Write the rows, move the heads, wake the listeners. Few rows go as one statement: what counts then are trips.

    So does everything within a pipeline, which cannot take a COPY.
    """
    if not fresh:
        return
    rows = _rows(fresh, now)
    heads = [Array("int8", list(advanced)), Array("int8", list(advanced.values())), CHANNEL]
    if len(fresh) <= ONE_STATEMENT or conn.pgconn.pipeline_status != PipelineStatus.OFF:
        columns = zip(*rows, strict=True)
        arrays = [Array(kind, list(column)) for kind, column in zip(_COLUMN_TYPES.values(), columns, strict=True)]
        execute(conn, f"WITH written AS ({_INSERT}) {_MOVE_HEADS}", [*arrays, *heads])
        return
    with _cursor(conn) as cursor, cursor.copy(_COPY) as copy:
        copy.set_types(_COPY_TYPES)
        for row in rows:
            copy.write_row(row)
    execute(conn, _MOVE_HEADS, heads)


def _rows(fresh: list[tuple[int, NewEvent]], now: datetime) -> Iterator[tuple[Any, ...]]:
    """Rows in the order of `_COLUMN_TYPES`, salted and digested."""
    salts = os.urandom(SALT_BYTES * len(fresh))
    for number, (seq, event) in enumerate(fresh):
        salt = salts[number * SALT_BYTES : (number + 1) * SALT_BYTES]
        body = encode_body(event.body)
        yield (
            event.community_id, seq, event.id, event.kind, event.group_id, event.member_id, event.occurred_at,
            now, event.connector, event.historic, body, salt, body_digest(salt, body),
        )  # fmt: skip


class Whose(msgspec.Struct, frozen=True):
    """Members whose id modulo `of` is `number`, or all but `others`; besides them events of the kinds `always`."""

    always: frozenset[str]
    number: int = 0
    of: int = 1
    others: frozenset[int] | None = None


def read(
    conn: psycopg.Connection[Any],
    community_id: int,
    *,
    after: int,
    upto: int,
    kinds: Iterable[str] | None = None,
    whose: "Whose | None" = None,
) -> list[Event]:
    """Events with after < seq ≤ upto, in order, of `kinds` (all when None). Erased bodies read as {}.

    `whose` leaves out what belongs to other members.
    """
    sql = f"SELECT {_COLUMNS} FROM event WHERE community_id = %s AND seq > %s AND seq <= %s"
    values: list[Any] = [community_id, after, upto]
    if kinds is not None:
        sql += " AND kind = ANY(%s)"
        values.append(list(kinds))
    if whose is not None:
        theirs = "mod(member_id, %s) = %s" if whose.others is None else "member_id <> ALL(%s)"
        sql += f" AND (member_id IS NULL OR kind = ANY(%s) OR {theirs})"
        values += [list(whose.always), *([whose.of, whose.number] if whose.others is None else [list(whose.others)])]
    rows = _cursor(conn).execute(sql + " ORDER BY seq", values, binary=True).fetchall()
    # mypy cannot count the columns of a sliced row
    return [Event(*row[:10], _decode(row[10]) if row[10] else {}) for row in rows]  # type: ignore[call-arg]


def read_at(conn: psycopg.Connection[Any], community_id: int, seqs: Sequence[int]) -> list[Event]:
    """The events at exactly `seqs`, in order of seq."""
    sql = f"SELECT {_COLUMNS} FROM event WHERE community_id = %s AND seq = ANY(%s) ORDER BY seq"
    rows = _cursor(conn).execute(sql, [community_id, list(seqs)], binary=True).fetchall()
    return [Event(*row[:10], _decode(row[10]) if row[10] else {}) for row in rows]  # type: ignore[call-arg]


def seq_of(conn: psycopg.Connection[Any], community_id: int, fact: UUID) -> int | None:
    """Where the event with this id stands; None when it never happened."""
    row = conn.execute("SELECT seq FROM event WHERE community_id = %s AND id = %s", [community_id, fact]).fetchone()
    return int(row[0]) if row else None


def head(conn: psycopg.Connection[Any], community_id: int) -> int:
    """The last seq of a community's log; 0 when it is empty or unknown."""
    row = conn.execute("SELECT seq FROM event_head WHERE community_id = %s", [community_id]).fetchone()
    return int(row[0]) if row else 0


def find(conn: psycopg.Connection[Any], community_id: int, fact: UUID, *, hold: bool = False) -> int | None:
    """The seq of the event with this id, or None. With `hold` the log is held first: "not yet" stays true."""
    if hold:
        return Held(conn, [(community_id, fact)]).known().get((community_id, fact))
    row = (
        _cursor(conn)
        .execute("SELECT seq FROM event WHERE community_id = %s AND id = %s LIMIT 1", [community_id, fact])
        .fetchone()
    )
    return int(row[0]) if row else None
