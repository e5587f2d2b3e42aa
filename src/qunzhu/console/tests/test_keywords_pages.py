"""The keyword library: words come and go with an event, a bad file changes nothing, the test box shows the hits."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.reading.word_files import parse_words
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.text.keywords import Word
from qunzhu.risk.models import Keyword
from qunzhu.risk.services import change_keywords

pytestmark = pytest.mark.django_db
EDITORS = {"owner", "manager"}


@pytest.fixture
def desk():
    return make_desk()


def add(desk, *words: Word) -> None:
    change_keywords(community_id=desk.community.pk, added=words, by="test", now=SYSTEM_CLOCK.now())


def changes(desk) -> int:
    return Event.objects.filter(community_id=desk.community.pk, kind="keywords.changed").count()


def test_only_editors_change_words(desk):
    add(desk, Word("加微信", "contact"))
    others = ("moderator", "analyst", "finance")
    word = {"word": "兼职刷单", "category": "fraud"}
    file = {"file": SimpleUploadedFile("w.csv", "兼职刷单,诈骗".encode())}
    assert permitted(desk, EDITORS, "keywords/add/", word) == refused(*others)
    assert permitted(desk, EDITORS, "keywords/remove/", {"word": "加微信"}) == refused(*others)
    assert permitted(desk, EDITORS, "keywords/import/", file) == refused(*others)
    assert list(Keyword.objects.values_list("word", flat=True)) == ["加微信"]
    assert changes(desk) == 1
    assert 'name="word"' not in desk.client("analyst").get(desk.url("keywords/")).content.decode()


def test_adding_and_removing(desk):
    client = desk.client("manager")
    client.post(desk.url("keywords/add/"), {"word": " 兼职刷单 ", "category": "fraud", "level": "red"})
    assert list(Keyword.objects.values_list("word", "category", "level", "allow", "added_by")) == [
        ("兼职刷单", "fraud", "red", False, "manager-desk")
    ]
    client.post(desk.url("keywords/remove/"), {"word": ["兼职刷单", "没有这个词"]})
    assert Keyword.objects.count() == 0
    assert changes(desk) == 2
    assert [a for _, a, _ in desk.audit()] == ["keywords.add", "keywords.remove"]


@pytest.mark.parametrize("word", ["", "\u200b\u200b", "长" * 101])
def test_a_word_that_cannot_be_taken_is_explained(desk, word):
    response = desk.client("owner").post(desk.url("keywords/add/"), {"word": word, "category": "ad"})
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode()
    assert (Keyword.objects.count(), changes(desk), desk.audit()) == (0, 0, [])


def test_a_file_with_a_bad_line_changes_nothing_and_names_the_line(desk):
    content = "word,category,level\n加微信,引流加好友\n刷单,不存在\n,ad\n高息,fraud,purple\n".encode()
    client = desk.client("owner")
    response = client.post(desk.url("keywords/import/"), {"file": SimpleUploadedFile("w.csv", content)})
    assert response.status_code == 422
    assert [bad.line for bad in response.context["bad"]] == [3, 4, 5]
    assert "第 3 行" in response.content.decode()
    assert (Keyword.objects.count(), changes(desk)) == (0, 0)


def test_a_good_file_is_one_change_also_in_gb18030(desk):
    content = "关键词,类别,级别,白名单\n加微信,引流加好友,红色\n反诈,诈骗,,是\n".encode("gb18030")
    desk.client("owner").post(desk.url("keywords/import/"), {"file": SimpleUploadedFile("w.csv", content)})
    assert list(Keyword.objects.order_by("allow").values_list("word", "category", "level", "allow")) == [
        ("加微信", "contact", "red", False), ("反诈", "fraud", "", True),
    ]  # fmt: skip
    assert changes(desk) == 1
    assert desk.audit() == [("owner-desk", "keywords.import", "w.csv")]


@pytest.mark.parametrize("raw", [b"\xff\xff\xff\x00\x80", b"", b'"never closed', b"\n\n"])
def test_hostile_files_are_refused_or_empty(raw):
    words, bad = parse_words(raw)
    assert all(word.word for word in words)
    assert isinstance(bad, list)


def test_search_filter_and_pages_at_the_same_cost(desk):
    client, counted = desk.client("analyst"), []
    add(desk, Word("加微信", "contact"), Word("反诈", "fraud", allow=True))
    for more in (0, 300):
        if more:
            add(desk, *(Word(f"词{n:04}", "ad") for n in range(more)))
        client.get(desk.url("keywords/"))
        with CaptureQueriesContext(connection) as seen:
            page = client.get(desk.url("keywords/"))
        counted.append(len(seen))
    assert counted[0] == counted[1]
    assert (page.context["page"].total, page.context["total"]) == (302, 302)
    found = client.get(desk.url("keywords/?q=词000&page=1")).context["page"]
    assert [k.word for k in found.rows] == [f"词000{n}" for n in range(10)]
    allowed = client.get(desk.url("keywords/?category=allow")).context["page"]
    assert [k.word for k in allowed.rows] == ["反诈"]
    assert len(client.get(desk.url("keywords/?page=99")).context["page"].rows) == 2  # the last page


def test_the_box_marks_the_hits_in_what_was_typed(desk):
    add(desk, Word("加微信", "contact", "red"))
    client = desk.client("analyst")
    page = client.post(desk.url("keywords/try/"), {"sentence": "想了解的<u>加微信</u>吧"})
    assert [h.word for h in page.context["tested"]["tried"].hits] == ["加微信"]
    text = page.content.decode()
    assert '<mark class="hit hit-red">加微信</mark>' in text
    assert "<u>" not in text
    add(desk, Word("了解", "ad"))  # the next sentence knows it
    page = client.post(desk.url("keywords/try/"), {"sentence": "想了解"})
    assert [(p.text, bool(p.hits)) for p in page.context["tested"]["tried"].pieces] == [("想", False), ("了解", True)]
    assert desk.audit() == []


def test_the_export_can_be_imported_again(desk):
    add(desk, Word("加微信", "contact", "red"), Word("=1+1", "ad"), Word("反诈", "fraud", allow=True))
    response = desk.client("analyst").get(desk.url("keywords/export.csv"))
    words, bad = parse_words(b"".join(response.streaming_content))
    assert bad == []
    assert {w.word for w in words} == {"加微信", "=1+1", "反诈"}


@pytest.mark.parametrize("fmt", ["csv", "xlsx"])
def test_options_survive_export_and_import(desk, fmt):
    chosen = {"加V": "+initials -homophone", "VIP": "exact", "私聊": "ignore_case pinyin", "刷单": ""}
    add(desk, *(Word(word, "contact", options=options) for word, options in chosen.items()))
    response = desk.client("analyst").get(desk.url(f"keywords/export.{fmt}"))
    words, bad = parse_words(b"".join(response.streaming_content) if response.streaming else response.content)
    assert bad == []
    assert {w.word: w.options for w in words} == chosen


def test_an_unknown_option_is_named_with_its_line(desk):
    content = "词,类别,级别,白名单,写法\n加V,ad,,,+拼音首字母\n加V信,ad,,,谐音\n".encode()
    words, bad = parse_words(content)
    assert [(w.word, w.options) for w in words] == [("加V", "+initials")]
    assert [(b.line, b.problem.split(";")[0]) for b in bad] == [(3, "没有选项 '谐音'")]


@pytest.mark.parametrize("raw", [b"PK\x03\x04 not a workbook", b"PK"])
def test_a_broken_workbook_is_refused(raw):
    words, bad = parse_words(raw)
    assert (words, [b.line for b in bad]) == ([], [1])


def test_a_word_is_added_with_chosen_ways_of_writing(desk):
    client = desk.client("owner")
    form = {"word": "群主", "category": "ad", "ways": "own", "options": ["split", "pinyin"]}
    assert client.post(desk.url("keywords/add/"), form).status_code == 302
    assert Keyword.objects.get().options == "pinyin split"
    page = client.post(desk.url("keywords/try/"), {"sentence": "找君羊主"})
    assert [(h.word, h.variants) for h in page.context["tested"]["tried"].hits] == [("群主", ("split",))]
    assert '<mark class="hit">君羊主</mark>' in page.content.decode()
    assert '<span class="tag">拆字</span>' in page.content.decode()


def test_choosing_nothing_is_refused(desk):
    response = desk.client("owner").post(desk.url("keywords/add/"), {"word": "群主", "category": "ad", "ways": "own"})
    assert (response.status_code, Keyword.objects.count(), changes(desk)) == (422, 0, 0)
    assert "至少选一种写法" in response.content.decode()


def test_the_box_says_what_the_allow_list_let_pass(desk):
    add(desk, Word("贷款", "fraud"), Word("贷款利率", allow=True))
    page = desk.client("analyst").post(desk.url("keywords/try/"), {"sentence": "今天的贷款利率"})
    assert (page.context["tested"]["tried"].hits, "“贷款”在白名单词“贷款利率”里面" in page.content.decode()) == (
        (),
        True,
    )


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_marks_between_columns_are_understood(mark):
    words, bad = parse_words(f"word{mark}category\n炒币群丁{mark}fraud\n".encode())
    assert ([(w.word, w.category) for w in words], bad) == ([("炒币群丁", "fraud")], [])


@pytest.mark.parametrize(
    ("raw", "line"), [('好词,ad\n"没有结束,ad,,,\n'.encode(), 2), ("好词,ad\na\0b,ad\n".encode(), 2)]
)
def test_a_broken_line_ends_the_file_and_is_no_word(raw, line):
    words, bad = parse_words(raw)
    assert "没有结束" not in "".join(w.word for w in words)
    assert [one.line for one in bad] == [line]
