"""申诉 (群规 3.2): from the phone or from chat, decided by somebody else, and everything is given back."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from qunzhu.kernel.cases.errors import Barred
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.connectors.local.services import join_room, set_profile
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)

AD = "限时优惠,点击 https://shop.example.com/{} 下单"
SAID = "这是群主让我发的课程资料"


def hire(world, name, role="moderator"):
    user = get_user_model().objects.create_user(name)
    set_staff(community=world.community, user=user, role=role, by="owner", now=world.clock.now())


def ads(world, number):
    """So many ads in a row; the seqs that were judged."""
    seqs = []
    for n in range(number):
        seqs.append(world.say("小林", AD.format(n)))
        world.settle()
        world.later(hours=2)
    world.log()
    return seqs


def appeal(world, name, seq, words):
    """What the form of the penalty's page sends; the page that comes then."""
    client = Client()
    client.cookies["qz_member"] = world.people[name].token
    answer = client.post(f"/me/penalties/{seq}/", {"words": words})
    assert answer.status_code == 302, answer.content.decode()
    world.settle()
    return client.get(answer.url).content.decode()


def mute(world):
    """The second ad: a strike and an hour of rest, of which ten minutes are over."""
    world.join("小林", "小美")
    world.say("小林", AD.format(1))
    second = world.say("小林", AD.format(2))
    world.settle()
    world.later(minutes=10)
    world.log()
    return second


def test_from_the_phone_to_the_answer(world, monkeypatch):
    hire(world, "mei")
    seq = mute(world)
    monkeypatch.setattr("qunzhu.portal.pages.SYSTEM_CLOCK", world.clock)
    page = world.phone("小林", f"/me/penalties/{seq}/")
    for shown in (AD.format(2), "群规 2.2", "广告未报备", "群规第 1 版", "先休息 1 小时，13:00 恢复", "24 小时内答复"):
        assert shown in page
    page = appeal(world, "小林", seq, SAID)
    assert "申诉中" in page
    assert "正在等答复" in page
    assert world.log() == ["case.opened 小林 appeal yellow: 申诉：禁言", f"appeal.filed 小林 {SAID}"]
    listed = world.console("appeals/", user="mei")
    assert SAID in listed
    case = Case.objects.get(kind="appeal")
    shown = world.console(f"cases/{case.pk}/", user="mei")
    assert SAID in shown
    assert "这次处罚是系统按群规做的" in shown
    assert "成立,撤销处罚" in shown

    world.decide("appeal", "uphold", by="mei", role="moderator", note="确实是课程资料")
    world.settle()
    told = "你的申诉成立：这次处罚已撤销，不再计入违规。确实是课程资料。给你添麻烦了。"
    lines = world.log()
    assert lines[:3] == [
        "penalty.reversed 小林 ad_without_clearance by mei",
        "appeal.upheld 小林 by mei: 确实是课程资料",
        "case.decided 小林 appeal uphold by mei",
    ]
    assert sorted(lines[3:]) == sorted([
        "member.unmuted 小林 by qunzhu",
        "effect.done 小林 unmute done: 已解除禁言",
        f"message.sent answer @小林: {told}",
        "effect.done 小林 answer done: 已告诉本人",
    ])  # fmt: skip
    page = world.phone("小林", "/me/penalties/")
    assert "申诉成立,处罚已撤销。" in page
    assert "现在算数的违规有 1 次。" in page
    assert told in world.seen_by("小林")
    assert told not in world.seen_by("小美")
    assert "复核 1:维持 0,撤销 1" in world.console("rulebook/")
    world.say("小林", "谢谢")


def test_who_is_muted_appeals_in_the_group_and_nobody_sees_it(world):
    seq = mute(world)
    assert world.try_say("小林", "冤枉")[1]["error"] == "muted"
    world.say("小林", f"申诉 {SAID}")
    world.settle()
    answer = "已收到你对12:00 禁言的申诉，会在 11月25日 12:10 前有人答复，结果在「我的处罚」里看。"
    assert world.log() == [
        f"command.posted 小林 申诉 {SAID} (appeal)",
        "case.opened 小林 appeal yellow: 申诉：禁言",
        f"appeal.filed 小林 {SAID}",
        f"message.sent answer @小林: {answer}",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    assert world.seen_by("小林")[-2:] == [f"申诉 {SAID}", answer]
    assert all("申诉" not in text or "觉得不对" in text for text in world.seen_by("小美"))
    world.decide("appeal", "reject", note="两条都是广告链接")
    world.settle()
    told = "你的申诉看过了，这次处罚保持不变：两条都是广告链接。谢谢你把想法说出来。"
    assert world.log() == [
        "appeal.rejected 小林 by owner: 两条都是广告链接",
        "case.decided 小林 appeal reject by owner",
        "lesson.learned 小林",
        f"message.sent answer @小林: {told}",
        "effect.done 小林 answer done: 已告诉本人",
    ]
    page = world.phone("小林", f"/me/penalties/{seq}/")
    assert "看过了,这次处罚保持不变。" in page
    assert "两条都是广告链接" in page
    for words in ("申诉", "申诉 再来一次"):  # the first ad's warning is left, then nothing is
        world.say("小林", words)
    world.settle()
    first, second = [line for line in world.log() if line.startswith("message.sent")]
    assert first.startswith("message.sent answer @小林: 已收到你对12:00 警告的申诉")
    assert second.startswith("message.sent answer @小林: 这次处罚你已经申诉过了")


def test_who_was_removed_comes_back(world):
    world.join("小林", "小美")
    *_, third = ads(world, 3)
    assert world.try_say("小林", "在吗")[1]["error"] == "removed"
    appeal(world, "小林", third, SAID)
    world.decide("appeal", "uphold")
    world.settle()
    assert world.log() == [
        "case.opened 小林 appeal yellow: 申诉：移出",
        f"appeal.filed 小林 {SAID}",
        "penalty.reversed 小林 ad_without_clearance by owner",
        "appeal.upheld 小林 by owner: ",
        "case.decided 小林 appeal uphold by owner",
        "member.readmitted 小林 by qunzhu",
        "effect.done 小林 readmit done: 可以重新入群了",
    ]
    assert f"/j/{world.room.join_code}/" in world.phone("小林", "/me/penalties/")
    join_room(room=world.room, nickname="小林", member_id=world.id_of("小林"), now=world.clock.now())
    world.settle()
    world.log()
    world.say("小林", AD.format(9))  # two strikes still count: it is the third again
    world.settle()
    assert "ad_without_clearance live remove strike" in world.log()[1]


def test_a_removal_that_waits_for_a_human_is_withdrawn(world):
    world.join("小林")
    set_profile(group=world.groups[0], profile="wecom-customer-group")
    *_, third = ads(world, 3)
    remove = Effect.objects.get(kind="remove")
    assert remove.status == "task_created"
    appeal(world, "小林", third, "")
    world.decide("appeal", "uphold")
    world.settle()
    remove.refresh_from_db()
    assert (remove.status, remove.detail) == ("failed", {"code": "withdrawn"})
    assert Case.objects.get(pk=remove.case_id).state == "decided"
    assert Effect.objects.filter(kind="readmit").count() == 0  # nobody had been removed


def test_a_persons_decision_is_looked_at_by_another_one(world):
    hire(world, "mei")
    world.join("阿强", "甲", "乙", "丙")
    said = world.say("阿强", "都来加我,有内幕")
    for name in ("甲", "乙", "丙"):
        world.say(name, "举报 骚扰", reply_to=said)
    world.settle()
    world.decide("member_reported", "mute", by="mei", role="moderator")
    world.settle()
    decided = world.events("case.decided")[0].seq
    page = world.phone("阿强", f"/me/penalties/{decided}/")
    assert "管理员决定 · 多人举报同一成员" in page
    assert "都来加我,有内幕" in page
    assert "会由没有参与这次处罚的管理员来看。" in page
    appeal(world, "阿强", decided, "我没有骚扰谁")
    world.log()
    case = Case.objects.get(kind="appeal")
    shown = world.console(f"cases/{case.pk}/", user="mei")
    assert "这次处罚是你决定的，申诉要请另一位同事来看" in shown
    assert "成立,撤销处罚" not in shown
    with pytest.raises(Barred):
        world.decide("appeal", "reject", by="mei", role="moderator", note="x")
    assert world.log() == []
    world.decide("appeal", "uphold", by="owner", note="是误会")
    world.settle()
    lines = world.log()
    assert [line for line in lines if line.startswith(("report", "points"))] == [
        "report.overturned 甲 by owner", "report.overturned 乙 by owner", "report.overturned 丙 by owner",
        "points.posted 甲 -5 = 0 undone: 举报核实后推翻，收回奖励",
        "points.posted 乙 -5 = 0 undone: 举报核实后推翻，收回奖励",
        "points.posted 丙 -5 = 0 undone: 举报核实后推翻，收回奖励",
    ]  # fmt: skip
    assert "member.unmuted 阿强 by qunzhu" in lines


def test_where_there_is_only_one_person_it_is_said(world):
    world.join("阿强", "甲", "乙", "丙")
    for name in ("甲", "乙", "丙"):
        world.say(name, "举报 @阿强", mentions=[world.id_of("阿强")])
    world.settle()
    world.decide("member_reported", "warn")
    world.settle()
    decided = world.events("case.decided")[0].seq
    assert "这个社群目前没有第二位管理员" in world.phone("阿强", f"/me/penalties/{decided}/")
    appeal(world, "阿强", decided, "")
    case = Case.objects.get(kind="appeal")
    assert "由原处理人重新看一遍" in world.console(f"cases/{case.pk}/")
    world.decide("appeal", "reject", note="三个人都说受到打扰")
    world.settle()
    assert "由原处理人重新看过" in world.phone("阿强", f"/me/penalties/{decided}/")
    assert "没有第二个人可以复核" in world.console("appeals/?state=all")


def test_a_strangers_penalty_is_not_there(world):
    seq = mute(world)
    client = Client()
    client.cookies["qz_member"] = world.people["小美"].token
    assert client.get(f"/me/penalties/{seq}/").status_code == 404
    assert client.post(f"/me/penalties/{seq}/", {"words": "x"}).status_code == 404
    assert Client().post(f"/me/penalties/{seq}/", {"words": "x"}).status_code == 403
    world.settle()
    assert world.log() == []
