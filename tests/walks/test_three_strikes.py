"""Three strikes (群规 3.1), of whatever rules, and the member leaves; old strikes no longer count after 30 days."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/{} 下单"
TAIL = "觉得不对？发“申诉 原因”。"
LINKS = "小林，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），这是第 3 次，先请离开本群。" + TAIL


def ad(world, number):
    world.say("小林", AD.format(number))
    world.settle()
    return [line for line in world.log() if line.startswith("decision.made")]


def sentence(number, what):
    return (
        f"decision.made 小林 ad_without_clearance live {what[0]} strike: 小林，发广告要先报备"
        f"（群规 2.2，违规第 {number} 次，3 次移出），{what[1]}。{TAIL}"
    )


def test_two_ads_and_six_links_are_three(world):
    world.join("小林")
    assert ad(world, 1) == [sentence(1, ("warn", "先提醒一次"))]
    world.later(days=1)
    assert ad(world, 2) == [sentence(2, ("mute", "先休息 1 小时，13:00 恢复"))]
    world.later(days=1)
    for _ in range(5):
        world.say("小林", "https://a.example.com/x")
    world.settle()
    world.log()
    world.say("小林", "https://a.example.com/x")
    world.settle()
    lines = world.log()
    assert [line for line in lines if "equal_links live" in line] == [
        f"decision.made 小林 equal_links live remove strike: {LINKS}"
    ]
    assert lines[-3:] == [
        "member.removed 小林 by qunzhu", f"message.sent warn @小林: {LINKS}", "effect.done 小林 remove done: 已移出群",
    ]  # fmt: skip
    assert world.effects() == [("warn", "done"), ("mute", "done"), ("remove", "done")]


def test_after_thirty_days_a_strike_is_forgotten(world):
    world.join("小林")
    assert ad(world, 1) == [sentence(1, ("warn", "先提醒一次"))]
    world.later(days=1)
    assert ad(world, 2) == [sentence(2, ("mute", "先休息 1 小时，13:00 恢复"))]
    world.later(days=30)
    assert ad(world, 3) == [sentence(1, ("warn", "先提醒一次"))]
