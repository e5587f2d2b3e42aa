"""A red case to its end (群规 6.3): frozen, evidence, closed, a new group, invitations; and what stops it."""

from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.community.models import Group, Membership, Staff
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.services import JoinRefused, join_room, set_profile
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.risk.incident import services
from qunzhu.risk.incident.models import Incident, IncidentStep, Invitation

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "职场知识分享 1 群"
SEATS = "1 位群主和管理员直接入座,2 个运营岗位、积分、内容计划不变"


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path


def hire(world, name="老板"):
    user = get_user_model().objects.create_user(name)
    set_staff(community=world.community, user=user, role="manager", by="owner", now=world.clock.now())


def fraud(world):
    world.join("骗子", "小美", "小林")
    world.join("群主", role="owner")
    world.say("骗子", "跟我做,穩賺不賠")
    world.settle()


def confirm(world, second="老板"):
    world.decide("red_keyword", "rebuild", by="owner")
    world.decide("red_keyword", "rebuild", by=second, role="manager")
    world.settle()


def lines():
    return dict(IncidentStep.objects.values_list("step", "state"))


def wait_for_invitations(world):
    world.later(minutes=5)
    services.wake(now=world.clock.now())
    world.settle()


def test_frozen_with_evidence_and_then_a_human_is_asked(world):
    fraud(world)
    incident = Incident.objects.get()
    assert (incident.mode, incident.state, incident.offenders) == ("live", "open", [world.id_of("骗子")])
    assert lines() == {"freeze": "done", "evidence": "done"}
    assert services.evidence_file(world.community.pk, incident.seq).exists()
    assert world.group.state == "frozen"


def test_the_bundle_is_asked_for_when_its_line_can_be_read(world):
    """A worker that is quicker than the consumer must not find an empty checklist and go away."""
    world.join("骗子", "小美")
    world.say("骗子", "跟我做,穩賺不賠")
    with connection.cursor() as cursor:
        asked = 0
        while not asked:
            assert world.runner.step() or world.deliverer.run_once()
            cursor.execute(
                "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'risk.write_evidence'"
                " AND (args->>'community_id')::int8 = %s",
                [world.community.pk],
            )
            asked = cursor.fetchone()[0]
    assert (asked, lines()) == (1, {"freeze": "done", "evidence": "running"})
    world.settle()
    assert lines() == {"freeze": "done", "evidence": "done"}


def test_two_people_close_and_rebuild(world):
    hire(world)
    fraud(world)
    world.decide("red_keyword", "rebuild", by="owner")
    world.settle()
    assert lines() == {"freeze": "done", "evidence": "done"}  # one person alone closes nothing
    assert Group.objects.count() == 2
    world.decide("red_keyword", "rebuild", by="老板", role="manager")
    world.settle()
    assert lines() == {"freeze": "done", "evidence": "done", "close": "done", "rebuild": "done", "invite": "todo"}
    new = Group.objects.get(pk=Incident.objects.get().new_group_id)
    assert (new.name, new.profile, new.capacity, new.state) == (NAME, "full", 500, "active")
    assert (world.group.name, world.group.state) == (f"{NAME}(已关闭 11-24)", "closed")
    assert world.try_say("小美", "怎么了")[1]["error"] == "closed"
    inside = Occupant.objects.filter(group_id=new.pk, removed_at=None)
    assert list(inside.values_list("member_id", "role")) == [(world.id_of("群主"), "owner")]
    assert not Invitation.objects.exists()

    wait_for_invitations(world)
    assert set(lines().values()) == {"done"}
    incident = Incident.objects.get()
    assert (incident.state, incident.proposed_by, incident.confirmed_by) == ("done", "owner", "老板")
    assert set(Invitation.objects.values_list("member_id", flat=True)) == {world.id_of("小美"), world.id_of("小林")}
    room = Room.objects.get(group_id=new.pk)
    assert f"/j/{room.join_code}/" in world.phone("小美", "/me/groups/")
    assert f"/j/{room.join_code}/" not in world.phone("骗子", "/me/groups/")
    with pytest.raises(JoinRefused, match="移出"):
        join_room(room=room, nickname="骗子", member_id=world.id_of("骗子"), now=world.clock.now())
    join_room(room=room, nickname="小美", member_id=world.id_of("小美"), via="invite", now=world.clock.now())
    world.settle()
    assert Invitation.objects.get(member_id=world.id_of("小美")).joined_at == world.clock.now()
    assert f"/j/{room.join_code}/" not in world.phone("小美", "/me/groups/")
    assert "重建后的新群" in Room.objects.get(group_id=new.pk).announcement
    assert sorted(world.effects()) == [(kind, "done") for kind in ("announce", "close", "freeze", "recall", "say")]


def test_where_the_setting_lists_it_a_new_group_needs_no_human(world):
    world.community.blueprint["risk"]["red"]["without_a_human"] = ["freeze", "recall", "close", "rebuild"]
    world.community.blueprint["governance"]["two_person_rule"] = ["erase_member"]
    world.community.save(update_fields=["blueprint"])
    fraud(world)
    wait_for_invitations(world)
    assert set(lines().values()) == {"done"}
    incident = Incident.objects.get()
    assert (incident.state, incident.proposed_by, incident.confirmed_by) == ("done", "", "")
    assert set(Invitation.objects.values_list("member_id", flat=True)) == {world.id_of("小美"), world.id_of("小林")}
    assert world.cases() == [("red_keyword", "red", "open", "资金募集或诈骗信息")]


def test_posts_points_and_the_content_plan_are_the_communitys_and_stay(world):
    hire(world)
    world.join("小美")
    world.say("小美", "签到")
    world.settle()
    fraud(world)
    Group.objects.filter(pk=world.group.pk).update(observation=True)
    kept = what_stays(world)
    assert kept["plan"]["slots"]
    confirm(world)
    assert what_stays(world) == kept
    new = Group.objects.get(pk=Incident.objects.get().new_group_id)
    assert (new.observation, new.capacity, new.profile) == (True, world.group.capacity, world.group.profile)
    assert not any("group" in slot for slot in kept["plan"]["slots"])  # a plan that named one would have to be moved


def what_stays(world):
    return {
        "plan": blueprint_of(world.community.pk)["content"],
        "posts": list(Staff.objects.order_by("pk").values_list("user__username", "role")),
        "points": balances(world.community.pk, [member_account(world.id_of(n)) for n in ("小美", "小林", "群主")]),
    }


def test_a_group_that_a_human_builds_is_a_checklist_for_a_human(world, monkeypatch):
    """Every step says 人工, what to do, and has a button; who pressed it, and when, stays on its line."""
    monkeypatch.setattr("qunzhu.console.pages.cases.SYSTEM_CLOCK", world.clock)
    hire(world)
    world.join("骗子", "小美")
    set_profile(group=world.group, profile="wecom-customer-group")
    world.say("骗子", "跟我做,穩賺不賠")
    world.settle()
    done_by_hand(world, "effect_task", "冻结群")
    confirm(world)
    Group.objects.filter(pk=world.group.pk).update(connector="wecom")  # nothing here can make a room there
    seen = []
    for step in ("close", "rebuild", "invite", "announce"):
        wait_for_invitations(world)
        assert lines()[step] == "waiting"
        case = Case.objects.get(pk=IncidentStep.objects.get(step=step).case_id)
        page = world.console(f"incidents/{Incident.objects.get().seq}/")
        assert f'data-task="{case.pk}"' in page
        assert all(todo.partition(" ")[2] in unescape(page) for todo in case.payload["steps"])
        seen.append(case.title)
        press_done(world, case)
        row = IncidentStep.objects.get(step=step)
        assert (row.state, row.by, row.at) == ("done", "老板", world.clock.now())
        assert row.detail == "老板 确认已完成"
    assert seen == ["关闭群(" + NAME + ")", f"建新群({NAME})", f"邀请 1 位成员进新群({NAME})", f"在新群发公告({NAME})"]
    assert set(lines().values()) == {"done"}
    assert (Incident.objects.get().state, Group.objects.count()) == ("done", 2)
    assert sorted(e for e in world.effects() if e[0] != "recall") == [("close", "done"), ("freeze", "done")]
    assert world.events("message.sent", "group.announced", "member.invited") == []


def press_done(world, case):
    """The button on the checklist itself, by the manager."""
    client = Client()
    client.force_login(get_user_model().objects.get(username="老板"))
    back = f"/console/{world.community.slug}/incidents/{Incident.objects.get().seq}/"
    fields = {"action": "mark_done", "version": case.version, "back": back}
    answer = client.post(f"/console/{world.community.slug}/cases/{case.pk}/decide/", fields)
    assert (answer.status_code, answer["Location"]) == (302, back)
    world.settle()


def test_false_alarm_calls_it_off(world):
    hire(world)
    fraud(world)
    world.decide("red_keyword", "dismiss")
    world.settle()
    assert (Incident.objects.get().state, world.group.state) == ("cancelled", "active")
    world.settle()
    assert lines() == {"freeze": "done", "evidence": "done"}


def test_reopened_before_the_invitations(world):
    hire(world)
    fraud(world)
    confirm(world)
    seq = Incident.objects.get().seq
    services.reopen_group(community_id=world.community.pk, seq=seq, by="owner", now=world.clock.now())
    world.settle()
    assert (Incident.objects.get().state, world.group.name, world.group.state) == ("reopened", NAME, "active")
    new = Group.objects.get(pk=Incident.objects.get().new_group_id)
    assert (new.name, new.state) == (f"{NAME}(未启用)", "closed")
    world.say("小美", "回来了")
    wait_for_invitations(world)
    assert not Invitation.objects.exists()


def test_not_reopened_after_the_invitations(world):
    hire(world)
    fraud(world)
    confirm(world)
    wait_for_invitations(world)
    seq = Incident.objects.get().seq
    before = len(world.events())
    with pytest.raises(services.CannotAct, match="不能重新开放"):
        services.reopen_group(community_id=world.community.pk, seq=seq, by="owner", now=world.clock.now())
    assert (len(world.events()), world.group.state) == (before, "closed")


def test_where_the_platform_cannot_a_human_gets_the_steps(world):
    hire(world)
    world.join("骗子", "小美")
    set_profile(group=world.group, profile="wecom-customer-group")
    world.say("骗子", "跟我做,穩賺不賠")
    world.settle()
    assert lines() == {"freeze": "waiting"}
    done_by_hand(world, "effect_task", "冻结群")
    assert lines() == {"freeze": "done", "evidence": "done"}
    confirm(world)
    assert lines()["close"] == "waiting"
    done_by_hand(world, "effect_task", "关闭群")
    wait_for_invitations(world)
    assert lines()["invite"] == "waiting"
    case = Case.objects.get(kind="incident_task", state="open")
    assert "小美" in case.summary
    assert "骗子" not in case.summary
    assert not Invitation.objects.exists()
    done_by_hand(world, "incident_task", "邀请")
    assert lines()["invite"] == "done"


def done_by_hand(world, kind, title):
    case = Case.objects.get(kind=kind, state="open", title__startswith=title)
    from qunzhu.kernel.cases.services import decide_case

    decide_case(
        community_id=world.community.pk, case_id=case.pk, action="mark_done", user="owner", role="owner",
        version=case.version, now=world.clock.now(),
    )  # fmt: skip
    world.settle()


def test_a_failed_step_is_tried_again_or_left_out(world, settings, tmp_path):
    settings.HOME = tmp_path / "a file, not a folder"
    settings.HOME.write_text("")
    fraud(world)
    assert lines() == {"freeze": "done", "evidence": "failed"}
    seq = Incident.objects.get().seq
    act = {"community_id": world.community.pk, "seq": seq, "step": "evidence", "by": "owner", "now": world.clock.now()}
    with pytest.raises(services.CannotAct, match="理由"):
        services.skip_step(**act, reason=" ")
    settings.HOME = tmp_path
    services.retry_step(**act)
    world.settle()
    assert lines()["evidence"] == "done"
    with pytest.raises(services.CannotAct, match="不需要重试"):
        services.retry_step(**act)


def test_a_drill_says_what_it_would_do_and_touches_nobody(world):
    hire(world)
    world.join("小美", "小林")
    world.join("群主", role="owner")
    seq = services.start_drill(
        community_id=world.community.pk, group_id=world.group.pk, by="老板", now=world.clock.now()
    )
    world.settle()
    assert world.log() == [
        "incident.started drill",
        f"incident.step freeze done: 冻结「{NAME}」:2 位成员不能发言,1 位群主和管理员可以(系统自动执行)",
        "incident.step evidence done: 把工单、涉事消息和处理经过写成一个可离线校验的证据包,不惊动任何人",
        f"incident.step close done: 两个人确认后关闭「{NAME}」:3 位成员不能再发言,没有人能再加入(系统自动执行)",
        f"incident.step rebuild done: 建同名新群(连接 local,能力 full,上限 500 人),{SEATS}",
        "incident.step invite done: 关闭 5 分钟后邀请 2 位成员,0 位违规成员除外(每人在自己的页面看到入群链接)",
        "incident.step announce done: 在新群发公告,并在旧群留最后一句话",
        "incident.step finish done: 清单完成,记入黑匣子",
        "incident.ended done by 老板",
    ]
    incident = Incident.objects.get(seq=seq)
    assert (incident.mode, incident.state, incident.new_group_id) == ("drill", "done", None)
    assert (world.group.state, world.cases(), world.effects(), Group.objects.count()) == ("active", [], [], 2)
    world.say("小美", "没有人被打扰")


def test_who_may_not_is_refused_and_nothing_happens(world):
    user = get_user_model().objects.create_user("小管")
    set_staff(community=world.community, user=user, role="moderator", by="owner", now=world.clock.now())
    fraud(world)
    before = len(world.events())
    client = Client()
    client.force_login(user)
    base = f"/console/{world.community.slug}/incidents/"
    seq = Incident.objects.get().seq
    for path, fields in (
        ("drill/", {"group": world.group.pk}),
        (f"{seq}/retry/", {"step": "evidence"}),
        (f"{seq}/skip/", {"step": "evidence", "reason": "急"}),
        (f"{seq}/reopen/", {}),
    ):
        assert client.post(base + path, fields).status_code == 403
    assert len(world.events()) == before


def stumble(world):
    """Work until nothing is left, every piece of work first lost just before its commit, as in a crash."""
    done = 1
    while done:
        with transaction.atomic():
            world.runner.step()
            world.deliverer.run_once()
            transaction.set_rollback(True)
        done = world.runner.step() + world.deliverer.run_once()


def test_a_crash_in_any_step_leaves_a_checklist_that_goes_on(world):
    hire(world)
    world.join("骗子", "小美", "小林")
    world.join("群主", role="owner")
    world.say("骗子", "跟我做,穩賺不賠")
    stumble(world)
    world.settle()
    world.decide("red_keyword", "rebuild", by="owner")
    world.decide("red_keyword", "rebuild", by="老板", role="manager")
    stumble(world)
    world.later(minutes=5)
    services.wake(now=world.clock.now())
    stumble(world)
    assert set(lines().values()) == {"done"}
    assert Group.objects.count() == 3
    assert sorted(Invitation.objects.values_list("member_id", flat=True)) == sorted(
        world.id_of(n) for n in ("小美", "小林")
    )
    assert sorted(world.effects()) == [(kind, "done") for kind in ("announce", "close", "freeze", "recall", "say")]


def test_a_mute_goes_with_its_member_and_an_old_case_reaches_the_new_group(world):
    fraud(world)
    group = Group.objects.get(name=NAME)
    lin, mei = world.id_of("小林"), world.id_of("小美")
    old = Occupant.objects.get(group_id=group.pk, member_id=lin)
    old.muted_until = world.clock.now() + timedelta(hours=1)
    old.save()
    with transaction.atomic():
        opened = open_case(
            community_id=world.community.pk, kind="rule_review", key="old", title="旧群的工单", group_id=group.pk,
            member_id=mei, now=world.clock.now(),
        )  # fmt: skip
        log.append(raw_connection(), [opened.event], now=world.clock.now())
    hire(world)
    confirm(world)
    wait_for_invitations(world)
    new = Group.objects.exclude(pk=group.pk).get(name=NAME)
    room = Room.objects.get(group_id=new.pk)
    for name in ("小林", "小美"):
        join_room(room=room, nickname=name, now=world.clock.now(), member_id=world.id_of(name))
    world.settle()
    there = dict(Occupant.objects.filter(group_id=new.pk).values_list("member_id", "muted_until"))
    assert (there[lin], there[mei]) == (old.muted_until, None)
    assert Membership.objects.get(group_id=new.pk, member_id=lin).state == "muted"
    case = Case.objects.get(pk=opened.case_id)
    decide_case(
        community_id=world.community.pk, case_id=case.pk, action="mute", user="owner", role="owner",
        version=case.version, now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    muted = Occupant.objects.filter(member_id=mei, muted_until__gt=world.clock.now())
    assert list(muted.values_list("group_id", flat=True)) == [new.pk]
