"""The result as a picture, drawn here, kept with the debate, and posted where a group can show pictures."""

import hashlib
import io
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from PIL import Image, ImageDraw, ImageFont

from qunzhu.engagement.debate.models import Debate, DebateCard
from qunzhu.engagement.debate.policy import CON, PRO, SIDES, Outcome
from qunzhu.engagement.debate.work import Work
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.connectors.local.pictures import keep_own

W, H, M = 1080, 1440, 84
INK, QUIET, PAPER, LINE = "#12211a", "#5d6b64", "#fbfaf6", "#e3e1d8"
COLOUR = {PRO: "#0a8f52", CON: "#3b4fa3"}
PALE = {PRO: "#e3f3ea", CON: "#e6e9f6"}
NIGHT, DEEP = (9, 58, 41), (5, 33, 26)
# Where systems keep a font with Chinese characters; of a collection the face for simplified Chinese is taken.
FONTS = {
    "bold": (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc", "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc", "/System/Library/Fonts/PingFang.ttc",
        "/System/Library/Fonts/STHeiti Medium.ttc", "C:/Windows/Fonts/msyhbd.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    ),
    "plain": (
        "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
        "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", "/System/Library/Fonts/PingFang.ttc",
        "/System/Library/Fonts/STHeiti Light.ttc", "C:/Windows/Fonts/msyh.ttc",
        "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    ),
}  # fmt: skip
_NOWHERE = "\U0010ffff"
Font = ImageFont.FreeTypeFont


@lru_cache(maxsize=64)
def font(weight: str, size: int) -> Font | None:
    """A font with Chinese characters; None on a machine without one: then no card is drawn."""
    for path in FONTS[weight]:
        if not Path(path).exists():
            continue
        faces = []
        for index in range(12):
            try:
                faces.append(ImageFont.truetype(path, size, index=index))
            except OSError:
                break
        simplified = [face for face in faces if "SC" in " ".join(filter(None, face.getname()))]
        if faces:
            return (simplified or faces)[0]
    return None


def shown(text: str, face: Font) -> str:
    """The text without what the font would show as an empty box (emoji, rare letters)."""
    nothing = bytes(face.getmask(_NOWHERE))
    return "".join(c for c in " ".join(text.split()) if c == " " or bytes(face.getmask(c)) != nothing).strip()


def wrapped(text: str, face: Font, width: int, lines: int) -> list[str]:
    """`text` in at most `lines` lines; what does not fit ends in …; no line begins with a mark that ends a sentence."""
    rows, row = [], ""
    for character in shown(text, face):
        if face.getlength(row + character) > width and character not in "，。！？、；：”）":
            rows.append(row)
            row = character.lstrip()
        else:
            row += character
    rows.append(row)
    if len(rows) > lines:
        last = rows[lines - 1]
        while last and face.getlength(last + "…") > width:
            last = last[:-1]
        rows = [*rows[: lines - 1], last + "…"]
    return [r for r in rows if r]


def balanced(text: str, face: Font, width: int, lines: int) -> list[str]:
    """`text` in as few lines as it needs, all about equally long: no lonely character at the end."""
    rows = wrapped(text, face, width, lines)
    for narrow in range(width // 2, width, 20):
        tried = wrapped(text, face, narrow, lines)
        if len(tried) == len(rows) and "".join(tried) == "".join(rows):
            return tried
    return rows


def draw(
    *, community: str, day: str, title: str, sides: dict[str, str], came: Outcome, name: str, quote: str
) -> bytes | None:
    """The card as PNG; None where there is no font for it."""
    if font("bold", 40) is None or font("plain", 40) is None:
        return None
    image = Image.new("RGB", (W, H), PAPER)
    pen = ImageDraw.Draw(image)
    top = _head(image, pen, community, day, title)
    top = _verdict(pen, came, top)
    top = _columns(pen, sides, came, top)
    _quote(image, came, name, quote, top)
    _foot(pen, came)
    out = io.BytesIO()
    image.quantize(colors=160, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        out, "PNG", optimize=True
    )
    return out.getvalue()


def _face(weight: str, size: int) -> Font:
    found = font(weight, size)
    if found is None:
        raise LookupError("no font with Chinese characters")
    return found


def _head(image: Image.Image, pen: ImageDraw.ImageDraw, community: str, day: str, title: str) -> int:
    """A dark band with the topic; returns where it ends."""
    face = _face("bold", 68)
    rows = balanced(title, face, W - 2 * M, 3)
    height = 278 + 96 * len(rows)
    for y in range(height):
        share = y / height
        tone = tuple(round(a + (b - a) * share) for a, b in zip(NIGHT, DEEP, strict=True))
        pen.line((0, y, W, y), fill=tone)
    for radius, shade in ((330, (16, 74, 54)), (230, (20, 86, 63))):
        _disc(image, (W - 60, 40), radius, shade, height)
    pen = ImageDraw.Draw(image)
    label = _face("bold", 30)
    pen.rounded_rectangle((M, 84, M + 168, 138), 27, fill="#07c160")
    pen.text((M + 84, 110), "每周辩论", font=label, fill="#04331f", anchor="mm")
    pen.text((W - M, 110), shown(day, label), font=_face("plain", 30), fill="#b9d8c9", anchor="rm")
    for n, row in enumerate(rows):
        pen.text((M, 236 + 96 * n), row, font=face, fill="#ffffff", anchor="lm")
    small = _face("plain", 30)
    pen.text((M, height - 48), wrapped(community, small, W - 2 * M, 1)[0], font=small, fill="#b9d8c9", anchor="lm")
    return height


def _disc(image: Image.Image, centre: tuple[int, int], radius: int, shade: tuple[int, int, int], below: int) -> None:
    mask = Image.new("L", (W * 2, below * 2), 0)
    x, y = centre[0] * 2, centre[1] * 2
    ImageDraw.Draw(mask).ellipse((x - radius * 2, y - radius * 2, x + radius * 2, y + radius * 2), fill=150)
    image.paste(Image.new("RGB", (W, below), shade), (0, 0), mask.resize((W, below), Image.Resampling.LANCZOS))


def _verdict(pen: ImageDraw.ImageDraw, came: Outcome, top: int) -> int:
    words = {"": "未分胜负", "draw": "平局"}.get(came.winner) or f"{SIDES[came.winner]}获胜"
    colour = COLOUR.get(came.winner, INK)
    pen.text((W / 2, top + 96), words, font=_face("bold", 76), fill=colour, anchor="mm")
    return top + 172


def _columns(pen: ImageDraw.ImageDraw, sides: dict[str, str], came: Outcome, top: int) -> int:
    """A bar that the two sides share, and below it each with its votes."""
    total = came.votes[PRO] + came.votes[CON]
    share = came.votes[PRO] / total if total else 0.5
    cut = M + round((W - 2 * M) * min(0.97, max(0.03, share)))
    pen.rounded_rectangle((M, top, W - M, top + 28), 14, fill=COLOUR[CON])
    if share > 0:
        pen.rounded_rectangle((M, top, W - M if share == 1 else cut, top + 28), 14, fill=COLOUR[PRO])
    if 0 < share < 1:
        pen.rectangle((cut - 14, top, cut, top + 28), fill=COLOUR[PRO])
        pen.rectangle((cut, top, cut + 5, top + 28), fill=PAPER)
    width = (W - 2 * M - 32) // 2
    for side, left in ((PRO, M), (CON, M + width + 32)):
        won = came.winner == side
        box = (left, top + 60, left + width, top + 360)
        pen.rounded_rectangle(box, 24, fill=PALE[side], outline=COLOUR[side] if won else None, width=4 if won else 0)
        pen.text((left + 36, top + 110), SIDES[side], font=_face("bold", 36), fill=COLOUR[side], anchor="lm")
        percent = f"{came.votes[side] * 100 / total:.0f}%" if total else "–"
        pen.text((left + width - 36, top + 110), percent, font=_face("plain", 34), fill=QUIET, anchor="rm")
        figure = _face("bold", 92)
        pen.text((left + 34, top + 206), f"{came.votes[side]}", font=figure, fill=INK, anchor="lm")
        after = left + 34 + figure.getlength(f"{came.votes[side]}") + 12
        pen.text((after, top + 222), "票", font=_face("plain", 34), fill=QUIET, anchor="lm")
        face = _face("plain", 30)
        for n, row in enumerate(wrapped(sides[side], face, width - 72, 2)):
            pen.text((left + 36, top + 284 + 42 * n), row, font=face, fill=INK, anchor="lm")
    return top + 396


def _quote(image: Image.Image, came: Outcome, name: str, quote: str, top: int) -> None:
    pen, face = ImageDraw.Draw(image), _face("plain", 38)
    rows = wrapped(quote, face, W - 2 * M - 90, max(1, (H - 112 - top - 130) // 58)) if quote else []
    if not rows:
        people = came.speakers[PRO] + came.speakers[CON]
        pen.text((W / 2, top + 90), f"{people} 位辩手同台，感谢每一条论点", font=face, fill=QUIET, anchor="mm")
        return
    mark = Image.new("L", (300, 300))  # a full-width sign stands anywhere in its box: cut it out
    ImageDraw.Draw(mark).text((40, 40), "“", font=_face("bold", 170), fill=255)
    sign = mark.crop(mark.getbbox())
    image.paste("#07c160", (M, top + 30), sign)
    for n, row in enumerate(rows):
        pen.text((M + 90, top + 52 + 58 * n), row, font=face, fill=INK, anchor="lm")
    after = top + 52 + 58 * len(rows) + 16
    label = _face("bold", 32)
    pen.text((M + 90, after), "最佳论点", font=label, fill="#0a8f52", anchor="lm")
    who = wrapped(name, label, 520, 1)
    pen.text(
        (M + 90 + label.getlength("最佳论点") + 24, after), who[0] if who else "", font=label, fill=INK, anchor="lm"
    )


def _foot(pen: ImageDraw.ImageDraw, came: Outcome) -> None:
    pen.line((M, H - 112, W - M, H - 112), fill=LINE, width=2)
    people = came.speakers[PRO] + came.speakers[CON]
    face = _face("plain", 30)
    pen.text((M, H - 64), f"{people} 位辩手 · {came.voters} 人投票", font=face, fill=QUIET, anchor="lm")
    pen.text((W - M, H - 64), "下一场见", font=face, fill=QUIET, anchor="rm")


def post(work: Work, row: Debate, came: Outcome, *, name: str, quote: str) -> dict[int, Any]:
    """Draw and keep the card; returns what a message says of it, for groups that can show it."""
    local = work.batch.now.astimezone(ZoneInfo(work.community.timezone))
    data = draw(
        community=work.community.name, day=f"{local.year}.{local.month:02}.{local.day:02}", title=row.title,
        sides={PRO: row.pro, CON: row.con}, came=came, name=name, quote=quote,
    )  # fmt: skip
    if data is None:
        return {}
    digest = hashlib.sha256(data).hexdigest()
    DebateCard.objects.create(
        community_id=row.community_id, debate=row.number, sha256=digest, width=W, height=H, data=data
    )
    groups = Group.objects.filter(community_id=row.community_id, pk__in=row.groups, connector="local")
    conn, key, now = work.batch.connection, f"debate:{row.number}", work.batch.now
    return {g.pk: keep_own(conn, row.community_id, g.pk, data, (W, H), key, now=now) for g in groups}
