"""频繁私加 (群规 6.4): five members say that somebody keeps adding them; a human checks."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)
NAMES = ("小一", "小二", "小三", "小四", "小五")


def said(world):
    return [line for line in world.log() if line.startswith(("case", "decision"))]


def test_five_people_in_a_day_open_a_case(world):
    world.join("销售", *NAMES)
    seq = world.say("销售", "大家好")
    for name in NAMES[:4]:
        world.say(name, "举报 频繁私加", reply_to=seq)
    world.settle()
    assert said(world) == []  # three reports would do for other reasons; being added is counted apart
    world.say(NAMES[0], "举报 又私加我", reply_to=seq)
    world.say(NAMES[4], "举报 频繁私加", reply_to=seq)
    world.settle()
    lines = said(world)
    assert lines[0] == "case.opened 销售 member_reported orange: 频繁私加成员"
    assert "private_adds live: 销售 24 小时内私加了 5 位成员（群规 6.4，满 5 人即核实）" in lines[1]
    assert len(lines) == 2
    world.decide("member_reported", "warn", note="请不要私加成员")
    world.settle()
    assert ("warn", "done") in world.effects()


def test_reports_of_both_sorts_do_not_add_up(world):
    world.join("销售", *NAMES)
    seq = world.say("销售", "大家好")
    for name, reason in zip(NAMES, ("私加", "私加", "广告", "广告", "乱加好友"), strict=True):
        world.say(name, f"举报 {reason}", reply_to=seq)
    world.settle()
    assert said(world) == []
