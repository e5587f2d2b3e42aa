"""A fraud word (群规 6.3): the group is frozen at once, a red case asks a human, whose button opens the group again."""

import pytest

from qunzhu.kernel.cases.models import Case

pytestmark = pytest.mark.django_db(transaction=True)

SENTENCE = "骗子 的消息含「稳赚不赔」（群规 6.3，禁止资金募集与诈骗信息），这条消息先收回，本群先冻结，等管理员处理。"
FROZEN = (403, {"error": "frozen", "message": "群主暂时关闭了发言，请稍后再来"})
POSTED = [
    "message.posted 骗子 跟我做,穩賺不賠",
    "case.opened 骗子 red_keyword red: 资金募集或诈骗信息",
    f"decision.made 骗子 red_keyword live: {SENTENCE}",
    "group.frozen",
    f"message.sent warn @骗子: {SENTENCE}",
    "effect.done 骗子 freeze done: 群已冻结",
    "message.recalled 骗子 by qunzhu",
    "effect.done 骗子 recall done: 消息已撤回",
]


def post_it(world):
    world.join("骗子", "小美")
    world.join("群主", role="owner")
    world.say("骗子", "跟我做,穩賺不賠")
    world.settle()
    assert [line for line in world.log() if not line.startswith("incident.")] == POSTED  # test_red_incident.py
    assert world.group.state == "frozen"


def test_frozen_at_once_and_opened_by_the_case(world):
    post_it(world)
    assert world.try_say("小美", "怎么了") == FROZEN
    world.say("群主", "大家稍等")  # the owner may
    world.settle()
    assert world.log() == ["message.posted 群主 大家稍等"]

    case = Case.objects.get()
    assert (case.kind, case.urgency, case.state) == ("red_keyword", "red", "open")
    assert (case.deadline - case.opened_at).total_seconds() == 3600
    assert "跟我做,穩賺不賠" in world.console(f"cases/{case.pk}/")

    world.decide("red_keyword", "unfreeze", by="老板")
    world.settle()
    assert world.log() == [
        "case.decided 骗子 red_keyword unfreeze by 老板",
        "incident.ended cancelled by 老板",
        "group.unfrozen",
        "effect.done unfreeze done: 群已解冻",
    ]
    assert world.group.state == "active"
    world.say("小美", "好的")
    world.settle()
    assert world.log() == ["message.posted 小美 好的"]
    assert world.effects() == [("freeze", "done"), ("unfreeze", "done"), ("recall", "done")]


def test_removed_by_the_case_and_the_group_goes_on(world):
    post_it(world)
    world.decide("red_keyword", "remove")
    world.settle()
    told = "管理员核实后移出:资金募集或诈骗信息"
    lines = world.log()
    assert lines[0] == "case.decided 骗子 red_keyword remove by owner"
    assert sorted(line for line in lines[1:] if not line.startswith("lesson.")) == sorted([
        "member.removed 骗子 by qunzhu", f"message.sent warn @骗子: {told}", "effect.done 骗子 remove done: 已移出群",
        "group.unfrozen", "effect.done unfreeze done: 群已解冻", "incident.ended cancelled by owner",
    ])  # fmt: skip
    assert world.try_say("骗子", "?")[1]["error"] == "removed"
    world.say("小美", "走了就好")


def test_who_talks_about_fraud_is_left_alone(world):
    world.join("小美")
    for text in ("识别诈骗的五个办法", "众筹共创第二期开始了", "防骗指南"):
        world.say("小美", text)
    world.settle()
    assert [line.split()[0] for line in world.log()] == ["message.posted"] * 3
    assert (world.cases(), world.effects()) == ([], [])
