"""Many rows in one statement: the hot paths write with arrays, never row by row.

The arrays are built in PostgreSQL's binary form here (documentation: "array_send", and each type's send function):
psycopg's general dumper looks at every element and costs several times as much.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(2000, 1, 1).toordinal()
_length = struct.Struct(">i").pack
_NULL = _length(-1)


def _fixed(code: str, size: int, convert: Callable[[Any], int] | None = None) -> Callable[[list[Any]], bytes]:
    """An encoder for numbers of `size` bytes: all elements in one struct call."""

    def encode(values: list[Any]) -> bytes:
        flat = [size] * (2 * len(values))
        flat[1::2] = values if convert is None else map(convert, values)
        return struct.pack(">" + f"i{code}" * len(values), *flat)

    return encode


def _variable(convert: Callable[[Any], bytes]) -> Callable[[list[Any]], bytes]:
    def encode(values: list[Any]) -> bytes:
        data = [convert(value) for value in values]
        flat = [b""] * (2 * len(data))
        flat[0::2] = [_length(len(item)) for item in data]
        flat[1::2] = data
        return b"".join(flat)

    return encode


def _microseconds(at: datetime) -> int:
    # In whole numbers: the seconds of a timestamp as a double lose the last microsecond from 2106 on.
    since = at - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


# column type → (oid of an element, oid of the array, encoder). json travels as text and is cast by the server.
_TYPES: dict[str, tuple[int, int, Callable[[list[Any]], bytes]]] = {
    "int8": (20, 1016, _fixed("q", 8)),
    "int4": (23, 1007, _fixed("i", 4)),
    "int2": (21, 1005, _fixed("h", 2)),
    "float8": (701, 1022, _fixed("d", 8)),
    "bool": (16, 1000, _fixed("?", 1)),
    "timestamptz": (1184, 1185, _fixed("q", 8, _microseconds)),
    "date": (1082, 1182, _fixed("i", 4, lambda day: day.toordinal() - _EPOCH_DAY)),
    "text": (25, 1009, _variable(str.encode)),
    "bytea": (17, 1001, _variable(bytes)),
    "uuid": (2950, 2951, _variable(lambda value: value.bytes)),
    "json": (25, 1009, _variable(str.encode)),
    "jsonb": (25, 1009, _variable(str.encode)),
}


class Array:
    """A column of values in PostgreSQL's binary form, ready to be bound."""

    __slots__ = ("data", "oid")

    def __init__(self, kind: str, values: list[Any]) -> None:
        element, self.oid, encode = _TYPES[kind]
        if None in values:
            items = b"".join([_NULL if value is None else encode([value]) for value in values])
            self.data = struct.pack(">iiIii", 1, 1, element, len(values), 1) + items
        else:
            self.data = struct.pack(">iiIii", 1, 0, element, len(values), 1) + encode(values)


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def get_key(self, obj: Array, format: PyFormat) -> Any:  # noqa: A002, ARG002  (psycopg's signature)
        return (self.cls, obj.oid)

    def upgrade(self, obj: Array, format: PyFormat) -> "_ArrayDumper":  # noqa: A002, ARG002
        dumper = type(self)(self.cls)
        dumper.oid = obj.oid
        return dumper

    def dump(self, obj: Array) -> bytes:
        return obj.data


def upsert(
    conn: psycopg.Connection[Any],
    table: str,
    columns: dict[str, str],
    rows: Sequence[tuple[Any, ...]],
    conflict: str,
) -> int:
    """INSERT `rows` into `table` with one statement; returns how many were written.

    `columns` maps column to its PostgreSQL type (a key of `_TYPES`) in row order; `conflict` is what follows ON
    CONFLICT, e.g. "(community_id, day) DO UPDATE SET messages = t.messages + excluded.messages" (the table is aliased
    `t`). All names are constants of the caller; values are bound. Raises struct.error for a number out of range.
    """
    if not rows:
        return 0
    kinds = columns.values()
    arrays = [Array(kind, list(column)) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]
    casts = ", ".join(f"%b::{kind}[]" for kind in kinds)
    sql = f"INSERT INTO {table} AS t ({', '.join(columns)}) SELECT * FROM unnest({casts}) ON CONFLICT {conflict}"
    return execute(conn, sql, arrays).rowcount


def execute(conn: psycopg.Connection[Any], sql: str, values: Sequence[Any]) -> psycopg.Cursor[Any]:
    """Run `sql` with `values`, among which may be `Array`s (bound as %b)."""
    cursor = psycopg.Cursor(conn)
    # On this cursor: Django copies the global adapters when it first connects, maybe before this module was loaded.
    cursor.adapters.register_dumper(Array, _ArrayDumper)
    return cursor.execute(sql, values)
