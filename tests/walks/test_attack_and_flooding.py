"""Chapter 2, 基础公约: no personal attacks (1.1), no flooding (1.2); verdicts of people come back as lessons."""

import pytest

from qunzhu.governance.services import reverse_penalty
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.cases.undo import undo_decision
from qunzhu.kernel.engine.models import Decision
from qunzhu.risk.models import RuleReview

pytestmark = pytest.mark.django_db(transaction=True)


def decided(world):
    rows = Decision.objects.filter(community_id=world.community.pk).order_by("seq", "rule")
    return list(rows.values_list("rule", "outcome"))


def test_an_attack_on_somebody_here_is_warned_and_explained(world):
    world.join("阿强", "小林")
    seq = world.say("阿强", "@小林 你就是个傻逼")
    world.settle()
    assert ("personal_attack", "live") in decided(world)
    found = Decision.objects.get(community_id=world.community.pk, rule="personal_attack")
    assert found.sentence == (
        "阿强，对事不对人（群规 1.1，这条消息侮辱在场的人、整体像这一类、命中本群关键词），先提醒一次。"
        "觉得不对？发“申诉 原因”。"
    )
    assert found.facts["verdict.attack"] >= 0.75
    assert found.facts["reasons.attack"][0] in {"insult_at_person", "learned"}
    assert "insult_at_person" in found.facts["reasons.attack"]
    assert world.effects() == [("warn", "done")]
    assert "侮辱在场的人" in world.console(f"events/{seq}/")


def test_talking_about_it_is_no_attack(world):
    world.join("小林")
    for text in ("刚才有人骂我傻逼,太难受了", "我们应该反对地域歧视,哪里都有好人", "我真是个傻子,又忘带钥匙了"):
        world.say("小林", text)
    world.settle()
    assert [row for row in decided(world) if row[0] == "personal_attack"] == []
    assert world.effects() == []


def test_the_same_words_again_and_again_are_flooding_and_commands_are_not(world):
    world.publish(without="daily_cap")
    world.join("阿强", "小林")
    for _ in range(7):
        world.say("小林", "签到")
    for _ in range(6):
        world.say("阿强", "大家快来看我发的")
    world.settle()
    assert decided(world) == []
    world.say("阿强", "大家快来看我发的")
    world.settle()
    assert decided(world) == [("flooding", "live")]
    found = Decision.objects.get(community_id=world.community.pk, rule="flooding")
    assert found.sentence == "阿强，请别刷屏（群规 1.2，反复发同样的内容），先提醒一次。觉得不对？发“申诉 原因”。"
    assert found.facts == {"verdict.flooding": 0.65, "reasons.flooding": ["repeats"]}
    assert [e for e in world.effects() if e[0] not in {"answer", "say"}] == [("warn", "done")]


def test_a_penalty_taken_back_teaches_and_erasing_the_author_unteaches(world):
    from qunzhu.kernel.events.erase import erase_member

    world.join("阿强", "小林")
    seq = world.say("阿强", "@小林 你就是个傻逼")
    world.settle()
    reverse_penalty(community_id=world.community.pk, seq=seq, by="owner", note="玩笑", now=world.clock.now())
    world.settle()
    (lesson,) = world.events("lesson.learned")
    assert {k: lesson.body[k] for k in ("message", "category", "positive", "author", "by")} == {
        "message": seq, "category": "attack", "positive": False, "author": world.id_of("阿强"), "by": "owner",
    }  # fmt: skip
    assert "你" not in str(lesson.body)  # numbers, no words
    page = world.console("detector/")
    assert "1 条判为无害" in page
    assert "0%" in page

    world.later(minutes=1)
    erase_member(community_id=world.community.pk, member_id=world.id_of("阿强"), by="owner", now=world.clock.now())
    world.settle()
    assert [e.body for e in world.events("lesson.learned")] == [{}]
    assert "0 条判为无害" in world.console("detector/")


def test_a_case_decided_teaches_and_undoing_the_decision_takes_it_back(world):
    world.join("阿强", "小林")
    seq = world.say("阿强", "@小林 你就是个傻逼")
    world.settle()
    open_case(
        community_id=world.community.pk, kind="rule_review", key="look", title="请看看", event_seq=seq,
        group_id=world.group.pk, member_id=world.id_of("阿强"),
        payload={"rule": "personal_attack"}, now=world.clock.now(),
    )  # fmt: skip
    case = world.decide("rule_review", "mute")
    world.settle()
    (lesson,) = world.events("lesson.learned")
    assert (lesson.body["message"], lesson.body["category"], lesson.body["positive"]) == (seq, "attack", True)
    undo_decision(
        community_id=world.community.pk, case_id=case.pk, user="owner", role="owner", version=case.version,
        now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    (taken,) = world.events("lesson.unlearned")
    assert taken.body == {"message": seq, "category": "attack", "by": "owner"}
    assert list(RuleReview.objects.filter(community_id=world.community.pk)) == []
