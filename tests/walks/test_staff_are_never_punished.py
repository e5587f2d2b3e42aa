"""Staff are exempt: the rulebook says once that it saw them, and nothing follows; who stops is a plain member."""

import pytest
from django.contrib.auth import get_user_model

from qunzhu.kernel.community.services import set_staff

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/1 下单"
EXEMPT = "小美，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），是运营人员，不作处理。觉得不对？发“申诉 原因”。"
CAP = "小美，今天已发 6 条（群规 2.1，上限 5 条），是运营人员，不作处理。觉得不对？发“申诉 原因”。"


def test_no_rule_touches_staff(world):
    world.join("小美")
    user = get_user_model().objects.create_user("xiaomei")
    member = world.people["小美"].member
    set_staff(
        community=world.community, user=user, role="moderator", member=member, by="owner", now=world.clock.now()
    )  # fmt: skip
    for number in range(1, 9):
        world.say("小美", f"公告 {number}")
    world.say("小美", AD)
    world.settle()
    assert world.log() == [
        "staff.changed 小美",
        *[f"message.posted 小美 公告 {number}" for number in range(1, 9)],
        f"message.posted 小美 {AD}",
        f"decision.made 小美 daily_cap exempt: {CAP}",  # once a day, not for every message
        f"decision.made 小美 ad_without_clearance exempt: {EXEMPT}",
    ]
    assert (world.effects(), world.cases()) == ([], [])

    set_staff(community=world.community, user=user, role=None, by="owner", now=world.clock.now())
    world.later(days=1)
    world.say("小美", AD)
    world.settle()
    warned = EXEMPT.replace("是运营人员，不作处理", "先提醒一次")
    assert world.log() == [
        "staff.changed 小美",
        f"message.posted 小美 {AD}",
        f"decision.made 小美 ad_without_clearance live warn strike: {warned}",
        f"message.sent warn @小美: {warned}",
        "effect.done 小美 warn done: 已发到群里",
    ]
