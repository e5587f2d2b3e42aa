"""Near-equal texts: the same ad with a word changed is the same ad; with another number to call it is another one.

A text is kept as a shape (hashes of its neighbouring characters) and its marks (hashes of the ways to reach somebody),
so that what is remembered holds no words.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b

from qunzhu.kernel.text.normalise import normalise

ALIKE = 0.8  # share of neighbouring pairs that two near-equal texts have in common (Dice)
LONGEST = 2_000  # characters that are looked at
# Digits that can be called or added: a phone, a QQ or group number, also when spaces and dashes stand between them.
_NUMBERS = re.compile(r"\d(?:[ \-]?\d){5,}")
# 一三八零零… is a number too.
_SPELLED = str.maketrans("零〇一二三四五六七八九幺", "001234567891")
# A WeChat id after one of the words that announce it, and anything that mixes letters with digits and is as long.
_ACCOUNT = re.compile(
    r"(?:微信号?|薇信?|威信|徽信|v信|wechat|weixin|vx|wx|加v|加我|qq|➕v|\+v)[^a-z0-9]{0,4}([a-z0-9][a-z0-9_\-]{4,30})"
)
_MIXED = re.compile(
    r"(?<![a-z0-9_\-./])(?=[a-z0-9_\-]*\d)(?=[a-z0-9_\-]*[a-z])[a-z0-9][a-z0-9_\-]{5,30}(?![a-z0-9_\-./])"
)
_LINKS = re.compile(r"(?:https?://)?[a-z0-9\-]+(?:\.[a-z0-9\-]+)+(?:[/?#][^\s，。！？、）)]*)?")


def shape_of(text: str) -> list[int]:
    """Hashes of all neighbouring pairs of characters, each once, in order; links and blanks left out."""
    plain = "".join(c for c in _LINKS.sub("", normalise(text[:LONGEST])) if c.isalnum())
    pairs = {plain[i : i + 2] for i in range(len(plain) - 1)} or ({plain} if plain else set())
    return sorted(_hash(pair, 4) for pair in pairs)


def marks_of(text: str) -> list[int]:
    """Hashes of phone numbers, group numbers and account names in a text, each once. Links are told apart elsewhere."""
    plain = _LINKS.sub(" ", normalise(text[:LONGEST]))
    found = {_digits(number) for number in _NUMBERS.findall(plain.translate(_SPELLED))}
    found |= {_digits(name) for name in _ACCOUNT.findall(plain) if not name.isalpha() or len(name) > 5}  # noqa: PLR2004
    found |= set(_MIXED.findall(plain))
    return sorted(_hash(mark, 8) for mark in found)


def _digits(found: str) -> str:
    """A number without what stands between its digits; a name as it is."""
    bare = re.sub(r"[ \-]", "", found)
    return bare if bare.isdigit() else found


def alike(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two shapes are of near-equal texts; two empty ones are not."""
    if not one or not other:
        return False
    first, second = set(one), set(other)
    return 2 * len(first & second) >= ALIKE * (len(first) + len(second))


def _hash(text: str, size: int) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=size).digest(), "big") >> 1
