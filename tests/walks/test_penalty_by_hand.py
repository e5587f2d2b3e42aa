"""A moderator mutes or removes by hand: the member reads why, may object, and somebody else decides (群规 3.2)."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.console.moderation import act_on_member
from qunzhu.governance.models import Penalty
from qunzhu.governance.services import reverse_penalty
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.connectors.local.services import set_profile
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.rebuild import check_projections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def staff(world):
    for name in ("mei", "lao-wang"):
        user = get_user_model().objects.create_user(name)
        set_staff(community=world.community, user=user, role="moderator", by="owner", now=world.clock.now())
    world.join("小林", "小美")
    world.settle()
    world.log()


def by_hand(world, kind, *, key="k", text="", minutes=None):
    act_on_member(
        kind=kind, group=world.group, member=Member.objects.get(pk=world.id_of("小林")), key=key, by="mei",
        now=world.clock.now(), text=text, minutes=minutes,
    )  # fmt: skip
    world.settle()


def phone(world, path, data=None):
    client = Client()
    client.cookies["qz_member"] = world.people["小林"].token
    answer = client.get(path) if data is None else client.post(path, data)
    return answer if data is None else client.get(answer.url)


def test_a_mute_by_hand_stands_on_the_phone_and_an_appeal_gives_it_back(world, monkeypatch):
    monkeypatch.setattr("qunzhu.portal.pages.SYSTEM_CLOCK", world.clock)
    by_hand(world, "mute", text="一直插话", minutes=60)
    said = "管理员请你先休息 1 小时:一直插话"
    assert world.log()[0] == "penalty.given 小林"
    penalty = Penalty.objects.get()
    assert (penalty.rule, penalty.step, penalty.sentence, penalty.decided_by, penalty.strike, penalty.of_case) == (
        "human", "mute", said, "mei", False, None,
    )  # fmt: skip
    assert world.try_say("小林", "?")[1]["error"] == "muted"
    page = phone(world, f"/me/penalties/{penalty.seq}/").content.decode()
    assert said in page
    assert "管理员决定" in page

    by_hand(world, "mute", text="一直插话", minutes=60)  # the form was sent twice
    assert (Penalty.objects.count(), Effect.objects.filter(kind="mute").count()) == (1, 1)

    world.log()
    phone(world, f"/me/penalties/{penalty.seq}/", {"words": "我只回了一句"})
    world.settle()
    (filed,) = world.events("appeal.filed")
    assert filed.body["first_decider"] == "mei"
    world.decide("appeal", "uphold", by="lao-wang", role="moderator", note="说得对")
    world.settle()
    penalty.refresh_from_db()
    assert penalty.reversed_by == "lao-wang"
    world.say("小林", "谢谢")
    world.settle()
    assert [(e.kind, e.status) for e in Effect.objects.filter(kind__in=["mute", "unmute"]).order_by("created_at")] == [
        ("mute", "done"), ("unmute", "done"),
    ]  # fmt: skip
    assert [r.consumer for r in check_projections(world.community.pk, CONSUMERS) if r.differing] == []


def test_a_removal_by_hand_can_be_taken_back(world):
    by_hand(world, "remove")
    penalty = Penalty.objects.get()
    assert (penalty.step, penalty.sentence) == ("remove", "管理员请你离开本群。")
    assert world.try_say("小林", "?")[1]["error"] == "removed"
    reverse_penalty(community_id=world.community.pk, seq=penalty.seq, by="owner", note="误操作", now=world.clock.now())
    world.settle()
    assert [e.kind for e in Effect.objects.exclude(kind="say").order_by("created_at")] == ["remove", "readmit"]


def test_where_a_human_has_to_act_taking_it_back_ends_the_task(world):
    set_profile(group=world.group, profile="wecom-customer-group")
    by_hand(world, "remove", text="发广告")
    assert [kind for kind, *_ in world.cases()] == ["effect_task"]
    reverse_penalty(
        community_id=world.community.pk, seq=Penalty.objects.get().seq, by="owner", note="误操作", now=world.clock.now()
    )
    world.settle()
    assert [(kind, state) for kind, _urgency, state, *_ in world.cases()] == [("effect_task", "decided")]


def test_erasing_the_member_takes_the_words_of_the_penalty_along(world):
    by_hand(world, "warn", text="请不要提小林家的事")
    assert Penalty.objects.get().sentence == "管理员提醒:请不要提小林家的事"
    erase_member(community_id=world.community.pk, member_id=world.id_of("小林"), by="owner", now=world.clock.now())
    world.settle()
    assert "小林家" not in Penalty.objects.get().sentence
    assert [r.consumer for r in check_projections(world.community.pk, CONSUMERS) if r.differing] == []
