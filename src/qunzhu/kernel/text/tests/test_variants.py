"""Every way of writing a keyword is found where the word takes it, in its exact place, and nothing else is."""

import unicodedata
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.text.convert import to_initials, to_pinyin, to_traditional
from qunzhu.kernel.text.facts import common_words, readings, splits
from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.normalise import normalise, original_span
from qunzhu.kernel.text.numbers import in_chinese, in_figures
from qunzhu.kernel.text.options import OPTIONS, BadOption, default_options, options_of, parse_options
from qunzhu.kernel.text.reading import Reading, library_of
from qunzhu.kernel.text.sound import sounds
from qunzhu.kernel.text.tests.work import grows_with_length

WORDS = (
    "资金募集",
    "刷单返利",
    "同城约炮",
    "网络赌场",
    "加微信领取",
    "高仿手表",
    "原始股认购",
    "骗婚",
    "裸聊",
    "群主转让",
)
words = st.sampled_from(WORDS)


def seen(text: str, *entries: Word, guarded: bool = True) -> list[tuple[str, str, tuple[str, ...]]]:
    """(word, what was written, how) of each hit."""
    normal = normalise(text)
    found = []
    for hit in KeywordLibrary(entries, guarded=guarded).find(normal, text):
        start, end = original_span(text, hit.start, hit.end)
        found.append((hit.word, text[start:end], hit.variants))
    return found


@cache
def rare_homophones() -> dict[str, str]:
    """Syllable → a character that is in no everyday word."""
    used = {c for word in common_words() for c in word}
    return {sounds_[0]: c for c, sounds_ in readings().items() if c not in used}


def disguise(word: str, kind: str) -> str:  # noqa: PLR0911  (one return for each way)
    """The word written in one way."""
    match kind:
        case "ignore_width":
            return "".join(chr(ord(c) + 0xFEE0) if c.isascii() else c for c in word)
        case "ignore_chinese_style":
            return to_traditional(word)
        case "ignore_special_chars":
            return "*".join(word)
        case "ignore_repeat":
            return word[0] + "".join(c + c for c in word[1:-1]) + word[-1]
        case "pinyin":
            return to_pinyin(word)
        case "initials":
            return to_initials(word)
        case "homophone":
            return "".join(rare_homophones().get(readings()[c][0], c) for c in word)
        case _:  # split
            return "".join((splits().get(c) or (c,))[0] for c in word)


@given(words, st.sampled_from(["ignore_chinese_style", "ignore_special_chars", "ignore_repeat", "pinyin", "homophone"]))
@settings(deadline=None, max_examples=40)
def test_a_disguised_word_is_found_in_its_whole_place(word, kind):
    written = disguise(word, kind)
    hits = seen(f"。{written}。", Word(word))
    assert [(w, text) for w, text, _ in hits] == [(word, written)]
    if written != word:
        assert kind in hits[0][2]


@given(words)
@settings(deadline=None, max_examples=40)
def test_a_split_word_is_found(word):
    written = disguise(word, "split")
    hits = seen(written, Word(word))
    if any(
        len((splits().get(c) or (c,))[0]) > 1 and (splits()[c][0] not in common_words()) for c in word if c in splits()
    ):
        assert [(w, text) for w, text, _ in hits] == [(word, written)]
        assert "split" in hits[0][2]


@given(words, st.data())
@settings(deadline=None, max_examples=40)
def test_ways_mix(word, data):
    """Each character in a way of its own; nothing but the stretch is marked."""
    ways = {c: [c, to_traditional(c), f"{c}*", f"\u200b{c}", f"{c}\u20dd", f"{c}😀"] for c in word}
    written = "".join(data.draw(st.sampled_from(ways[c])) for c in word)
    hits = seen(f"甲{written}乙", Word(word))
    assert [w for w, _, _ in hits] == [word]
    shown = hits[0][1]
    before, after = written.split(shown)
    assert all(unicodedata.category(c)[0] in "SMPC" for c in before + after)


@pytest.mark.parametrize(
    ("word", "text", "written", "variant"),
    [
        ("VX", "加vx", "vx", "ignore_case"),
        ("VX", "ＶＸ", "ＶＸ", "ignore_width"),
        ("vx", "🆅🆇", "🆅🆇", "ignore_english_style"),
        ("vx", "𝓿𝔁", "𝓿𝔁", "ignore_english_style"),
        ("一夜情", "①夜情", "①夜情", "ignore_num_style"),
        ("一夜情", "壹夜情", "壹夜情", "ignore_num_style"),
        ("加微信", "➕V", "➕V", "alias"),
        ("加微信", "+ 薇", "+ 薇", "alias"),
        ("加微信", "加卫星", "加卫星", "alias"),
        ("微信", "vx", "vx", "alias"),
        ("群主", "君羊主", "君羊主", "split"),
        ("骗婚", "马扁女昏", "马扁女昏", "split"),
        ("资金募集", "zjmj", "zjmj", "initials"),
        ("同城约炮", "同城约泡", "同城约泡", "lookalike"),
        ("赌博平台", "睹搏平台", "睹搏平台", "lookalike"),
        ("南方人", "nan fang ren", "nan fang ren", "pinyin"),
    ],
)
def test_ways_of_writing_have_names(word, text, written, variant):
    hits = seen(text, Word(word))
    assert [(w, t) for w, t, _ in hits] == [(word, written)]
    assert variant in hits[0][2]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("微信", "行为信念"),  # sounds alike across two words
        ("微信", "他在卫星上"),  # an alias that is a word of its own
        ("智障", "这只蟑螂只长这样"),
        ("钱款", "没有钱。款到发货"),  # a sentence ends between them
        ("钱款", "没有钱 款到发货"),
        ("大妈", "damage control"),
        ("我们", "women"),
        ("也门", "他们"),
        ("好人", "女子人人平等"),
        ("vx", "devxyz"),
        ("资金募集", "azjmjb"),
    ],
)
def test_ordinary_text_is_left_alone(word, text):
    assert seen(text, Word(word)) == []


def test_each_word_says_what_it_takes():
    assert seen("君羊主", Word("群主", options="ignore_case pinyin")) == []
    assert seen("群 主", Word("群主", options="exact")) == []
    assert seen("VIP 客户", Word("vip", options="exact")) == []
    assert seen("zjmj", Word("资金募集", options="-initials")) == []
    assert seen("睹搏", Word("赌博", options="+lookalike -homophone")) == []  # nothing is left of the word


def test_the_allow_list_wins_over_variants_and_says_so():
    library = KeywordLibrary([Word("贷款", "fraud"), Word("贷款利率", allow=True)])
    reading = Reading("今天的贷*款*利*率", library)
    assert reading.hits == ()
    assert [(hit.word, allowed) for hit, allowed in reading.passed] == [("贷款", "贷款利率")]
    assert [(h.word, h.start) for h in Reading("贷款利率,贷*款", library).hits] == [("贷款", 5)]


def test_defaults_go_by_length():
    assert default_options(1, 1) == default_options(2, 0) - {"alias"}
    assert "homophone" in default_options(2, 2)
    assert "lookalike" not in default_options(2, 2)
    assert {"lookalike"} <= default_options(3, 3)
    assert ("initials" in default_options(3, 3), "initials" in default_options(4, 4)) == (False, True)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("", ""), ("auto", ""), ("exact", "exact"), ("拼音, 同音字", "pinyin homophone"),
        ("-同音字 +initials", "+initials -homophone"), ("split，ignore_case", "ignore_case split"),
    ],
)  # fmt: skip
def test_options_are_read_as_people_write_them(written, stored):
    assert parse_options(written) == stored
    assert parse_options(stored) == stored


@pytest.mark.parametrize("written", ["nonsense", "+pinyin split", "exact pinyin"])
def test_bad_options_are_named(written):
    with pytest.raises(BadOption):
        parse_options(written)


@given(st.sets(st.sampled_from(list(OPTIONS))), st.integers(1, 6))
def test_stored_options_mean_what_they_say(chosen, length):
    stored = parse_options(" ".join(chosen))
    assert options_of(stored, length, length) == (frozenset(chosen) if chosen else default_options(length, length))


ODD = st.text(st.sampled_from("微信vx加+➕君羊女子马扁①一壹 *.\u200b\u20ddjiaweixin贷款利率😀ﬃİ"), max_size=60)
LIBRARY = KeywordLibrary(
    [Word(w) for w in (*WORDS, "加微信", "群主", "vx", "一", "微微", "贷款")] + [Word("贷款利率", allow=True)]
)


@given(ODD)
@settings(deadline=None, max_examples=40)
def test_any_text_has_hits_in_order_within_it(text):
    normal = normalise(text)
    hits, passed = LIBRARY.look(normal, text)
    assert [h.end for h in hits] == sorted(h.end for h in hits)
    for hit in (*hits, *(p for p, _ in passed)):
        assert 0 <= hit.start < hit.end <= len(normal)
        assert len(hit.variants) == len(set(hit.variants))
        start, end = original_span(text, hit.start, hit.end)
        assert 0 <= start < end <= len(text)


@given(ODD)
def test_sounds_have_a_place_each(text):
    from qunzhu.kernel.text.sound import sound_places

    normal = normalise(text)
    places = sound_places(normal)
    assert len(places.starts) == len(places.ends) == len(sounds(normal))
    assert all(s < e for s, e in zip(places.starts, places.ends, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "微 " * 5_000, "*" * 20_000 + "信", "weixin" * 3_000, "a" * 20_000, "君羊" * 5_000, "+" * 10_000 + "v",
        "加" * 20_000, "一" * 20_000, "丿" * 20_000, "他们" * 8_000, "t a " * 5_000 + ". c o m", "1 3 8 " * 4_000,
    ],
)  # fmt: skip
def test_hostile_text_costs_what_its_length_costs(text):
    """Twice as long takes about twice the work: no pattern grows with the square of a message."""
    entries = [Word(w) for w in (*WORDS, "加微信", "微信", "也门", "群主", "人从众")]
    library = KeywordLibrary(entries)

    def read(body: str) -> None:
        reading = Reading(body, library)
        assert isinstance((reading.hits, reading.links, reading.contacts, reading.keys), tuple)

    assert grows_with_length(read, text)


_LONG_WORDS = ("资金募集", "高额返利", "内部渠道资料", "百家乐网投")
_PAUSES = st.sampled_from(["", " ", "，", "、", ",", "\n", "（", "—", "·", "🎈", "*", "\u200b"])


@given(
    st.sampled_from(_LONG_WORDS), st.lists(_PAUSES, min_size=6, max_size=6), st.sampled_from(["", "大家好，", "我们"])
)
def test_a_long_word_is_found_across_pauses_and_signs_exactly_where_it_stands(word, gaps, before):
    written = "".join(character + gap for character, gap in zip(word, [*gaps[: len(word) - 1], ""], strict=True))
    text = f"{before}{written}！"
    reading = Reading(text, library_of([Word(word, "fraud")]))
    (hit,) = reading.hits
    assert (hit.word, original_span(text, hit.start, hit.end)) == (word, (len(before), len(before) + len(written)))


@pytest.mark.parametrize("text", ["我没有资金。募集的事以后再说", "先看资金！募集明天谈", "有没有资金?募集呢"])
def test_the_end_of_a_sentence_is_no_gap(text):
    assert Reading(text, library_of([Word("资金募集", "fraud")])).hits == ()


_AMOUNTS = ["日赚500元", "日赚五百元", "日赚5oo元", "日赚５００元", "日赚 5 0 0 元", "日賺伍百元", "日赚⑤⓪⓪元"]


@pytest.mark.parametrize("text", _AMOUNTS)
def test_an_amount_is_the_same_in_figures_and_in_words(text):
    for word in ("日赚500元", "日赚五百元"):
        assert [hit.word for hit in Reading(text, library_of([Word(word, "ad")])).hits] == [word]


@given(st.integers(1, 99_999_999))
def test_numbers_are_read_as_they_are_said(number):
    assert in_figures(in_chinese(number)) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("十", 10),
        ("二十五", 25),
        ("一百零三", 103),
        ("两千", 2_000),
        ("一万零五", 10_005),
        ("一二三", 0),
        ("千万", 0),
        ("百", 0),
    ],
)
def test_what_is_said_is_a_number_or_none(said, number):
    assert in_figures(said) == number
