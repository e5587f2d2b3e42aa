"""Two writers that commit out of order lose nothing; with a plain sequence a reader loses a row (decision 3)."""

import threading
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COMMUNITY = 41


def event(name: str) -> NewEvent:
    return NewEvent(COMMUNITY, event_id("order", name), "message.posted", NOW, {"text": name})


@pytest.fixture(autouse=True)
def _head():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_head (community_id, seq) VALUES (%s, 0)", [COMMUNITY])


def connect() -> psycopg.Connection:
    return psycopg.connect(database_url())


def wait_until_blocked(pid: int) -> None:
    """Return once the backend `pid` waits for a lock."""
    with psycopg.connect(database_url(), autocommit=True) as watcher:
        while not watcher.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid]).fetchone()[0]:
            pass


def test_the_second_writer_waits_for_the_first_and_a_reader_misses_nothing():
    with connect() as first, connect() as second, connect() as reader:
        (placed,) = log.append(first, [event("first")], now=NOW)
        outcome: list[int] = []

        def write_second() -> None:
            outcome.append(log.append(second, [event("second")], now=NOW)[0].seq)
            second.commit()

        thread = threading.Thread(target=write_second)
        thread.start()
        wait_until_blocked(second.info.backend_pid)
        cursor = 0
        assert log.read(reader, COMMUNITY, after=cursor, upto=log.head(reader, COMMUNITY)) == []
        reader.rollback()
        first.commit()
        thread.join()
        seen = log.read(reader, COMMUNITY, after=cursor, upto=log.head(reader, COMMUNITY))
    assert placed.seq == 1
    assert outcome == [2]
    assert [(e.seq, e.body["text"]) for e in seen] == [(1, "first"), (2, "second")]


def test_a_rolled_back_writer_leaves_no_gap():
    with connect() as first, connect() as second:
        log.append(first, [event("given up")], now=NOW)
        first.rollback()
        (placed,) = log.append(second, [event("kept")], now=NOW)
        second.commit()
    assert placed.seq == 1


def test_many_writers_at_once_give_every_row_its_own_place():
    def write(writer: int) -> None:
        with connect() as conn:
            for n in range(20):
                log.append(conn, [event(f"{writer}-{n}a"), event(f"{writer}-{n}b")], now=NOW)
                conn.commit()

    threads = [threading.Thread(target=write, args=[w]) for w in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with connect() as reader:
        rows = log.read(reader, COMMUNITY, after=0, upto=log.head(reader, COMMUNITY))
    assert [r.seq for r in rows] == list(range(1, 161))
    assert len({r.body["text"] for r in rows}) == 160


def test_a_plain_sequence_with_a_cursor_loses_the_row_that_commits_late():
    """The design this product does not use; were this test to fail, `event_head` would not be needed."""
    with psycopg.connect(database_url(), autocommit=True) as setup:
        setup.execute("CREATE TABLE plain_log (id bigserial PRIMARY KEY, text text)")
    try:
        with connect() as slow, connect() as fast, connect() as reader:
            slow.execute("INSERT INTO plain_log (text) VALUES ('slow')")  # takes id 1, commits late
            fast.execute("INSERT INTO plain_log (text) VALUES ('fast')")  # takes id 2, commits at once
            fast.commit()
            read = "SELECT id, text FROM plain_log WHERE id > %s ORDER BY id"
            first_read = reader.execute(read, [0]).fetchall()
            reader.commit()
            cursor = first_read[-1][0]
            slow.commit()
            second_read = reader.execute(read, [cursor]).fetchall()
            there = reader.execute("SELECT count(*) FROM plain_log").fetchone()
    finally:
        with psycopg.connect(database_url(), autocommit=True) as setup:
            setup.execute("DROP TABLE plain_log")
    assert first_read == [(2, "fast")]
    assert second_read == []  # "slow" is never read
    assert there == (2,)
