"""举报: three people → a case, and a human decides (群规 6.2). One person, however often, is one person."""

import pytest

from qunzhu.governance.policy import SAY_AGAIN, SAY_REPORTED, SAY_SELF
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.ledger.selectors import balances, member_account

pytestmark = pytest.mark.django_db(transaction=True)

REPORTED = "阿强 24 小时内被 3 位成员举报（群规 6.2，满 3 人即核实），已请管理员核实。"
ANSWERED = "effect.done {} answer done: 已告诉本人"


def points_of(world, *names):
    accounts = balances(world.community.pk, [member_account(world.id_of(n)) for n in names])
    return [accounts[member_account(world.id_of(n))] for n in names]


def test_three_people_report_one_and_the_admin_mutes(world):
    world.join("阿强", "甲", "乙", "丙")
    said = world.say("阿强", "都来加我,有内幕")
    world.settle()
    world.log()
    for name in ("甲", "乙"):
        world.say(name, "举报 骚扰", reply_to=said)
        world.settle()
        assert world.log() == [
            f"command.posted {name} 举报 骚扰 (report)",
            f"report.filed {name} against 阿强: 骚扰",
            f"message.sent answer @{name}: {SAY_REPORTED}",
            ANSWERED.format(name),
        ]
    assert world.cases() == []

    world.say("丙", "举报 @阿强 发广告")  # typed by hand, without picking the name
    world.settle()
    assert world.log() == [
        "command.posted 丙 举报 @阿强 发广告 (report)",
        "report.filed 丙 against 阿强: @阿强 发广告",
        "case.opened 阿强 member_reported orange: 多人举报同一成员",
        f"decision.made 阿强 member_reported live: {REPORTED}",
        f"message.sent answer @丙: {SAY_REPORTED}",
        ANSWERED.format("丙"),
    ]
    assert world.cases() == [("member_reported", "orange", "open", "多人举报同一成员")]
    case = Case.objects.get()
    assert case.evidence == [e.seq for e in world.events("report.filed")]
    assert (case.deadline - case.opened_at).total_seconds() == 4 * 3600
    page = world.console(f"cases/{case.pk}/")
    assert "都来加我,有内幕" in page
    # Who reports is nobody else's business: the room of others does not show it.
    assert world.seen_by("阿强") == ["都来加我,有内幕"]
    assert world.seen_by("甲") == ["都来加我,有内幕", "举报 骚扰", SAY_REPORTED]

    world.decide("member_reported", "mute")
    world.settle()
    told = "管理员核实后请你先休息 1 小时:多人举报同一成员"
    lines = world.log()
    assert [line for line in lines if line.startswith(("report.upheld", "points.posted", "case.decided"))] == [
        "report.upheld 甲 by owner", "report.upheld 乙 by owner", "report.upheld 丙 by owner",
        "points.posted 甲 +5 = 5 report.upheld: 举报属实", "points.posted 乙 +5 = 5 report.upheld: 举报属实",
        "points.posted 丙 +5 = 5 report.upheld: 举报属实", "case.decided 阿强 member_reported mute by owner",
    ]  # fmt: skip
    assert lines[7:] == [
        "lesson.learned 阿强",
        "member.muted 阿强 until 2026-11-24T05:00:00+00:00 by qunzhu",
        f"message.sent warn @阿强: {told}",
        "effect.done 阿强 mute done: 已禁言到 13:00",
    ]
    assert points_of(world, "甲", "乙", "丙", "阿强") == [5, 5, 5, 0]
    assert world.try_say("阿强", "?")[1]["error"] == "muted"
    assert "5" in world.phone("甲", "/me/points/")


def test_one_person_three_times_is_one_report(world):
    world.join("阿强", "甲")
    for number in range(3):
        world.say("甲", "举报 @阿强", mentions=[world.id_of("阿强")])
        world.later(minutes=number + 1)
    world.settle()
    lines = world.log()
    assert [line for line in lines if line.startswith("report")] == ["report.filed 甲 against 阿强: @阿强"]
    assert [line for line in lines if line.startswith("message.sent")] == [
        f"message.sent answer @甲: {SAY_REPORTED}", f"message.sent answer @甲: {SAY_AGAIN}",
        f"message.sent answer @甲: {SAY_AGAIN}",
    ]  # fmt: skip
    assert (len(lines), world.cases(), points_of(world, "甲")) == (10, [], [0])


def test_nobody_reports_himself(world):
    world.join("阿强")
    said = world.say("阿强", "是我")
    world.say("阿强", "举报", reply_to=said)
    world.settle()
    assert world.log() == [
        "message.posted 阿强 是我",
        "command.posted 阿强 举报 (report)",
        f"message.sent answer @阿强: {SAY_SELF}",
        ANSWERED.format("阿强"),
    ]
    assert world.cases() == []


def test_the_case_shows_what_each_report_weighs(world):
    world.join("阿强", "甲", "乙", "丙", "丁")  # all of them new here
    weights = []
    for name in ("甲", "乙", "丙", "丁"):
        world.say(name, f"举报 @阿强 {name}说的", mentions=[world.id_of("阿强")])
        world.settle()
        weights.append([case.payload["weight"] for case in Case.objects.all()])
    assert weights == [[], [], [0.75], [1.0]]
    page = world.console(f"cases/{Case.objects.get().pk}/")
    for shown in ("举报的分量:1.00", "以前 0 次属实、0 次不属实,可信 50.0%", "新账号减半", "丁说的"):
        assert shown in page
