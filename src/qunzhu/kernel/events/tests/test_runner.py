"""The consumer loop: nothing twice, nothing lost, a poisoned event does not stop the log."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections, transaction

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import ConsumerCursor, PoisonedEvent
from qunzhu.kernel.events.runner import Batch, Consumer, Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COMMUNITY = 7


@pytest.fixture(autouse=True)
def _tables():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_head (community_id, seq) VALUES (%s, 0)", [COMMUNITY])
        cursor.execute("CREATE TABLE IF NOT EXISTS test_seen (consumer text, seq bigint)")
        cursor.execute("TRUNCATE test_seen")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS test_seen")


def append(*texts: str) -> None:
    events = [NewEvent(COMMUNITY, event_id("t", text), "message.posted", NOW, {"text": text}) for text in texts]
    with transaction.atomic():
        log.append(raw_connection(), events, now=NOW)


def note(batch: Batch) -> None:
    for event in batch.events:
        batch.connection.execute("INSERT INTO test_seen VALUES (%s, %s)", [batch.consumer, event.seq])


def seen(consumer: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM test_seen WHERE consumer = %s ORDER BY seq", [consumer])
        return [row[0] for row in cursor.fetchall()]


def cursor_of(consumer: str) -> int:
    return ConsumerCursor.objects.get(consumer=consumer, community_id=COMMUNITY).seq


def test_every_consumer_sees_every_event_once_in_order():
    append("a", "b", "c")
    runner = Runner([Consumer("one", note), Consumer("two", note, batch=2)], clock=FixedClock(NOW))
    runner.run_once()
    append("d")
    runner.run_once()
    assert seen("one") == [1, 2, 3, 4]
    assert seen("two") == [1, 2, 3, 4]
    assert cursor_of("one") == cursor_of("two") == 4


def test_kinds_are_filtered_and_the_cursor_still_moves():
    append("a", "b")
    Runner([Consumer("deaf", note, kinds=frozenset({"member.joined"}))], clock=FixedClock(NOW)).run_once()
    assert seen("deaf") == []
    assert cursor_of("deaf") == 2


def test_a_failed_batch_leaves_nothing_and_is_tried_again():
    append("a", "b")
    broken = [True]

    def handle(batch: Batch) -> None:
        note(batch)
        batch.append(NewEvent(COMMUNITY, event_id("from-handler"), "case.opened", NOW, {}))
        if broken[0]:
            raise ValueError("boom")

    clock = FixedClock(NOW)
    runner = Runner([Consumer("one", handle)], clock=clock)
    runner.run_once()
    assert seen("one") == []
    assert cursor_of("one") == 0
    assert log.head(raw_connection(), COMMUNITY) == 2
    row = ConsumerCursor.objects.get(consumer="one", community_id=COMMUNITY)
    assert (row.failures, "boom" in row.last_error) == (1, True)
    broken[0] = False
    clock.move_to(NOW + timedelta(seconds=1))
    runner.run_once()
    assert seen("one") == [1, 2, 3]  # the handler's own event came back to it; its id made the second append a no-op
    assert log.head(raw_connection(), COMMUNITY) == 3
    row.refresh_from_db()
    assert (row.seq, row.failures, row.last_error) == (3, 0, "")


def test_a_poisoned_event_is_put_aside_with_a_case_and_the_rest_goes_on():
    append("a", "poison", "c")

    def handle(batch: Batch) -> None:
        for event in batch.events:
            if event.body["text"] == "poison":
                raise ValueError("cannot digest")
        note(batch)

    clock = FixedClock(NOW)
    runner = Runner([Consumer("one", handle, kinds=frozenset({"message.posted"}))], clock=clock)
    for second in range(4):
        clock.move_to(NOW + timedelta(seconds=second))
        runner.run_once()
    assert seen("one") == [1, 3]
    assert [(p.consumer, p.seq) for p in PoisonedEvent.objects.all()] == [("one", 2)]
    case = Case.objects.get()
    assert (case.kind, case.event_seq, case.state) == ("poisoned_event", 2, "open")


def test_a_broken_consumer_pauses_instead_of_skipping_the_log():
    append(*"abcdefgh")
    broken = [True]

    def handle(batch: Batch) -> None:
        if broken[0]:
            raise ValueError("always")
        note(batch)

    clock = FixedClock(NOW)
    runner = Runner([Consumer("one", handle, kinds=frozenset({"message.posted"}))], clock=clock)
    for second in range(40):
        clock.move_to(NOW + timedelta(seconds=second))
        runner.run_once()
    assert [p.seq for p in PoisonedEvent.objects.order_by("seq")] == [1, 2, 3]
    assert cursor_of("one") == 3
    assert [c.key for c in Case.objects.order_by("id")] == [
        "poisoned:one:1",
        "poisoned:one:2",
        "poisoned:one:3",
        "stopped:one:3",
    ]
    broken[0] = False
    clock.move_to(NOW + timedelta(minutes=5))
    runner.run_once()
    assert seen("one") == [4, 5, 6, 7, 8]


def test_two_processes_share_the_work_and_nothing_is_done_twice():
    append(*[str(n) for n in range(200)])

    def work() -> None:
        try:
            Runner([Consumer("one", note, batch=3), Consumer("two", note, batch=3)], clock=FixedClock(NOW)).run_once()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    Runner([Consumer("one", note), Consumer("two", note)], clock=FixedClock(NOW)).run_once()
    assert seen("one") == list(range(1, 201))
    assert seen("two") == list(range(1, 201))


def test_cached_state_is_forgotten_when_another_process_moved_the_cursor():
    append("a")
    forgotten: list[int] = []
    first = Runner([Consumer("one", note, forget=forgotten.append)], clock=FixedClock(NOW))
    first.run_once()
    assert forgotten == [COMMUNITY]  # the first time it knows nothing
    append("b")
    first.run_once()
    assert forgotten == [COMMUNITY]  # it left the cursor there itself
    append("c")
    Runner([Consumer("one", note)], clock=FixedClock(NOW)).run_once()
    append("d")
    first.run_once()
    assert forgotten == [COMMUNITY, COMMUNITY]


def test_a_duplicate_is_acknowledged_with_the_first_seq_and_not_written():
    event = NewEvent(COMMUNITY, event_id("x"), "message.posted", NOW, {"text": "x"})
    other = NewEvent(COMMUNITY, event_id("y"), "message.posted", NOW, {"text": "y"})
    with transaction.atomic():
        first = log.append(raw_connection(), [event, event], now=NOW)
    with transaction.atomic():
        second = log.append(raw_connection(), [other, event], now=NOW)
    assert [(a.seq, a.duplicate) for a in first] == [(1, False), (1, True)]
    assert [(a.seq, a.duplicate) for a in second] == [(2, False), (1, True)]
    assert log.head(raw_connection(), COMMUNITY) == 2


def test_a_community_without_a_log_is_refused():
    with psycopg.connect(database_url()) as conn, pytest.raises(LookupError, match="no event log for communities"):
        log.append(conn, [NewEvent(10**9, event_id("z"), "message.posted", NOW, {})], now=NOW)


def test_bodies_keep_their_exact_bytes_and_lose_only_nul():
    body = {"z": 1, "a": "价格 ￥9.90 \u0000 <b>", "n": 1.0}
    with transaction.atomic():
        log.append(raw_connection(), [NewEvent(COMMUNITY, event_id("n"), "message.posted", NOW, body)], now=NOW)
    (event,) = log.read(raw_connection(), COMMUNITY, after=0, upto=1)
    assert event.body == {"z": 1, "a": "价格 ￥9.90  <b>", "n": 1.0}
    row = raw_connection().execute("SELECT body::text, salt, digest FROM event WHERE seq = 1").fetchone()
    assert row is not None
    assert row[0] == '{"a":"价格 ￥9.90  <b>","n":1.0,"z":1}'
    assert log.body_digest(bytes(row[1]), row[0]) == bytes(row[2])
