"""Who is attacked: sentences written before the detector was, part of them kept aside to be counted only."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect.verdicts import FLAGGED, Look, Senses, Verdict

RULE_FROM = 0.75  # what the shipped rule asks of the score


def said(part: str) -> list[str]:
    text = Path(__file__).with_name("attack_sentences.txt").read_text(encoding="utf-8")
    body = text.split(f"[{part}]\n")[1].split("\n[")[0]
    return [line for line in body.splitlines() if line]


def attack(text: str) -> Verdict:
    return Look(normalise(text), Senses()).verdict("attack")


def struck(text: str) -> bool:
    verdict = attack(text)
    return verdict.score >= RULE_FROM and any(reason.endswith("_at_person") for reason in verdict.reasons)


@pytest.mark.parametrize("text", said("attacks"))
def test_what_is_thrown_at_somebody_is_an_attack_also_without_a_swear_word(text):
    assert struck(text)


@pytest.mark.parametrize("text", said("harmless"))
def test_nobody_is_punished_for_quoting_asking_or_condemning(text):
    assert not struck(text)


def test_how_many_of_the_sentences_kept_aside():
    assert sum(map(struck, said("attacks kept aside"))) == 28  # of 30
    assert sum(map(struck, said("harmless kept aside"))) == 0
    flagged = [t for part in ("harmless", "harmless kept aside") for t in said(part) if attack(t).score >= FLAGGED]
    assert len(flagged) == 4  # of 74; the rule on trial records these, and nobody is punished


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("你脑子进水了吧", "insult_at_person"),
        ("祝你全家死光", "curse_at_person"),
        ("再说一句我撕烂你的嘴", "threat_at_person"),
    ],
)
def test_the_reason_says_what_it_is(text, reason):
    assert reason in attack(text).reasons


@pytest.mark.parametrize(
    "text",
    ["给你讲个笑话吧", "你是谁啊", "神经外科在三楼", "你配个眼镜吧", "滚动条在哪", "垃圾分类怎么分", "你装修好了吗",
     "开水滚了", "你的智能手表真好看", "楼主这笑话很冷"],
)  # fmt: skip
def test_everyday_talk_is_none(text):
    assert not struck(text)


@given(st.sampled_from(said("attacks")), st.text(st.characters(categories=["L", "N"]), max_size=4))
def test_calling_it_a_quotation_spares_who_reports_it(text, name):
    assert not struck(f"他说“{text}”，太过分了{name}")
