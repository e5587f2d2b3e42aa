"""Mark and unmark from the console. Callers hold the permission and the audit."""

from datetime import datetime

from django.db import transaction

from qunzhu.governance.quality import policy
from qunzhu.governance.quality.marking import NotTaken, marking, standing_of, unmarking
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

__all__ = ["NotTaken", "mark", "unmark"]


@transaction.atomic
def mark(*, community_id: int, seq: int, by: str, own: int | None = None, now: datetime) -> int:
    """Mark message `seq` as quality content; its author gets the points when the consumer hears of it.

    `own` is the member whom the judge is in the groups. Returns the seq of `quality.marked`. Raises NotTaken.
    """
    conn = raw_connection()
    found = log.read_at(conn, community_id, [seq])
    made = marking(
        conn, found[0] if found else None, standing_of(conn, community_id, seq), by=by, own=own, via="console",
        points=policy.points_from(blueprint_of(community_id)), at=now,
    )  # fmt: skip
    return log.append(conn, [made], now=now)[0].seq


@transaction.atomic
def unmark(*, community_id: int, seq: int, by: str, now: datetime) -> int:
    """Take the mark of message `seq` back, and with it the points.

    Returns the seq of `quality.unmarked`. Raises NotTaken.
    """
    conn = raw_connection()
    found = log.read_at(conn, community_id, [seq])
    stands = standing_of(conn, community_id, seq)
    if not stands.marked or not found:
        raise NotTaken(policy.NOT_MARKED)
    message = found[0]
    mark_of = (seq, stands.turn, message.group_id or 0, message.member_id or 0)
    return log.append(conn, [unmarking(mark_of, community_id=community_id, by=by, why="staff", at=now)], now=now)[0].seq
