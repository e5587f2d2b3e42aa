"""Three ads on one day: a system warning (群规 6.1). Each is a strike besides, and of two acts the severer happens."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/{} 下单"
TAIL = "觉得不对？发“申诉 原因”。"
FIRST = f"小林，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），先提醒一次。{TAIL}"
SECOND = f"小林，发广告要先报备（群规 2.2，违规第 2 次，3 次移出），先休息 1 小时，13:00 恢复。{TAIL}"
THIRD = f"小林，发广告要先报备（群规 2.2，违规第 3 次，3 次移出），这是第 3 次，先请离开本群。{TAIL}"
COUNTED = "小林，系统警告：今天已发 3 条广告（群规 6.1，满 3 条即警告），"
SYSTEM = f"{COUNTED}先提醒一次。{TAIL}"
YIELDED = f"{COUNTED}已按另一条规则处理，不再另作处理。{TAIL}"


def test_the_third_ad_of_the_day(world):
    world.join("小林")
    world.say("小林", AD.format(1))
    world.settle()
    assert world.log() == [
        f"message.posted 小林 {AD.format(1)}",
        f"decision.made 小林 ad_without_clearance live warn strike: {FIRST}",
        f"message.sent warn @小林: {FIRST}",
        "effect.done 小林 warn done: 已发到群里",
    ]
    world.say("小林", AD.format(2))
    world.settle()
    assert world.log() == [
        f"message.posted 小林 {AD.format(2)}",
        f"decision.made 小林 ad_without_clearance live mute strike: {SECOND}",
        "member.muted 小林 until 2026-11-24T05:00:00+00:00 by qunzhu",
        f"message.sent warn @小林: {SECOND}",
        "effect.done 小林 mute done: 已禁言到 13:00",
    ]
    world.later(hours=1)
    world.say("小林", AD.format(3))
    world.settle()
    assert world.log() == [
        f"message.posted 小林 {AD.format(3)}",
        f"decision.made 小林 ad_without_clearance live remove strike: {THIRD}",
        f"decision.made 小林 three_ads_a_day yielded warn to ad_without_clearance: {YIELDED}",
        "member.removed 小林 by qunzhu",
        f"message.sent warn @小林: {THIRD}",
        "effect.done 小林 remove done: 已移出群",
    ]
    assert world.cases() == []


def test_where_ads_are_no_strike_the_third_one_is_a_system_warning(world):
    """A community that lets ads pass and only counts them."""
    world.join("小林")
    world.publish(without="ad_without_clearance")
    for number in (1, 2):
        world.say("小林", AD.format(number))
    world.settle()
    assert world.log() == ["rulebook.published", *[f"message.posted 小林 {AD.format(n)}" for n in (1, 2)]]
    world.say("小林", AD.format(3))
    world.settle()
    assert world.log() == [
        f"message.posted 小林 {AD.format(3)}",
        f"decision.made 小林 three_ads_a_day live warn: {SYSTEM}",
        f"message.sent warn @小林: {SYSTEM}",
        "effect.done 小林 warn done: 已发到群里",
    ]
    world.later(days=1)
    world.say("小林", AD.format(4))
    world.settle()
    assert world.log() == [f"message.posted 小林 {AD.format(4)}"]
