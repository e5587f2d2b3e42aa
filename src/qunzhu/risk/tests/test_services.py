"""The keyword table and the events about it say the same; bad words are refused by name."""

import pytest

from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community
from qunzhu.kernel.engine.clearance_service import grant_clearance
from qunzhu.kernel.text.keywords import Word
from qunzhu.risk.models import Keyword
from qunzhu.risk.services import KeywordsInvalid, change_keywords

pytestmark = pytest.mark.django_db(transaction=True)


def test_table_and_event_say_the_same():
    community = make_community()
    own = {"community_id": community.pk, "now": NOW}
    change_keywords(**own, added=[Word("甲", "ad"), Word("乙", "fraud", "red"), Word("甲", "porn")], by="a")
    assert change_keywords(**own, added=[Word("丙", allow=True)], removed=["甲", "丙", "无"], by="b") == 1
    rows = Keyword.objects.filter(community_id=community.pk).order_by("word")
    assert [(k.word, k.category, k.level, k.allow, k.added_by) for k in rows] == [
        ("丙", "other", "", True, "b"),
        ("乙", "fraud", "red", False, "a"),
    ]
    first, second = events_of(community, "keywords.changed")
    assert first.body == {
        "added": [
            {"word": "甲", "category": "porn", "level": "", "allow": False},
            {"word": "乙", "category": "fraud", "level": "red", "allow": False},
        ],
        "removed": [],
        "by": "a",
    }
    assert second.body == {
        "added": [{"word": "丙", "category": "other", "level": "", "allow": True}],
        "removed": ["无", "甲"],
        "by": "b",
    }


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (Word("\u200b"), "没有可见的字"),
        (Word("长" * 201), "超过 200 字"),
        (Word("甲", "nope"), "类别 'nope' 不存在"),
    ],
)
def test_bad_words_are_refused(word, message):
    community = make_community()
    with pytest.raises(KeywordsInvalid, match=message):
        change_keywords(community_id=community.pk, added=[Word("好"), word], by="a", now=NOW)
    assert (Keyword.objects.count(), events_of(community, "keywords.changed")) == (0, [])


def test_nothing_to_change_tells_nothing():
    community = make_community()
    assert change_keywords(community_id=community.pk, by="a", now=NOW) == 0


def test_a_clearance_for_everyone_names_what_is_cleared():
    community = make_community()
    with pytest.raises(ValueError, match="写明链接或文字"):
        grant_clearance(community_id=community.pk, member=None, until=NOW.replace(year=2030), by="a", now=NOW)
