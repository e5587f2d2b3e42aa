"""任务 and 补签: the shipped tasks, from the door to the end of the newcomer path; a missed day in the chat."""

from datetime import timedelta

import pytest
from django.conf import settings

from qunzhu.config.init import load_checked
from qunzhu.engagement.tasks.consumer import CONSUMER
from qunzhu.engagement.tasks.services import book_event
from qunzhu.kernel.events import log
from qunzhu.kernel.events.rebuild import check_projections
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.models import Account

pytestmark = pytest.mark.django_db(transaction=True)
LINK = f"{settings.PUBLIC_URL}/me/tasks/"


@pytest.fixture
def town(world):
    world.community.blueprint["engagement"]["tasks"] = load_checked("workplace-knowledge").data["engagement"]["tasks"]
    world.community.save()
    book = book_event(world.community.pk, 1, world.clock.now())
    log.append(raw_connection(), [book], now=world.clock.now())
    world.settle()
    world.log()
    return world


def points(world, name: str) -> int:
    return Account.objects.get(owner=f"m:{world.id_of(name)}", unit="PTS").balance


def test_a_newcomer_walks_the_path(town):
    town.join("小美")
    town.join("小林")
    town.settle()
    asked = town.say("小美", "哪里能找到会议纪要的模板")
    town.say("小林", "签到")
    town.say("小林", "大家好，我是做数据分析的小林")
    town.say("小林", "置顶里有一份，很好用", reply_to=asked)
    town.say("小林", "同意群规")
    town.settle()
    assert points(town, "小林") == 2 + 2 + 3 + 3 + 2
    town.log()
    town.say("小林", "任务")
    town.settle()
    (answer,) = [line for line in town.log() if line.startswith("message.sent")]
    assert answer.startswith("message.sent answer @小林: 新人之路（打开积分页） 4/5 +10 · 今天说三句 2/3 +2 · ")
    assert answer.endswith(f"全部任务：{LINK}")
    assert "打开积分页" in town.phone("小林", "/me/tasks/")
    town.phone("小林", "/me/points/")
    town.settle()
    assert points(town, "小林") == 12 + 1 + 10
    (result,) = check_projections(town.community.pk, [CONSUMER])
    assert result.differing == 0


def test_a_missed_day_is_made_up_with_the_card_of_the_path(town):
    town.join("小林")
    town.settle()
    for word in ("签到", "大家好，我是小林，请多关照", "同意群规"):
        town.say("小林", word)
    town.settle()
    town.clock.move_to(town.clock.now() + timedelta(days=2))
    town.say("小林", "签到")
    town.settle()
    town.log()
    town.say("小林", "补签")
    town.settle()
    (answer,) = [line for line in town.log() if line.startswith("message.sent")]
    assert answer == "message.sent answer @小林: 你还没有补签卡，发“补签 买”用 30 积分补上 11月25日。"
