"""Chat commands: what is one, and what is only talk."""

import pytest

from qunzhu.kernel.connectors.commands import Command, parse_command
from qunzhu.kernel.connectors.port import ACTIONS, PROFILES, capability
from qunzhu.kernel.effects.outbox import KINDS


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("签到", Command("checkin")),
        (" 签到! ", Command("checkin")),
        ("/签到", Command("checkin")),
        ("#簽到", Command("checkin")),
        ("/help", Command("help")),
        ("HELP", Command("help")),
        ("帮助", Command("help")),
        ("积分", Command("points")),
        ("我的积分", Command("points")),
        ("/积分 上周", Command("points", "上周")),
        ("举报", Command("report")),
        ("举报 @小明 广告", Command("report", "@小明 广告")),
        ("举报@小明", Command("report", "@小明")),
        ("举报:发广告", Command("report", "发广告")),
        ("签到以后做什么", None),
        ("签到 了吗", None),
        ("积分怎么这么少", None),
        ("大家签到", None),
        ("我要举报", None),
        ("", None),
        ("/", None),
        ("签到" + "!" * 600, None),
    ],
)
def test_commands(text, command):
    assert parse_command(text) == command


def test_every_profile_says_how_each_action_happens_and_why_or_by_which_steps():
    assert set(ACTIONS) == set(KINDS)
    for profile in PROFILES.values():
        assert set(profile.how) == set(ACTIONS)
        assert set(profile.steps) == {a for a, how in profile.how.items() if how == "human"}
        assert set(profile.reasons) == {a for a, how in profile.how.items() if how in {"emulated", "none"}}
    assert set(capability("full").how.values()) == {"native"}
    wecom = capability("wecom-customer-group").how
    assert {wecom[a] for a in ("warn", "say", "mute", "remove", "recall", "announce")} == {"human"}
    assert capability("personal-wechat").how["mute"] == "emulated"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("打卡", Command("checkin")),
        ("打卡!", Command("checkin")),
        ("打卡 跑了 5 公里", Command("proof", "跑了 5 公里")),
        ("打卡：读书半小时", Command("proof", "读书半小时")),
        ("打卡圣地真多", None),
        ("打卡通过", Command("approve")),
        ("打卡不通过", Command("reject")),
        ("挑战", Command("challenge")),
        ("挑战 报名 3", Command("challenge", "报名 3")),
        ("挑战自己", None), ("签到 今天跑步", None),
    ],
)  # fmt: skip
def test_challenges_are_joined_and_proven_in_words(text, found):
    assert parse_command(text) == found


def test_a_verdict_on_a_proof_is_an_answer():
    assert parse_command("打卡通过", quoting=False) is None
