"""Every character folds alone, and every position leads back to the character it came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.text.normalise import normalise, original_span, positions, text_digest

ODD = (
    st.text(st.sampled_from("aAéßİŉﬃ①Ⓕ㍿ＶＸ微薇資\u200b\u20dd\ufe0f\u0301한が😀\u3164 \n.ʼΐ"), max_size=30) | st.text()
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("ＶＸ号", "vx号"),
        ("募\u200b集\u20dd資\ufe0f金", "募集资金"),
        ("Ⓕⓡée①", "free1"),
        ("Straße", "strasse"),
        ("İ", "i"),
        ("plain ASCII", "plain ascii"),
        ("", ""),
        ("\u200b\u3164", ""),
    ],
)
def test_folding(text, normal):
    assert normalise(text) == normal


def test_traditional_is_kept_when_asked():
    assert normalise("資金", simplify=False) == "資金"


@given(ODD, st.booleans())
def test_each_position_leads_to_the_character_it_came_from(text, simplify):
    normal, origin = normalise(text, simplify=simplify), positions(text, simplify=simplify)
    assert len(origin) == len(normal)
    assert origin == sorted(origin)
    assert "".join(normalise(text[i], simplify=simplify) for i in sorted(set(origin))) == normal


@given(ODD, ODD)
def test_normalising_is_additive(one, two):
    assert normalise(one + two) == normalise(one) + normalise(two)


@given(ODD, st.data())
def test_a_stretch_of_the_original_gives_back_the_hit(text, data):
    normal = normalise(text)
    if not normal:
        return
    start = data.draw(st.integers(0, len(normal) - 1))
    end = data.draw(st.integers(start + 1, len(normal)))
    a, b = original_span(text, start, end)
    assert normal[start:end] in normalise(text[a:b])


def test_the_digest_sees_through_writing_only():
    assert text_digest("限时 优惠\n券ＶＸ") == text_digest("限時优惠券vx")
    assert text_digest("限时优惠券") != text_digest("限时优惠卷")
