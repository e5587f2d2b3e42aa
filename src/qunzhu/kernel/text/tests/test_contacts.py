"""Contacts, veiled links, near-duplicates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.text.links import canonical, is_short
from qunzhu.kernel.text.reading import Reading, library_of

NOBODY = library_of(())


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("看 taobao 点 com", ("https://taobao.com",)),
        ("t a o b a o . c o m", ("https://taobao.com",)),
        ("w w w . b a i d u . c o m 来", ("https://baidu.com",)),
        ("hxxp://evil[.]cn/a", ("https://evil.cn/a",)),
        ("taobao。com", ("https://taobao.com",)),
        ("ｈttps：／／a．cn", ("https://a.cn",)),
        ("https://link.zhihu.com/?target=https%3A//t.cn/Ab", ("https://t.cn/Ab",)),
        ("taobao[点]com 买", ("https://taobao.com",)),
        ("点开 ⓣⓐⓞⓑⓐⓞ.ⓒⓞⓜ", ("https://taobao.com",)),
        ("来x9y8.top/ab", ("https://x9y8.top/ab",)),
        ("购买链接qiqikw.fun", ("https://qiqikw.fun",)),
        ("葡京.在线", ("https://xn--1lq322k.xn--3ds443g",)),
        ("hxxps：//a1b2.loan/x", ("https://a1b2.loan/x",)),
        ("看 1.2.3.4:8080/x", ("https://1.2.3.4:8080/x",)),
        ("我用的是 main.py 和 v1.2.dev", ()),
        ("价格 3.5 元，3点 到", ()),
        ("See you.in a moment, e.g. this", ()),
        ("网段 10.0.0.0/8", ()),
        ("好的。com", ()),
        ("我点 cn 的", ()),
        ("你好.我是小王", ()),
    ],
)
def test_links_taken_apart_are_put_together(text, links):
    assert Reading(text, NOBODY).links == links


def test_short_links_are_known():
    assert is_short(canonical("http://t.cn/abc"))
    assert not is_short(canonical("http://example.cn/abc"))


@pytest.mark.parametrize(
    ("text", "contacts"),
    [
        ("加微信 abc12345 特价", [("wechat", "abc12345")]),
        ("QQ 123456789", [("qq", "123456789")]),
        ("qq群123456789", [("group", "123456789")]),
        ("裙号：123 456 789", [("group", "123456789")]),
        ("微信号是 a.b.c.1.2.3", [("wechat", "abc123")]),
        ("#小程序://饿了么/abcdefgh", [("mini_program", "abcdefgh")]),
        ("手机 １３８-００１３-８０００", [("phone", "13800138000")]),
        ("微信①③⑧⓪⓪①③⑧⓪⓪⓪", [("wechat", "13800138000"), ("phone", "13800138000")]),
        ("电话幺三八零零幺三八零零零", [("phone", "13800138000")]),
        ("138壹贰叁肆伍陆柒捌", [("phone", "13812345678")]),
        ("Q Q：二 八 三 四 七 七 一", [("qq", "2834771")]),
        ("群号 七八九一二三四五六", [("group", "789123456")]),
        ("卫星 abc12345 或 ➕薇 xiaoli2026", [("wechat", "abc12345"), ("wechat", "xiaoli2026")]),
        ("wxid_x7a8b9c0d1e2f3", [("wechat", "wxidx7a8b9c0d1e2f3")]),
        ("加薇 wxid_abc123def45", [("wechat", "wxidabc123def45")]),
        ("关注 gh_1a2b3c4d5e6f", [("mini_program", "gh_1a2b3c4d5e6f")]),
        ("wxabcdef1234567890", [("mini_program", "wxabcdef1234567890")]),
        ("一二三四五六七八九十", []),
        ("二零二六年一月三日", []),
        ("今天v5", []),
        ("微信群里聊吧2024年", []),
        ("订单 20261124123456", []),
    ],
)
def test_contacts_are_found_however_they_are_written(text, contacts):
    assert [(c.kind, c.value) for c in Reading(text, NOBODY).contacts] == contacts


@given(st.lists(st.text(max_size=40) | st.sampled_from(["http://[", "https://[::1", "//", "wxaurl.cn", "a://b@:"])))
def test_no_link_or_code_is_too_odd_to_be_read(said):
    reading = Reading(" ".join(said), NOBODY, said, said)
    assert len(reading.contacts) >= len(set(said) & {"http://["})


def test_pages_of_mini_programs_are_known():
    links = ("https://wxaurl.cn/abc", "https://mp.weixin.qq.com/a/~xyz~~", "https://mp.weixin.qq.com/s/abc")
    assert [c.kind for c in Reading("", NOBODY, links).contacts] == ["mini_program", "mini_program"]


def test_a_code_says_whose_it_is():
    codes = ["https://u.wechat.com/abc", "https://qm.qq.com/x", "随便"]
    assert [c.kind for c in Reading("", NOBODY, (), codes).contacts] == ["wechat", "qq", "qr"]


SPAM = "限时优惠买一送一今天最后一天快来加我领取"


@given(st.integers(0, len(SPAM) - 1), st.sampled_from("啊哦嗯丫9"), st.booleans())
def test_one_changed_or_added_character_is_the_same_text(place, character, adding):
    changed = SPAM[:place] + character + SPAM[place + (not adding) :]
    one, two = Reading(SPAM, NOBODY).keys, Reading(changed, NOBODY).keys
    assert set(one) & set(two)


@pytest.mark.parametrize("text", ["今天的作业是第三题大家记得写完交给老师", "限时优惠", SPAM[::-1], ""])
def test_other_texts_are_not(text):
    assert not set(Reading(SPAM, NOBODY).keys) & set(Reading(text, NOBODY).keys)


def test_decoration_makes_no_other_text():
    assert Reading("限时!优惠~~", NOBODY).keys == Reading("限時優惠😀", NOBODY).keys
    assert all(key < 0 for key in Reading(SPAM, NOBODY).keys[1:])
