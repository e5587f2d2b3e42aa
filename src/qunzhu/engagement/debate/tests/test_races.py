"""Two schedulers and two consumers at once; a process killed at any statement: a debate goes on, once."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from qunzhu.engagement.debate import schedule
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.engagement.debate.tests.hall import SATURDAY, Hall
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.events.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[5]
_STOPS = """
import sys
from datetime import datetime
from qunzhu.kernel.bootstrap import setup_django
setup_django()
import psycopg
from qunzhu.engagement.debate import schedule
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.events.runner import Runner

stop, now = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
execute, made = psycopg.Cursor.execute, 0

def counted(self, *args, **kwargs):
    global made
    made += 1
    if made == stop:
        print("stopped", flush=True)
        sys.stdin.read()
    return execute(self, *args, **kwargs)

psycopg.Cursor.execute = counted
schedule.ask_due(now=now)
Runner([CONSUMER], clock=FixedClock(now)).run_once()
print("finished", flush=True)
"""


def at_once(hall: Hall) -> None:
    def one(_: int) -> None:
        try:
            schedule.ask_due(now=hall.now)
            Runner([CONSUMER], clock=FixedClock(hall.now)).run_once()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(4)))


def test_four_processes_at_once_do_every_step_once():
    hall = Hall()
    hall.now = SATURDAY
    at_once(hall)
    assert [kind for kind, _ in hall.told("debate.asked", "debate.opened")] == ["debate.asked", "debate.opened"]
    hall.spoken()
    for name in ("戊", "己", "庚"):
        hall.command(name, "vote", "正方")
    hall.now += timedelta(minutes=15)
    at_once(hall)
    assert hall.points() == {"甲": 10, "乙": 5, "丙": 10, "丁": 5}
    assert len(hall.told("debate.ended")) == 1
    assert [text[:6] for _, text in hall.said()] == ["【辩论】跳槽", "【投票】跳槽", "【辩论结果】", "投票已经结束"]
    hall.check()


def killed_at(now, statement: int) -> bool:
    with subprocess.Popen(
        [sys.executable, "-c", _STOPS, str(statement), now.isoformat()],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        line = process.stdout.readline().strip()
        if line == "stopped":
            os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == (-signal.SIGKILL if line == "stopped" else 0), line
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    return line == "stopped"


@pytest.mark.faults
@pytest.mark.parametrize("statement", [2, 5, 9, 14, 20, 26, 32, 38])
def test_killed_in_the_middle_of_the_result_it_comes_once(statement):
    hall = Hall()
    hall.spoken()
    for name in ("戊", "己", "庚"):
        hall.command(name, "vote", "反方")
    hall.now += timedelta(minutes=15)
    killed_at(hall.now, statement)
    hall.check()
    hall.tick()
    hall.tick(minutes=1)
    assert hall.states() == [("2026-11-28", "done")]
    assert hall.points() == {"甲": 5, "乙": 10, "丙": 5, "丁": 10}
    assert len(hall.told("debate.ended")) == 1
    hall.check()
