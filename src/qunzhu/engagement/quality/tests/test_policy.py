"""Scores in pure code: worked examples, and what holds for every text and every message."""

from datetime import date

from hypothesis import example, given
from hypothesis import strategies as st

from qunzhu.engagement.quality import policy
from qunzhu.engagement.quality.policy import DENIED, MARKED, Own, Scored

DAY = date(2026, 11, 24)
RICH = (
    "做周报我换了三次模板,最后留下的只有四行:本周结果、没做成的原因、下周最重要的一件事、需要谁帮忙。"
    "写的时候先写数字再写判断,领导看得快,自己复盘也有据可查。"
)


def score_of(text: str, *links: str) -> Own:
    return policy.own(policy.own_characters(text, links), len(links))


def test_what_texts_are_worth():
    assert score_of("") == score_of("。。。!!") == Own()
    assert score_of("早") == Own()
    assert score_of("好的收到") == Own(1, 1, 0)
    assert score_of("哈" * 200) == Own()
    assert score_of(RICH) == Own(12, 25, 0)
    link = "https://example.com/a"
    assert score_of(RICH + link, link) == Own(12, 25, 6)
    assert score_of(f"{RICH} {link} {link}2 {link}3", link, f"{link}2", f"{link}3").sources == 10
    assert score_of(link, link) == Own()
    # A letter says less than a Chinese character.
    assert score_of("abcdefghijklmnopqrstuvwxyz") == Own(1, 3, 0)


def test_repetition_is_worth_less():
    assert sum((score_of(RICH * 5).length, score_of(RICH * 5).information)) < 20


@given(st.text(max_size=300), st.integers(0, 4))
@example("哈哈", 1)
def test_every_text_stays_within_its_parts(text, links):
    worth = policy.own(policy.own_characters(text, ()), links)
    assert 0 <= worth.length <= policy.LENGTH
    assert 0 <= worth.information <= policy.INFORMATION
    assert 0 <= worth.sources <= policy.SOURCES


SCORED = st.builds(
    Scored, seq=st.just(9), group_id=st.just(1), member_id=st.just(2), day=st.just(DAY),
    length=st.integers(0, 20), information=st.integers(0, 25), sources=st.integers(0, 10),
    copy_of=st.sampled_from([0, 4]), replies=st.integers(0, 40), reactions=st.integers(0, 40),
    word=st.sampled_from(["", MARKED, DENIED, policy.SCORED]), punished_by=st.sampled_from(["", "ad.flood"]),
)  # fmt: skip


@given(SCORED)
def test_parts_sum_to_a_score_from_0_to_100_and_staff_beat_it(scored):
    parts = scored.parts()
    assert sum(parts.values()) == scored.score
    assert 0 <= scored.score <= policy.MOST
    assert set(parts) <= set(policy.PARTS)
    assert 0 not in parts.values()
    if scored.punished_by or scored.word == DENIED:
        assert scored.score == 0
    elif scored.word == MARKED:
        assert scored.score == 100


@given(SCORED, st.sampled_from(["a", "b"]), st.sampled_from(["a", "b"]))
def test_a_pardon_takes_back_its_own_rule_only(scored, one, other):
    scored.punished_by = ""
    scored.punish(one)
    scored.pardon(other)
    assert scored.punished_by == ("" if one == other else one)


def test_copies():
    marks = policy.grams(policy.own_characters(RICH, ()))
    nearly = policy.grams(policy.own_characters("大家好 " + RICH + "!", ()))
    other = policy.grams(policy.own_characters("昨天去面试,对方问了很多项目细节,我准备得不够,回来把问题都记下来了", ()))
    owners = dict.fromkeys(marks, 7)
    assert len(marks) == 12
    assert policy.copied_from(nearly, owners) == 7
    assert policy.copied_from(other, owners) == 0
    assert policy.grams("太短的不比") == []
    assert policy.copied_from([], owners) == 0


def test_support_among_the_same_few():
    assert [policy.support(times, 0) for times in (1, 2, 3, 4)] == [2, 2, 2, 0]
    assert [policy.support(1, back) for back in (0, 1, 2, 9)] == [2, 2, 1, 1]
