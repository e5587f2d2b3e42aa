"""Every first rule at its bound and one below, with its exact sentence, and nothing else. No database."""

from datetime import timedelta

import pytest

from qunzhu.kernel.engine.facts import BOUNDS, FACTS
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.text.normalise import text_digest
from qunzhu.risk.detect.verdicts import TEXT_CATEGORIES
from qunzhu.risk.providers import _PROVIDERS
from qunzhu.risk.tests.factories import GROUP, MEMBER, NOW, Story, brief

AD = "限时优惠券 https://t.cn/abc"
LINK = "看这个 https://example.com/a?utm_source={n}"


def test_the_daily_cap_climbs_the_ladder_warn_mute_remove():
    story = Story("daily_cap")
    for n in range(5):
        assert story.post(minutes=n) == []
    (warn,) = story.post(minutes=5)
    assert (warn.outcome, warn.step, warn.strike, warn.level) == ("live", "warn", False, "")
    assert warn.sentence == "小林，今天已发 6 条（群规 2.1，上限 5 条），先提醒一次。觉得不对？请联系管理员。"
    assert warn.effects == [{"kind": "warn", "text": warn.sentence, "seq": 7}]
    assert warn.facts == {"window.count": 6}
    assert warn.evidence == [2, 3, 4, 5, 6, 7]
    (mute,) = story.post(minutes=6)
    assert (
        mute.sentence
        == "小林，今天已发 7 条（群规 2.1，上限 5 条），先休息 1 小时，21:20 恢复。觉得不对？请联系管理员。"
    )
    until = (NOW + timedelta(minutes=66)).isoformat()
    assert mute.until == until
    assert mute.effects == [{"kind": "mute", "until": until, "minutes": 60, "text": mute.sentence}]
    (remove,) = story.post(minutes=67)
    assert (
        remove.sentence
        == "小林，今天已发 8 条（群规 2.1，上限 5 条），这是第 3 次，先请离开本群。觉得不对？请联系管理员。"
    )
    assert remove.effects == [{"kind": "remove", "text": remove.sentence}]
    assert story.order.tally.failed == {}


def test_the_cap_counts_days_of_the_communitys_zone_and_leaves_commands_out():
    story = Story("daily_cap")
    for n in range(5):
        assert story.post(minutes=n) == []
    assert story.post("签到", kind="command.posted", minutes=6) == []
    assert story.post("投一票", type="vote", minutes=7) == []
    assert story.post(minutes=226) == []  # 00:00 in Shanghai, still the same day in UTC
    assert brief(story.post(minutes=225)) == [("daily_cap", "live", "warn")]  # late, but 23:59 of the day before


def test_commands_count_when_the_setting_says_so():
    story = Story("daily_cap", not_counted=[])
    for n in range(5):
        assert story.post("签到", kind="command.posted", minutes=n) == []
    assert brief(story.post("签到", kind="command.posted", minutes=5)) == [("daily_cap", "live", "warn")]


def test_members_are_counted_apart():
    story = Story("daily_cap")
    for n in range(5):
        assert story.post(minutes=n) == []
        assert story.post(minutes=n, member=99) == []


def test_an_ad_without_clearance_is_a_strike_and_three_strikes_remove():
    story = Story("ad_without_clearance")
    assert story.post("今天有优惠券吗") == []
    (first,) = story.post(AD)
    assert (first.step, first.strike) == ("warn", True)
    assert (
        first.sentence
        == "小林，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），先提醒一次。觉得不对？请联系管理员。"
    )
    assert first.strike_until == "2026-12-23T16:00:00+00:00"  # the midnight that ends the thirtieth day in Shanghai
    assert brief(story.post(AD, minutes=1)) == [("ad_without_clearance", "live", "mute")]
    assert brief(story.post(AD, minutes=62)) == [("ad_without_clearance", "live", "remove")]


def test_strikes_expire():
    story = Story("ad_without_clearance")
    story.post(AD)
    assert brief(story.post(AD, minutes=30 * 1440)) == [("ad_without_clearance", "live", "warn")]


@pytest.mark.parametrize(
    "body",
    [
        {"member": MEMBER},
        {"member": MEMBER, "link": "https://t.cn/abc"},
        {"member": None, "text_digest": text_digest("限时优惠券  https://T.cn/abc")},
    ],
)
def test_a_cleared_ad_is_not_punished_and_counts_nowhere(body):
    story = Story("ad_without_clearance", "three_ads_a_day")
    granted = {**body, "until": (NOW + timedelta(hours=1)).isoformat(), "by": "t"}
    story.tell("clearance.granted", granted)
    for n in range(3):
        (decision,) = story.post(AD, minutes=n)
        assert (decision.rule, decision.outcome, decision.effects) == ("ad_without_clearance", "cleared", [])
    assert decision.sentence.endswith("已经报备，不作处理。觉得不对？请联系管理员。")
    assert brief(story.post(AD, minutes=60)) == [("ad_without_clearance", "live", "warn")]


def test_a_clearance_for_another_link_or_ended_early_does_not_help():
    story = Story("ad_without_clearance")
    until = (NOW + timedelta(hours=1)).isoformat()
    story.tell("clearance.granted", {"member": MEMBER, "link": "https://t.cn/other", "until": until, "by": "t"})
    assert brief(story.post(AD)) == [("ad_without_clearance", "live", "warn")]
    story.tell("clearance.granted", {"member": MEMBER, "until": until, "by": "t"})
    story.tell("clearance.ended", {"granted": story.seq, "by": "t"})
    assert brief(story.post(AD)) == [("ad_without_clearance", "live", "mute")]


def test_the_sixth_equal_link_in_an_hour_mutes_an_hour():
    story = Story("equal_links")
    for n in range(5):
        assert story.post(LINK.format(n=n), minutes=n) == []
    assert story.post("https://example.com/b", minutes=5) == []
    (decision,) = story.post("http://WWW.example.com/a", minutes=60 - 0.001)
    assert (
        decision.sentence == "小林，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），"
        "先休息 1 小时，22:13 恢复。觉得不对？请联系管理员。"
    )
    assert (decision.level, decision.step, decision.strike) == ("yellow", "mute", True)
    assert decision.evidence == [2, 3, 4, 5, 6, 8]


def test_equal_links_slide_out_of_the_hour():
    story = Story("equal_links")
    for n in range(5):
        assert story.post(LINK.format(n=n)) == []
    assert story.post(LINK.format(n=9), minutes=60) == []


def test_a_penalty_is_not_lengthened_by_repeated_tries():
    story = Story("equal_links")
    for n in range(5):
        story.post(LINK.format(n=n))
    (mute,) = story.post(LINK.format(n=6))
    (repeat,) = story.post(LINK.format(n=7), minutes=1)
    assert (repeat.outcome, repeat.yielded_to, repeat.effects, repeat.strike) == ("yielded", "equal_links", [], False)
    assert repeat.sentence.endswith("处理已在进行，不再加重。觉得不对？请联系管理员。")
    assert story.post(LINK.format(n=8), minutes=2) == []  # recorded once
    running = story.order.subjects[f"m:{MEMBER}"].standing.running[GROUP]
    assert running.until == int((NOW.timestamp() + 3600) * 1000)
    assert mute.until == (NOW + timedelta(hours=1)).isoformat()


def test_the_third_ad_of_a_day_is_a_system_warning():
    story = Story("three_ads_a_day")
    assert story.post(AD) == []
    assert story.post(AD) == []
    (decision,) = story.post(AD)
    assert (decision.level, decision.step, decision.strike) == ("notice", "warn", False)
    assert (
        decision.sentence
        == "小林，系统警告：今天已发 3 条广告（群规 6.1，满 3 条即警告），先提醒一次。觉得不对？请联系管理员。"
    )


def test_three_different_reporters_open_a_case_and_the_reported_person_himself_does_not_count():
    story = Story("member_reported")
    assert story.report(1) == []
    assert story.report(1) == []
    assert story.report(MEMBER) == []
    assert story.report(2) == []
    (decision,) = story.report(3)
    assert (decision.member_id, decision.level, decision.outcome) == (MEMBER, "orange", "live")
    assert decision.sentence == "这位成员 24 小时内被 3 位成员举报（群规 6.2，满 3 人即核实），已请管理员核实。"
    case = {
        "kind": "case",
        "case": "member_reported",
        "urgency": "orange",
        "title": "多人举报同一成员",
        "key": f"member_reported:{MEMBER}:6",
    }
    assert decision.effects == [case]
    assert decision.evidence == [2, 3, 5, 6]
    (fourth,) = story.report(4, minutes=1)
    assert fourth.effects == [case]  # the same case: more evidence


def test_reports_older_than_a_day_do_not_count():
    story = Story("member_reported")
    story.report(1)
    story.report(2)
    assert story.report(3, minutes=1440) == []


@pytest.mark.parametrize("category", ["fundraising", "fraud"])
def test_a_red_keyword_freezes_the_group_and_opens_a_case(category):
    story = Story("red_keyword")
    assert story.post("项目募集资金") == []
    word = {"word": "募集资金", "category": category, "level": "red", "allow": False}
    story.tell("keywords.changed", {"added": [word], "removed": [], "by": "t"})
    assert story.post("项目募资") == []
    (decision,) = story.post("项目募\u200b集資金")
    assert decision.level == "red"
    assert (
        decision.sentence
        == "小林 的消息含「募集资金」（群规 6.3，禁止资金募集与诈骗信息），这条消息先收回，本群先冻结，等管理员处理。"
    )
    assert [e["kind"] for e in decision.effects] == ["freeze", "recall", "case"]
    assert decision.facts == {"keyword.categories": [category]}
    (again,) = story.post("募集资金", minutes=1)
    assert [e["kind"] for e in again.effects] == ["recall", "case"]
    story.tell("keywords.changed", {"added": [], "removed": ["募集资金"], "by": "t"})
    assert story.post("募集资金", minutes=2) == []


def test_a_message_while_muted_is_taken_back():
    story = Story("posted_while_muted")
    until = (NOW + timedelta(minutes=30)).isoformat()
    assert story.post() == []
    story.tell("member.muted", {"until": until, "by": "owner:1"}, group_id=GROUP, member_id=MEMBER)
    (decision,) = story.post(minutes=29)
    assert decision.sentence == "小林，你还在休息，20:44 恢复（群规 2.4），这条消息先收回。"
    assert decision.effects == [{"kind": "recall", "seq": story.seq}]
    assert story.post(minutes=29, group=4) == []
    assert story.post(minutes=30) == []


def test_unmuting_ends_it():
    story = Story("posted_while_muted")
    until = (NOW + timedelta(minutes=30)).isoformat()
    story.tell("member.muted", {"until": until, "by": "owner:1"}, group_id=GROUP, member_id=MEMBER)
    story.tell("member.unmuted", {"by": "owner:1"}, group_id=GROUP, member_id=MEMBER)
    assert story.post(minutes=1) == []


def test_a_reversed_penalty_leaves_neither_mark_nor_mute():
    story = Story("ad_without_clearance", "posted_while_muted")
    story.post(AD)
    story.post(AD)
    story.tell(
        "penalty.reversed",
        {"cause_seq": story.seq, "rule": "ad_without_clearance", "by": "t"},
        group_id=GROUP,
        member_id=MEMBER,
    )
    assert story.post(minutes=1) == []
    assert brief(story.post(AD, minutes=2)) == [("ad_without_clearance", "live", "mute")]


def test_the_severest_effect_wins_and_the_others_are_recorded():
    story = Story()
    for n in range(5):
        story.post(LINK.format(n=n))
    decisions = story.post(LINK.format(n=6))
    assert [(d.rule, d.outcome, d.step, d.yielded_to, d.strike) for d in decisions] == [
        ("daily_cap", "yielded", "warn", "equal_links", False),
        ("equal_links", "live", "mute", "", True),
    ]
    assert decisions[0].sentence == (
        "小林，今天已发 6 条（群规 2.1，上限 5 条），已按另一条规则处理，不再另作处理。觉得不对？请联系管理员。"
    )


def test_a_third_strike_removes_also_where_the_rule_only_mutes():
    story = Story("ad_without_clearance", "equal_links")
    story.post(AD)
    story.post(AD)
    for n in range(5):
        assert story.post(LINK.format(n=n), minutes=70) == []
    assert brief(story.post(LINK.format(n=6), minutes=70)) == [("equal_links", "live", "remove")]


def test_staff_are_never_punished():
    story = Story()
    story.tell("staff.changed", {"member": MEMBER, "role": "moderator", "user": "u", "by": "t"})
    (decision,) = story.post(AD)
    assert (decision.outcome, decision.effects, decision.strike) == ("exempt", [], False)
    assert decision.sentence.endswith("是运营人员，不作处理。觉得不对？请联系管理员。")
    story.tell("staff.changed", {"member": MEMBER, "role": None, "user": "u", "by": "t"})
    assert brief(story.post(AD)) == [("ad_without_clearance", "live", "warn")]


def test_history_is_judged_apart_and_touches_nobody():
    story = Story("ad_without_clearance", "posted_while_muted")
    for _ in range(4):
        (decision,) = story.post(AD, historic=True)
        assert decision.outcome == "historic"
    assert f"m:{MEMBER}" not in story.order.subjects
    assert story.order.subjects[f"h:m:{MEMBER}"].standing.running == {}
    assert brief(story.post(AD)) == [("ad_without_clearance", "live", "warn")]


def test_a_rule_on_trial_decides_but_does_nothing():
    book = workplace()
    rules = [r | {"state": "shadow"} for r in book["rules"] if r["id"] == "ad_without_clearance"]
    story = Story("none")
    story.publish(rules, book["settings"])
    for _ in range(3):
        (decision,) = story.post(AD)
        assert brief([decision]) == [("ad_without_clearance", "shadow", "warn")]
        assert decision.sentence == (
            "小林，发广告要先报备（群规 2.2，违规第 1 次，3 次移出），试运行，只作记录。觉得不对？请联系管理员。"
        )
    assert story.order.subjects[f"m:{MEMBER}"].standing.marks == []


def test_a_removed_member_who_is_let_in_again_starts_with_his_strikes():
    story = Story("ad_without_clearance")
    for n in range(3):
        story.post(AD, minutes=n * 61)
    assert [d.outcome for d in story.post(AD, minutes=200)] == ["yielded"]
    story.tell("member.joined", {"via": "link"}, group_id=GROUP, member_id=MEMBER)
    assert brief(story.post(AD, minutes=300)) == [("ad_without_clearance", "live", "remove")]


def test_every_fact_has_a_provider():
    assert set(_PROVIDERS) | {"window.count"} == set(FACTS) | {BOUNDS, "reading", "look"}
    assert {fact.bound for fact in FACTS.values() if fact.bound} == set(TEXT_CATEGORIES)
