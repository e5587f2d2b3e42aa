"""Many at once on one packet: in threads, at every statement where two can meet, and killed in the middle."""

import os
import random
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from qunzhu.engagement.mall.tests.test_interleavings import counted, meet
from qunzhu.engagement.mall.tests.test_races import at_once
from qunzhu.engagement.redpacket import schedule, services
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.tests.rain import Rain
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[5]


def test_a_thousand_grabs_at_once_are_exactly_the_budget_for_exactly_the_shares():
    rain = Rain()
    packet = rain.open(budget=500, shares=50)
    people = rain.members(1_000)
    random.Random(7).shuffle(people)
    results = at_once([lambda m=m: rain.deed(packet, m) for m in people])
    assert (results.count("ok"), results.count("over"), len(results)) == (50, 950, 1_000)
    shares = RedPacketShare.objects.filter(packet_id=packet.pk)
    assert shares.values("member_id").distinct().count() == 50
    assert sorted(shares.values_list("position", flat=True)) == list(range(50))
    assert sum(shares.values_list("amount", flat=True)) == 500
    assert sum(rain.points(m) for m in shares.values_list("member_id", flat=True)) == 500
    assert (balance(rain.id, f"sys:packet:{packet.pk}"), balance(rain.id, "sys:issue")) == (0, -500)
    assert rain.again(packet).state == "closed"
    rain.check()


def test_one_member_everywhere_gets_one_share():
    rain = Rain()
    packet = rain.open(budget=500, shares=50)
    (lin,) = rain.members(1)
    assert set(at_once([lambda: rain.deed(packet, lin)] * 40)) == {"ok"}
    assert len(rain.amounts(packet)) == 1
    assert rain.points(lin) == rain.amounts(packet)[0][1]
    rain.check()


@pytest.mark.parametrize("what", ["last", "same", "close"])
def test_two_meet_at_every_statement(what):
    rain = Rain()
    stop_at, stopped, seen = 1, True, set()
    with counted():
        while stopped:
            packet = rain.open(budget=9, shares=1 if what == "last" else 3)
            one, other = rain.members(2)
            first = lambda p=packet, m=one: rain.deed(p, m)  # noqa: E731
            second = {
                "last": lambda p=packet, m=other: rain.deed(p, m),
                "same": lambda p=packet, m=one: rain.deed(p, m),
                "close": lambda p=packet: services.close(community_id=rain.id, packet_id=p.pk, why="staff", now=NOW),
            }[what]
            if what == "close" and stop_at % 2:
                first, second = second, first
            a, b, stopped = meet(first, second, stop_at)
            rain.check()
            seen.add((a, b))
            assert len(rain.amounts(packet)) <= 1
            stop_at += 1
    assert stop_at > 10
    expected = {
        "last": {("ok", "over"), ("over", "ok")},
        "same": {("ok", "ok")},
        "close": {("ok", "ok"), ("over", "ok"), ("ok", "over")},
    }
    assert seen <= expected[what]
    assert seen


_STOPS = """
import sys
from datetime import datetime
from qunzhu.kernel.bootstrap import setup_django
setup_django()
import psycopg
from qunzhu.engagement.redpacket import services

what, community, packet, member, stop = sys.argv[1], *map(int, sys.argv[2:6])
now = datetime.fromisoformat(sys.argv[6])
execute, made = psycopg.Cursor.execute, 0

def counted(self, *args, **kwargs):
    global made
    made += 1
    if made == stop:
        print("stopped", flush=True)
        sys.stdin.read()
    return execute(self, *args, **kwargs)

psycopg.Cursor.execute = counted
if what == "grab":
    services.grab(community_id=community, packet_id=packet, member_id=member, now=now)
else:
    services.close(community_id=community, packet_id=packet, why="time", now=now)
print("finished", flush=True)
"""


def killed_at(rain: Rain, what: str, packet: RedPacket, member: int, statement: int) -> bool:
    """Kill the act before its n-th statement; False when it has fewer."""
    arguments = [what, *map(str, (rain.id, packet.pk, member, statement)), NOW.isoformat()]
    with subprocess.Popen(
        [sys.executable, "-c", _STOPS, *arguments], env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, cwd=ROOT,
        text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
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
@pytest.mark.parametrize("what", ["grab", "close"])
def test_killed_in_the_middle_a_packet_is_before_or_after_the_step(what):
    rain = Rain()
    statement, going = 1, True
    while going:
        packet = rain.open(budget=9, shares=2)
        one, other = rain.members(2)
        going = killed_at(rain, what, packet, one, statement)
        rain.check()
        assert rain.again(packet).state == ("open" if what == "grab" or going else "closed")
        rain.grab(packet, one) if rain.again(packet).state == "open" else None
        schedule.go_on(now=NOW + timedelta(minutes=30))
        assert rain.again(packet).state == "closed"
        assert rain.points(one) == sum(a for _, a in rain.amounts(packet))
        assert other not in dict(rain.amounts(packet))
        rain.check()
        statement += 4
    assert statement > 8
