"""Take up an event again that was put aside as poisoned, when a human asked for it (case action `retry`).

It is handled out of its order, in a transaction of its own, while the consumer's cursor is held. When it fails again
the wish is withdrawn and a new case is opened.
"""

import traceback
from collections.abc import Mapping
from datetime import datetime

import psycopg
import structlog
from django.db import transaction

from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, Batch, Consumer, raw_connection

logger = structlog.get_logger("qunzhu.consume")


def retry_put_aside(consumers: Mapping[str, Consumer], *, now: datetime) -> int:
    """Take up every event that was asked for and can be claimed now; returns how many succeeded."""
    done = 0
    asked = psycopg.Cursor(raw_connection()).execute(
        "SELECT consumer, community_id, seq FROM poisoned_event"
        " WHERE retry_asked_at IS NOT NULL AND consumer = ANY(%s) ORDER BY community_id, consumer, seq",
        [list(consumers)],
    )
    for name, community_id, seq in asked.fetchall():
        with transaction.atomic():
            if _claim(name, community_id, seq):
                done += _take_up(consumers[name], community_id, seq, now)
    return done


def _claim(name: str, community_id: int, seq: int) -> bool:
    """Lock the cursor first, as the runner does, then the event put aside."""
    cursor = psycopg.Cursor(raw_connection())
    held = cursor.execute(
        "SELECT 1 FROM consumer_cursor WHERE consumer = %s AND community_id = %s FOR UPDATE SKIP LOCKED",
        [name, community_id],
    ).fetchone()
    if held is None:
        return False
    wanted = cursor.execute(
        "SELECT 1 FROM poisoned_event WHERE consumer = %s AND community_id = %s AND seq = %s"
        " AND retry_asked_at IS NOT NULL FOR UPDATE",
        [name, community_id, seq],
    ).fetchone()
    return wanted is not None


def _take_up(consumer: Consumer, community_id: int, seq: int, now: datetime) -> int:
    conn = raw_connection()
    named = [community_id, consumer.name, seq]
    _forget(consumer, community_id)
    try:
        with transaction.atomic():
            events = log.read(conn, community_id, after=seq - 1, upto=seq, kinds=consumer.kinds)
            batch = Batch(community_id, consumer.name, events, seq - 1, seq, now, conn)
            if events:
                consumer.handle(batch)
                batch.flush()
            conn.execute("DELETE FROM poisoned_event WHERE community_id = %s AND consumer = %s AND seq = %s", named)
    except LOST:
        raise
    except Exception as error:  # noqa: BLE001  (whatever a handler raises goes to the human who asked)
        _give_back(consumer.name, community_id, seq, error, now)
        return 0
    finally:
        _forget(consumer, community_id)
    return 1


def _forget(consumer: Consumer, community_id: int) -> None:
    if consumer.forget:
        consumer.forget(community_id)


def _give_back(name: str, community_id: int, seq: int, error: Exception, now: datetime) -> None:
    from qunzhu.kernel.cases.services import open_case

    logger.error("event failed again", consumer=name, community=community_id, seq=seq, error=repr(error))
    conn = raw_connection()
    conn.execute(
        "UPDATE poisoned_event SET retry_asked_at = NULL, error = %s, at = %s"
        " WHERE community_id = %s AND consumer = %s AND seq = %s",
        ["".join(traceback.format_exception(error))[-4000:], now, community_id, name, seq],
    )
    opened = open_case(
        community_id=community_id,
        kind="poisoned_event",
        key=f"poisoned:{name}:{seq}",
        title=f"事件 {seq} 仍然无法处理({name})",
        summary=f"{type(error).__name__}: {error}"[:500],
        urgency="orange",
        event_seq=seq,
        payload={"consumer": name},
        now=now,
    )
    if opened.event is not None:
        log.append(conn, [opened.event], now=now)
