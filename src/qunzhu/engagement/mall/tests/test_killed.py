"""A process that dies by SIGKILL at any of the writes of an order leaves it undone or goes on to its end, once."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from qunzhu.engagement.mall import schedule
from qunzhu.engagement.mall.consumer import CONSUMER
from qunzhu.engagement.mall.models import MallOrder
from qunzhu.engagement.mall.tests.shop import Shop
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.events.runner import Runner

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
ROOT = Path(__file__).parents[5]
# A real redemption in a process of its own, that stops for ever before its n-th statement and says so.
_STOPS = """
import sys
from datetime import datetime
from qunzhu.kernel.bootstrap import setup_django
setup_django()
import psycopg
from qunzhu.engagement.mall.services import Wish, redeem

community, member, good, stop, now = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
execute, made = psycopg.Cursor.execute, 0

def counted(self, *args, **kwargs):
    global made
    made += 1
    if made == stop:
        print("stopped", flush=True)
        sys.stdin.read()
    return execute(self, *args, **kwargs)

psycopg.Cursor.execute = counted
redeem(community_id=community, wish=Wish(member, good, f"killed:{stop}"), now=datetime.fromisoformat(now))
print("finished", flush=True)
"""


def killed_at(shop: Shop, good: int, statement: int) -> bool:
    """Kill a redemption before its n-th statement; False when it has fewer."""
    arguments = [str(shop.id), str(shop.lin.pk), str(good), str(statement), NOW.isoformat()]
    with subprocess.Popen(
        [sys.executable, "-c", _STOPS, *arguments], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, cwd=ROOT,
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        line = process.stdout.readline().strip()
        if line == "stopped":
            os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == (-signal.SIGKILL if line == "stopped" else 0), line
    with connection.cursor() as cursor:  # its locks are gone when its backend has noticed
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    return line == "stopped"


def test_killed_at_every_third_statement_an_order_is_done_or_undone():
    shop = Shop()
    good = shop.good(price=1, codes=[f"C{n}" for n in range(60)])
    seen, statement = set(), 1
    while killed_at(shop, good.number, statement):
        shop.check()
        key = f"killed:{statement}"
        state = MallOrder.objects.filter(key=key).values_list("state", flat=True).first()
        seen.add(state)
        before = (shop.points(), shop.again(good).stock)
        if statement % 2:
            Runner([CONSUMER], clock=FixedClock(NOW)).run_once()
        else:
            schedule.go_on(now=NOW + timedelta(minutes=1))
        after = MallOrder.objects.filter(key=key).values_list("state", flat=True).first()
        assert after == (None if state is None else "done")
        assert (shop.points(), shop.again(good).stock) == before
        shop.check()
        statement += 3
    assert {None, "placed"} <= seen <= {None, "placed", "done"}
    assert MallOrder.objects.exclude(state="done").count() == 0
    assert shop.points() == 100 - MallOrder.objects.count()
    shop.check()
