"""Penalties and reports as people see them; 举报 and 帮助 from the message to the answer."""

import dataclasses
from datetime import timedelta

import pytest
from django.conf import settings

from qunzhu.governance import policy
from qunzhu.governance.consumer import CONSUMER
from qunzhu.governance.models import Penalty, Report
from qunzhu.governance.selectors import (
    penalties_of,
    penalty_for,
    recent_penalties,
    reports_about,
    reports_by,
    strikes_of,
)
from qunzhu.governance.services import AlreadyReversed, reverse_penalty
from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Town:
    def __init__(self, blueprint=None) -> None:
        self.community = make_community(blueprint)
        self.group = make_group(self.community)
        self.lin, self.chen = make_member(self.community), make_member(self.community, "阿陈")

    def talk(self, member=None, at=NOW) -> int:
        return write(
            self.community, "message.posted", group=self.group, member=member or self.lin, at=at, text="x", nickname="n"
        )

    def decision(self, cause: int, step: str, *, rule="ads", outcome="live", strike=True, at=NOW, **more) -> int:
        body = {
            "rule": rule, "rulebook_version": 2, "chapter": "risk", "level": "yellow", "cause_seq": cause,
            "outcome": outcome, "strike": strike, "sentence": f"{rule}:{step}", "facts": {}, "evidence": [cause],
            "effects": [], "step": step, **more,
        }  # fmt: skip
        return write(self.community, "decision.made", group=self.group, member=self.lin, at=at, **body)

    def report(self, by=None, *, at=NOW, **more) -> int:
        return write(
            self.community, "command.posted", group=self.group, member=by or self.chen, at=at, text="举报",
            command="report", args=more.pop("args", "发广告"), nickname="n", **more,
        )  # fmt: skip

    def answers(self) -> list[str]:
        return [e.payload["text"] for e in Effect.objects.filter(kind="answer").order_by("cause_seq")]

    def filed(self) -> list[tuple]:
        return [(e.member_id, e.body) for e in events_of(self.community, "report.filed")]


def test_only_live_decisions_with_a_step_are_penalties():
    town = Town()
    first, second, third, fourth = (town.talk() for _ in range(4))
    until = (NOW + HOUR).isoformat()
    made = town.decision(first, "mute", until=until)
    town.decision(second, "warn", outcome="shadow")
    town.decision(third, "warn", outcome="historic")
    town.decision(fourth, "", strike=False)
    run(CONSUMER)
    (penalty,) = Penalty.objects.all()
    assert (penalty.seq, penalty.member_id, penalty.group_id, penalty.rule, penalty.rulebook_version) == (
        first, town.lin.pk, town.group.pk, "ads", 2,
    )  # fmt: skip
    assert (penalty.step, penalty.sentence, penalty.evidence, penalty.at, penalty.ends_at, penalty.strike) == (
        "mute", "ads:mute", [first], NOW, NOW + HOUR, True,
    )  # fmt: skip
    assert (penalty.reversed_at, penalty.last_seq) == (None, made)
    assert_rebuild_equals(town.community, CONSUMER)


def test_strikes_expire_and_mutes_end():
    town = Town()
    old = town.talk()
    town.decision(old, "warn", at=NOW - 10 * DAY, strike_until=NOW.isoformat())
    fresh = town.talk()
    until = (NOW + HOUR).isoformat()
    town.decision(fresh, "mute", at=NOW - 9 * DAY, until=until, strike_until=(NOW + DAY).isoformat())
    run(CONSUMER)
    assert strikes_of(town.community.pk, town.lin.pk, now=NOW) == 1
    views = penalties_of(town.community, town.lin.pk, now=NOW)
    assert [(v.penalty.seq, v.active, v.counts_until, v.reversed) for v in views] == [
        (fresh, True, NOW + DAY, False),
        (old, False, None, False),
    ]
    assert [v.active for v in penalties_of(town.community, town.lin.pk, now=NOW + HOUR)] == [False, False]
    assert strikes_of(town.community.pk, town.lin.pk, now=NOW + DAY) == 0
    assert [p.seq for p in recent_penalties(town.community.pk, before_seq=fresh)] == [old]


def test_a_penalty_is_taken_back_once_and_the_mute_ends():
    town = Town()
    cause = town.talk()
    town.decision(cause, "mute", until=(NOW + HOUR).isoformat())
    run(CONSUMER)
    seq = reverse_penalty(community_id=town.community.pk, seq=cause, by="mod", note="误判", now=NOW)
    with pytest.raises(AlreadyReversed, match="刚刚已被撤销"):
        reverse_penalty(community_id=town.community.pk, seq=cause, by="boss", now=NOW)
    run(CONSUMER)
    with pytest.raises(AlreadyReversed, match="mod 已经撤销了这次处罚"):
        reverse_penalty(community_id=town.community.pk, seq=cause, by="boss", now=NOW)
    (event,) = events_of(town.community, "penalty.reversed")
    assert (event.seq, event.member_id, event.body) == (
        seq, town.lin.pk, {"cause_seq": cause, "rule": "ads", "rulebook_version": 2, "by": "mod"},
    )  # fmt: skip
    (effect,) = Effect.objects.all()
    assert (effect.kind, effect.group_id, effect.member_id, effect.requested_by) == (
        "unmute", town.group.pk, town.lin.pk, "mod",
    )  # fmt: skip
    view = penalty_for(town.community, cause, now=NOW)
    assert view is not None
    assert (view.reversed, view.active, view.penalty.reversed_by, view.penalty.last_seq) == (True, False, "mod", seq)
    assert strikes_of(town.community.pk, town.lin.pk, now=NOW) == 0
    assert [(a.user, a.action, a.detail) for a in AuditEntry.objects.all()] == [
        ("mod", "penalty.reverse", {"note": "误判"})
    ]
    assert_rebuild_equals(town.community, CONSUMER)


def test_a_mute_that_is_over_needs_no_unmute():
    town = Town()
    cause = town.talk()
    town.decision(cause, "mute", until=(NOW - HOUR).isoformat())
    run(CONSUMER)
    reverse_penalty(community_id=town.community.pk, seq=cause, by="mod", now=NOW)
    assert Effect.objects.count() == 0
    with pytest.raises(Penalty.DoesNotExist):
        reverse_penalty(community_id=town.community.pk, seq=10_000, by="mod", now=NOW)


def test_what_a_human_decides_on_a_case_is_a_penalty_too():
    town = Town()
    body = {"case": 3, "kind": "rule_review", "by": "mod", "note": ""}
    seq = write(
        town.community, "case.decided", group=town.group, member=town.lin, action="warn", step="warn",
        sentence="管理员提醒:x", **body,
    )  # fmt: skip
    write(town.community, "case.decided", group=town.group, member=town.lin, action="dismiss", **body)
    run(CONSUMER)
    (penalty,) = Penalty.objects.all()
    assert (penalty.seq, penalty.rule, penalty.step, penalty.sentence, penalty.strike) == (
        seq, "human", "warn", "管理员提醒:x", False,
    )  # fmt: skip
    assert_rebuild_equals(town.community, CONSUMER)


@pytest.mark.parametrize("size", [1, 5000])
def test_a_report_by_quoting_goes_to_the_author(size):
    town = Town()
    message = town.talk()
    command = town.report(target_seq=message)
    run(dataclasses.replace(CONSUMER, batch=size))
    assert town.filed() == [
        (
            town.chen.pk,
            {
                "target": town.lin.pk,
                "target_name": town.lin.display_name,
                "target_seq": message,
                "reason": "发广告",
                "cause_seq": command,
                "weight": 0.25, "total": 0.25, "upheld": 0, "wrong": 0, "fresh": True, "ring": 1,
            },
        )
    ]  # fmt: skip
    (report,) = reports_about(town.community.pk, town.lin.pk)
    assert (report.reporter_id, report.group_id, report.message_seq, report.reason, report.state, report.at) == (
        town.chen.pk, town.group.pk, message, "发广告", "open", NOW,
    )  # fmt: skip
    assert reports_by(town.community.pk, town.chen.pk) == [report]
    assert town.answers() == [policy.SAY_REPORTED]
    (effect,) = Effect.objects.all()
    assert (effect.payload["to"], effect.payload["reply_to"]) == (town.chen.pk, command)
    assert_rebuild_equals(town.community, CONSUMER)


@pytest.mark.parametrize("size", [1, 2, 5000])
def test_what_does_not_count_is_told_kindly(size):
    town = Town()
    bot = write(town.community, "message.sent", group=town.group, text="早", purpose="say", effect="e")
    town.report(target=town.lin.pk)
    town.report(target=town.lin.pk, at=NOW + DAY - timedelta(seconds=1))
    town.report(target=town.lin.pk, at=NOW + DAY)
    town.report(target=town.chen.pk)
    town.report(target_seq=bot)
    town.report(target=10**9)
    town.report(args="")
    town.report(args="@小明", target_unclear=True)
    run(dataclasses.replace(CONSUMER, batch=size))
    assert town.answers() == [
        policy.SAY_REPORTED,
        policy.SAY_AGAIN,
        policy.SAY_REPORTED,
        policy.SAY_SELF,
        policy.SAY_NOT_A_MEMBER,
        policy.SAY_NOT_A_MEMBER,
        policy.SAY_UNKNOWN,
        policy.SAY_SEVERAL,
    ]
    assert {e.payload.get("private") for e in Effect.objects.all()} == {True}
    assert [(reporter, body["target"]) for reporter, body in town.filed()] == [(town.chen.pk, town.lin.pk)] * 2


def test_a_mention_names_the_target_and_different_people_all_count():
    town = Town()
    wang = make_member(town.community, "老王")
    town.report(mentions=[town.lin.pk])
    town.report(by=wang, target=town.lin.pk)
    town.report(by=wang, target=town.chen.pk)
    run(CONSUMER)
    assert [(reporter, body["target"]) for reporter, body in town.filed()] == [
        (town.chen.pk, town.lin.pk),
        (wang.pk, town.lin.pk),
        (wang.pk, town.chen.pk),
    ]


def test_verdicts_settle_reports():
    town = Town()
    town.report(target=town.lin.pk)
    town.report(by=make_member(town.community, "老王"), target=town.lin.pk)
    run(CONSUMER)
    first, second = (e.seq for e in events_of(town.community, "report.filed"))
    write(town.community, "report.upheld", group=town.group, member=town.chen, report=first, by="mod", case=1)
    write(town.community, "report.dismissed", group=town.group, member=town.chen, report=second, by="mod", case=1)
    run(CONSUMER)
    assert list(Report.objects.order_by("seq").values_list("seq", "state")) == [
        (first, "upheld"),
        (second, "dismissed"),
    ]
    assert_rebuild_equals(town.community, CONSUMER)


def test_help_answers_once_for_many_who_ask_together():
    town = Town()
    for member in (town.lin, town.chen):
        write(
            town.community, "command.posted", group=town.group, member=member, text="帮助", command="help", args="",
            nickname="n",
        )  # fmt: skip
    run(CONSUMER)
    (answer,) = town.answers()
    assert answer == (
        "可以这样跟我说:\n"
        "签到:每天一次，领积分\n"
        "积分:看余额和今天还能得多少\n"
        "任务:看今天和这周的任务\n"
        "等级:看等级、进度和还差什么\n"
        "排行榜:看本周贡献榜和自己的名次\n"
        "兑换:用积分换商品，“兑换 编号”直接兑\n"
        "挑战:看打卡挑战，“挑战 报名”参加；每天发“打卡 今天做了什么”\n"
        "抢:红包雨开始时抢一份\n"
        "辩论:看这周的辩论，发“投票 正方”投票\n"
        "举报:引用对方的消息，或“举报 @对方 原因”\n"
        "申诉:觉得处罚不对，“申诉 原因”\n"
        "报备:发广告先报备，例如“报备 内容 明天 10:00-18:00”\n"
        "请假:离开几天，例如“请假 3天 出差”；提前回来发“销假”\n"
        "同意群规:表示你看过并同意现在的群规\n"
        "帮助:看这张单子\n"
        f"群规在群公告里:{settings.PUBLIC_URL}/g/{town.group.pk}/"
    )


def test_imported_commands_are_not_served():
    town = Town()
    town.report(target=town.lin.pk, historic=True)
    run(CONSUMER, MEMBERSHIP)
    assert (town.filed(), Effect.objects.count()) == ([], 0)
