"""The lock of this part: of two schedulers, one looks at a community; of two requests for leave, one counts first."""

from typing import Any

import psycopg


def lock_elimination(conn: psycopg.Connection[Any], community_id: int) -> None:
    """Hold runs and leaves of a community until commit."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('elimination', %s))", [community_id])
