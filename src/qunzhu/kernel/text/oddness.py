"""What ordinary text has no reason for: characters outside everyday words, and signs that a shape would fold away."""

import re
from itertools import accumulate
from operator import add, not_, or_

from qunzhu.kernel.text.facts import common_words
from qunzhu.kernel.text.sound import has_pinyin

# Characters that stand alone in ordinary text all the time; one of them is no sign of a disguised word.
FUNCTION = frozenset(
    "的了是在我你他她它不有就都也和很吗呢吧啊哦嗯哈个这那得地着过要会能没去来上下到说一为与又还再把被给跟"
    "像后前里中大小多少对从当谁吃走看想找买太最真别让叫请做用等只已才更刚先该些每但却所因且由比她们么咯啦"
    "哇嘿哎唉噢喔呀嘛次天年月号点块条张本两几"
)
_ORDINARY = FUNCTION | frozenset(" \n\t\r0123456789，。！？；：、…,.!?;:（）()“”\"'《》<>-—~/@#*_+=%&[]【】|\\^`")


_NOISY = re.compile(
    r"[^\u4e00-\u9fff\sa-z，。！？；：、…,.!?;:（）()“”\"'《》<>\-—~]"  # signs, pictures, digits, unusual letters
    r"|[\u4e00-\u9fff][\s.,，。、\-—~<>()（）“”\"'《》][\u4e00-\u9fff]"  # something between two characters of one word
    r"|(.)\1|[壹贰叁肆伍陆柒捌玖零〇]|[a-z][\s.\-_~]+[a-z](?![a-z])"
)


def is_noisy(normal: str) -> bool:
    """Whether a text has anything (signs, digits, repeats, spaced letters) that its shape would fold away."""
    return _NOISY.search(normal) is not None


_ORDINARY_WITH_LETTERS = _ORDINARY | frozenset("abcdefghijklmnopqrstuvwxyz")
_LATIN = re.compile(r"[a-z]")


def _ordinary(normal: str) -> frozenset[str]:
    """Characters that are no sign of a disguise here: letters only where none of them are pinyin."""
    return _ORDINARY if _LATIN.search(normal) is None or has_pinyin(normal) else _ORDINARY_WITH_LETTERS


class _Marks(dict[int, str]):
    """Code point → the byte 1 where the character is ordinary, else 0."""

    def __init__(self, ordinary: frozenset[str]) -> None:
        super().__init__()
        self.ordinary = ordinary

    def __missing__(self, code: int) -> str:
        mark = self[code] = "\1" if chr(code) in self.ordinary else "\0"
        return mark


_MARKS, _MARKS_WITH_LETTERS = _Marks(_ORDINARY), _Marks(_ORDINARY_WITH_LETTERS)


def marks_of(normal: str) -> _Marks:
    return _MARKS if _ordinary(normal) is _ORDINARY else _MARKS_WITH_LETTERS


def odd_characters(normal: str) -> list[int]:
    """How many odd characters stand before each place (one place more than there are characters).

    Odd is what ordinary text has no reason for: letters (they may be pinyin), pictures that stand for a sound, and
    Chinese characters that make no everyday word with a neighbour and do not stand alone all the time.
    """
    in_word = list(map(common_words().__contains__, map(add, normal, normal[1:])))
    everyday = map(or_, map(or_, [False, *in_word], [*in_word, False]), map(_ordinary(normal).__contains__, normal))
    return list(accumulate(map(not_, everyday), initial=0))
