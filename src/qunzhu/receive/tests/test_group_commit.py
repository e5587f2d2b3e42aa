"""Group commit: answers come after commit, survive a lost database, and one bad draft does not take others along."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Appended, NewEvent, event_id
from qunzhu.receive.group_commit import GroupCommit

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
COMMUNITY = 77


@pytest.fixture(autouse=True)
def _head():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO event_head (community_id, seq) VALUES (%s, 0)", [COMMUNITY])


def event(name: str) -> NewEvent:
    return NewEvent(COMMUNITY, event_id("gc", name), "message.posted", NOW, {"text": name})


def say(conn, drafts, *, now):
    places = iter(log.append(conn, [event(d) for d in drafts if d != "no"], now=now))
    return [Refusal(403, "no", "不行") if d == "no" else next(places) for d in drafts]


def run(work, **options):
    async def main():
        commit = GroupCommit(options.pop("say", say), clock=FixedClock(NOW), **options)
        commit.start()
        try:
            return await work(commit)
        finally:
            await commit.stop()

    return asyncio.run(main())


def logged() -> list[str]:
    with psycopg.connect(database_url()) as conn:
        return [e.body["text"] for e in log.read(conn, COMMUNITY, after=0, upto=10**6)]


def test_everything_that_waits_shares_a_transaction_in_the_order_it_came():
    async def work(commit):
        answers = [commit.submit(str(n)) for n in range(50)]
        refused = commit.submit("no")
        twice = commit.submit("0")
        return [await a for a in answers], await refused, await twice, commit.batches

    answers, refused, twice, batches = run(work)
    assert answers == [Appended(n + 1, duplicate=False) for n in range(50)]
    assert (refused.status, twice, batches) == (403, Appended(1, duplicate=True), 1)
    assert logged() == [str(n) for n in range(50)]


def test_nobody_is_answered_before_commit():
    """While another writer holds the community's log, the batch cannot commit and its senders wait."""

    async def work(commit):
        with psycopg.connect(database_url()) as blocker:
            blocker.execute("SELECT 1 FROM event_head WHERE community_id = %s FOR UPDATE", [COMMUNITY])
            answer = commit.submit("a")
            with psycopg.connect(database_url(), autocommit=True) as watcher:
                waits = (
                    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%event_head%'"
                )
                while not watcher.execute(waits).fetchone()[0]:  # noqa: ASYNC110  (the database has no event for it)
                    await asyncio.sleep(0)
            early = answer.done()
            blocker.rollback()
            return early, await answer

    assert run(work) == (False, Appended(1, duplicate=False))


def test_a_lost_connection_is_replaced_and_the_batch_is_stored_once():
    killed: list[int] = []

    def say_and_die(conn, drafts, *, now):
        if not killed:
            killed.append(conn.info.backend_pid)
            with psycopg.connect(database_url(), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
        return say(conn, drafts, now=now)

    async def work(commit):
        return [await a for a in [commit.submit("a"), commit.submit("b")]]

    assert run(work, say=say_and_die) == [Appended(1, duplicate=False), Appended(2, duplicate=False)]
    assert len(killed) == 1
    assert logged() == ["a", "b"]


def test_a_commit_whose_answer_was_lost_is_found_again():
    """The connection dies after COMMIT went through: the second try finds the events and writes nothing."""
    connections = []

    class Dying(GroupCommit):
        def _commit(self, drafts):
            results = super()._commit(drafts)
            if not connections:
                connections.append(1)
                raise psycopg.OperationalError("the answer to COMMIT was lost")
            return results

    async def main():
        commit = Dying(say, clock=FixedClock(NOW))
        commit.start()
        answer = await commit.submit("a")
        await commit.stop()
        return answer

    assert asyncio.run(main()) == Appended(1, duplicate=True)
    assert logged() == ["a"]


def test_senders_do_not_wait_forever_for_a_database_that_is_away():
    def nowhere():
        raise psycopg.OperationalError("away")

    async def work(commit):
        answers = [commit.submit("a"), commit.submit("b")]
        return [(await a).status for a in answers], (await commit.submit("c")).more

    assert run(work, connect=nowhere, timeout=0.2) == ([503, 503], {"retry_after": 2})
    assert logged() == []


def test_a_draft_that_breaks_the_transaction_does_not_take_the_others_along():
    def strict(conn, drafts, *, now):
        if "bad" in drafts:
            conn.execute("SELECT 1/0")
        return say(conn, drafts, now=now)

    async def work(commit):
        answers = [commit.submit(d) for d in ("a", "bad", "b")]
        return [await a for a in answers]

    first, bad, second = run(work, say=strict)
    assert (first, second) == (Appended(1, duplicate=False), Appended(2, duplicate=False))
    assert (bad.status, bad.code) == (500, "internal")
    assert logged() == ["a", "b"]


def test_stopping_commits_what_waits_and_refuses_what_comes_later():
    async def main():
        commit = GroupCommit(say, clock=FixedClock(NOW))
        commit.start()
        answer = commit.submit("a")
        await commit.stop()
        return await answer, (await commit.submit("b")).status

    assert asyncio.run(main()) == (Appended(1, duplicate=False), 503)
    assert logged() == ["a"]
