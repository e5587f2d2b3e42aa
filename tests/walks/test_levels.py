"""等级: 发言质量 + 活跃时长. What is said is scored, the night reckons, the group hears who rose."""

import pytest

from qunzhu.engagement.levels import schedule
from qunzhu.engagement.levels.selectors import level_of
from qunzhu.engagement.quality.models import MessageScore
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.ledger.selectors import balance, member_account

pytestmark = pytest.mark.django_db(transaction=True)
WORTH = (
    "做周报我换了三次模板,最后留下的只有四行:本周结果、没做成的原因、下周最重要的一件事、需要谁帮忙。"
    "写的时候先写数字再写判断,领导看得快,自己复盘也有据可查。"
)


def test_who_gives_much_rises_and_the_group_hears_it_once(world):
    world.join("小林", "小美", "阿强", "水军")
    for day in range(4):
        for hour in range(4):
            seq = world.say("小林", f"{WORTH[hour * 7 + day :]}第{day}天第{hour}点")
            world.say("小美", "这个办法我也想试一下", reply_to=seq)
            world.say("水军", "来了")
            world.settle()
            world.later(hours=1)
        world.later(hours=20)
    world.settle()
    assert schedule.run_community(Community.objects.get(pk=world.community.pk), now=world.clock.now())
    world.settle()
    level = level_of(world.community.pk, world.id_of("小林"))
    assert level >= 2
    assert level_of(world.community.pk, world.id_of("水军")) < level
    told = [text for text in world.seen_by("阿强") if text.startswith("恭喜升级：")]
    assert len(told) == 1
    assert "小林 升为" in told[0]
    world.say("小林", "等级")
    world.settle()
    assert any(text.startswith("你现在是“") for text in world.seen_by("小林"))
    assert "我的等级" in world.phone("小林", "/me/level/")


def test_the_points_of_a_score_and_of_a_moderator_are_paid_once(world):
    world.join("小林", "小美")
    community = Community.objects.get(pk=world.community.pk)
    community.blueprint = {**community.blueprint, "engagement": {"quality": {"award": True}}}
    community.save(update_fields=["blueprint"])
    seq = world.say("小林", WORTH)
    world.settle()
    owner = member_account(world.id_of("小林"))
    assert balance(world.community.pk, owner) == 10
    world.say("小美", "这个办法我也想试一下", reply_to=seq)
    world.settle()
    assert balance(world.community.pk, owner) == 10
    assert len(world.events("quality.marked")) == 1
    assert world.post("小林", "/recall", seq=seq).status_code == 200
    world.settle()
    assert MessageScore.objects.get(message_seq=seq).score == 0
    assert balance(world.community.pk, owner) == 0
