"""What moderators teach: exact un-learning, and no poisoning by one person."""

from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect import lessons as kept
from qunzhu.risk.detect.grams import grams
from qunzhu.risk.detect.lessons import FAR, FEWEST, MOST_OF_AUTHOR, Lesson, Lessons, chosen, own_words, taught
from qunzhu.risk.detect.verdicts import FLAGGED, Look, Senses
from qunzhu.risk.teaching import alarmed, change

WORDS = ("团购大闸蟹接龙", "阳澄湖现捞", "明天读书会", "三楼会议室", "接龙报名", "苹果园采摘", "有人拼车吗", "周报模板")


def lesson(seq, text, *, positive=True, category="ad", author=0, teacher="mod"):
    return Lesson(seq, category, positive, author, teacher, FAR, tuple(grams(normalise(text))))


@st.composite
def some_lessons(draw, first=0):
    return [
        lesson(
            first + seq, draw(st.sampled_from(WORDS)) + draw(st.sampled_from("甲乙丙丁")), positive=draw(st.booleans()),
            author=draw(st.integers(0, 3)), category=draw(st.sampled_from(["ad", "attack"])),
        )
        for seq in range(draw(st.integers(0, 14)))
    ]  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(some_lessons(), some_lessons(first=100), st.randoms(use_true_random=False))
def test_unlearning_leaves_exactly_what_there_would_be_without(before, more, dice):
    plain, other = Lessons(), Lessons()
    for one in before:
        plain.learn(one)
    mixed = [*before, *more]
    dice.shuffle(mixed)
    for one in mixed:
        other.learn(one)
    dice.shuffle(more)
    for one in more:
        assert other.unlearn(one.seq, one.category)
    assert kept.pack(other) == kept.pack(plain)
    assert _weights(other) == _weights(plain)
    assert kept.pack(kept.unpack(kept.pack(plain))) == kept.pack(plain)


def _weights(lessons):
    return {c: (t.trust, t.linear.bias, t.linear.scale, bytes(t.linear.weights)) for c, t in lessons.taught().items()}


def test_what_was_taught_shows_in_the_score_with_its_reason():
    texts = [f"接龙报名大闸蟹{n}只,阳澄湖现捞" for n in "一二三四五六七八"]
    known = Lessons({(n, "ad"): lesson(n, text, author=n) for n, text in enumerate(texts)})
    text = normalise("大闸蟹接龙,阳澄湖现捞的")
    before, after = Look(text, Senses()).verdict("ad"), Look(text, Senses(known.taught())).verdict("ad")
    assert before.score < FLAGGED <= after.score
    assert after.reasons[0] == "taught_here"
    harmless = Look(normalise("明天上午三楼开会,大家记得带周报"), Senses(known.taught())).verdict("ad")
    assert harmless.score < FLAGGED


def test_too_few_lessons_change_nothing():
    assert taught([lesson(n, WORDS[n]) for n in range(FEWEST - 1)]) is None


def test_the_same_text_counts_once_and_one_author_a_few_times():
    same = [lesson(n, "同一句广告", author=n) for n in range(50)]
    assert [les.seq for les in chosen(same)] == [49]
    one = [lesson(n, f"第{n}句不同的话{n * 7}号楼" + chr(0x4E00 + n), author=7) for n in range(50)]
    assert [les.seq for les in chosen(one)] == list(range(50 - MOST_OF_AUTHOR, 50))


def test_forgetting_an_author_is_forgetting_all_of_his_lessons():
    known = Lessons({(n, "ad"): lesson(n, WORDS[n], author=n % 2) for n in range(6)})
    assert known.forget_author(1)
    assert sorted(known.known) == [(0, "ad"), (2, "ad"), (4, "ad")]
    assert not known.forget_author(1)


def test_only_the_authors_own_words():
    assert own_words({"type": "text", "text": "「张三：加微信abc」\n- - - - - - - -\n别发广告"}) == "别发广告"
    assert own_words({"type": "text", "text": "> 加微信abc\n别发广告"}) == "别发广告"
    assert own_words({"type": "text", "text": "[转发] 加微信abc"}) == ""
    assert own_words({"type": "image", "text": "[图片]"}) == ""
    assert own_words({"type": "quote", "text": "不行"}) == "不行"


def test_what_becomes_of_a_lesson():
    assert [change(None, True), change(False, True), change(True, True)] == [True, True, True]
    assert [change(None, False), change(False, False), change(True, False)] == [False, False, None]


def test_the_alarm_needs_enough_verdicts_and_too_many_wrong_ones():
    assert not alarmed([False] * 9, at_least=0.8, fewest=10)
    assert alarmed([False] * 10, at_least=0.8, fewest=10)
    assert not alarmed([True] * 16 + [False] * 4, at_least=0.8, fewest=10)
    assert alarmed([True] * 15 + [False] * 5, at_least=0.8, fewest=10)
    assert not alarmed([True] * 20 + [False] * 100, at_least=0.8, fewest=10)  # what was long ago is past


def test_confirming_what_was_found_does_not_make_it_harder_to_find():
    """What reaches a human was flagged, mostly rightly: what is like the right ones is found as before."""
    plain = Senses()
    goods = ("代写论文", "办理信用卡套现", "贷款秒批当天放款", "兼职刷单日结", "代开各类发票")
    flagged = [f"专业{good}，需要的加微信{n}联系，价格优惠" for n in range(4) for good in goods]
    harmless = [f"周{day}活动报名的加我微信，我拉大家进群" for day in "一二三四五"]
    known = Lessons()
    for seq, text in enumerate([*flagged, *harmless]):
        normal = normalise(text)
        margin = round(Look(normal, plain).known("ad"), 4)
        found = Lesson(seq, "ad", seq < len(flagged), seq + 1, "mod", margin, tuple(grams(normal)))
        known.learn(found)
    added = known.taught()["ad"]
    for unseen in ("专业代写毕业论文，加微信联系", "信用卡套现，需要的加微信", "贷款当天放款，价格优惠"):
        assert added.margin(grams(normalise(unseen))) > 0, unseen
    for other in harmless:
        assert added.margin(grams(normalise(other))) < 0, other
