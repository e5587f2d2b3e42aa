"""Five messages a day: the sixth is a warning, the seventh a mute, the next one the way out (群规 2.1, 3.1)."""

from datetime import UTC, datetime

import pytest

pytestmark = pytest.mark.django_db(transaction=True)

WARNED = "小林，今天已发 6 条（群规 2.1，上限 5 条），先提醒一次。觉得不对？发“申诉 原因”。"
MUTED = "小林，今天已发 7 条（群规 2.1，上限 5 条），先休息 1 小时，13:00 恢复。觉得不对？发“申诉 原因”。"
REMOVED = "小林，今天已发 8 条（群规 2.1，上限 5 条），这是第 3 次，先请离开本群。觉得不对？发“申诉 原因”。"


def test_warned_then_muted_then_removed(world):
    world.join("小林", "小美")
    for number in range(1, 6):
        world.say("小林", f"第 {number} 条")
        world.say("小林", "积分")  # commands do not count
    world.settle()
    spoken = [line for line in world.log() if not line.startswith(("message.sent", "effect.done"))]
    assert spoken == [
        line for number in range(1, 6)
        for line in (f"message.posted 小林 第 {number} 条", "command.posted 小林 积分 (points)")
    ]  # fmt: skip

    world.say("小林", "第 6 条")
    world.settle()
    assert world.log() == [
        "message.posted 小林 第 6 条",
        f"decision.made 小林 daily_cap live warn: {WARNED}",
        f"message.sent warn @小林: {WARNED}",
        "effect.done 小林 warn done: 已发到群里",
    ]

    world.say("小林", "第 7 条")
    world.settle()
    assert world.log() == [
        "message.posted 小林 第 7 条",
        f"decision.made 小林 daily_cap live mute: {MUTED}",
        "member.muted 小林 until 2026-11-24T05:00:00+00:00 by qunzhu",
        f"message.sent warn @小林: {MUTED}",
        "effect.done 小林 mute done: 已禁言到 13:00",
    ]
    assert world.try_say("小林", "还想说") == (
        403,
        {
            "error": "muted",
            "message": "先休息一下，13:00 恢复发言。觉得不对？发“申诉 原因”",
            "until": "2026-11-24T05:00:00+00:00",
        },
    )
    assert world.log() == []

    world.later(hours=1)
    world.say("小林", "第 8 条")
    world.settle()
    assert world.log() == [
        "message.posted 小林 第 8 条",
        f"decision.made 小林 daily_cap live remove: {REMOVED}",
        "member.removed 小林 by qunzhu",
        f"message.sent warn @小林: {REMOVED}",
        "effect.done 小林 remove done: 已移出群",
    ]
    assert world.try_say("小林", "回来了") == (
        403,
        {"error": "removed", "message": "你已被移出这个群。觉得不对？在「我的处罚」里申诉"},
    )
    assert world.cases() == []
    penalties = world.phone("小林", "/me/penalties/")
    assert penalties.index(REMOVED) < penalties.index(MUTED) < penalties.index(WARNED)
    assert world.seen_by("小美")[-2:] == ["第 8 条", REMOVED]


def test_the_count_starts_anew_at_midnight_in_shanghai(world):
    world.join("小林")
    world.clock.move_to(datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC))
    for number in range(1, 6):
        world.say("小林", f"今天 {number}")
    world.clock.move_to(datetime(2026, 11, 24, 16, 0, tzinfo=UTC))  # 00:00 of the 25th
    for number in range(1, 6):
        world.say("小林", f"明天 {number}")
    world.settle()
    assert world.log() == [f"message.posted 小林 {day} {n}" for day in ("今天", "明天") for n in range(1, 6)]
    world.say("小林", "明天 6")
    world.settle()
    assert world.log() == [
        "message.posted 小林 明天 6",
        f"decision.made 小林 daily_cap live warn: {WARNED}",
        f"message.sent warn @小林: {WARNED}",
        "effect.done 小林 warn done: 已发到群里",
    ]
