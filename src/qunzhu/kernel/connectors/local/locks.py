"""Every row lock of the local chat, in one order: rooms by group, then occupants by (group, member), then the log.

(The log is locked by `events.log.Held`.)
"""

from collections.abc import Iterable
from typing import Any

import psycopg


def lock_rooms(conn: psycopg.Connection[Any], group_ids: Iterable[int]) -> None:
    """Hold these rooms until the transaction ends."""
    conn.execute(
        "SELECT 1 FROM local_room WHERE group_id = ANY(%s) ORDER BY group_id FOR UPDATE", [sorted(set(group_ids))]
    )


def lock_occupants(conn: psycopg.Connection[Any], pairs: Iterable[tuple[int, int]]) -> None:
    """Hold these (group, member) occupants until the transaction ends."""
    ordered = sorted(set(pairs))
    conn.execute(
        "SELECT 1 FROM local_occupant WHERE (group_id, member_id) IN"
        " (SELECT * FROM unnest(%s::int8[], %s::int8[])) ORDER BY group_id, member_id FOR UPDATE",
        [[g for g, _ in ordered], [m for _, m in ordered]],
    )
