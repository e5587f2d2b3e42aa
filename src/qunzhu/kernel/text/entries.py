"""The words of a library, and which of their hits count beside the words that are allowed."""

import re
from bisect import bisect_right
from itertools import accumulate

import msgspec

from qunzhu.kernel.text.options import options_of
from qunzhu.kernel.text.written import Written

_NOT_HAN = re.compile(r"[^\u4e00-\u9fff]+")
_EDGES = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


class Word(msgspec.Struct, frozen=True, gc=False):
    """One entry of the library. An `allow` word wins over every hit that lies inside it."""

    word: str
    category: str = "other"
    level: str = ""
    allow: bool = False
    options: str = ""  # which ways of writing it takes (`options.py`); "" by its length


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A word found at [start, end) of the normal form, and the ways of writing by which it differs from the entry."""

    word: str
    category: str
    level: str
    start: int
    end: int
    variants: tuple[str, ...] = ()


class Entry:
    """A word with what matching needs to know of it; an alias is an entry beside its word's own."""

    __slots__ = ("_written", "alias", "edged", "folded", "number", "options", "word")

    def __init__(self, word: Word, folded: str, number: int, *, alias: bool = False) -> None:
        self.word, self.folded, self.number, self.alias = word, folded, number, alias
        self._written: Written | None = None
        han = 0 if folded.isascii() else len(_NOT_HAN.sub("", folded))
        self.options = options_of(word.options, len(folded), han)
        self.edged = folded[0] in _EDGES or folded[-1] in _EDGES  # must look at its neighbours

    @property
    def written(self) -> Written:
        if self._written is None:
            self._written = Written(self.folded if self.alias else self.word.word, self.folded)
        return self._written

    def hit(self, start: int, end: int, variants: tuple[str, ...] = ()) -> Hit:
        word = self.word
        return Hit(word.word, word.category, word.level, start, end, variants)


def by_place(item: tuple[Entry, Hit]) -> tuple[int, int]:
    return item[1].end, -item[1].start


def settle(found: list[tuple[Entry, Hit]]) -> tuple[tuple[Hit, ...], tuple[tuple[Hit, str], ...]]:
    """Hits that no allowed stretch contains, and the others with the word that let them pass."""
    allowed = [(hit.start, hit.end, hit.word) for entry, hit in found if entry.word.allow]
    hits = [hit for entry, hit in found if not entry.word.allow]
    if not allowed or not hits:
        return tuple(hits), ()
    # Sorted search, because a hostile text can be full of both.
    allowed.sort()
    starts = [start for start, _, _ in allowed]
    furthest = list(accumulate(((end, word) for _, end, word in allowed), max))
    kept, passed = [], []
    for hit in hits:
        before = bisect_right(starts, hit.start)
        if before == 0 or furthest[before - 1][0] < hit.end:
            kept.append(hit)
        else:
            passed.append((hit, furthest[before - 1][1]))
    return tuple(kept), tuple(passed)
