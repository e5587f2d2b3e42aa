"""SIGKILL in every step of a red incident: the checklist goes on where it stood, and nothing is done twice."""

import os
import signal
import subprocess
import sys

import psycopg
import pytest

from qunzhu.kernel.database import start_embedded
from tests.faults.conftest import ROOT, run_module
from tests.operations.installation import Installation, wait_for

pytestmark = pytest.mark.faults

# All that runs in an installation. It says which step it has just taken, before that is committed, and stops; told to
# go on it commits, and stops at the next one. `idle`: there is nothing left to do.
_WORKS = """
import sys
from datetime import timedelta
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from django.db import connection
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.effects.deliver import Deliverer
from qunzhu.kernel.events.runner import Batch, Runner
from qunzhu.risk.incident import services
from qunzhu.risk.incident.models import Incident, IncidentStep

flush = Batch.flush

def flush_and_stop(batch):
    steps = [e.body["step"] for e in batch._queued if e.kind == "incident.step"]
    flush(batch)
    for step in steps:
        print(step, flush=True)
        sys.stdin.readline()

Batch.flush = flush_and_stop
runner, deliverer = Runner(CONSUMERS), Deliverer()

def evidence():
    rows = list(IncidentStep.objects.filter(step="evidence", state="running"))
    for row in rows:
        services.write_evidence(community_id=row.community_id, seq=row.incident, now=SYSTEM_CLOCK.now())
    return len(rows)

def wake():
    return services.wake(now=SYSTEM_CLOCK.now() + timedelta(minutes=6))

while runner.run_once() or deliverer.run_once() or evidence() or wake():
    pass
print("idle", flush=True)
"""
_STATE = """
SELECT (SELECT count(*) FROM community_group), (SELECT count(*) FROM incident_invitation),
       (SELECT string_agg(kind || ' ' || status, ', ' ORDER BY kind) FROM effect),
       (SELECT count(*) FROM event WHERE kind = 'incident.ended'),
       (SELECT string_agg(n, ', ' ORDER BY n) FROM (SELECT kind || ' ' || count(*) AS n FROM event WHERE kind IN
        ('group.frozen', 'group.closed', 'group.created', 'group.announced', 'member.invited') GROUP BY kind) AS k),
       (SELECT string_agg(step, ' ' ORDER BY at) FROM incident_step WHERE state = 'done')
"""
STEPS_BEFORE, STEPS_AFTER = ["freeze", "evidence"], ["close", "rebuild", "invite", "invite", "announce", "finish"]


def worker(place: Installation) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", _WORKS], env=place.environment(), cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def rows(place: Installation, sql: str) -> tuple:
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        return conn.execute(sql).fetchone()


def others(place: Installation) -> int:
    """How many other connections the database has: the killed process's is gone when its backend noticed."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return rows(place, sql)[0]


def kill(place: Installation, process: "subprocess.Popen[str]") -> None:
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    wait_for("the backend to notice", lambda: others(place) == 0)


def until_idle(place: Installation) -> list[str]:
    """One process after the other: each commits the step that the one before it lost, and is killed in the next.

    Returns the steps in the order in which they were taken, those that were lost included.
    """
    taken: list[str] = []
    go_on = 0
    while True:
        with worker(place) as process:
            for number in range(go_on + 1):
                step = process.stdout.readline().strip()
                if step == "idle":
                    process.stdin.close()
                    assert process.wait() == 0
                    return taken
                taken.append(step)
                if number < go_on:
                    process.stdin.write("\n")
                    process.stdin.flush()
            kill(place, process)
        go_on = 1


def test_killed_in_every_step_it_goes_on_and_does_nothing_twice(place: Installation):
    run_module(place, "tests.faults.incident_scene")
    assert until_idle(place) == [step for step in STEPS_BEFORE for _ in range(2)]
    run_module(place, "tests.faults.incident_scene", "confirm")
    assert until_idle(place) == [step for step in STEPS_AFTER for _ in range(2)]
    assert rows(place, _STATE) == (
        3, 2, "announce done, close done, freeze done, recall done, say done", 1,
        "group.announced 1, group.closed 1, group.created 3, group.frozen 1, member.invited 2",
        "freeze evidence close rebuild invite announce finish",
    )  # fmt: skip
    checked = place.run("rebuild", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
