"""A rebuild equals the live tables row by row, finds every difference, and can put the log's rows in their place."""

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import PoisonedEvent
from qunzhu.kernel.events.rebuild import check_projections, rebuild
from qunzhu.kernel.events.runner import Batch, Consumer, Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COMMUNITY = 7


@pytest.fixture(autouse=True)
def _tables():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_head (community_id, seq) VALUES (%s, 0)", [COMMUNITY])
        cursor.execute(
            "CREATE TABLE test_words (community_id bigint, consumer text, word text, times int, notes jsonb,"
            " PRIMARY KEY (community_id, consumer, word))"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE test_words")


forgotten: list[int] = []


def count_words(batch: Batch) -> None:
    for event in batch.events:
        if event.body["text"] == "poison" and not batch.rebuilding:
            raise ValueError("cannot digest")
        batch.connection.execute(
            "INSERT INTO test_words VALUES (%s, %s, %s, 1, '{}') ON CONFLICT (community_id, consumer, word)"
            " DO UPDATE SET times = test_words.times + 1",
            [batch.community_id, batch.consumer, event.body["text"]],
        )
        batch.append(NewEvent(COMMUNITY, event_id("echo", event.seq), "case.opened", NOW, {}))


CONSUMER = Consumer(
    "words",
    count_words,
    kinds=frozenset({"message.posted"}),
    tables=("test_words",),
    batch=2,
    forget=forgotten.append,
)


def say(*texts: str) -> None:
    with transaction.atomic():
        head = log.head(raw_connection(), COMMUNITY)
        events = [
            NewEvent(COMMUNITY, event_id("t", head, n), "message.posted", NOW, {"text": t}) for n, t in enumerate(texts)
        ]
        log.append(raw_connection(), events, now=NOW)


def words() -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT consumer, word, times FROM test_words ORDER BY 1, 2")
        return cursor.fetchall()


def change(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def schemas() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'rebuild%'")
        return [row[0] for row in cursor.fetchall()]


def test_equal_tables_pass_and_nothing_is_left_behind():
    say("a", "b", "a")
    Runner([CONSUMER], clock=FixedClock(NOW)).run_once()
    forgotten.clear()
    head = log.head(raw_connection(), COMMUNITY)
    (result,) = check_projections(COMMUNITY, [CONSUMER, Consumer("deaf", count_words)])
    assert (result.consumer, result.events, result.rows, result.differing) == ("words", 3, {"test_words": 2}, 0)
    assert (words(), schemas()) == ([("words", "a", 2), ("words", "b", 1)], [])
    assert forgotten == [COMMUNITY, COMMUNITY]  # before and after: what it remembers is not the live state
    assert log.head(raw_connection(), COMMUNITY) == head  # a rebuild appends nothing


def test_every_kind_of_difference_is_named_and_a_rebuild_mends_it():
    say("a", "b", "c")
    Runner([CONSUMER], clock=FixedClock(NOW)).run_once()
    change("UPDATE test_words SET times = 9 WHERE word = 'a'")
    change("DELETE FROM test_words WHERE word = 'b'")
    change(
        "INSERT INTO test_words VALUES (7, 'words', 'z', 1, '{}'), (8, 'words', 'y', 1, '{}'), (7, 'x', 'x', 1, '{}')"
    )
    expected = [
        "test_words(community_id=7, consumer=words, word=a): times is 9, should be 1",
        "test_words(community_id=7, consumer=words, word=b) is missing",
        "test_words(community_id=7, consumer=words, word=z) should not be there",
    ]
    (result,) = check_projections(COMMUNITY, [CONSUMER])
    assert ([str(d) for d in result.differences], result.differing) == (expected, 3)
    assert ("words", "a", 9) in words()
    mended = rebuild(COMMUNITY, CONSUMER)
    assert [str(d) for d in mended.differences] == expected
    others = [("words", "y", 1), ("x", "x", 1)]  # of another community, of another consumer: untouched
    assert sorted(words()) == sorted([("words", "a", 1), ("words", "b", 1), ("words", "c", 1), *others])
    assert check_projections(COMMUNITY, [CONSUMER])[0].differing == 0
    assert schemas() == []


def test_only_what_the_cursor_has_passed_is_compared():
    say("a")
    runner = Runner([CONSUMER], clock=FixedClock(NOW))
    runner.run_once()
    say("b")
    (result,) = check_projections(COMMUNITY, [CONSUMER])
    assert (result.events, result.differing) == (1, 0)
    runner.run_once()
    (result,) = check_projections(COMMUNITY, [CONSUMER])
    assert (result.events, result.rows, result.differing) == (2, {"test_words": 2}, 0)


def test_events_put_aside_stay_out():
    say("a", "poison", "b")
    clock = FixedClock(NOW)
    runner = Runner([CONSUMER], clock=clock)
    for second in range(4):
        clock.move_to(NOW.replace(second=second))
        runner.run_once()
    assert PoisonedEvent.objects.get().seq == 2
    (result,) = check_projections(COMMUNITY, [CONSUMER])
    assert (result.rows, result.differing) == ({"test_words": 2}, 0)


def test_many_differences_are_counted_and_the_first_named():
    say(*[f"w{n:02}" for n in range(30)])
    Runner([CONSUMER], clock=FixedClock(NOW)).run_once()
    change("DELETE FROM test_words")
    (result,) = check_projections(COMMUNITY, [CONSUMER])
    assert (result.differing, len(result.differences), result.differences[0].key["word"]) == (30, 20, "w00")
