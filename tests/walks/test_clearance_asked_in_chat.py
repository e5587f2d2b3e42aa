"""报备 in the chat: ask, approve or decline, post in the window, be told in private (群规 2.2)."""

from datetime import UTC, datetime

import pytest

from qunzhu.governance.clearance import policy
from qunzhu.governance.clearance.models import Clearance
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import Stale, UnknownAction, decide_case

pytestmark = pytest.mark.django_db(transaction=True)

AD = "新课上线，限时优惠，点击 https://shop.example.com/course 下单"
ASKED = "收到报备，管理员审核后会告诉你结果。批准后 24 小时内有效。进度在「我的」里的「我的报备」。"


def row(world):
    return Clearance.objects.get(community_id=world.community.pk, member_id__isnull=False)


def test_asked_approved_posted_and_over(world):
    world.join("小林", "阿强")
    asked = world.say("小林", f"报备 {AD}")
    world.settle()
    assert world.log() == [
        f"command.posted 小林 报备 {AD} (clearance)",
        "clearance.requested 小林",
        "case.opened 小林 clearance_request yellow: 小林 报备：新课上线，限时优惠，点击 https://shop.example.com/co…",
        f"message.sent answer @小林: {ASKED}",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    assert world.seen_by("阿强") == []  # a request is no way round the rule: nobody else reads the ad
    assert world.seen_by("小林") == [f"报备 {AD}", ASKED]
    case = Case.objects.get()
    assert (case.event_seq, case.evidence, case.payload["hours"]) == (asked, [asked], 24)

    world.later(hours=1)
    world.decide("clearance_request", "approve", note="注意别刷屏")
    world.settle()
    told = (
        "报备通过了：即日起到 11月25日 13:00，在本群发这条广告不算违规。管理员说：注意别刷屏。"
        "换了链接、号码或者大改内容，要重新报备。"
    )
    assert world.log() == [
        "clearance.granted 小林",
        "case.decided 小林 clearance_request approve by owner",
        f"message.sent answer @小林: {told}",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    assert (row(world).state, row(world).until) == ("granted", datetime(2026, 11, 25, 5, 0, tzinfo=UTC))

    world.say("小林", AD)
    world.say("阿强", AD)  # cleared for 小林 only
    world.later(hours=24)
    world.say("小林", AD)  # the end itself is outside
    world.settle()
    decisions = [(e.member_id, e.body["rule"], e.body["outcome"]) for e in world.events("decision.made")]
    lin, qiang = world.id_of("小林"), world.id_of("阿强")
    assert decisions == [
        (lin, "ad_without_clearance", "cleared"),
        (qiang, "ad_without_clearance", "live"),
        (lin, "ad_without_clearance", "live"),
    ]
    assert world.effects() == [("answer", "done"), ("answer", "done"), ("warn", "done"), ("warn", "done")]


def test_declined_with_a_reason_and_asked_again(world):
    world.join("小林")
    world.say("小林", f"报备 {AD} 明天 10:00-18:00")
    world.settle()
    assert Case.objects.get().summary.splitlines()[-1] == "想发的时间：11月25日 10:00–18:00"
    world.log()
    case = Case.objects.get()
    with pytest.raises(UnknownAction, match="需要先写内容"):
        world.decide("clearance_request", "decline")
    world.decide("clearance_request", "decline", note="和群的主题无关。")
    world.settle()
    assert world.log() == [
        "clearance.declined 小林",
        "case.decided 小林 clearance_request decline by owner",
        "message.sent answer @小林: 这次报备没有通过：和群的主题无关。改好以后可以再报备一次。",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    assert (row(world).state, row(world).reason) == ("declined", "和群的主题无关。")
    with pytest.raises(Stale, match="owner 已经处理了这个工单:不批准"):
        decide_case(
            community_id=world.community.pk, case_id=case.pk, action="approve", user="b", role="manager",
            version=case.version, now=world.clock.now(),
        )  # fmt: skip
    world.say("小林", AD)
    world.say("小林", f"报备 {AD}")
    world.settle()
    assert [e.body["outcome"] for e in world.events("decision.made")] == ["live"]
    assert [k for k, *_ in world.cases()] == ["clearance_request", "clearance_request"]


def test_quoting_the_message_and_a_window_of_its_own(world):
    world.join("小林")
    text = world.say("小林", "周末线下沙龙，报名找我")
    world.say("小林", "报备 明天 10:00-18:00", reply_to=text)
    world.settle()
    request = row(world)
    assert (request.text, request.links) == ("周末线下沙龙，报名找我", [])
    window = (datetime(2026, 11, 25, 2, 0, tzinfo=UTC), datetime(2026, 11, 25, 10, 0, tzinfo=UTC))
    assert (request.wanted_since, request.wanted_until) == window
    world.decide("clearance_request", "approve")
    world.settle()
    assert (row(world).since, row(world).until) == window


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("报备", policy.SAY_EMPTY),
        ("报备 今天 8:00-9:00", policy.SAY_EMPTY),
        ("报备 新课 今天 8:00-9:00", policy.SAY_PAST),
        ("报备 新课 30天", "一次报备最长 7 天，请缩短时间，或者请管理员手动开通。"),
    ],
)
def test_what_cannot_be_taken_is_answered_and_opens_nothing(world, said, answer):
    world.join("小林")
    world.say("小林", said)
    world.settle()
    assert world.log() == [
        f"command.posted 小林 {said} (clearance)",
        f"message.sent answer @小林: {answer}",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    assert (world.cases(), Clearance.objects.filter(member_id__isnull=False).count()) == ([], 0)


def test_limits_against_abuse_hold_also_within_one_batch(world):
    world.join("小林")
    for number in range(4):
        world.say("小林", f"报备 第 {number} 种完全不同的广告内容 {'甲乙丙丁'[number] * 8}")
    world.say("小林", "报备 第 0 种完全不同的广告内容 甲甲甲甲甲甲甲甲")
    world.settle()
    answers = [line for line in world.log() if line.startswith("message.sent")]
    full = "message.sent answer @小林: 你还有 2 条报备在等审核，有了结果再提新的。"
    assert answers == [
        f"message.sent answer @小林: {ASKED}", f"message.sent answer @小林: {ASKED}", full, full,
        f"message.sent answer @小林: {policy.SAY_SAME}",
    ]  # fmt: skip
    for case in Case.objects.order_by("pk"):
        decide_case(
            community_id=world.community.pk, case_id=case.pk, action="decline", user="owner", role="owner",
            version=1, note="不合适", now=world.clock.now(),
        )  # fmt: skip
    world.say("小林", "报备 第三条 丙丙丙丙丙丙")
    world.say("小林", "报备 第四条 丁丁丁丁丁丁")
    world.settle()
    assert "message.sent answer @小林: 今天已经提过 3 次报备，明天再来。" in world.log()
    world.later(hours=12)  # midnight in Shanghai
    world.say("小林", "报备 第四条 丁丁丁丁丁丁")
    world.settle()
    assert Clearance.objects.filter(member_id=world.id_of("小林")).count() == 4


def test_an_own_campaign_never_trips_the_red_rule_but_a_strangers_number_does(world):
    world.join("小林", "骗子")
    (campaign,) = Clearance.objects.all()
    assert (campaign.name, campaign.member_id, campaign.state) == ("众筹共创", None, "granted")
    link = "https://crowdfunding.example.com/co-creation"
    world.say("小林", f"一起募集资金，支持我们的项目 {link}?utm_source=wx")
    world.settle()
    outcomes = [(e.body["rule"], e.body["outcome"]) for e in world.events("decision.made")]
    assert outcomes == [("red_keyword", "cleared")]
    assert (world.effects(), world.cases(), world.group.state) == ([], [], "active")

    world.say("骗子", f"募集资金 {link} 加微信 abc12345 私下转账")
    world.settle()
    assert world.group.state == "frozen"
    assert [(k, u) for k, u, *_ in world.cases()] == [("red_keyword", "red")]
