"""Staff say that a message is no quality content, whatever its score. To praise one is a mark (优质)."""

from datetime import datetime

from django.db import transaction

from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class NotJudged(ValueError):
    """There is no such message of a member."""


@transaction.atomic
def deny(*, community_id: int, seq: int, by: str, now: datetime) -> int:
    """Returns the seq of `quality.denied`; said twice, it is one event. Raises NotJudged."""
    conn = raw_connection()
    found = log.read_at(conn, community_id, [seq])
    message = found[0] if found else None
    if message is None or message.kind != "message.posted" or message.member_id is None or not message.body:
        raise NotJudged(seq)
    last = _last_word(community_id, seq)
    said = NewEvent(
        community_id, event_id("quality.denied", community_id, seq, last), "quality.denied", now,
        {"message": seq, "by": by}, group_id=message.group_id, member_id=message.member_id,
    )  # fmt: skip
    return log.append(conn, [said], now=now)[0].seq


def _last_word(community_id: int, seq: int) -> int:
    """The latest mark of the message: after a new one it can be denied anew."""
    row = (
        raw_connection()
        .execute(
            "SELECT max(seq) FROM event WHERE community_id = %s AND kind = 'quality.marked' AND seq > %s"
            " AND (body->>'message')::int8 = %s",
            [community_id, seq, seq],
        )
        .fetchone()
    )
    return int(row[0] or 0) if row else 0
