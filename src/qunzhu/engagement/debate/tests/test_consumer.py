"""A debate from its hour to its result, by the clock alone; what counts, what is answered, what is taken back."""

import dataclasses
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model

from qunzhu.engagement.debate import schedule, services
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.engagement.debate.models import Debate, DebateCard, DebateTopic, DebateVote, Poll, PollVote
from qunzhu.engagement.debate.policy import Refused
from qunzhu.engagement.debate.tests.hall import CON_WORDS, OTHER_WORDS, PRO_WORDS, SATURDAY, THIRD_WORDS, Hall
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.tests.factories import NOW, make_group, write
from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)
LINK = f"{settings.PUBLIC_URL}/me/debate/1/"


def vote_all(hall: Hall) -> None:
    for name, words in (
        ("戊", "正方"),
        ("己", "反方"),
        ("庚", "反方"),
        ("辛", "2"),
        ("戊", "最佳 2"),
        ("己", "最佳 2"),
    ):
        hall.command(name, "vote", words)


def test_a_debate_runs_by_itself_from_its_hour_to_the_result():
    hall = Hall()
    hall.tick(SATURDAY - timedelta(minutes=1))
    assert hall.states() == []
    hall.tick(SATURDAY)
    assert hall.states() == [("2026-11-28", "speaking")]
    opening = (
        "【辩论】跳槽先看薪资还是成长\n正方：先看薪资\n反方：先看成长\n以“正方”或“反方”开头发言，或引用别人的论点，"
        "满 15 字就计入。21:00 截止发言，然后投票。参与 +5、获胜方 +5、最佳论点 +10 积分。"
    )
    assert hall.said() == [("say", opening)]
    first = hall.say("甲", PRO_WORDS)
    hall.say("乙", CON_WORDS)
    hall.say("丙", "正方 太短")  # too short
    hall.say("丙", "今天晚上大家吃了什么好吃的东西呀说来听听")  # talk
    hall.say("丙", PRO_WORDS + "。")  # said before
    hall.say("甲", CON_WORDS.replace("三年", "五年") + "还有一句不一样的话在这里")  # has the other side
    hall.say("丙", "同意，而且房租不会等你慢慢成长，现实就是这样", reply_to=first)
    hall.consume()
    assert hall.arguments() == [("pro", 1), ("con", 2), ("pro", 3)]
    hall.tick(minutes=60)
    closing = (
        "【投票】跳槽先看薪资还是成长\n正方 2 条论点，反方 1 条。发“投票 正方”或“投票 反方”，一人一票，21:15 前可以改；"
        f"发过言的不投自己一方。最佳论点发“投票 最佳 编号”。也可以在这里投：{LINK}"
    )
    assert hall.said()[1] == ("say", closing)
    hall.say("乙", THIRD_WORDS)  # too late
    vote_all(hall)
    hall.tick(minutes=15)
    row = hall.row()
    assert (row.state, row.result) == (
        "done",
        {
            "winner": "con",
            "votes": {"pro": 1, "con": 3},
            "voters": 4,
            "speakers": {"pro": 2, "con": 1},
            "best": 2,
            "points": 30,
        },
    )  # fmt: skip
    assert hall.points() == {"甲": 5, "丙": 5, "乙": 20}
    ended = "反方获胜：正方 1 票，反方 3 票。最佳论点：乙（2 号）。共发出 30 积分。"
    assert hall.said()[2:] == [
        ("say", f"【辩论结果】跳槽先看薪资还是成长\n{ended}{LINK}"),
        ("say", "投票已经结束，结果见群里的消息。"),
    ]
    assert DebateCard.objects.get().width == 1080
    hall.check()
    before = hall.said()
    hall.tick(minutes=1)
    hall.tick(minutes=5)
    assert (hall.said(), hall.states()) == (before, [("2026-11-28", "done")])


@pytest.mark.parametrize("size", [1, 3, 5_000])
def test_batches_of_any_size_come_to_the_same(size):
    hall = Hall()
    consumer = dataclasses.replace(CONSUMER, batch=size)
    schedule.ask_due(now=SATURDAY)
    hall.now = SATURDAY
    hall.consume(consumer)
    for name, text in (("甲", PRO_WORDS), ("乙", CON_WORDS), ("丙", OTHER_WORDS), ("丙", OTHER_WORDS)):
        hall.say(name, text)
    hall.consume(consumer)
    hall.now += timedelta(minutes=60)
    schedule.ask_due(now=hall.now)
    hall.consume(consumer)
    vote_all(hall)
    hall.consume(consumer)
    hall.now += timedelta(minutes=15)
    schedule.ask_due(now=hall.now)
    hall.consume(consumer)
    assert hall.points() == {"甲": 5, "丙": 5, "乙": 20}
    assert [b["best"] for _, b in hall.told("debate.ended")] == [2]
    hall.check()


def test_votes_are_one_each_changeable_and_never_for_the_own_side():
    hall = Hall()
    hall.spoken()
    said = len(hall.said())
    for name, words in (("甲", "正方"), ("甲", "反方")):
        hall.command(name, "vote", words)
    hall.consume()
    assert hall.said()[said:] == [
        ("answer", "你为正方发过言，不能再投自己这一方。"),
        ("answer", "已投反方，截止前可以改。"),
    ]
    for words, answer in (
        ("最佳 1", "不能把自己的论点选为最佳。"),
        ("最佳 9", "没有 9 号论点。"),
        ("最佳 2", "已投 2 号为最佳论点，截止前可以改。"),
        ("随便", "请发“投票 正方”或“投票 反方”，最佳论点发“投票 最佳 编号”。"),
    ):
        hall.command("甲", "vote", words)
        hall.consume()
        assert hall.said()[-1] == ("answer", answer)
    assert list(DebateVote.objects.values_list("side", "best")) == [("con", 2)]
    said = len(hall.said())
    for n in range(40):
        hall.command(f"观众{n}", "vote", "正方" if n % 4 else "反方")
    hall.command("观众0", "vote", "正方")
    hall.consume()
    assert hall.said()[said:] == [("say", "跳槽先看薪资还是成长：正方 31 票，反方 10 票。")]
    hall.check()


def test_sign_up_takes_every_message_of_who_has_a_side():
    hall = Hall(mode="sign_up")
    hall.tick(SATURDAY)
    hall.say("甲", PRO_WORDS)
    hall.say("甲", "反方")
    hall.command("甲", "debate", "正方")
    hall.consume()
    assert [text for _, text in hall.said()[1:]] == [
        "已报名反方，接下来满 15 字的发言都算论点。",
        "已报名正方，接下来满 15 字的发言都算论点。",
    ]
    hall.say("甲", "薪资是市场对能力最直接的定价，先拿到再谈别的")
    hall.say("乙", "没有报名的人说得再多再长也只是聊天不算论点")
    hall.say("甲", "反方")
    hall.consume()
    assert hall.said()[-1] == ("answer", "你已经为正方发过言，不能换边。")
    assert hall.arguments() == [("pro", 1)]
    for name in ("丙", "丁", "戊"):
        hall.say(name, "反方")
    hall.consume()
    assert hall.said()[-1] == ("say", "报名收到。现在正方 1 人，反方 3 人。")
    hall.command("己", "debate")
    hall.consume()
    assert hall.said()[-1] == (
        "answer", f"正在发言：跳槽先看薪资还是成长。正方 1 条，反方 0 条论点，21:00 截止。{LINK}"
    )  # fmt: skip


def test_punished_messages_are_no_arguments_and_lose_their_points():
    hall = Hall()
    hall.tick(SATURDAY)
    seqs = [hall.say(name, text) for name, text in (("甲", PRO_WORDS), ("乙", CON_WORDS), ("丙", OTHER_WORDS))]
    write(hall.community, "message.recalled", group=hall.group, member=hall.who("丙"), target=seqs[2])
    hall.tick(minutes=60)
    vote_all(hall)
    hall.tick(minutes=15)
    assert hall.points() == {"甲": 5, "乙": 20}
    award(
        community_id=hall.id, member_id=hall.who("乙").pk, amount=-15, key="spent", kind="adjust", now=hall.now
    )  # fmt: skip
    for _ in range(2):
        write(
            hall.community, "decision.made", group=hall.group, member=hall.who("乙"), outcome="live",
            cause_seq=seqs[1], effects=[{"kind": "warn"}],
        )  # fmt: skip
        hall.consume()
    assert hall.points() == {"甲": 5}
    assert [b["n"] for _, b in hall.told("debate.struck")] == [3, 2]
    hall.check()


def test_too_few_give_nothing_and_nobody_wins():
    hall = Hall()
    hall.tick(SATURDAY)
    hall.say("甲", PRO_WORDS)
    hall.tick(minutes=60)
    for name in ("戊", "己", "庚"):
        hall.command(name, "vote", "正方")
    hall.tick(minutes=15)
    assert (hall.points(), hall.row().result["winner"]) == ({}, "")
    hall.check()


def test_a_machine_that_was_off_starts_late_or_not_at_all_and_gives_the_whole_time():
    hall = Hall()
    hall.tick(SATURDAY + timedelta(minutes=60))
    assert hall.row().speech_ends_at == SATURDAY + timedelta(minutes=120)
    hall.tick(SATURDAY + timedelta(hours=9))
    row = hall.row()
    assert (row.state, row.vote_ends_at) == ("voting", SATURDAY + timedelta(hours=9, minutes=15))
    other = Hall()
    other.tick(SATURDAY + timedelta(minutes=61))
    assert other.states() == [("2026-11-28", "skipped")]
    assert [b["why"] for _, b in other.told("debate.skipped")] == ["late"]
    other.tick(minutes=1)
    assert (other.states(), other.said()) == ([("2026-11-28", "skipped")], [])
    third = Hall()
    third.now = SATURDAY
    schedule.ask_due(now=SATURDAY)
    third.now += timedelta(hours=3)  # asked in time, heard too late
    third.consume()
    assert third.states() == [("2026-11-28", "skipped")]
    for one in (hall, other, third):
        one.check()


def test_the_clock_set_back_asks_nothing_twice():
    hall = Hall()
    hall.spoken()
    said = hall.said()
    hall.tick(SATURDAY - timedelta(days=2))
    hall.tick(SATURDAY + timedelta(minutes=1))
    assert (hall.said(), hall.states()) == (said, [("2026-11-28", "voting")])


def test_holidays_are_skipped_where_the_setting_says_so():
    national_day = SATURDAY.replace(month=10, day=3)  # a Saturday within the holiday of 2026
    for skip, state in ((True, "skipped"), (False, "speaking")):
        hall = Hall(skip_holidays=skip)
        DebateTopic.objects.filter(community_id=hall.id).update(created_at=national_day - timedelta(days=9))
        hall.tick(national_day)
        assert hall.states() == [("2026-10-03", state)]
        hall.check()


def test_topics_come_in_turn_and_a_pinned_one_first():
    hall = Hall(topics=3, minutes=1, vote=1)
    seen = []
    for week in range(5):
        if week == 2:
            services.save_topic(community_id=hall.id, number=1, fields={"pinned": True}, by="owner", now=hall.now)
        hall.tick(SATURDAY + timedelta(days=7 * week))
        seen.append(Debate.objects.get(community_id=hall.id, state="speaking").topic)
        hall.tick(minutes=1)
        hall.tick(minutes=1)
    assert seen == [1, 2, 1, 3, 2]
    hall.check()


def test_staff_start_extend_close_and_cancel():
    hall = Hall()
    own = {"community_id": hall.id, "by": "owner"}
    services.start_now(topic=None, now=NOW, **own)
    hall.consume()
    with pytest.raises(Refused, match="已经有一场辩论在进行"):
        services.start_now(topic=None, now=NOW, **own)
    schedule.ask_due(now=NOW)
    services.extend(number=1, minutes=30, now=NOW, **own)
    hall.consume()
    assert hall.row().speech_ends_at == NOW + timedelta(minutes=90)
    hall.tick(minutes=60)
    assert hall.row().state == "speaking"
    services.close_now(number=1, now=hall.now, **own)
    services.close_now(number=1, now=hall.now, **own)
    hall.consume()
    assert (hall.row().state, hall.said()[1]) == ("voting", ("say", "发言延长到 13:30。"))
    with pytest.raises(Refused, match="理由"):
        services.cancel(number=1, reason=" ", now=hall.now, **own)
    services.cancel(number=1, reason="话题不合适", now=hall.now, **own)
    hall.consume()
    assert hall.row().state == "cancelled"
    assert hall.said()[-1] == ("say", "辩论“跳槽先看薪资还是成长”取消了：话题不合适。")
    assert hall.points() == {}
    hall.check()


def test_polls_of_staff_one_at_a_time_until_their_end():
    hall = Hall()
    hall.command("甲", "vote", "发起 聚会 | 周六 | 周日")
    hall.command("甲", "vote", "1")
    hall.consume()
    assert hall.said() == [("answer", "只有管理员可以发起投票。"), ("answer", "现在没有进行中的投票。")]
    services.ask_poll(
        community_id=hall.id, group_id=hall.group.pk, question="聚会哪天", options=["周六", "周日"], minutes=30,
        by="owner", now=hall.now,
    )  # fmt: skip
    hall.consume()
    assert hall.said()[-1] == ("say", "【投票】聚会哪天\n1. 周六\n2. 周日\n发“投票 编号”，一人一票，12:30 前可以改。")
    for name, words in (("甲", "1"), ("甲", "周日"), ("乙", "2"), ("丙", "7")):
        hall.command(name, "vote", words)
    hall.consume()
    assert hall.said()[-1][1] == "聚会哪天：周六 0 票，周日 2 票（1 票没有计入：不能投自己一方，或没看懂）。"
    hall.tick(minutes=30)
    hall.tick(minutes=1)
    assert hall.said()[-1] == ("say", "【投票结果】聚会哪天\n周六：0 票（0%）\n周日：2 票（100%）\n共 2 人。")
    assert (Poll.objects.get().state, PollVote.objects.count()) == ("closed", 2)
    with pytest.raises(Refused):
        services.ask_poll(
            community_id=hall.id, group_id=hall.group.pk, question="?", options=["一"], minutes=3, by="o", now=NOW
        )


def test_a_vote_from_the_page_and_other_groups_and_history():
    hall = Hall()
    other = make_group(hall.community, "二群")
    hall.tick(SATURDAY)
    hall.say("甲", PRO_WORDS, group=other)
    hall.say("乙", CON_WORDS)
    write(
        hall.community, "message.posted", group=hall.group, member=hall.who("丙"), text=OTHER_WORDS, historic=True
    )  # fmt: skip
    hall.tick(minutes=60)
    assert hall.arguments() == [("pro", 1), ("con", 2)]
    own = {"community_id": hall.id, "number": 1, "now": hall.now}
    services.vote(member_id=hall.who("丙").pk, words="正方", **own)
    with pytest.raises(Refused, match="不能再投自己这一方"):
        services.vote(member_id=hall.who("甲").pk, words="正方", **own)
    said = len(hall.said())
    hall.consume()
    assert [b["side"] for _, b in hall.told("debate.voted")] == ["pro"]
    assert len(hall.said()) == said
    hall.check()


def test_topics_of_the_blueprint_are_taken_once():
    hall = Hall(topics=0)
    hall.community.blueprint["engagement"]["debate"]["topics"] = [{"title": "一", "pro": "是", "con": "否"}]
    hall.community.save()
    for version in (1, 2):
        write(hall.community, "rulebook.published", version=version, by="owner", rules=[], settings={}, note="")
        hall.consume()
    assert list(DebateTopic.objects.filter(community_id=hall.id).values_list("number", "title")) == [(1, "一")]


def test_staff_ask_in_the_chat_and_a_debate_s_vote_ends_their_poll():
    hall = Hall()
    user = get_user_model().objects.create(username="boss")
    Staff.objects.create(community=hall.community, user=user, role="moderator", member=hall.who("群主"), created_at=NOW)
    hall.tick(SATURDAY)
    hall.command("群主", "vote", "发起 聚会哪天 | 周六 | 周日 | 2小时")
    hall.command("群主", "vote", "发起 再来一个 | 一 | 二")
    hall.consume()
    assert sorted(hall.said()[-2:]) == [
        ("answer", "这个群还有一个投票没有结束。"),
        ("say", "【投票】聚会哪天\n1. 周六\n2. 周日\n发“投票 编号”，一人一票，22:00 前可以改。"),
    ]
    hall.tick(minutes=60)
    assert hall.said()[-2][1] == "【投票结果】聚会哪天\n没有人投票。"
    hall.command("群主", "vote", "发起 再来一个 | 一 | 二")
    hall.consume()
    assert hall.said()[-1] == ("answer", "辩论正在投票，结束后再发起。")
    assert Poll.objects.get().by == "boss"


def test_a_flood_of_votes_is_one_message():
    hall = Hall()
    hall.spoken()
    said = len(hall.said())
    for n in range(300):
        hall.command(f"观众{n}", "vote", "正方" if n % 3 else "反方")
    hall.consume()
    assert hall.said()[said:] == [("say", "跳槽先看薪资还是成长：正方 200 票，反方 100 票。")]
    assert DebateVote.objects.count() == 300
    hall.check()


def test_erasing_the_best_speaker_takes_the_card_and_keeps_the_result():
    hall = Hall()
    hall.spoken()
    vote_all(hall)
    hall.tick(minutes=15)
    assert DebateCard.objects.count() == Upload.objects.count() == 1
    erase_member(community_id=hall.id, member_id=hall.who("乙").pk, by="owner", now=hall.now)
    assert (DebateCard.objects.count(), Upload.objects.count()) == (0, 0)
    assert hall.row().result["winner"] == "con"
    hall.consume()
    hall.check()
