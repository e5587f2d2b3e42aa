"""The children of a real `qunzhu up`, and its PostgreSQL, killed while members talk: all come back, nobody is left."""

import json
import random

import psutil
import psycopg
import pytest

from qunzhu.kernel.connectors.local.parse import message_id
from qunzhu.kernel.database import start_embedded, stop_embedded
from tests.faults.conftest import SEED, run_module
from tests.faults.load import Talk
from tests.faults.parts import Database
from tests.faults.scene import Seat
from tests.operations.installation import Installation, wait_for

pytestmark = pytest.mark.faults
PARTS = ("web", "schedule", "consume", "deliver")


def test_every_part_is_killed_under_load_and_runs_again(place: Installation):
    seats = [Seat(**seat) for seat in json.loads(run_module(place, "tests.faults.scene"))]
    stop_embedded(place.home / "pg")  # so that `up` starts it, and stops it in the end
    place.up()
    talk = Talk(place.url, seats, SEED)
    thread = talk.begin()
    try:
        kill_all(place, talk)
    finally:
        talk.stopping = True
        thread.join(60)
    assert not thread.is_alive()
    url = start_embedded(place.home / "pg")
    wait_for("all effects", lambda: one(url, "SELECT count(*) FROM effect WHERE status = 'pending'") == 0)
    everyone = place.everyone()
    place.process.terminate()
    assert place.wait() == 0
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert not place.database_runs()

    said = [(s.seat.community, s.seq, message_id(s.seat.group, s.seat.member, s.client_id)) for s in talk.said]
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        there = conn.execute(
            "SELECT community_id, seq, id FROM event WHERE kind IN ('message.posted', 'command.posted')"
        ).fetchall()
    assert sorted(said) == sorted(there)
    assert talk.odd == []
    assert place.run("rebuild", "--check").returncode == 0
    assert place.run("blackbox", "verify").returncode == 0


def kill_all(place: Installation, talk: Talk) -> None:
    """Each part once and PostgreSQL once, in random order; each time it is back and somebody was heard again."""
    victims = [*PARTS, "worker", "postgres"]
    random.Random(SEED).shuffle(victims)
    for victim in victims:
        wait_for(f"somebody to be heard before {victim} is killed", talk.heard.is_set)
        kill(place, victim)
        talk.heard.clear()
        wait_for(f"somebody to be heard after {victim} was killed", talk.heard.is_set)


def kill(place: Installation, victim: str) -> None:
    if victim == "postgres":
        assert Database(place.home).kill()
        return
    wait_for("all parts", lambda: set(place.parts()) == set(PARTS))
    process = place.parts()["web" if victim == "worker" else victim]
    children = process.children()
    if victim == "worker":
        process = next(child for child in children if is_worker(child))
    process.kill()
    if victim != "worker":  # what belonged to the part ends with it
        wait_for(f"the children of {victim} to end", lambda: not any(alive(child) for child in children))
    name = "web" if victim == "worker" else victim
    wait_for(f"{name} to run again", lambda: (found := place.parts().get(name)) and found.pid != process.pid)


def is_worker(process: psutil.Process) -> bool:
    """The process that serves; the other child of a server is Python's own resource tracker."""
    return "resource_tracker" not in " ".join(process.cmdline())


def alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def one(url: str, sql: str) -> int:
    with psycopg.connect(url) as conn:
        return conn.execute(sql).fetchone()[0]
