"""What the database does to a handler is never counted against the event in hand."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import OperationalError, connection, transaction

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import ConsumerCursor, PoisonedEvent
from qunzhu.kernel.events.runner import MAX_FAILURES, Batch, Consumer, Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COMMUNITY = 43


def test_a_deadlock_that_the_orm_reports_is_tried_again_without_a_failure():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_head (community_id, seq) VALUES (%s, 0)", [COMMUNITY])
    event = NewEvent(COMMUNITY, event_id("deadlock"), "message.posted", NOW, {"text": "x"})
    with transaction.atomic():
        log.append(raw_connection(), [event], now=NOW)
    seen: list[int] = []
    deadlocks = MAX_FAILURES

    def handle(batch: Batch) -> None:
        if deadlocks:
            raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected("deadlock detected")
        seen.extend(event.seq for event in batch.events)

    runner = Runner([Consumer("one", handle)], clock=FixedClock(NOW))
    while deadlocks:
        with pytest.raises(OperationalError):
            runner.run_once()
        assert ConsumerCursor.objects.get(consumer="one").failures == 0
        deadlocks -= 1
    runner.run_once()
    assert seen == [1]
    assert not PoisonedEvent.objects.exists()
