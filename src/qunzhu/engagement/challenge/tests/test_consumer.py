"""挑战 and 打卡 in the group: short answers, one message for many, proofs by words and by pictures, buddies."""

import pytest

from qunzhu.engagement.challenge.models import Challenge, ChallengeProof
from qunzhu.engagement.challenge.tests.camp import DAY, TODAY, Camp
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)


def test_joining_proving_and_leaving_by_words():
    camp = Camp("林")
    camp.ask("林", "challenge")
    camp.consume()
    assert camp.answers() == ["现在没有打卡挑战，有新的会告诉大家。"]
    one = camp.open(need=3)
    camp.ask("林", "challenge", "报名")
    camp.ask("林", "challenge", "退出")
    camp.ask("林", "challenge", "参加")
    camp.consume()
    joined = f"报名成功：“早起”{one.starts_on.month}月{one.starts_on.day}日开始，押 20 积分。"
    assert camp.answers()[1:] == [joined, "已退出“早起”，押金退回了。", joined]
    assert (camp.points(), camp.held(one)) == ({"林": 80}, 20)
    camp.pass_days()
    camp.ask("林", "proof", "今天六点起床")
    camp.ask("林", "proof", "又来一次试试")
    camp.ask("林", "challenge")
    camp.consume()
    assert camp.answers()[4:] == [
        "打卡成功！“早起”第 1/3 天，已完成 1/3 天。", "今天已经打过卡了。“早起”第 1/3 天，已完成 1/3 天。",
        "“早起”第 1/3 天，已完成 1/3 天。",
    ]  # fmt: skip
    camp.check()


def test_a_picture_of_today_proves_and_one_of_yesterday_or_of_another_does_not():
    camp = Camp("林", "王")
    one = camp.open(need=2, proof="picture")
    camp.join(one, "林")
    camp.pass_days()
    old = camp.message("林", image={"upload": "x"})
    others = camp.message("王", image={"upload": "y"})
    camp.ask("林", "checkin", reply_to=others)
    camp.consume()
    assert (camp.answers(), ChallengeProof.objects.count()) == ([], 0)
    camp.pass_days()
    camp.ask("林", "checkin", reply_to=old)
    camp.ask("林", "proof", "今天六点起床")
    new = camp.message("林", image={"upload": "z"})
    camp.ask("林", "checkin", reply_to=new)
    camp.consume()
    assert camp.answers() == [
        "那条消息不是今天的，请发今天的。", "这个挑战要用图片证明：先发图片，再引用它发“打卡”。",
        "打卡成功！“早起”第 2/3 天，已完成 1/2 天。",
    ]  # fmt: skip
    assert ChallengeProof.objects.get().seq == new


def test_the_buddy_s_word_as_the_answer_to_the_proof():
    camp = Camp("林", "王")
    one = camp.open(buddies=True)
    camp.join(one, "林", "王")
    camp.pass_days()
    seq = camp.ask("林", "proof", "今天六点起床")
    camp.consume()
    camp.ask("林", "approve", reply_to=seq)  # nobody approves the own
    camp.ask("王", "reject", reply_to=seq)
    camp.ask("王", "approve", reply_to=seq)
    camp.consume()
    day = f"{TODAY.month}月{TODAY.day + 1}日"
    assert camp.answers()[1:] == [
        "这条打卡不归你认可。", f"没有认可搭档 {day}的打卡，对方可以重新打卡。", "这条打卡已经有结论了。",
    ]  # fmt: skip
    assert ChallengeProof.objects.get().state == "rejected"


def test_a_flood_of_words_is_answered_in_one_message_and_nobody_pays_twice():
    camp = Camp(*(f"m{n}" for n in range(6)))
    camp.open()
    for name in camp.people:
        camp.say(name, "challenge", "报名")
    camp.consume()
    told = Effect.objects.get(rule="command.challenge")
    assert told.kind == "say"
    assert told.payload["text"].splitlines()[0].startswith("@m0 报名成功")
    assert len(told.payload["text"].splitlines()) == 6
    camp.consume()
    assert set(camp.points().values()) == {80}
    camp.check()


def test_words_that_mean_several_and_words_that_mean_nothing():
    camp = Camp("林")
    camp.ask("林", "proof", "今天六点起床")
    camp.consume()
    assert camp.answers() == []  # there is no challenge at all: nobody meant one
    first, second = camp.open(), camp.open(key="b", name="读书", starts_on=TODAY + 2 * DAY)
    camp.ask("林", "challenge", "报名")
    camp.ask("林", "challenge", f"报名 {second.pk}")
    camp.ask("林", "challenge", "一下自己")
    camp.consume()
    answers = camp.answers()
    assert answers[0] == f"是哪一个？{second.pk} 读书、{first.pk} 早起。请发“挑战 报名 编号”。"
    assert answers[1].startswith("报名成功：“读书”")
    assert answers[2] == "发“挑战”看看有哪些，发“挑战 报名”参加，发“挑战 退出”退出。"
    assert Challenge.objects.count() == 2
