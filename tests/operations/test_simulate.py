"""`qunzhu simulate month` on the database."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from qunzhu.config.init import init_community, load_checked
from qunzhu.config.simulate import simulate_month
from qunzhu.kernel.community.models import Group, Member
from qunzhu.simulation.month import month
from qunzhu.simulation.people import population

ZONE = "Asia/Shanghai"


@pytest.mark.django_db
def test_a_simulated_month_is_appended_once():
    now = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
    community = init_community(loaded=load_checked("workplace-knowledge"), now=now).community
    people = population(7, 40, 5)
    how = {"community": community, "people": people, "days": 5, "seed": 7, "now": now}
    added = simulate_month(**how)
    assert added == len(list(month(people, seed=7, first=date(2026, 11, 19), days=5, zone=ZONE)))
    assert simulate_month(**how) == 0
    assert Member.objects.filter(tags=["模拟"]).count() == 40
    day = datetime(2026, 11, 18, 16, 0, tzinfo=UTC)  # 00:00 on the first of the five days
    assert Member.objects.filter(tags=["模拟"], created_at__gte=day + timedelta(days=5)).count() == 0
    assert day <= Member.objects.filter(tags=["模拟"]).earliest("created_at").created_at < day + timedelta(hours=1)
    assert Group.objects.get(connector="simulation").name == "【模拟】过去一个月"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), bool_and(historic) FROM event WHERE connector = 'simulation'")
        assert cursor.fetchone() == (added, True)
