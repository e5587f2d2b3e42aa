"""优质内容 +10 分: staff answer a message with 优质 and its author gets the points, once; 取消优质 takes them back."""

import pytest
from django.contrib.auth import get_user_model

from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.ledger.selectors import balance, member_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def people(world):
    world.join("小林", "小美", "管管")
    user = get_user_model().objects.create_user("guan")
    set_staff(
        community=world.community, user=user, role="moderator", member=Member.objects.get(pk=world.id_of("管管")),
        by="owner", now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    world.log()


def points(world, name):
    return balance(world.community.pk, member_account(world.id_of(name)))


def test_a_moderator_answers_with_the_word(world):
    seq = world.say("小林", "复盘分三步：目标、过程、结论，附上我的模板")
    world.settle()
    world.log()
    world.say("管管", "优质", reply_to=seq)
    world.settle()
    assert points(world, "小林") == 10
    assert "小林 的这条被评为优质内容，+10 积分。" in world.seen_by("小美")
    world.say("管管", "加精", reply_to=seq)
    world.settle()
    assert points(world, "小林") == 10
    assert "这条已经是优质内容了。" in world.seen_by("管管")
    world.say("管管", "取消优质", reply_to=seq)
    world.settle()
    assert points(world, "小林") == 0
    assert "已取消优质内容，收回 10 积分。" in world.seen_by("管管")


def test_a_member_cannot_and_the_word_alone_is_talk(world):
    seq = world.say("小林", "复盘分三步：目标、过程、结论")
    world.settle()
    world.log()
    world.say("小美", "优质", reply_to=seq)
    world.say("小美", "优质")
    world.settle()
    assert points(world, "小林") == 0
    assert "只有管理员可以评优质内容。" in world.seen_by("小美")
    assert [line for line in world.log() if "quality" in line] == ["command.posted 小美 优质 (quality)"]


def test_what_is_punished_later_loses_it(world):
    seq = world.say("小林", "限时优惠券 https://t.cn/abc 群主推荐")
    world.settle()
    assert any("ad_without_clearance" in line for line in world.log())
    world.say("管管", "优质", reply_to=seq)
    world.settle()
    assert points(world, "小林") == 0
    assert "这条消息被处罚或撤回过，不能评为优质内容。" in world.seen_by("管管")


def test_the_author_leaves_and_the_log_still_verifies(world):
    seq = world.say("小林", "复盘分三步：目标、过程、结论，附上我的模板")
    world.settle()
    world.say("管管", "优质", reply_to=seq)
    world.settle()
    world.post("小林", "/leave")
    world.settle()
    assert points(world, "小林") == 10
    assert "优质内容" in world.console("quality/")
    assert "复盘分三步" in world.console("quality/")
