"""What the local platform itself does to its rooms; each act writes its event in the same transaction.

No Django: the receiver (members acting by hand) and the client (the product acting) both call it.
"""

from datetime import datetime
from typing import Any

import psycopg

from qunzhu.kernel.connectors.local.locks import lock_occupants
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import NewEvent, event_id

CONNECTOR = "local"
STATE_CHANNEL = "qunzhu_local_state"


def leave(
    conn: psycopg.Connection[Any], community_id: int, group_id: int, member_id: int, *, now: datetime
) -> int | None:
    """Take a member out by own will; returns the seq of `member.left`, None when not inside."""
    lock_occupants(conn, [(group_id, member_id)])
    row = conn.execute(
        "DELETE FROM local_occupant WHERE group_id = %s AND member_id = %s AND removed_at IS NULL RETURNING joined_at",
        [group_id, member_id],
    ).fetchone()
    if row is None:
        return None
    fact = event_id("left", CONNECTOR, group_id, member_id, row[0].isoformat())
    event = NewEvent(community_id, fact, "member.left", now, {}, group_id, member_id, CONNECTOR)
    return log.append(conn, [event], now=now)[0].seq
