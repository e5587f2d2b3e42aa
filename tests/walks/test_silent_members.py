"""淘汰: three days in a row without interaction → tag → human review → observation group → back (guide, chapter 2)."""

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connections

from qunzhu.governance.clearance.models import Clearance
from qunzhu.governance.elimination import policy
from qunzhu.governance.elimination.models import LeaveTaken, Observation
from qunzhu.governance.elimination.schedule import run_community, run_due
from qunzhu.governance.elimination.services import NotTaken, bring_back, take_leave
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import UnknownAction, decide_case
from qunzhu.kernel.community.models import Group, Member, Membership, Staff
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.connectors.local.models import Occupant
from qunzhu.kernel.connectors.local.services import set_profile
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events.erase import erase_member

pytestmark = pytest.mark.django_db(transaction=True)

OUT = "message.sent say @小林: 有一阵子没见到你了，先请你到观察群坐坐（标签：沉默）。在这里说句话，就请你回原来的群。"


def settings(world, **changes):
    """Change settings of the chapter 淘汰."""
    blueprint = world.community.blueprint
    blueprint["governance"]["elimination"].update(changes)
    world.community.save(update_fields=["blueprint"])


def days_pass(world, days, *, active=()):
    """The clock goes on day by day; who is active says a word each day at noon."""
    for _ in range(days):
        world.later(days=1)
        for name in active:
            world.say(name, "早")
        world.settle()
    world.log()


def look(world):
    """The day's run, and everything that comes of it."""
    done = run_due(now=world.clock.now())
    world.settle()
    return done


def spell(world, name="小林"):
    return Observation.objects.filter(member_id=world.id_of(name)).latest("seq")


def test_tagged_reviewed_moved_and_back_by_a_word(world):
    settings(world, grace_for_new=1)
    world.join("小林", "阿强")
    world.say("小林", "大家好")
    days_pass(world, 3, active=["阿强"])
    assert look(world) == ["workplace-knowledge"]  # two whole days are not three
    assert [line.split()[0] for line in world.log()] == ["inactive.ran"]
    days_pass(world, 1, active=["阿强"])
    look(world)
    assert world.log() == [
        "member.tagged 小林",
        "case.opened inactive_review yellow: 1 位成员连续 3 天没有互动",
        "inactive.ran",
    ]
    assert (spell(world).state, spell(world).days, spell(world).last_on) == ("review", 3, date(2026, 11, 24))
    assert Member.objects.get(pk=world.id_of("小林")).tags == ["沉默"]
    assert world.effects() == []  # a human first

    case = world.decide("inactive_review", "move")
    world.settle()
    lines = world.log()
    assert lines[0] == "observation.decided 小林"
    assert lines[2:] == [
        "member.joined 小林", "member.removed 小林 by qunzhu", OUT,
        "effect.done 小林 move done: 已移到「职场知识观察群」",
    ]  # fmt: skip
    assert (spell(world).state, spell(world).from_groups, spell(world).to_group) == (
        "observed", [world.groups[0].pk], world.groups[1].pk,
    )  # fmt: skip
    states = dict(Membership.objects.filter(member_id=world.id_of("小林")).values_list("group_id", "state"))
    assert states == {world.groups[0].pk: "removed", world.groups[1].pk: "observed"}
    assert world.try_say("小林", "?")[0] == 403
    page = world.console(f"cases/{case.pk}/")
    assert "全部移入观察群" in page

    days_pass(world, 2, active=["阿强"])
    assert look(world) == ["workplace-knowledge"]
    assert [e.member_id for e in world.events("member.tagged")] == [world.id_of("小林")]  # observed: not again
    world.log()
    world.say("小林", "我回来了", group=1)
    world.settle()
    assert world.log() == [
        "message.posted 小林 我回来了",
        "observation.returned 小林",
        "member.joined 小林", "member.removed 小林 by qunzhu", f"message.sent say @小林: {policy.SAY_RETURNED}",
        "effect.done 小林 move done: 已移到「职场知识分享 1 群」",
    ]  # fmt: skip
    assert (spell(world).state, spell(world).why) == ("returned", "activity")
    assert Member.objects.get(pk=world.id_of("小林")).tags == []
    world.say("小林", "谢谢大家")
    world.settle()


def test_days_in_which_the_group_was_frozen_do_not_count(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    world.join("群主", role="owner")
    world.say("小林", "大家好")
    days_pass(world, 1)
    world.act("群主", "freeze")
    world.settle()
    days_pass(world, 4, active=["群主"])
    look(world)
    world.act("群主", "unfreeze")
    world.settle()
    look(world)
    assert world.events("member.tagged") == []
    days_pass(world, 1, active=["群主"])
    world.act("群主", "freeze")  # for a moment of one day: that day counts as ever
    world.settle()
    world.act("群主", "unfreeze")
    world.settle()
    days_pass(world, 2, active=["群主"])
    look(world)
    assert world.events("member.tagged") == []  # two whole days and no more since the group is open again
    days_pass(world, 1, active=["群主"])
    look(world)
    assert [e.member_id for e in world.events("member.tagged")] == [world.id_of("小林")]
    assert spell(world).days == 3


def test_speaking_before_the_decision_ends_it_and_closes_the_case(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    days_pass(world, 4)
    look(world)
    world.log()
    world.say("小林", "签到")
    world.settle()
    assert spell(world).state == "spoke"
    assert world.cases() == [("inactive_review", "yellow", "decided", "1 位成员连续 3 天没有互动")]
    assert [line for line in world.log() if line.startswith("case")] == ["case.decided inactive_review over by qunzhu"]
    assert Member.objects.get(pk=world.id_of("小林")).tags == []


def test_each_member_of_a_batch_gets_a_choice_of_their_own(world):
    settings(world, grace_for_new=1)
    world.join("甲", "乙", "丙", "丁")
    days_pass(world, 4)
    look(world)
    case = Case.objects.get()
    ids = {name: world.id_of(name) for name in "甲乙丙丁"}
    assert case.payload["members"] == list(ids.values())
    press = {
        "community_id": world.community.pk, "case_id": case.pk, "action": "choose", "user": "owner", "role": "owner",
        "version": case.version, "now": world.clock.now(),
    }  # fmt: skip
    with pytest.raises(UnknownAction, match="请为名单上的每个人选一项"):
        decide_case(**press, choices={str(ids["甲"]): "keep"})
    chosen = {str(ids["甲"]): "keep", str(ids["乙"]): "leave", str(ids["丙"]): "move", str(ids["丁"]): "move"}
    with pytest.raises(UnknownAction, match="请假到哪一天"):
        decide_case(**press, choices=chosen)
    assert world.events("observation.decided") == []
    world.say("丁", "我在")  # before the button is pressed
    decide_case(**press, choices={**chosen, "leave_until": "2026-12-05"})
    world.settle()
    assert [spell(world, name).state for name in "甲乙丙丁"] == ["kept", "leave", "observed", "spoke"]
    (leave,) = LeaveTaken.objects.all()
    assert (leave.member_id, leave.last_day, leave.by) == (ids["乙"], date(2026, 12, 5), "owner")
    assert world.effects() == [("move", "done")]
    days_pass(world, 3)
    look(world)  # 甲 was kept on the 28th: the row began anew
    assert {e.member_id for e in world.events("member.tagged")} == set(ids.values())
    assert [spell(world, name).state for name in "甲乙丙"] == ["kept", "leave", "observed"]
    days_pass(world, 1)
    look(world)
    assert [spell(world, name).state for name in "甲乙丙丁"] == ["review", "leave", "observed", "review"]


def test_holidays_leave_and_newcomers_are_respected(world):
    world.clock.move_to(datetime(2026, 9, 28, 4, 0, tzinfo=UTC))  # Monday; 10月1–7日 is National Day
    settings(world, grace_for_new=1)
    world.join("小林", "阿强")
    world.say("小林", "放假前最后一句")
    world.say("阿强", "请假 10月8日-10月20日 回老家")
    world.settle()
    assert LeaveTaken.objects.get().reason == "回老家"
    world.later(days=10)  # 10月8日: 29th and 30th count, the seven days of the holiday do not
    look(world)
    assert world.events("member.tagged") == []
    world.later(days=1)
    world.join("新人")
    look(world)
    assert [e.member_id for e in world.events("member.tagged")] == [world.id_of("小林")]
    assert spell(world).days == 3
    world.later(days=14)  # 10月23日: after the leave the row begins anew, and two days are over
    look(world)
    assert world.id_of("阿强") not in [e.member_id for e in world.events("member.tagged")]
    world.later(days=1)
    look(world)
    assert spell(world, "阿强").days == 3


def test_staff_and_leaders_are_never_touched(world):
    settings(world, grace_for_new=1)
    world.join("小林", "运营小王")
    world.join("群主", role="owner")
    Staff.objects.filter(user__username="owner").update(member=world.id_of("运营小王"))
    days_pass(world, 9)
    look(world)
    assert [e.member_id for e in world.events("member.tagged")] == [world.id_of("小林")]


def test_over_the_cap_nothing_happens_before_a_human_confirms(world):
    settings(world, grace_for_new=1, at_most=2)
    names = ["甲", "乙", "丙"]
    world.join(*names)
    days_pass(world, 4)
    look(world)
    assert world.log() == [
        "case.opened inactive_over_cap yellow: 有 3 位成员沉默，超过一次 2 人的上限",
        "inactive.ran",
    ]
    assert (world.events("member.tagged"), Observation.objects.count(), world.effects()) == ([], 0, [])
    days_pass(world, 1)
    look(world)  # the next day's list stands in the place of the old one
    assert [(k, s) for k, _, s, _ in world.cases()] == [("inactive_over_cap", "decided"), ("inactive_over_cap", "open")]
    world.say("丙", "我在")
    world.decide("inactive_over_cap", "confirm")
    world.settle()
    assert [e.member_id for e in world.events("member.tagged")] == [world.id_of("甲"), world.id_of("乙")]
    assert [spell(world, name).state for name in ("甲", "乙")] == ["review", "review"]


def test_a_year_without_published_holidays_is_told_not_guessed(world):
    world.clock.move_to(datetime(2035, 3, 1, 4, 0, tzinfo=UTC))
    settings(world, grace_for_new=1)
    world.join("小林")
    world.later(days=9)
    look(world)
    assert world.cases() == [("calendar_missing", "yellow", "open", "还没有 2035 年的放假安排，沉默成员暂不处理")]
    assert (world.events("member.tagged"), world.effects()) == ([], [])
    settings(world, calendar=[{"year": 2035, "off": ["2035-03-03"], "work": []}])
    world.later(days=1)
    look(world)
    assert [e.body["days"] for e in world.events("member.tagged")] == [8]  # nine whole days less one holiday


def test_two_schedulers_at_once_look_once(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    days_pass(world, 4)
    now, results, start = world.clock.now(), [], threading.Barrier(2)

    def schedule():
        try:
            start.wait()
            results.append(run_community(world.community, now=now))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.settle()
    assert sorted(results) == [False, True]
    assert [len(world.events(kind)) for kind in ("inactive.ran", "member.tagged", "case.opened")] == [1, 1, 1]
    assert run_community(world.community, now=now) is False  # and again: nothing


def test_a_run_that_was_missed_for_days_catches_up_without_acting_twice(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    world.say("小林", "大家好")
    world.settle()
    world.later(days=20)
    look(world)
    look(world)
    assert [e.body["days"] for e in world.events("member.tagged")] == [19]
    assert len(world.events("inactive.ran")) == 1


def test_before_the_hour_and_behind_the_log_nothing_is_looked_at(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    world.later(days=4, hours=-3)  # 09:00 in Shanghai; the hour is 09:30
    assert look(world) == []
    world.later(minutes=30)
    take_leave(
        community=world.community, member_id=world.id_of("小林"),
        leave=policy.Leave(date(2026, 11, 28), date(2026, 11, 30)), by="owner", key="k", now=world.clock.now(),
    )  # fmt: skip
    assert run_due(now=world.clock.now()) == []  # a leave that no consumer has heard of yet
    world.settle()
    assert run_due(now=world.clock.now()) == ["workplace-knowledge"]


def test_a_word_that_no_consumer_has_heard_yet_counts(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    days_pass(world, 4)
    world.say("小林", "我在")
    assert run_due(now=world.clock.now()) == ["workplace-knowledge"]
    assert world.events("member.tagged") == []
    world.settle()


def test_on_wecom_a_human_moves_and_a_word_calls_it_off(world):
    settings(world, grace_for_new=1)
    set_profile(group=world.group, profile="wecom-customer-group")
    world.join("小林", "小王")
    days_pass(world, 4)
    look(world)
    world.decide("inactive_review", "move")
    world.settle()
    assert [e.status for e in Effect.objects.filter(kind="move")] == ["task_created", "task_created"]
    tasks = {case.member_id: case for case in Case.objects.filter(kind="effect_task")}
    assert tasks[world.id_of("小林")].title == "把 小林 移到另一个群(职场知识分享 1 群)"
    assert "邀请进客户群「职场知识观察群」" in tasks[world.id_of("小林")].summary
    assert [spell(world, n).state for n in ("小林", "小王")] == ["moving", "moving"]  # nobody pretends it happened
    assert spell(world).problem == "等人在平台上执行"

    world.say("小林", "我在呢")
    world.settle()
    task = Case.objects.get(pk=tasks[world.id_of("小林")].pk)
    assert (task.state, task.action, task.note) == ("decided", "cannot", "成员已恢复互动，不再移动")
    assert spell(world).state == "spoke"
    assert Occupant.objects.get(group_id=world.groups[0].pk, member_id=world.id_of("小林")).removed_at is None

    case = tasks[world.id_of("小王")]
    decide_case(
        community_id=world.community.pk, case_id=case.pk, action="mark_done", user="owner", role="owner",
        version=case.version, now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    assert (spell(world, "小王").state, spell(world, "小王").problem) == ("observed", "")


def test_a_human_brings_back_once(world):
    settings(world, grace_for_new=1, human_review=False)
    world.join("小林")
    world.join("小林", group=1)
    days_pass(world, 4)
    look(world)  # without review: tagged and moved in one go
    assert spell(world).state == "observed"
    back = {"community_id": world.community.pk, "seq": spell(world).seq, "by": "owner", "now": world.clock.now()}
    bring_back(**back)
    bring_back(**back)
    world.settle()
    assert (spell(world).state, spell(world).why, spell(world).returned_by) == ("returned", "staff", "owner")
    assert len(world.events("observation.returned")) == 1
    with pytest.raises(NotTaken, match="已返回"):
        bring_back(**back)
    world.say("小林", "谢谢")


def test_leave_in_the_chat_is_private_and_bounded(world):
    world.join("小林", "阿强")
    for said in ("请假", "请假 20天", "请假 3天 出差", "请假 2天", "销假", "销假"):
        world.say("小林", said)
    world.settle()
    answers = [line.partition("@小林: ")[2] for line in world.log() if line.startswith("message.sent")]
    assert answers == [
        policy.SAY_LEAVE_HOW,
        "一次最多请 14 天假，更长的请找管理员。",
        "请假记下了：11月24日到11月26日，这几天不计入沉默天数。提前回来发“销假”。",
        "这几天里有你已经请好的假，先销假再重新请。",
        policy.SAY_NO_LEAVE,  # in one batch with the leave, which the log does not have yet
        policy.SAY_NO_LEAVE,
    ]
    world.say("小林", "销假")
    world.settle()
    (leave,) = LeaveTaken.objects.all()
    assert (leave.last_day, leave.ended_by) == (date(2026, 11, 24), "member")
    assert world.seen_by("阿强") == []
    assert (leave.taken_at - world.clock.now()) == timedelta(0)


def test_whoever_becomes_staff_while_a_human_is_asked_to_move_them_stays(world):
    settings(world, grace_for_new=1)
    set_profile(group=world.group, profile="personal-wechat")
    world.join("小林")
    days_pass(world, 4)
    look(world)
    world.decide("inactive_review", "move")
    world.settle()
    assert spell(world).state == "moving"
    owner = Staff.objects.get(user__username="owner")
    set_staff(
        community=world.community, user=owner.user, role="owner", member=world.people["小林"].member, by="owner",
        now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    assert spell(world).state == "spoke"
    assert [(k, s) for k, _, s, _ in world.cases()] == [("inactive_review", "decided"), ("effect_task", "decided")]
    assert Occupant.objects.get(group_id=world.groups[0].pk, member_id=world.id_of("小林")).removed_at is None


def test_erasing_a_silent_member_ends_the_silence_and_everything_still_rebuilds(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    world.say("小林", "请假 1天 看牙")
    world.say("小林", "报备 我的小店 https://shop.example.com/x")
    days_pass(world, 5)
    look(world)
    assert spell(world).state == "review"
    member = world.id_of("小林")
    erase_member(community_id=world.community.pk, member_id=member, by="owner", now=world.clock.now())
    world.settle()
    assert (spell(world).state, LeaveTaken.objects.get().reason) == ("left", "（已抹除）")
    assert Clearance.objects.get(member_id=member).text == "（已抹除）"
    assert "小店" not in str(list(Case.objects.values()))


def test_a_full_observation_group_moves_nobody_and_says_so(world):
    settings(world, grace_for_new=1)
    world.join("小林")
    Group.objects.filter(pk=world.groups[1].pk).update(capacity=0)
    days_pass(world, 4)
    look(world)
    world.decide("inactive_review", "move")
    world.settle()
    assert (spell(world).state, spell(world).problem) == ("moving", "要移到的群已满(0 人)")
    assert Occupant.objects.get(group_id=world.groups[0].pk, member_id=world.id_of("小林")).removed_at is None
    Group.objects.filter(pk=world.groups[1].pk).update(capacity=500)
    world.decide("effect_failed", "retry")
    world.settle()
    assert (spell(world).state, spell(world).problem) == ("observed", "")
