"""Many rows in one statement: the hot paths write with arrays, never row by row."""

from collections.abc import Sequence
from typing import Any

import psycopg

# What a column travels as where its own type has no binary form for a Python value.
_WIRE = {"jsonb": "text", "json": "text"}


def upsert(
    conn: psycopg.Connection[Any],
    table: str,
    columns: dict[str, str],
    rows: Sequence[tuple[Any, ...]],
    conflict: str,
) -> int:
    """INSERT `rows` into `table` with one statement; returns how many were written.

    `columns` maps column to its PostgreSQL type in row order; `conflict` is what follows ON CONFLICT, e.g.
    "(community_id, day) DO UPDATE SET messages = t.messages + excluded.messages" (the table is aliased `t`).
    All names are constants of the caller; values are bound.
    """
    if not rows:
        return 0
    arrays = [list(column) for column in zip(*rows, strict=True)]
    # Bytes go binary: as text they are escaped twice, which doubles the cost of the whole statement.
    casts = ", ".join(f"{'%b' if kind == 'bytea' else '%s'}::{kind}[]" for kind in columns.values())
    names = ", ".join(columns)
    sql = f"INSERT INTO {table} AS t ({names}) SELECT * FROM unnest({casts}) ON CONFLICT {conflict}"
    return psycopg.Cursor(conn).execute(sql, arrays).rowcount
