"""One normal form for matching, with a way back to the original text.

Each character is folded on its own (compatibility forms, case, accents; zero-width and combining marks vanish), so
the whole is one `str.translate` over a table that fills itself, and positions can be found afterwards, when a hit
needs them. Both sides of a comparison must be folded with the same table.
"""

import hashlib
import re
import unicodedata
from functools import cache
from typing import Any

# Marks (Mn, Me), invisible format characters (Cf: zero width, joiners, direction) and surrogates carry no reading.
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Cs"})
# Letters that Unicode calls blank but not a format character; used to break up words.
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


class _Folding(dict[int, str]):
    """Code point → folded text; computed at its first use. At most as large as Unicode."""

    def __init__(self, *, simplify: bool) -> None:
        super().__init__()
        self.simplify = simplify

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold(chr(code), simplify=self.simplify)
        return folded


# Letters and digits in a frame that Unicode does not decompose, found by their names.
_FRAMED = re.compile(
    r"(?:NEGATIVE (?:CIRCLED|SQUARED)|REGIONAL INDICATOR SYMBOL|DINGBAT|CROSSED NEGATIVE SQUARED)"
    r" .*?(?:LETTER )?([A-Z])$"
    r"|(?:LATIN LETTER SMALL CAPITAL|MODIFIER LETTER SMALL) ([A-Z])$"
)
_BRACKETED = re.compile(r"\((.{1,2})\)|(.{1,2})\.")
# Radicals that people type as parts of a split character and that Unicode leaves apart.
_RADICALS = dict(
    zip(
        "⺅⺘⺡⺨⺩⺬⺮⺶⺼⻂⻊⻌⻏⻖⻞⺣⺌⺍⺾⺿⻀⻍⻎⺖⺗⺤⺊",
        "亻扌氵犭王礻竹羊月衤足辶阝阝饣灬小小艹艹艹辶辶忄心爫卜",
        strict=True,
    )
)


def _unframed(character: str) -> str:
    """The letter or digit inside a frame (🅰 ➃ ⓿ ⑸ 🇻), or the character itself."""
    if character in _RADICALS:
        return _RADICALS[character]
    category = unicodedata.category(character)
    if category == "No":
        digit = unicodedata.digit(character, None)
        if digit is not None:
            return str(digit)
    if category in {"So", "Ll", "Lm"} and (found := _FRAMED.match(unicodedata.name(character, ""))):
        return (found[1] or found[2]).lower()
    if category in {"So", "No"} and (found := _BRACKETED.fullmatch(unicodedata.normalize("NFKD", character))):
        return found[1] or found[2]
    return character


def _fold(character: str, *, simplify: bool) -> str:
    if character in _BLANK_LETTERS:
        return ""
    character = _unframed(character)
    # Twice, because folding case can bring back forms that are not decomposed (ß, ŉ, Greek with iota).
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    text = "".join(c for c in text if unicodedata.category(c) not in _INVISIBLE)
    text = unicodedata.normalize("NFC", text)
    return _simplified(text) if simplify and not text.isascii() else text


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def _simplified(text: str) -> str:
    return str(_converter().convert(text))


_FOLD = _Folding(simplify=False)
_FOLD_SIMPLE = _Folding(simplify=True)


def normalise(text: str, *, simplify: bool = True) -> str:
    """Fold width, case, accents, marks and (with `simplify`) traditional characters; 1 µs for a short message."""
    if text.isascii():
        return text.lower()
    return text.translate(_FOLD_SIMPLE if simplify else _FOLD)


def positions(text: str, *, simplify: bool = True) -> list[int]:
    """For each character of `normalise(text)`, the index in `text` that it came from (ascending)."""
    table = _FOLD_SIMPLE if simplify else _FOLD
    lengths = list(map(len, map(table.__getitem__, map(ord, text))))
    if lengths.count(1) == len(lengths):
        return list(range(len(lengths)))
    return [index for index, length in enumerate(lengths) for _ in range(length)]


def original_span(text: str, start: int, end: int, *, simplify: bool = True) -> tuple[int, int]:
    """The stretch of `text` that `normalise(text)[start:end]` came from, as (start, end)."""
    origin = positions(text, simplify=simplify)
    return origin[start], origin[end - 1] + 1


def text_digest(text: str) -> str:
    """What makes two texts equal for clearances: SHA-256 of the normal form without white space, 32 hex digits."""
    return hashlib.sha256("".join(normalise(text).split()).encode()).hexdigest()[:32]
