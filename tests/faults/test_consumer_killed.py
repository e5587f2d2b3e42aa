"""A consumer that dies by SIGKILL between its handler and the commit leaves nothing, and the next one does it once."""

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

# The real consumers; the process stops itself where the cursor would move, with all its writes made, and says so.
_STOPS_BEFORE_COMMIT = """
import os, sys
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from django.db import connection
from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.kernel.events.runner import Batch, Runner

engagement = [c for c in CONSUMERS if c.name == "engagement"]
flush = Batch.flush

def flush_and_stop(batch):
    flush(batch)
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM effect), (SELECT count(*) FROM posting),"
                       " (SELECT count(*) FROM event WHERE kind = 'checkin.done')")
        print(*cursor.fetchone(), flush=True)
    sys.stdin.read()  # for ever: the test kills this process

Batch.flush = flush_and_stop
Runner(engagement).run_once()
"""
_CHECK_IN = """
from datetime import UTC, datetime
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from django.db import transaction
from qunzhu.kernel.community.models import Group, Member
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

now = datetime.now(UTC)
member = Member.objects.order_by("pk")[0]
group = Group.objects.filter(community_id=member.community_id, connector="local").order_by("pk")[0]
body = {"platform_id": "x", "text": "签到", "type": "text", "nickname": "x", "command": "checkin", "args": ""}
event = NewEvent(member.community_id, event_id("x"), "command.posted", now, body, group.pk, member.pk, "local")
with transaction.atomic():
    log.append(raw_connection(), [event], now=now)
"""
_STATE = """
SELECT (SELECT count(*) FROM effect), (SELECT count(*) FROM posting),
       (SELECT count(*) FROM event WHERE kind IN ('checkin.done', 'points.posted')), (SELECT count(*) FROM check_in),
       (SELECT count(*) FROM consumer_cursor WHERE consumer = 'engagement' AND seq > 0)
"""


def python(place: Installation, code: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code], env=place.environment(), cwd=ROOT, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def state(place: Installation) -> tuple[int, ...]:
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        return conn.execute(_STATE).fetchone()


def others(place: Installation) -> int:
    """How many other connections the database has: the killed process's is gone when its backend noticed."""
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        return conn.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()[0]


def test_killed_between_handler_and_commit_leaves_nothing(place: Installation):
    run_module(place, "tests.faults.scene")
    with python(place, _CHECK_IN) as asking:
        assert asking.wait() == 0
    with python(place, _STOPS_BEFORE_COMMIT) as consumer:
        line = consumer.stdout.readline().split()
        assert line == ["1", "2", "1"]  # inside its transaction: the answer, both legs of the award, the check-in
        assert state(place) == (0, 0, 0, 0, 0)  # outside of it: nothing yet
        os.kill(consumer.pid, signal.SIGKILL)
        assert consumer.wait() == -signal.SIGKILL
    wait_for("the backend to notice", lambda: others(place) == 0)
    assert state(place) == (0, 0, 0, 0, 0)
    done = place.run("consume", "--once")
    assert done.returncode == 0, done.stderr
    # and, from the consumer of tasks, what the newcomer path gives for a first check-in: two legs, one event
    assert state(place) == (1, 4, 3, 1, 2)
    assert place.run("consume", "--once").returncode == 0
    assert state(place) == (1, 4, 3, 1, 2)
