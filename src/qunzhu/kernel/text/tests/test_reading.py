"""Keywords, links and reasons for ads."""

import pytest

from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.links import canonical, canonical_links, find_links
from qunzhu.kernel.text.reading import Reading, library_of, read_all
from qunzhu.kernel.text.tests.work import grows_with_length, lines_run


def words(text: str, *entries: Word) -> list[tuple[str, int, int]]:
    reading = Reading(text, library_of(entries))
    return [(h.word, h.start, h.end) for h in reading.hits]


def test_hits_overlap_and_keep_the_word_as_it_was_entered():
    entries = [Word("募集", "fundraising"), Word("募集資金", "fundraising"), Word("资金", "other")]
    assert words("我们募集资金", *entries) == [("募集", 2, 4), ("募集資金", 2, 6), ("资金", 4, 6)]


def test_an_allow_listed_word_wins_over_hits_inside_it():
    entries = [Word("贷款", "fraud"), Word("贷款利率", allow=True)]
    assert words("今天的贷款利率", *entries) == []
    assert words("贷款利率和贷款", *entries) == [("贷款", 5, 7)]


def test_allowing_stays_fast_in_hostile_text():
    library = library_of([Word("款", "fraud"), Word("贷款", allow=True)])
    assert len(Reading("贷款" * 20_000 + "款", library).hits) == 1
    assert grows_with_length(lambda text: Reading(text, library).hits, "贷款" * 10_000)


def test_latin_words_stand_alone():
    assert words("dev xyz devx vx", Word("vx", "contact")) == [("vx", 13, 15)]
    assert words("加vx吧", Word("VX", "contact")) == [("VX", 1, 3)]


def test_an_empty_library_finds_nothing():
    assert KeywordLibrary().find("任何文字") == ()
    assert KeywordLibrary([Word("\u200b"), Word(" ")]).find("任何文字 ") == ()


def test_a_library_costs_what_its_length_costs():
    def build(count: int) -> KeywordLibrary:
        return KeywordLibrary(Word(f"词{n:05d}甲") for n in range(10_000, 10_000 + count))

    assert len(build(50_000)) == 50_000
    assert lines_run(lambda: build(4_000)) <= 2.2 * lines_run(lambda: build(2_000)) + 1_000


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("看taobao.com/a?b=1,还有", ["taobao.com/a?b=1"]),
        ("HTTP://WWW.Example.com:80/x/#top。", ["HTTP://WWW.Example.com:80/x/#top"]),
        ("（https://t.cn/abc）", ["https://t.cn/abc"]),
        ("写信给 x@y.com, e.g. a.b, 版本 v1.2.3 和 file.py", []),
        ("到 例子.中国 看", ["例子.中国"]),
        ("没有链接", []),
        ("a.com b.cn/x.", ["a.com", "b.cn/x"]),
    ],
)
def test_links_are_found_as_written(text, links):
    assert find_links(text) == links


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("http://WWW.Example.com:80/x/?utm_source=1&b=2&a=1#top", "https://example.com/x?a=1&b=2"),
        ("example.com", "https://example.com"),
        ("https://example.com/%E4%B8%AD", "https://example.com/%E4%B8%AD"),
        ("https://example.com/中", "https://example.com/%E4%B8%AD"),
        ("http://例子.中国/a", "https://xn--fsqu00a.xn--fiqs8s/a"),
        ("https://shop.cn/#/item/1", "https://shop.cn#/item/1"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://[bad", "https://[bad"),
        ("http://a.com:99999/", "http://a.com:99999/"),
    ],
)
def test_canonical_form(url, same):
    assert canonical(url) == same


def test_a_canonical_link_is_its_own_canonical_form():
    for url in ("http://WWW.a.cn/x/?b=2&a=%20+", "例子.中国/路径?词=值"):
        assert canonical(canonical(url)) == canonical(url)


def test_links_of_a_message_come_once():
    assert canonical_links("a.com 和 http://www.a.com/", ["https://a.com/?from=x", "b.cn"]) == (
        "https://a.com",
        "https://b.cn",
    )


def test_full_width_links_are_read():
    assert Reading("ｗｗｗ．Example．com／Path", library_of(())).links == ("https://example.com/Path",)


def test_long_text_without_links_stays_fast():
    assert find_links("啊" * 20_000 + "." + "a-" * 5_000) == []
    assert grows_with_length(find_links, "啊" * 10_000 + "." + "a-" * 2_500)


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("限时优惠券 https://t.cn/x", ("link_with_selling_words",)),
        ("加微信 abc12345 特价包邮", ("account_to_add",)),
        ("兼职日结 13812345678", ("phone_number",)),
        ("开业大促", ("ad_keyword",)),
        ("打折了吗", ()),
        ("看这个 https://t.cn/x", ()),
        ("我的手机 13812345678", ()),
        ("微信群里聊吧", ()),
    ],
)
def test_reasons_why_a_text_looks_like_an_ad(text, reasons):
    assert Reading(text, library_of([Word("开业大促", "ad")])).ad_reasons == reasons


def test_a_batch_reads_as_its_messages_do():
    library = library_of([Word("募集", "fundraising")])
    found = [(r.normal, [h.word for h in r.hits], r.links) for r in read_all(["募集 A.cn", "好"], library)]
    assert found == [("募集 a.cn", ["募集"], ("https://a.cn",)), ("好", [], ())]
