"""签到 · 积分 · 帮助: chat is the first interface; points are postings in the ledger."""

from datetime import UTC, datetime

import pytest
from django.conf import settings

from qunzhu.kernel.ledger.models import Account, Posting

pytestmark = pytest.mark.django_db(transaction=True)


def told(name, word, command, answer):
    return [
        f"command.posted {name} {word} ({command})",
        f"message.sent answer @{name}: {answer}",
        f"effect.done {name} answer done: 已发到群里",
    ]


def say(world, name, word):
    world.say(name, word)
    world.settle()
    return world.log()


def test_a_streak_of_days(world):
    world.join("小林")
    first = "签到成功，已连续 1 天，+2 积分，现有 2 积分。再签 6 天多得 10 积分。"
    assert say(world, "小林", "签到") == [
        "command.posted 小林 签到 (checkin)",
        "checkin.done 小林 2026-11-24 streak 1 points 2",
        "points.posted 小林 +2 = 2 checkin: 签到，连续 1 天",
        "badge.awarded 小林",
        f"message.sent answer @小林: {first}",
        "effect.done 小林 answer done: 已发到群里",
    ]
    again = "今天已经签到过了，连续 1 天，现有 2 积分，明天再来。"
    assert say(world, "小林", "/打卡") == told("小林", "/打卡", "checkin", again)

    world.clock.move_to(datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC))
    assert say(world, "小林", "签到") == told("小林", "签到", "checkin", again)
    world.later(seconds=1)  # midnight in Shanghai
    lines = say(world, "小林", "签到")
    assert lines[1:3] == [
        "checkin.done 小林 2026-11-25 streak 2 points 2", "points.posted 小林 +2 = 4 checkin: 签到，连续 2 天",
    ]  # fmt: skip
    for _ in range(5):
        world.later(days=1)
        lines = say(world, "小林", "签到")
    week = "签到成功，已连续 7 天，+12 积分，现有 24 积分。再签 23 天多得 50 积分。"
    assert lines == [
        "command.posted 小林 签到 (checkin)",
        "checkin.done 小林 2026-11-30 streak 7 points 12",
        "points.posted 小林 +12 = 24 checkin: 签到，连续 7 天",
        f"message.sent answer @小林: {week}",
        "effect.done 小林 answer done: 已发到群里",
    ]
    world.later(days=2)  # a day is left out
    assert say(world, "小林", "签到")[1] == "checkin.done 小林 2026-12-02 streak 1 points 2"

    balances = dict(Account.objects.filter(community_id=world.community.pk).values_list("owner", "balance"))
    assert balances == {f"m:{world.id_of('小林')}": 26, "sys:issue": -26}
    assert Posting.objects.filter(community_id=world.community.pk).count() == 16
    assert "26" in world.phone("小林", "/me/points/")
    assert world.cases() == []


def test_points_and_help_answer_in_the_group(world):
    world.join("小林", "小美")
    answer = "你有 0 积分。今天还没签到，发送“签到”可得 2 积分。"
    assert say(world, "小林", "积分") == told("小林", "积分", "points", answer)
    say(world, "小林", "签到")
    answer = "你有 2 积分。今天已签到，连续 1 天。"
    assert say(world, "小林", "#我的积分") == told("小林", "#我的积分", "points", answer)
    link = f"{settings.PUBLIC_URL}/g/{world.group.pk}/"
    assert say(world, "小美", "帮助") == told(
        "小美", "帮助", "help",
        "可以这样跟我说:\n签到:每天一次，领积分\n积分:看余额和今天还能得多少\n"
        "任务:看今天和这周的任务\n等级:看等级、进度和还差什么\n排行榜:看本周贡献榜和自己的名次\n"
        "兑换:用积分换商品，“兑换 编号”直接兑\n"
        "挑战:看打卡挑战，“挑战 报名”参加；每天发“打卡 今天做了什么”\n抢:红包雨开始时抢一份\n"
        "辩论:看这周的辩论，发“投票 正方”投票\n"
        "举报:引用对方的消息，或“举报 @对方 原因”\n申诉:觉得处罚不对，“申诉 原因”\n"
        "报备:发广告先报备，例如“报备 内容 明天 10:00-18:00”\n"
        "请假:离开几天，例如“请假 3天 出差”；提前回来发“销假”\n同意群规:表示你看过并同意现在的群规\n"
        f"帮助:看这张单子\n群规在群公告里:{link}",
    )  # fmt: skip
    assert say(world, "小美", "积分怎么这么少") == ["message.posted 小美 积分怎么这么少"]
