"""固定活动：每周辩论赛. A Saturday of the shipped blueprint, by the clock alone, from the first word to the points."""

from datetime import UTC, datetime, timedelta

import pytest

from qunzhu.engagement.debate import schedule
from qunzhu.engagement.debate.models import Debate
from qunzhu.engagement.debate.selectors import check_debates
from qunzhu.kernel.ledger.models import Account

pytestmark = pytest.mark.django_db(transaction=True)


def tick(world, at):
    world.clock.move_to(at)
    schedule.ask_due(now=at)
    world.settle()


def test_every_saturday_at_eight_there_is_a_debate(world):
    world.join("小林", "老陈", "何远", "方晴", "周麦")
    world.settle()
    now = world.clock.now()
    saturday = datetime(now.year, now.month, now.day, 12, 0, tzinfo=UTC) + timedelta(days=(5 - now.weekday()) % 7)
    saturday += timedelta(days=7) if saturday <= now else timedelta()
    tick(world, saturday)
    row = Debate.objects.get()
    assert (row.title, row.state) == ("跳槽应该先看薪资还是先看成长", "speaking")
    world.say("小林", "正方：薪资是市场对能力最直接的定价，先拿到再谈别的")
    world.say("老陈", "反方 头三年学到的东西会决定后面十年的上限，钱会跟着来")
    world.settle()
    tick(world, saturday + timedelta(minutes=60))
    for name in ("何远", "方晴", "周麦"):
        world.say(name, "投票 反方")
    world.settle()
    tick(world, saturday + timedelta(minutes=75))
    row.refresh_from_db()
    assert (row.state, row.result["winner"]) == ("done", "con")
    points = dict(
        Account.objects.filter(community_id=world.community.pk, owner__startswith="m:").values_list("owner", "balance")
    )
    assert (points[f"m:{world.id_of('小林')}"], points[f"m:{world.id_of('老陈')}"]) == (5, 10)
    assert check_debates(world.community.pk) == []
