"""A backtest by several processes: the same bytes as by one, whatever becomes of the processes."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import psycopg
import pytest

from qunzhu.kernel.community.tests.factories import NOW, make_group, make_member, run, write
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.backtest import run as backtest
from qunzhu.risk.backtest import shares
from qunzhu.risk.backtest.share import Share
from qunzhu.risk.backtest.tests.test_run import STRETCH, live_book
from qunzhu.risk.consumer import CONSUMER
from qunzhu.risk.tests.test_consumer import Place, write_a_day

pytestmark = pytest.mark.django_db(transaction=True)
PER_GROUP = {"of": "message", "per": "group", "minutes": 10}


@pytest.fixture
def place() -> Place:
    place = Place()
    for seed in range(2):
        write_a_day(place, seed)
    write(place.community, "message.posted", group=place.group, text="没有作者", type="text", platform_id="y")
    run(CONSUMER)
    return place


@contextmanager
def snapshot() -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own, as the console and the command open it."""
    info = raw_connection().info
    with psycopg.connect(**info.get_parameters(), password=info.password) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        conn.execute("SELECT 1")
        yield conn


def question(place: Place, **more: Any) -> backtest.Question:
    upto = log.head(raw_connection(), place.community.pk)
    return backtest.Question(place.community.pk, more.pop("book", None) or live_book(place), STRETCH, upto, **more)


def answer(asked: backtest.Question, processes: int) -> bytes:
    with snapshot() as conn:
        *progress, report = backtest.run(conn, asked, processes=processes)
    assert isinstance(report, backtest.Report)
    steps = [step.done for step in progress if isinstance(step, backtest.Progress)]
    assert steps == sorted(steps)
    assert len(steps) == len(progress)
    assert steps[-1] == progress[-1].total  # type: ignore[union-attr]
    return backtest.encode(report)


@pytest.mark.parametrize("against", ["recorded", "nothing", "rulebook"])
def test_the_number_of_processes_does_not_show(place, against):
    other = backtest.Rulebook(live_book(place).rules[1:], {}) if against == "rulebook" else None
    asked = question(place, against=against, other=other, words_of_today=against == "nothing")
    alone = answer(asked, 1)
    assert backtest.decode(alone).compared.totals.after > 50
    assert answer(asked, 2) == alone
    assert answer(asked, 3) == alone


def test_every_event_belongs_to_one_share_and_what_changes_the_community_to_all(place):
    community = place.community.pk
    every = log.read(raw_connection(), community, after=0, upto=10**9)
    parts = [
        Share(n, 3).read(raw_connection(), community, after=0, upto=10**9, kinds={e.kind for e in every})
        for n in range(3)
    ]
    assert all(len(part) > 20 for part in parts)
    times = {event.seq: sum(event in part for part in parts) for event in every}
    common = {"rulebook.published", "keywords.changed", "staff.changed", "clearance.granted"}
    assert {event.kind for event in every if times[event.seq] == 3} == common
    assert {times[event.seq] for event in every} == {1, 3}
    for event in every:
        if event.kind == "report.filed":
            assert [n for n in range(3) if event in parts[n]] == [event.body["target"] % 3]


def grouped(place: Place) -> backtest.Rulebook:
    """The live rulebook, with the daily limit counted per group."""
    book = live_book(place)
    when = {"fact": "window.count", "over": 30}
    return backtest.Rulebook([{**book.rules[0], "window": PER_GROUP, "when": when}, *book.rules[1:]], book.settings)


def numbers(place: Place, book: backtest.Rulebook, upto: int, processes: int | None) -> list[tuple[int, int]]:
    with snapshot() as conn:
        return [(s.number, s.of) for s in shares.shares_for(conn, question(place), [book], upto, processes)]


def test_short_histories_and_one_group_are_gone_through_by_one_process(place):
    assert numbers(place, live_book(place), 100, 2) == [(0, 2), (1, 2)]
    assert numbers(place, live_book(place), 100, None) == [(0, 1)]
    assert numbers(place, grouped(place), 100, 2) == [(0, 1)]  # there is one group, and it cannot be divided
    assert shares.shares_for(raw_connection(), question(place), [live_book(place)], 100, 2) == [Share(0, 1)]


def test_where_rules_count_per_group_whole_groups_are_shared_out(place):
    """Two more groups; somebody of the first group speaks in the second too, so these two stay together."""
    second, third = make_group(place.community, "二群"), make_group(place.community, "三群")
    people = [make_member(place.community, f"又{n}") for n in range(3)]
    for n in range(160):
        for group, person in ((second, place.members[0]), (third, people[n % 3])):
            write(place.community, "message.posted", group=group, member=person, at=NOW + timedelta(seconds=n),
                  text=f"说{n}", type="text", nickname="又", platform_id="z")  # fmt: skip
    book = grouped(place)
    upto = log.head(raw_connection(), place.community.pk)
    with snapshot() as conn:
        found = shares.shares_for(conn, question(place), [book], upto, 3)
    assert [(share.number, share.of, share.groups) for share in found] == [
        (0, 2, {place.group.pk, second.pk}),
        (1, 2, {third.pk}),
    ]
    asked = question(place, book=book, against="nothing")
    alone = answer(asked, 1)
    assert {place.group.pk, second.pk, third.pk} == {row.group for row in backtest.decode(alone).compared.rows}
    assert answer(asked, 3) == alone


def children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "qunzhu.risk.backtest.shares" in p.cmdline()]


def test_what_a_killed_process_did_not_find_is_found_all_the_same(place, monkeypatch):
    asked = question(place)
    alone = answer(asked, 1)
    started: list[shares._Helper] = []
    begin = shares._Helper.__init__

    def begin_and_kill(helper: shares._Helper, task: shares.Task) -> None:
        begin(helper, task)
        helper._process.send_signal(signal.SIGKILL)
        started.append(helper)

    monkeypatch.setattr(shares._Helper, "__init__", begin_and_kill)
    assert answer(asked, 3) == alone
    assert [helper._process.returncode for helper in started] == [-signal.SIGKILL] * 2
    assert children() == []


def test_nobody_is_left_behind_when_the_answer_is_not_waited_for(place):
    with snapshot() as conn:
        steps = backtest.run(conn, question(place), processes=3)
        next(steps)
        working = children()
        assert len(working) == 2
        steps.close()  # type: ignore[attr-defined]
    assert children() == []
    assert not any(process.is_running() for process in working)


def test_an_event_of_nobody_is_with_the_first_share():
    nobody = Event(1, 1, None, "message.posted", 1, None, STRETCH.since, STRETCH.since, "local", False, {})  # type: ignore[arg-type]
    assert [Share(n, 3).has(nobody) for n in range(3)] == [True, False, False]
