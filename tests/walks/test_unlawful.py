"""群规 6.3 and 6.5: gambling and porn are taken back; what only reads unlawful is shown to a human."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("text", ["百家乐网络赌场", "裸聊一对一", "百 家 乐 网 络 赌 场"])
def test_a_gambling_or_porn_word_is_taken_back_and_asked_about(world, text):
    world.join("老贾", "小美")
    world.say("老贾", text)
    world.settle()
    log = world.log()
    assert "message.recalled 老贾 by qunzhu" in log
    opened = [line.split(":")[0] for line in log if line.startswith("case.opened")]
    assert opened == ["case.opened 老贾 rule_review orange"]
    assert world.seen_by("小美")[0] == "〔撤回〕"
    assert world.group.state == "active"


@pytest.mark.parametrize(
    "text",
    ["葡京娱乐场,首存送88,提款秒到", "同城约炮,上门服务,全套500", "群里谁想参与集资建厂,每月分红",
     "国家扶贫项目,每人投资3000,返利10万"],
)  # fmt: skip
def test_what_reads_like_it_is_shown_to_a_human(world, text):
    world.join("老贾", "小美")
    world.say("老贾", text)
    world.settle()
    assert ("rule_review", "orange") in [(kind, urgency) for kind, urgency, *_ in world.cases()]
    assert world.group.state == "active"


@pytest.mark.parametrize("text", ["赌博害了他一辈子", "色情内容要举报", "别被骗了,高额返利都是骗局", "这个月工资发了"])
def test_talk_about_it_is_left_alone(world, text):
    world.join("老贾")
    world.say("老贾", text)
    world.settle()
    assert (world.log(), world.cases()) == ([f"message.posted 老贾 {text}"], [])
