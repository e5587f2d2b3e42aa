"""The bytes of an event's header that a seal covers (byte for byte in docs/blackbox.md), and how to read them fast."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Any
from uuid import UUID

import psycopg

VERSION = 1
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIXED = Struct(">Bqq16sBqBq8s8sBIII")

# community_id, seq, id (16 bytes), kind, group_id, member_id, occurred_at (8 bytes), received_at (8 bytes), connector,
# historic, digest: a row of HEADER_COLUMNS.
Header = tuple[int, int, bytes, str, int | None, int | None, bytes, bytes, str, bool, bytes]

# PostgreSQL's own binary forms of uuid and timestamptz are the bytes that are sealed: nothing is converted.
HEADER_COLUMNS = (
    "community_id, seq, uuid_send(id), kind, group_id, member_id, timestamptz_send(occurred_at),"
    " timestamptz_send(received_at), connector, historic, digest"
)


def encode(header: Header) -> bytes:
    """The canonical header. Times are signed 64-bit microseconds since 2000-01-01 UTC, big endian, as 8 bytes."""
    community_id, seq, identity, kind, group_id, member_id, occurred_at, received_at, connector, historic, digest = (
        header
    )
    kind_bytes, connector_bytes = kind.encode(), connector.encode()
    return (
        _FIXED.pack(
            VERSION, community_id, seq, identity, group_id is not None, group_id or 0, member_id is not None,
            member_id or 0, occurred_at, received_at, historic, len(kind_bytes), len(connector_bytes), len(digest),
        )
        + kind_bytes
        + connector_bytes
        + digest
    )  # fmt: skip


def leaf_of(row: Header) -> bytes:
    """The leaf hash of a row of HEADER_COLUMNS: SHA-256(0x00 ‖ header)."""
    return sha256(b"\x00" + encode(row)).digest()


def time_bytes(at: datetime) -> bytes:
    """A time as it stands in a header."""
    return ((at - EPOCH) // _MICROSECOND).to_bytes(8, "big", signed=True)


def header_of(event: Any, digest: bytes) -> bytes:
    """The header of an `Event` (schema.Event or models.Event) with its body digest."""
    identity: UUID = event.id
    return encode((
        event.community_id, event.seq, identity.bytes, event.kind, event.group_id, event.member_id,
        time_bytes(event.occurred_at), time_bytes(event.received_at), event.connector, event.historic, digest,
    ))  # fmt: skip


def leaves(conn: psycopg.Connection[Any], community_id: int, *, after: int, upto: int) -> list[bytes]:
    """Leaf hashes of after < seq ≤ upto in order. Raises LookupError when rows are missing."""
    rows = psycopg.Cursor(conn).execute(
        f"SELECT {HEADER_COLUMNS} FROM event WHERE community_id = %s AND seq > %s AND seq <= %s ORDER BY seq",
        [community_id, after, upto],
        binary=True,
    )
    hashes = [leaf_of(row) for row in rows.fetchall()]
    if len(hashes) != upto - after:
        raise LookupError(f"events {after + 1} to {upto} of community {community_id}: {len(hashes)} rows are there")
    return hashes


def stream(conn: psycopg.Connection[Any], name: str, sql: str, values: list[Any], size: int) -> Generator[Any]:
    """Rows of a query through a server-side cursor, in binary, `size` at a time; memory stays flat."""
    with psycopg.ServerCursor(conn, name) as cursor:
        cursor.itersize = size
        cursor.execute(sql, values, binary=True)
        yield from cursor
