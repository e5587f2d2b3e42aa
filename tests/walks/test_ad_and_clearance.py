"""An ad must be cleared first (群规 2.2): without clearance a strike and a warning, with it nothing happens."""

from datetime import timedelta

import pytest

from qunzhu.kernel.engine.clearance_service import grant_clearance

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/course 下单"
WARNED = "小林，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），先提醒一次。觉得不对？发“申诉 原因”。"


def test_without_clearance_it_is_a_strike(world):
    world.join("小林")
    world.say("小林", AD)
    world.settle()
    assert world.log() == [
        f"message.posted 小林 {AD}",
        f"decision.made 小林 ad_without_clearance live warn strike: {WARNED}",
        f"message.sent warn @小林: {WARNED}",
        "effect.done 小林 warn done: 已发到群里",
    ]
    (decision,) = world.events("decision.made")
    assert decision.body["facts"] == {"ad.looks": True}
    assert decision.body["rulebook_version"] == 1
    assert decision.body["strike_until"] == "2026-12-23T16:00:00+00:00"
    assert WARNED in world.phone("小林", "/me/penalties/")


def test_a_cleared_ad_is_recorded_and_nothing_follows_until_its_window_ends(world):
    world.join("小林", "阿强")
    grant_clearance(
        community_id=world.community.pk, member=world.id_of("小林"), link="https://shop.example.com/course?utm_source=x",
        until=world.clock.now() + timedelta(hours=24), by="owner", now=world.clock.now(),
    )  # fmt: skip
    world.say("小林", AD)
    world.settle()
    cleared = "小林，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），已经报备，不作处理。觉得不对？发“申诉 原因”。"
    assert world.log() == [
        "clearance.granted 小林",
        f"message.posted 小林 {AD}",
        f"decision.made 小林 ad_without_clearance cleared: {cleared}",
    ]
    assert world.effects() == []

    world.say("阿强", AD)  # cleared for 小林 only
    world.later(hours=24)
    world.say("小林", AD)  # and only for 24 hours
    world.settle()
    lines = world.log()
    by_qiang = WARNED.replace("小林", "阿强")
    assert lines == [
        f"message.posted 阿强 {AD}",
        f"message.posted 小林 {AD}",
        f"decision.made 阿强 ad_without_clearance live warn strike: {by_qiang}",
        f"decision.made 小林 ad_without_clearance live warn strike: {WARNED}",
        f"message.sent warn @阿强: {by_qiang}",
        "effect.done 阿强 warn done: 已发到群里",
        f"message.sent warn @小林: {WARNED}",
        "effect.done 小林 warn done: 已发到群里",
    ]
