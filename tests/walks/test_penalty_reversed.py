"""A penalty taken back by the operator: the mute ends, the strike is gone, the next violation starts lower."""

import pytest

from qunzhu.governance.services import AlreadyReversed, reverse_penalty

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/{} 下单"


def sentence(number, consequence):
    return f"小林，发广告要先报备（群规 2.2，违规第 {number} 次，3 次移出），{consequence}。觉得不对？发“申诉 原因”。"


def test_unmuted_and_one_strike_fewer(world):
    world.join("小林")
    world.say("小林", AD.format(1))
    second = world.say("小林", AD.format(2))
    world.settle()
    world.log()
    assert world.try_say("小林", "冤枉")[1]["error"] == "muted"

    world.later(minutes=10)
    reverse_penalty(community_id=world.community.pk, seq=second, by="owner", note="看错了", now=world.clock.now())
    world.settle()
    assert world.log() == [
        "penalty.reversed 小林 ad_without_clearance by owner",
        "lesson.learned 小林",
        "member.unmuted 小林 by qunzhu",
        "effect.done 小林 unmute done: 已解除禁言",
    ]
    with pytest.raises(AlreadyReversed, match="owner 已经撤销了这次处罚"):
        reverse_penalty(community_id=world.community.pk, seq=second, by="老王", now=world.clock.now())

    third = sentence(2, "先休息 1 小时，13:10 恢复")
    world.say("小林", AD.format(3))
    world.settle()
    lines = world.log()
    assert lines[:2] == [
        f"message.posted 小林 {AD.format(3)}",
        f"decision.made 小林 ad_without_clearance live mute strike: {third}",
    ]
    assert lines[-3:] == [
        "member.muted 小林 until 2026-11-24T05:10:00+00:00 by qunzhu",
        f"message.sent warn @小林: {third}",
        "effect.done 小林 mute done: 已禁言到 13:10",
    ]
    audit = world.console("audit/")
    assert "看错了" in audit
