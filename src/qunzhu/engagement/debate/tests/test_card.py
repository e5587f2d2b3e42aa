"""The result card: no empty boxes, nothing outside, nothing without a font."""

import io

import pytest
from PIL import Image

from qunzhu.engagement.debate import card
from qunzhu.engagement.debate.policy import Outcome

CAME = Outcome("con", {"pro": 27, "con": 41}, 68, {"pro": 9, "con": 12}, 7)
SIDES = {"pro": "先看薪资", "con": "先看成长"}


def drawn(**more):
    given = {"title": "跳槽先看薪资还是成长", "name": "周小麦", "quote": "头三年学到的东西会决定后面十年的上限", **more}
    return card.draw(community="职场知识社", day="2026.11.28", sides=SIDES, came=CAME, **given)


needs_font = pytest.mark.skipif(card.font("bold", 40) is None, reason="no font with Chinese characters here")


@needs_font
def test_it_is_a_picture_of_its_size_and_small():
    data = drawn()
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.size) == ("PNG", (card.W, card.H))
    assert len(data) < 100_000


@needs_font
def test_what_the_font_cannot_show_is_left_out():
    face = card.font("bold", 40)
    assert card.shown("赢了🎉 真的\n\ue123吗", face) == "赢了 真的 吗"
    assert drawn(name="🎉", quote="🎉" * 50) == drawn(name="", quote="")


@needs_font
def test_long_words_fit_and_end_in_dots():
    face = card.font("bold", 68)
    rows = card.wrapped("很长的辩题" * 30, face, 900, 3)
    assert len(rows) == 3
    assert rows[-1].endswith("…")
    assert all(face.getlength(row) <= 900 for row in rows)
    assert card.balanced("跳槽应该先看薪资还是先看成长", face, 912, 3) == ["跳槽应该先看薪", "资还是先看成长"]


def test_without_a_font_there_is_no_card(monkeypatch):
    monkeypatch.setattr(card, "FONTS", {"bold": (), "plain": ()})
    card.font.cache_clear()
    assert drawn() is None
    card.font.cache_clear()
