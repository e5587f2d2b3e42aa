"""Appeals: who may file and decide, what follows, and what two people at once can do to each other."""

import dataclasses
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import transaction

from qunzhu.governance import policy
from qunzhu.governance.appeals import AppealRefused, appeal
from qunzhu.governance.consumer import CONSUMER
from qunzhu.governance.models import Appeal, Penalty, Report
from qunzhu.governance.policy import interval
from qunzhu.governance.precision import Precision, precision_by_rule, precision_by_version
from qunzhu.governance.services import AlreadyReversed, reverse_penalty
from qunzhu.governance.tests.interleaving import one_after_the_other
from qunzhu.governance.tests.test_consumer import Town
from qunzhu.kernel.cases.errors import Barred
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import Stale, UnknownAction, decide_case, open_case
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.community.tests.factories import NOW, assert_rebuild_equals, events_of, make_member, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Court(Town):
    """A town with staff: an owner and two moderators, and a mute to argue about."""

    def __init__(self, *staff: str, blueprint=None) -> None:
        super().__init__(blueprint)
        for name in staff or ("owner", "mod", "mei"):
            self.hire(name)

    def hire(self, name: str, *, role: str = "moderator", member=None) -> None:
        user = get_user_model().objects.create_user(name)
        set_staff(community=self.community, user=user, role=role, member=member, by="t", now=NOW)

    def mute(self, *, at=NOW, **more) -> int:
        """A rule's mute with a strike; the seq of the penalty."""
        cause = self.talk(at=at)
        until = (at + HOUR).isoformat()
        self.decision(cause, "mute", until=until, at=at, strike_until=(at + 30 * DAY).isoformat(), **more)
        run(CONSUMER, now=at)
        return cause

    def human(self, action: str = "mute", *, by: str = "mod", evidence=()) -> int:
        """A person's decision on a case about reports; the seq of the penalty."""
        with transaction.atomic():
            opened = open_case(
                community_id=self.community.pk, kind="member_reported", key=f"k{by}", title="被举报", now=NOW,
                group_id=self.group.pk, member_id=self.lin.pk, event_seq=evidence[0] if evidence else None,
                evidence=evidence, payload={"rule": "reported", "rulebook_version": 2},
            )  # fmt: skip
        self.decide(Case.objects.get(pk=opened.case_id), action, by=by)
        run(CONSUMER)
        return events_of(self.community, "case.decided")[-1].seq

    def file(self, seq: int, words: str = "我没有刷屏", *, member=None, now=NOW):
        who = (member or self.lin).pk
        return appeal(community_id=self.community.pk, penalty_seq=seq, member_id=who, words=words, now=now)

    def decide(self, case: Case, action: str, *, by: str = "mei", note: str = "", now=NOW) -> Case:
        return decide_case(
            community_id=case.community_id, case_id=case.pk, action=action, user=by, role="moderator", version=1,
            note=note, now=now,
        )  # fmt: skip

    def case(self) -> Case:
        return Case.objects.get(kind="appeal")

    def told(self) -> list[tuple[str, dict]]:
        return [(e.kind, e.body) for e in events_of(self.community, "appeal.filed", "appeal.upheld", "appeal.rejected")]


def test_an_appeal_is_a_case_with_a_deadline():
    court = Court(blueprint={"governance": {"appeal": {"answer_within": 5}}})
    seq = court.mute()
    assert court.file(seq) == NOW + 5 * HOUR
    run(CONSUMER)
    case = court.case()
    assert (case.urgency, case.deadline, case.member_id, case.group_id, case.event_seq, case.evidence) == (
        "yellow", NOW + 5 * HOUR, court.lin.pk, court.group.pk, seq, [seq],
    )  # fmt: skip
    assert (case.summary, case.payload["words"]) == ("ads:mute", "我没有刷屏")
    assert court.told() == [
        (
            "appeal.filed",
            {
                "penalty": seq, "rule": "ads", "rulebook_version": 2, "step": "mute", "words": "我没有刷屏",
                "deadline": (NOW + 5 * HOUR).isoformat(), "case": case.pk,
            },
        )
    ]  # fmt: skip
    row = Appeal.objects.get()
    assert (row.penalty_seq, row.state, row.case_id, row.first_decider, row.deadline) == (
        seq, "open", case.pk, "", NOW + 5 * HOUR,
    )  # fmt: skip
    assert Effect.objects.count() == 0
    assert_rebuild_equals(court.community, CONSUMER)


def test_once_in_time_and_only_ones_own():
    court = Court()
    seq, old = court.mute(), court.mute(at=NOW - 7 * DAY)
    older = court.mute(at=NOW - 7 * DAY - timedelta(seconds=1))
    with pytest.raises(Penalty.DoesNotExist):
        court.file(seq, member=court.chen)
    with pytest.raises(AppealRefused, match="这次处罚已超过 7 天，不能再申诉了"):
        court.file(older)
    court.file(old)
    court.file(seq)
    with pytest.raises(AppealRefused, match="每次处罚可以申诉一次"):
        court.file(seq)  # the consumer has not heard of the first one yet
    third = court.mute()
    reverse_penalty(community_id=court.community.pk, seq=third, by="mod", now=NOW)
    with pytest.raises(AppealRefused, match="这次处罚已经撤销，不用申诉了"):
        court.file(third)
    assert (Case.objects.count(), len(court.told())) == (2, 2)


def test_upheld_takes_everything_back():
    court = Court()
    seq = court.mute()
    court.file(seq)
    case = court.decide(court.case(), "uphold", by="mod", note="是课程资料", now=NOW + timedelta(minutes=9))
    run(CONSUMER)
    effects = [(e.kind, e.member_id, e.requested_by) for e in Effect.objects.order_by("created_at")]
    assert effects == [("unmute", court.lin.pk, "mod")]
    assert [e.kind for e in events_of(court.community, "penalty.reversed", "appeal.upheld", "case.decided")] == [
        "penalty.reversed", "appeal.upheld", "case.decided",
    ]  # fmt: skip
    assert court.told()[1] == (
        "appeal.upheld",
        {"penalty": seq, "rule": "ads", "rulebook_version": 2, "by": "mod", "answer": "是课程资料", "case": case.pk},
    )
    row = Appeal.objects.get()
    assert (row.state, row.decided_by, row.answer, row.decided_at, row.alone, row.settled) == (
        "upheld", "mod", "是课程资料", NOW + timedelta(minutes=9), False, False,
    )  # fmt: skip
    penalty = Penalty.objects.get()
    assert (penalty.reversed_by, penalty.reversed_at) == ("mod", NOW + timedelta(minutes=9))
    assert precision_by_version(court.community.pk) == {("ads", 2): Precision(decisions=1, reviewed=1, held=0)}
    with pytest.raises(AlreadyReversed):
        reverse_penalty(community_id=court.community.pk, seq=seq, by="mei", now=NOW)
    assert_rebuild_equals(court.community, CONSUMER)


def test_rejected_says_why_and_nothing_else_happens():
    court = Court()
    seq = court.mute()
    court.file(seq)
    with pytest.raises(UnknownAction, match="需要先写内容"):
        court.decide(court.case(), "reject", note=" ")
    court.decide(court.case(), "reject", note="同一链接发了六次")
    run(CONSUMER)
    assert (Penalty.objects.get().reversed_at, Effect.objects.count()) == (None, 0)
    row = Appeal.objects.get()
    assert (row.state, row.answer, row.decided_by) == ("rejected", "同一链接发了六次", "mei")
    assert precision_by_version(court.community.pk) == {("ads", 2): Precision(decisions=1, reviewed=1, held=1)}
    assert_rebuild_equals(court.community, CONSUMER)


def test_who_decided_first_does_not_decide_again():
    court = Court()
    seq = court.human(by="mod")
    court.file(seq)
    case = court.case()
    for action in ("uphold", "reject"):
        with pytest.raises(Barred, match="这次处罚是你决定的，申诉要请另一位同事来看"):
            court.decide(case, action, by="mod", note="x")
    assert (Case.objects.get(pk=case.pk).state, len(court.told()), CaseNote.objects.count()) == ("open", 1, 1)
    court.decide(case, "uphold", by="mei")
    run(CONSUMER)
    row = Appeal.objects.get()
    assert (row.first_decider, row.decided_by, row.alone) == ("mod", "mei", False)


def test_the_member_of_the_appeal_does_not_decide_it():
    court = Court("mod")
    court.hire("lin", member=court.lin)
    court.file(court.mute())
    with pytest.raises(Barred, match="这是你自己的申诉"):
        court.decide(court.case(), "uphold", by="lin")
    court.decide(court.case(), "uphold", by="mod")


def test_alone_the_first_decider_looks_again_and_it_is_said():
    court = Court("mod")
    court.hire("analyst", role="analyst")  # may look, not decide
    seq = court.human(by="mod")
    court.file(seq)
    court.decide(court.case(), "reject", by="mod", note="还是一样")
    run(CONSUMER)
    assert court.told()[1][1]["alone"] is True
    assert Appeal.objects.get().alone is True
    court = Court("zhou")
    court.file(court.mute())
    court.decide(Case.objects.get(community_id=court.community.pk, kind="appeal"), "uphold", by="zhou")
    assert "alone" not in court.told()[1][1]  # a rule's penalty has no first decider


def test_a_reversal_by_hand_settles_the_appeal():
    court = Court()
    seq = court.human(by="mod")
    court.file(seq)
    reverse_penalty(community_id=court.community.pk, seq=seq, by="mod", note="我看错了", now=NOW)
    run(CONSUMER)
    case, row = court.case(), Appeal.objects.get()
    assert (case.state, case.action, case.decided_by, case.version) == ("decided", "uphold", "mod", 2)
    assert (row.state, row.settled, row.decided_by) == ("upheld", True, "mod")
    with pytest.raises(Stale):
        court.decide(case, "reject", note="x")
    assert [e.body["by"] for e in events_of(court.community, "penalty.reversed")] == ["mod"]
    assert_rebuild_equals(court.community, CONSUMER)


@pytest.mark.parametrize("size", [1, 5000])
def test_chat_appeals_against_the_latest_that_is_left(size):
    court = Court()
    first, second = court.mute(), court.mute(at=NOW + timedelta(minutes=1))
    for minute, words in ((2, "不是广告"), (3, ""), (4, "再说一次")):
        write(
            court.community, "command.posted", group=court.group, member=court.lin, text="申诉", command="appeal",
            args=words, nickname="n", at=NOW + timedelta(minutes=minute),
        )  # fmt: skip
    write(
        court.community, "command.posted", group=court.group, member=court.chen, text="申诉", command="appeal", args="",
        nickname="n", at=NOW + timedelta(minutes=5),
    )  # fmt: skip
    run(dataclasses.replace(CONSUMER, batch=size))
    assert [(body["penalty"], body["words"]) for _, body in court.told()] == [(second, "不是广告"), (first, "")]
    assert court.answers() == [
        "已收到你对12:01 禁言的申诉，会在 11月25日 12:02 前有人答复，结果在「我的处罚」里看。",
        "已收到你对12:00 禁言的申诉，会在 11月25日 12:03 前有人答复，结果在「我的处罚」里看。",
        policy.SAY_APPEALED_BEFORE,
        policy.SAY_NO_PENALTY,
    ]
    assert all(e.payload["private"] for e in Effect.objects.all())
    assert_rebuild_equals(court.community, CONSUMER)


def test_a_strike_costs_points_and_gives_them_back():
    court = Court(blueprint={"governance": {"points": {"strike_cost": 8}}})
    owner = member_account(court.lin.pk)

    def points() -> int:
        return balance(court.community.pk, owner)

    award(community_id=court.community.pk, member_id=court.lin.pk, amount=10, key="a", kind="adjustment", now=NOW)
    first, second, third = court.mute(), court.mute(), court.mute()
    assert points() == 0  # 8, then the 2 that were left, then nothing
    reverse_penalty(community_id=court.community.pk, seq=second, by="mod", now=NOW)
    run(CONSUMER)
    assert points() == 2
    reverse_penalty(community_id=court.community.pk, seq=first, by="mod", now=NOW)
    reverse_penalty(community_id=court.community.pk, seq=third, by="mod", now=NOW)
    run(CONSUMER)
    assert points() == 10
    amounts = [e.body["amount"] for e in events_of(court.community, "points.posted")]
    assert amounts == [-8, -2, 2, 8]
    assert check_ledger(court.community.pk) == []
    assert_rebuild_equals(court.community, CONSUMER)


def test_reports_that_turn_out_wrong_are_overturned_and_their_points_go_back():
    court = Court()
    other = make_member(court.community, "阿周")
    court.report(target=court.lin.pk)
    court.report(by=other, target=court.lin.pk)
    run(CONSUMER)
    run(CONSUMER)
    reports = [e.seq for e in events_of(court.community, "report.filed")]
    seq = court.human("warn", by="mod", evidence=reports)
    accounts = [member_account(m.pk) for m in (court.chen, other)]
    assert [balance(court.community.pk, a) for a in accounts] == [5, 5]
    award(community_id=court.community.pk, member_id=other.pk, amount=-3, key="spent", kind="mall", now=NOW)
    court.file(seq)
    court.decide(court.case(), "uphold", by="mei")
    run(CONSUMER)
    run(CONSUMER)
    assert [balance(court.community.pk, a) for a in accounts] == [0, 0]
    assert [(r.seq, r.state) for r in Report.objects.order_by("seq")] == [(s, "overturned") for s in reports]
    memos = [e.body["memo"] for e in events_of(court.community, "points.posted") if e.body["kind"] == "undone"]
    assert memos == ["举报核实后推翻，收回奖励", "举报核实后推翻，收回奖励（余额不足，收回 2/5）"]
    # the case had said that the rule was right; the appeal had the last word
    assert precision_by_rule(court.community.pk) == {"reported": Precision(decisions=0, reviewed=1, held=0)}
    assert check_ledger(court.community.pk) == []
    assert_rebuild_equals(court.community, CONSUMER)


def test_precision_has_an_interval():
    assert interval(0, 0) == (0.0, 1.0)
    assert [round(x, 4) for x in interval(8, 10)] == [0.4902, 0.9433]
    assert [round(x, 4) for x in interval(10, 10)] == [0.7225, 1.0]
    found = Precision(decisions=40, reviewed=10, held=8)
    assert (found.share, found.reversed, round(found.low, 2), round(found.high, 2)) == (0.8, 2, 0.49, 0.94)


@pytest.mark.parametrize("first", ["uphold", "reject"])
def test_of_two_who_decide_at_once_one_learns_who_was_first(first):
    court = Court()
    court.file(court.mute())
    case, second = court.case(), "reject" if first == "uphold" else "uphold"
    one, two = one_after_the_other(
        lambda: court.decide(case, first, by="mod", note="先"), lambda: court.decide(case, second, by="mei", note="后")
    )
    assert (one.error, type(two.error)) == (None, Stale)
    run(CONSUMER)
    row = Appeal.objects.get()
    assert (row.state, row.decided_by) == ("upheld" if first == "uphold" else "rejected", "mod")
    assert len(events_of(court.community, "penalty.reversed")) == (first == "uphold")
    assert Effect.objects.filter(kind="unmute").count() == (first == "uphold")


def test_a_rejection_that_comes_too_late_is_refused():
    court = Court()
    seq = court.mute()
    court.file(seq)
    case = court.case()
    one, two = one_after_the_other(
        lambda: reverse_penalty(community_id=court.community.pk, seq=seq, by="mod", now=NOW),
        lambda: court.decide(case, "reject", by="mei", note="保持"),
    )
    assert one.error is None
    assert (type(two.error), str(two.error)) == (Barred, "这次处罚刚刚已被撤销，申诉会自动记为成立")
    run(CONSUMER)
    row = Appeal.objects.get()
    assert (row.state, row.settled) == ("upheld", True)
    assert [kind for kind, _ in court.told()] == ["appeal.filed", "appeal.upheld"]
    assert Effect.objects.filter(kind="answer").count() == 0
    assert_rebuild_equals(court.community, CONSUMER)


def test_a_rejection_that_was_first_stands_and_the_reversal_as_well():
    court = Court()
    seq = court.mute()
    court.file(seq)
    case = court.case()
    one, two = one_after_the_other(
        lambda: court.decide(case, "reject", by="mei", note="保持"),
        lambda: reverse_penalty(community_id=court.community.pk, seq=seq, by="mod", now=NOW),
    )
    assert (one.error, two.error) == (None, None)
    run(CONSUMER)
    assert (Appeal.objects.get().state, Penalty.objects.get().reversed_by) == ("rejected", "mod")
    assert_rebuild_equals(court.community, CONSUMER)


@pytest.mark.parametrize("order", [1, -1])
def test_upheld_while_somebody_takes_the_penalty_back_is_one_reversal(order):
    court = Court(blueprint={"governance": {"points": {"strike_cost": 5}}})
    award(community_id=court.community.pk, member_id=court.lin.pk, amount=5, key="a", kind="adjustment", now=NOW)
    seq = court.mute()
    court.file(seq)
    case = court.case()
    hands = [
        lambda: court.decide(case, "uphold", by="mei"),
        lambda: reverse_penalty(community_id=court.community.pk, seq=seq, by="mod", now=NOW),
    ][::order]
    one, two = one_after_the_other(*hands)
    assert one.error is None
    assert two.error is None or isinstance(two.error, AlreadyReversed)
    run(CONSUMER)
    assert len(events_of(court.community, "penalty.reversed")) == 1
    assert Effect.objects.filter(kind="unmute").count() == 1
    assert balance(court.community.pk, member_account(court.lin.pk)) == 5
    row = Appeal.objects.get()
    assert (row.state, row.decided_by) == ("upheld", "mei")
    assert [kind for kind, _ in court.told()] == ["appeal.filed", "appeal.upheld"]
    assert_rebuild_equals(court.community, CONSUMER)


def test_page_and_chat_at_once_file_one_appeal():
    court = Court()
    seq = court.mute()
    write(court.community, "command.posted", group=court.group, member=court.lin, text="申诉", command="appeal",
          args="在群里说", nickname="n")  # fmt: skip
    one, two = one_after_the_other(lambda: court.file(seq, "在页面说"), lambda: run(CONSUMER))
    assert (one.error, two.error) == (None, None)
    run(CONSUMER)
    assert [body["words"] for _, body in court.told()] == ["在页面说"]
    assert (Case.objects.count(), Appeal.objects.count()) == (1, 1)
    assert court.answers() == [policy.SAY_APPEALED_BEFORE]


def test_appeals_are_refused_without_a_trace():
    court = Court()
    seq = court.mute()
    head = log.head(raw_connection(), court.community.pk)
    audits = AuditEntry.objects.count()
    with pytest.raises(AppealRefused):
        court.file(seq, now=NOW + 8 * DAY)
    assert log.head(raw_connection(), court.community.pk) == head
    assert (Case.objects.count(), Appeal.objects.count(), AuditEntry.objects.count()) == (0, 0, audits)
