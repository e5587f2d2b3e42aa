"""Personal WeChat has no mute: the product asks for quiet, says so, reminds, and in the end asks to leave."""

import pytest

from qunzhu.console.moderation import act_on_member
from qunzhu.governance.services import reverse_penalty
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.connectors.local.services import set_profile

pytestmark = pytest.mark.django_db(transaction=True)

MUTED = "阿强，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，13:00 恢复。觉得不对？发“申诉 原因”。"
CAP = "阿强，今天已发 7 条（群规 2.1，上限 5 条），处理已在进行，不再加重。觉得不对？发“申诉 原因”。"
RESTING = "阿强，你还在休息，13:00 恢复（群规 2.4）。{}。觉得不对？发“申诉 原因”。"
AGAIN = "这里不能禁言，请先不要发言（第 {} 次，满 3 次请离开本群）"
EMULATED = "effect.done 阿强 mute emulated: 个人微信没有禁言:已在群里请对方暂停发言"


def muted_in_words(world):
    world.join("阿强", "小美")
    set_profile(group=world.groups[0], profile="personal-wechat")
    for _ in range(6):
        world.say("阿强", "https://a.example.com/x")
    world.settle()
    return world.log()[7:]


def told_again(number):
    said = RESTING.format(AGAIN.format(number))
    return [
        f"decision.made 阿强 talked_through_mute live: {said}",
        f"message.sent warn @阿强: {said}",
        "effect.done 阿强 warn done: 已发到群里",
    ]


def test_the_mute_is_emulated_and_shown_as_such(world):
    assert muted_in_words(world) == [
        f"decision.made 阿强 equal_links live mute strike: {MUTED}", f"message.sent warn @阿强: {MUTED}", EMULATED,
    ]  # fmt: skip
    assert world.effects() == [("mute", "emulated")]
    assert "个人微信没有禁言:已在群里请对方暂停发言" in world.console("feed/")

    world.say("阿强", "我偏要说")  # the platform lets him
    world.settle()
    assert world.log() == [
        "message.posted 阿强 我偏要说",
        f"decision.made 阿强 daily_cap yielded to equal_links: {CAP}",
        *told_again(1),
    ]
    world.later(minutes=1)
    world.say("阿强", "还说")
    world.settle()
    assert world.log()[-3:] == told_again(2)

    page = world.phone("阿强", "/me/penalties/")
    assert "变通执行" in page
    assert "这个群的平台不能禁言" in page
    assert "变通执行" in world.console(f"members/{world.id_of('阿强')}/")

    world.say("阿强", "第三次")
    world.settle()
    out = RESTING.format("这是第 3 次，先请离开本群")
    assert world.log()[-4:] == [
        f"decision.made 阿强 talked_through_mute live remove: {out}",
        "member.removed 阿强 by qunzhu",
        f"message.sent warn @阿强: {out}",
        "effect.done 阿强 remove done: 已移出群",
    ]
    assert world.effects() == [("mute", "emulated"), ("warn", "done"), ("warn", "done"), ("remove", "done")]
    assert world.cases() == []


def test_what_was_said_before_the_platform_answered_is_no_try(world):
    world.join("阿强")
    set_profile(group=world.groups[0], profile="personal-wechat")
    for n in range(9):  # all of it lies in the log before anybody could ask him to stop
        world.say("阿强", f"https://a.example.com/x?{'utm_source'}={n}")
    world.settle()
    assert [e.body["rule"] for e in world.events("decision.made") if e.body["outcome"] == "live"] == [
        "equal_links", "posted_while_muted", "posted_while_muted", "posted_while_muted",
    ]  # fmt: skip
    assert world.effects() == [("mute", "emulated"), *[("recall", "task_created")] * 3]


def test_the_mute_ends_with_its_time_and_with_its_reversal(world):
    muted_in_words(world)
    world.later(minutes=10)
    (penalty,) = [e for e in world.events("decision.made") if e.body.get("step") == "mute"]
    reverse_penalty(community_id=world.community.pk, seq=penalty.body["cause_seq"], by="owner", now=world.clock.now())
    world.settle()
    assert world.log() == [
        "penalty.reversed 阿强 equal_links by owner",
        "message.sent say @阿强: 阿强，现在可以继续发言了。",
        "effect.done 阿强 unmute emulated: 个人微信没有禁言:已在群里说明可以继续发言",
    ]
    world.say("阿强", "谢谢")
    world.settle()
    assert [line for line in world.log() if "talked_through" in line or "while_muted" in line] == []


def test_a_persons_own_mute_is_emulated_too(world):
    world.join("阿强")
    set_profile(group=world.groups[0], profile="personal-wechat")
    member = Member.objects.get(pk=world.id_of("阿强"))
    act_on_member(kind="mute", group=world.group, member=member, key="k", by="owner", now=world.clock.now(), minutes=60)
    world.settle()
    world.log()
    world.say("阿强", "凭什么")
    world.settle()
    assert world.log()[1:] == told_again(1)


def test_freezing_is_an_announcement(world):
    world.join("骗子", "小美")
    set_profile(group=world.groups[0], profile="personal-wechat")
    world.say("骗子", "跟我做,稳赚不赔")
    world.settle()
    told = "这条消息先收回，本群先冻结，等管理员处理"
    sentence = f"骗子 的消息含「稳赚不赔」（群规 6.3，禁止资金募集与诈骗信息），{told}。"
    lines = [line for line in world.log() if not line.startswith("incident.")]  # test_red_incident.py
    assert lines[2:] == [
        f"decision.made 骗子 red_keyword live: {sentence}",
        f"group.announced {sentence}",
        "effect.done 骗子 freeze emulated: 个人微信没有全员禁言:已发公告请大家暂停发言",
        "case.opened 骗子 effect_task yellow: 撤回 骗子 的消息(职场知识分享 1 群)",
        "effect.done 骗子 recall task_created: 已转人工,按步骤执行",
    ]
    assert world.room.announcement == sentence
    world.say("小美", "还能说话")
