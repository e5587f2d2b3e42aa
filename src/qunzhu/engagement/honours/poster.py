"""The picture of a closed week, 1080 pixels wide, drawn at twice the size. None where no Chinese font is installed."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from qunzhu.engagement.honours.policy import Place, Top, said_week

WIDTH, SCALE = 1080, 2
_FACES = {
    "bold": ("opentype/noto/NotoSansCJK-Bold.ttc", "noto-cjk/NotoSansCJK-Bold.ttc", "truetype/wqy/wqy-zenhei.ttc"),
    "regular": ("opentype/noto/NotoSansCJK-Regular.ttc", "noto-cjk/NotoSansCJK-Regular.ttc",
                "truetype/wqy/wqy-zenhei.ttc"),
}  # fmt: skip
_ROOTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("/System/Library/Fonts"))
_SIMPLIFIED = 2  # the face of a Noto collection whose forms are those of the mainland
_INK, _QUIET, _PAPER, _CARD, _LINE, _GREEN = "#17251d", "#66736b", "#f1f5f0", "#ffffff", "#e3eae4", "#0b6b41"
_MEDALS = {1: ("#e2b33c", "#fff4d2"), 2: ("#9fadb8", "#eff3f6"), 3: ("#c48a5c", "#f9ebdf")}
_HUES = ("#46638c", "#8a4b6b", "#3d6f62", "#7a5a35", "#5a5391", "#33707f", "#8c4f42", "#596b35")


@lru_cache(maxsize=64)
def _font(weight: str, size: int) -> ImageFont.FreeTypeFont | None:
    for root in _ROOTS:
        for name in _FACES[weight]:
            if (root / name).exists():
                face = _SIMPLIFIED if "Noto" in name else 0
                return ImageFont.truetype(str(root / name), size * SCALE, index=face)
    return None


@lru_cache(maxsize=8192)
def _shown(letter: str) -> bool:
    """Whether the font has the letter: what it lacks all looks like the sign for nothing."""
    font = _font("regular", 20)
    if font is None or not letter.isprintable():
        return False
    return letter == " " or bytes(font.getmask(letter)) not in {bytes(font.getmask("\U0010fffe")), b""}


def _clean(name: str) -> str:
    return " ".join("".join(letter for letter in name if _shown(letter)).split()) or "成员"


class _Sheet:
    """A page to draw on, in the measures of the finished picture."""

    def __init__(self, height: int) -> None:
        self.image = Image.new("RGB", (WIDTH * SCALE, height * SCALE), _PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def box(self, x: int, y: int, right: int, bottom: int, colour: str, radius: int = 28) -> None:
        at = (x * SCALE, y * SCALE, right * SCALE, bottom * SCALE)
        self.draw.rounded_rectangle(at, radius * SCALE, fill=colour)

    def disc(self, x: int, y: int, radius: int, colour: str) -> None:
        self.draw.ellipse([(v * SCALE) for v in (x - radius, y - radius, x + radius, y + radius)], fill=colour)

    def text(
        self, x: int, y: int, words: str, size: int, colour: str, weight: str = "regular", anchor: str = "lm",
        most: int = WIDTH,
    ) -> None:  # fmt: skip
        font = _font(weight, size)
        if font is None:
            return
        if font.getlength(words) > most * SCALE:
            while words and font.getlength(words + "…") > most * SCALE:
                words = words[:-1]
            words += "…"
        self.draw.text((x * SCALE, y * SCALE), words, font=font, fill=colour, anchor=anchor)


def draw(
    *, community: str, week: date, top: Top, stars: Mapping[str, Sequence[Place]], names: Mapping[int, str]
) -> bytes | None:
    """The poster as PNG."""
    if _font("bold", 20) is None or _font("regular", 20) is None or not top.places:
        return None
    podium, rest = top.places[:3], top.places[3:]
    told = [(title, stars.get(board, ())) for board, title in (("newcomers", "新人之星"), ("progress", "进步之星"))]
    told = [(title, places) for title, places in told if places]
    rows = len(rest) + (1 if top.more else 0)
    height = 800 + (rows * 84 + 56 if rows else 0) + (44 + 76 * len(told) if told else 0) + 110
    sheet = _Sheet(height)
    _head(sheet, community, week)
    for column, place in zip(_columns(len(podium)), podium, strict=True):
        _podium(sheet, column, place, _clean(names.get(place.member, "")))
    y = 800
    if rows:
        sheet.box(56, y, 1024, y + rows * 84 + 24, _CARD)
        for number, place in enumerate(rest):
            _row(sheet, y + 54 + number * 84, place, _clean(names.get(place.member, "")), first=number == 0)
        if top.more:
            sheet.text(540, y + 54 + len(rest) * 84, f"同分的还有 {top.more} 位", 28, _QUIET, anchor="mm")
        y += rows * 84 + 56
    if told:
        for number, (title, places) in enumerate(told):
            line = y + 40 + number * 76
            sheet.box(56, line - 28, 226, line + 28, "#dcefe3", 28)
            sheet.text(141, line, title, 28, _GREEN, "bold", "mm")
            who = "、".join(_clean(names.get(p.member, "")) for p in places)
            sheet.text(254, line, who, 32, _INK, most=770)
        y += 44 + 76 * len(told)
    sheet.text(540, height - 66, "谢谢每一位认真分享的人，新的一周见", 28, _QUIET, anchor="mm")
    out = io.BytesIO()
    sheet.image.resize((WIDTH, height), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


def _head(sheet: _Sheet, community: str, week: date) -> None:
    for y in range(430 * SCALE):
        part = y / (430 * SCALE)
        colour = tuple(round(a + (b - a) * part) for a, b in zip((5, 88, 52), (16, 138, 84), strict=True))
        sheet.draw.line((0, y, WIDTH * SCALE, y), fill=colour)
    sheet.text(64, 92, _clean(community), 34, "#cfeadb", most=950)
    sheet.text(62, 176, "每周贡献榜", 84, "#ffffff", "bold")
    sheet.text(64, 260, f"{week.year} 年 {said_week(week)}", 34, "#cfeadb")


def _columns(people: int) -> list[tuple[int, int]]:
    """(left edge, top edge) of the cards of the first three, the first in the middle."""
    return {1: [(382, 330)], 2: [(214, 330), (550, 372)], 3: [(382, 330), (56, 372), (708, 372)]}[people]


def _podium(sheet: _Sheet, corner: tuple[int, int], place: Place, name: str) -> None:
    x, y = corner
    middle, (metal, soft) = x + 158, _MEDALS[min(place.rank, 3)]
    sheet.box(x, y, x + 316, 772, _CARD)
    sheet.disc(middle, y + 124, 84, soft)
    sheet.disc(middle, y + 124, 70, _HUES[place.member % len(_HUES)])
    sheet.text(middle, y + 122, name[:1].upper(), 60, "#ffffff", "bold", "mm")
    sheet.disc(middle + 58, y + 180, 34, _CARD)
    sheet.disc(middle + 58, y + 180, 28, metal)
    sheet.text(middle + 58, y + 179, str(place.rank), 32, "#ffffff", "bold", "mm")
    sheet.text(middle, y + 256, name, 36, _INK, "bold", "mm", most=276)
    sheet.text(middle, y + 318, f"{place.points:,}", 52, _GREEN, "bold", "mm", most=276)
    sheet.text(middle, y + 362, "积分", 24, _QUIET, anchor="mm")


def _row(sheet: _Sheet, y: int, place: Place, name: str, *, first: bool) -> None:
    if not first:
        sheet.draw.line((200 * SCALE, (y - 42) * SCALE, 984 * SCALE, (y - 42) * SCALE), fill=_LINE, width=SCALE)
    sheet.text(112, y, str(place.rank), 34, _QUIET, "bold", "mm")
    sheet.disc(186, y, 28, _HUES[place.member % len(_HUES)])
    sheet.text(186, y - 1, name[:1].upper(), 26, "#ffffff", "bold", "mm")
    sheet.text(236, y, name, 34, _INK, most=540)
    sheet.text(980, y, f"{place.points:,}", 36, _GREEN, "bold", "rm")
