"""Personal WeChat has no mute: the product asks for quiet, says so, and has further talk recalled."""

import pytest

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.connectors.local.services import set_profile

pytestmark = pytest.mark.django_db(transaction=True)

MUTED = "阿强，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，13:00 恢复。觉得不对？请联系管理员。"
CAP = "阿强，今天已发 7 条（群规 2.1，上限 5 条），处理已在进行，不再加重。觉得不对？请联系管理员。"
RESTING = "阿强，你还在休息，13:00 恢复（群规 2.4），这条消息先收回。"
TASK = "撤回 阿强 的消息(职场知识分享 1 群)"


def test_the_mute_is_emulated_and_shown_as_such(world):
    world.join("阿强", "小美")
    world.join("群主", role="owner")
    set_profile(group=world.groups[0], profile="personal-wechat")
    for _ in range(6):
        world.say("阿强", "https://a.example.com/x")
    world.settle()
    assert world.log()[7:] == [
        f"decision.made 阿强 equal_links live mute strike: {MUTED}",
        f"message.sent warn @阿强: {MUTED}",
        "effect.done 阿强 mute emulated: 个人微信没有禁言:已在群里请对方暂停发言",
    ]
    assert world.effects() == [("mute", "emulated")]
    assert "个人微信没有禁言:已在群里请对方暂停发言" in world.console("feed/")

    seq = world.say("阿强", "我偏要说")  # the platform lets him
    world.settle()
    assert world.log() == [
        "message.posted 阿强 我偏要说",
        f"decision.made 阿强 daily_cap yielded to equal_links: {CAP}",
        f"decision.made 阿强 posted_while_muted live: {RESTING}",
        f"case.opened 阿强 effect_task yellow: {TASK}",
        "effect.done 阿强 recall task_created: 已转人工,按步骤执行",
    ]
    assert Case.objects.get().payload["steps"] == [
        "1. 用群主或管理员的微信进入群「职场知识分享 1 群」",
        f"2. 找到 阿强 的这条消息(编号 {seq})",
        "3. 长按消息 →「撤回」",
        "4. 系统收到撤回通知后会自动完成这个工单;没有自动完成时点「已完成」",
    ]
    assert world.seen_by("小美")[-1] == "我偏要说"
    world.act("群主", "recall", seq=seq)
    world.settle()
    assert world.log() == [
        "message.recalled 阿强 by staff",
        "effect.done 阿强 recall done: 有人在平台上手动完成",
        "case.decided 阿强 effect_task mark_done by 平台通知",
    ]
    assert world.seen_by("小美")[-1] == "〔撤回〕"
    assert world.effects() == [("mute", "emulated"), ("recall", "done")]


def test_freezing_is_an_announcement(world):
    world.join("骗子", "小美")
    set_profile(group=world.groups[0], profile="personal-wechat")
    world.say("骗子", "跟我做,稳赚不赔")
    world.settle()
    sentence = "骗子 的消息含「稳赚不赔」（群规 6.3，禁止资金募集与诈骗信息），本群先冻结，等管理员处理。"
    assert world.log()[2:] == [
        f"decision.made 骗子 red_keyword live: {sentence}",
        f"group.announced {sentence}",
        "effect.done 骗子 freeze emulated: 个人微信没有全员禁言:已发公告请大家暂停发言",
    ]
    assert world.room.announcement == sentence
    world.say("小美", "还能说话")
