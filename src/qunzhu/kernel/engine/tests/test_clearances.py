"""What a cleared ad covers: exact at the ends of its window, generous with words, strict with whom to reach."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.engine.clearances import Said, clearance_from, covers, granted_body
from qunzhu.kernel.text.likeness import alike, marks_of, shape_of
from qunzhu.kernel.text.links import canonical_links

SINCE = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AD = "周末读书会开始报名啦，前二十名送书签，点击 https://shop.example.com/reading 报名，电话 13800138000"
WORDS = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5, exclude_characters="一二三四五六七八九幺")
CHINESE = st.text(alphabet=WORDS, min_size=12, max_size=60)


def granted(**changes):
    wanted = {"member": 7, "since": SINCE, "until": UNTIL, "by": "owner", "group": 3, "text": AD, **changes}
    return clearance_from(1, granted_body(**wanted))


def said(text=AD, *, at=SINCE, member=7, group=3, image=""):
    return Said(round(at.timestamp() * 1000), member, group, text, canonical_links(text), image)


@given(
    offset=st.integers(-10, 10),
    end=st.sampled_from(["since", "until"]),
    zone=st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"]),
)
def test_the_ends_are_exact_to_the_millisecond_in_every_zone(offset, end, zone):
    ends = {"since": SINCE.astimezone(ZoneInfo(zone)), "until": UNTIL.astimezone(ZoneInfo(zone))}
    clearance = granted(**ends)
    at = (SINCE if end == "since" else UNTIL) + timedelta(milliseconds=offset)
    assert covers(clearance, said(at=at)) is (offset >= 0 if end == "since" else offset < 0)


def test_by_whom_and_where():
    assert covers(granted(), said())
    assert not covers(granted(), said(member=8))
    assert not covers(granted(), said(group=4))
    assert covers(granted(group=None), said(group=4))
    assert covers(granted(member=None, group=None), said(member=None, group=9))


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        (AD.replace("前二十名", "前 20 名").replace("啦", "了"), True),  # reworded
        ("报名看这里 shop.example.com/reading?utm_source=wx", True),  # the cleared link, other words
        (AD.replace("13800138000", "138-0013-8000"), True),
        (AD.replace("13800138000", "13900139000"), False),  # another number to call
        (AD.replace("shop.example.com/reading", "shop.example.com/loan"), False),
        (AD + " 加微信 abc_8866 私聊", False),
        (AD + " 还有 https://other.example.com", False),
        (AD + " QQ群 123456789", False),
        (AD + " 一三九零零一三九零零零", False),
        (AD + " 加V：wxid-9x8y7z", False),
        ("完全不同的一条广告，今天所有商品一律半价，先到先得", False),
        ("", False),
    ],
)
def test_generous_with_words_and_strict_with_whom_to_reach(text, covered):
    assert covers(granted(), said(text)) is covered


def test_pictures():
    clearance = granted(text="", links=(), images=("aa",))
    assert covers(clearance, said("", image="aa"))
    assert not covers(clearance, said("", image="bb"))
    assert not covers(clearance, said("随便说点别的", image="aa"))
    assert not covers(granted(), said(AD, image="bb"))  # the words were cleared, this picture was not


def test_everything_of_a_member_is_only_for_a_member():
    clearance = granted(text="")
    assert covers(clearance, said("无论说什么 https://a.example.com"))
    assert not covers(clearance, said("无论说什么", member=8))
    with pytest.raises(ValueError, match="写明链接或文字"):
        granted_body(member=None, until=UNTIL, by="owner")
    with pytest.raises(ValueError, match="晚于开始时间"):
        granted_body(member=7, since=UNTIL, until=UNTIL, by="owner")


def test_grants_of_before_still_hold():
    old = clearance_from(1, {"member": 7, "link": "https://t.cn/abc", "until": UNTIL.isoformat(), "by": "t"})
    assert covers(old, said("看 https://t.cn/abc 和 https://t.cn/other"))
    assert not covers(old, said("看 https://t.cn/other"))


@given(text=CHINESE, position=st.integers(0, 59), character=WORDS)
def test_one_changed_character_is_the_same_text(text, position, character):
    place = position % len(text)
    changed = text[:place] + character + text[place + 1 :]
    distinct = len(set(pairwise(text)))
    if distinct >= 20:  # two of twenty pairs differ at most
        assert alike(shape_of(text), shape_of(changed))
    assert alike(shape_of(text), shape_of(text))


@given(text=CHINESE, number=st.integers(10**6, 10**11))
def test_every_long_number_is_a_mark(text, number):
    assert not set(marks_of(f"{text} {number}")) <= set(marks_of(text))
    assert marks_of(f"{text} {number}") == marks_of(f"{number}{text}")


@given(one=CHINESE, other=CHINESE)
def test_alike_is_symmetric(one, other):
    assert alike(shape_of(one), shape_of(other)) is alike(shape_of(other), shape_of(one))
