"""The lock of this part: who counts a member's requests counts alone."""

from typing import Any

import psycopg


def lock_requests(conn: psycopg.Connection[Any], community_id: int) -> None:
    """Hold the right to take requests of a community until commit."""
    conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('clearance', %s))", [community_id])
