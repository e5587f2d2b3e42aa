"""The walk of ARCHITECTURE.md: the same link for the sixth time in an hour → an hour's rest (群规 2.3)."""

from datetime import timedelta

import pytest

from qunzhu.kernel.community.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)

SENTENCE = (
    "阿强，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，13:05 恢复。觉得不对？发“申诉 原因”。"
)
CAP = "阿强，今天已发 6 条（群规 2.1，上限 5 条），已按另一条规则处理，不再另作处理。觉得不对？发“申诉 原因”。"
MUTED = {
    "error": "muted",
    "message": "先休息一下，13:05 恢复发言。觉得不对？发“申诉 原因”",
    "until": "2026-11-24T05:05:00+00:00",
}


def test_muted_for_an_hour_which_tries_do_not_lengthen(world):
    world.join("阿强", "小美")
    # Written differently, it is the same link; and different links between them do not help.
    links = [
        "https://a.example.com/x", "HTTPS://A.example.com/x", "https://a.example.com/x?utm_source=wechat",
        "https://a.example.com/x#top", "https://a.example.com:443/x", "https://a.example.com/x",
    ]  # fmt: skip
    for link in links:
        world.say("阿强", link)
        world.later(minutes=1)
    world.later(minutes=-1)
    world.settle()
    assert world.log() == [
        *[f"message.posted 阿强 {link}" for link in links],
        f"decision.made 阿强 daily_cap yielded warn to equal_links: {CAP}",
        f"decision.made 阿强 equal_links live mute strike: {SENTENCE}",
        "member.muted 阿强 until 2026-11-24T05:05:00+00:00 by qunzhu",
        f"message.sent warn @阿强: {SENTENCE}",
        "effect.done 阿强 mute done: 已禁言到 13:05",
    ]
    (decision,) = (e for e in world.events("decision.made") if e.body["rule"] == "equal_links")
    posted = [e.seq for e in world.events("message.posted")]
    assert (decision.body["evidence"], decision.body["cause_seq"]) == (posted, posted[-1])
    assert decision.body["level"] == "yellow"
    assert world.effects() == [("mute", "done")]

    for minutes in (1, 30, 28):
        world.later(minutes=minutes)
        assert world.try_say("阿强", links[0]) == (403, MUTED)
    world.settle()
    assert world.log() == []  # refused at the door: a new try is no event and lengthens nothing

    assert SENTENCE in world.seen_by("小美")
    assert SENTENCE in world.phone("阿强", "/me/penalties/")
    assert SENTENCE in world.console("feed/")
    assert SENTENCE in world.console(f"members/{world.id_of('阿强')}/")

    world.later(minutes=1)  # 13:05
    world.say("阿强", "我回来了,聊点别的")
    world.settle()
    lines = world.log()
    assert lines[0] == "message.posted 阿强 我回来了,聊点别的"
    # The daily cap of that day still stands; its ladder has one mark by now.
    assert [line.split(":")[0] for line in lines[1:]] == [
        "decision.made 阿强 daily_cap live mute", "member.muted 阿强 until 2026-11-24T06", "message.sent warn @阿强",
        "effect.done 阿强 mute done",
    ]  # fmt: skip


def test_the_mute_ends_by_itself(world):
    world.join("阿强")
    for _ in range(6):
        world.say("阿强", "https://a.example.com/x")
    world.settle()
    membership = Membership.objects.get(community_id=world.community.pk, member_id=world.id_of("阿强"))
    assert (membership.state, membership.muted_until.isoformat()) == ("muted", "2026-11-24T05:00:00+00:00")
    world.log()
    world.later(days=1)
    world.say("阿强", "新的一天")
    world.settle()
    assert world.log() == ["message.posted 阿强 新的一天"]


def test_who_looks_before_the_penalty_is_written_is_told_to_wait(world, monkeypatch):
    """The mute shows at once; the page behind it comes from a consumer that may be a moment later."""
    from qunzhu.kernel.connectors.local.models import Occupant

    monkeypatch.setattr("qunzhu.portal.pages.SYSTEM_CLOCK", world.clock)
    world.join("阿强")
    world.settle()
    assert "没有处罚记录" in world.phone("阿强", "/me/penalties/")
    Occupant.objects.filter(member_id=world.id_of("阿强")).update(muted_until=world.clock.now() + timedelta(hours=1))
    world.join("小美")
    world.say("小美", "大家好")  # the log goes on, and nobody has heard of it
    assert "正在写下刚才的事,马上就好" in world.phone("阿强", "/me/penalties/")
    world.settle()
    assert "没有处罚记录" in world.phone("阿强", "/me/penalties/")
