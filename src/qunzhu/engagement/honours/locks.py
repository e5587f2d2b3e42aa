"""The one lock of honours: who closes a week of a community holds it until the commit."""

from typing import Any

import psycopg

_CLOSING = 5_003


def lock_closing(conn: psycopg.Connection[Any], community_id: int) -> None:
    """Wait for whoever else is closing a week of this community."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CLOSING, community_id % (1 << 31)])
