"""The shape of a text: what is left when decoration, repeats and look-alikes are folded too.

`level` maps each character of the normal form to exactly one character, noise to a space; `squeeze` then drops the
spaces and makes one of repeats. Both keep a way back, which is worked out only for a hit.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from qunzhu.kernel.text.facts import readings, splits

PLUS_SIGNS = frozenset("+➕✚⊕")  # 加, in an ad
_NUMERALS = dict(zip("〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖弌弍弎", "00123456789123456789123", strict=True))
# Letters of other alphabets that look like Latin ones (after case is folded).
_LETTERS = dict(
    zip(
        "авекмнорстухіјѕԁԛԝөԍαβγεηικνορτυχωϲᴠᴡᴜıɡƿцпгьбոսհցօ", "abekmhopctyxijsdqwogabyenikvoptuxwcvwuigpunrb6nuhgo",
        strict=True,
    )
)  # fmt: skip
# Chinese characters that look alike without sharing a part; the first stands for all.
_ALIKE = (
    "己已巳", "未末", "士土", "日曰", "人入", "千干于", "天夭", "太犬", "王玉", "田由甲申", "刀刁", "贝见", "自白",
    "大丈", "力刀", "又叉", "问间", "今令", "免兔", "鸟乌", "口囗", "木术", "办为", "几儿", "历厉", "币市",
    "微徽溦癓薇",
    "群峮裙", "抠枢", "赌堵睹", "钱浅线", "炒妙", "博搏", "彩采", "拔拨", "侯候", "偷愉", "戊戌戍", "徒徙", "嬴赢羸",
)  # fmt: skip
# What stands beside or around the part that is read. Taking it off makes 铑 and 佬 the same as 老.
_RADICALS = frozenset(
    "亻人氵水扌手讠言钅金纟糸忄心艹草艸木女口土王玉火灬虫鱼马鸟目石禾米竹足酉饣食衤衣礻示犭犬山月车辶阝邑阜"
)
_PLUS = re.compile(r"\+(?=[\s.\-_*]*(?:[vwq微薇威徽维卫扣裙群我]))")


_ZERO = re.compile(r"(?<=\d)o+|o+(?=\d)")


def _base(character: str) -> str:
    """The part of a character that is left without its radical, where that is a character of its own."""
    for way in splits().get(character, ()):
        if len(way) == 2:  # noqa: PLR2004  (radical and base)
            one, two = way[0], way[1]
            base = two if one in _RADICALS else one if two in _RADICALS else ""
            if base and base not in _RADICALS and base in readings():
                return base
    return character


class _Shapes(dict[int, str]):
    """Code point of the normal form → one character; computed at its first use."""

    def __missing__(self, code: int) -> str:
        shape = self[code] = _shape(chr(code))
        return shape


def _shape(character: str) -> str:
    if character in _NUMERALS:
        return _NUMERALS[character]
    if character in _LETTERS:
        return _LETTERS[character]
    if character in PLUS_SIGNS and character != "+":  # "+" is noise, but for what `level` sees beside it
        return _base("加")
    if unicodedata.category(character)[0] not in "LN":
        return " "
    for group in _ALIKE:
        if character in group:
            return group[0]
    return _base(character) if "\u4e00" <= character <= "\u9fff" else character


_SHAPES = _Shapes()
_REPEATED = re.compile(r"(.)\1+")


def _once(run: re.Match[str]) -> str:
    return run[1]


@lru_cache(maxsize=2)  # matching and the keys of near-duplicates ask for the same text in turn
def level(normal: str) -> str:
    """One character for each of the normal form: noise is a space, numerals are digits, look-alikes one character."""
    if "+" in normal:
        normal = _PLUS.sub("加", normal)
    if "o" in normal:
        normal = _ZERO.sub(lambda found: "0" * len(found[0]), normal)
    return normal.translate(_SHAPES)


@lru_cache(maxsize=2)
def squeeze(levelled: str) -> str:
    """The levelled text without noise, repeats as one."""
    return _REPEATED.sub(_once, levelled.replace(" ", ""))


def shape(normal: str) -> str:
    """What is matched: `squeeze(level(normal))`."""
    return squeeze(level(normal))


def shapes(words: Sequence[str]) -> list[str]:
    """`shape` of many words, in one pass over all their characters."""
    levelled, at, found = level("\n".join(words)), 0, []
    for word in words:
        found.append(squeeze(levelled[at : at + len(word)]))
        at += len(word) + 1
    return found


def members(levelled: str) -> list[list[int]]:
    """For each character of the squeezed text the indexes of the levelled text that it stands for."""
    found: list[list[int]] = []
    last = ""
    for index, character in enumerate(levelled):
        if character == " ":
            continue
        if character == last:
            found[-1].append(index)
        else:
            found.append([index])
            last = character
    return found


def is_numeral(character: str) -> bool:
    """Whether a character of the normal form is a Chinese numeral."""
    return character in _NUMERALS
