"""From a candidate to a hit: where it stands, which ways of writing it took, and whether the word takes them.

Two kinds of refusal: the word's options do not take the way of writing; or (only in a guarded library) the stretch
reads like ordinary text that looks or sounds alike by accident: its characters belong to everyday words, or its
"inserted signs" are a sentence's own punctuation.
"""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from qunzhu.kernel.text.facts import common_words
from qunzhu.kernel.text.normalise import normalise, positions
from qunzhu.kernel.text.options import WRITING, ordered
from qunzhu.kernel.text.shape import is_numeral, level, members
from qunzhu.kernel.text.sound import sound_spans

LONGEST_GAP = 6  # noise between two characters of one word
CUT_SYLLABLES = 3  # a stretch of pinyin that begins or ends inside a run of letters must have as many
_NATURAL = frozenset("，。！？；：、…\n,!?;:（）()“”\"《》")
# Characters that stand alone in ordinary text all the time; one of them is no sign of a disguised word.
_FUNCTION = frozenset("的了是在我你他她它不有就都也和很吗呢吧啊哦嗯哈个这那得地着过要会能没去来上下到说一为与又还再把被给跟像后前里中大小多少对从当")
# English words that are also two syllables of pinyin.
_ENGLISH = frozenset(
    "women game same change manage damage dating panda data china made make take like line mine dine fine wine nine"
    " baby lady lane lake male mane menu name none bone gone gene gange tango mango banana sauna saga sage page pale"
    " pane pine pile cape bake bale bane base case date dance fade fame fate gate jade kite lace late mama papa nana"
    " nude note node mode bade bite cute dude dune duke hide hike hole home huge june june like life lime luna mace"
    " miami milan money hotel fang sunny piano union taiwan people wechat".split()
)


class Candidate(NamedTuple):
    """A stretch of the normal form that is the word, and how it is written differently."""

    start: int
    end: int
    variants: tuple[str, ...]


@lru_cache(maxsize=16_384)
def writing(character: str) -> frozenset[str]:
    """How a single character is decorated: the options under which its folded form counts as the same."""
    if character.isascii():
        return frozenset({"ignore_case"}) if character.isupper() else frozenset()
    if "\uff00" < character < "\uff5f":
        narrow = chr(ord(character) - 0xFEE0)
        return writing(narrow) | {"ignore_width"}
    found = set()
    folded = normalise(character)
    if normalise(character, simplify=False) != folded:
        found.add("ignore_chinese_style")
    if folded.isdigit() and folded.isascii():
        found.add("ignore_num_style")
    elif folded != character and not found:
        plain_case = unicodedata.normalize("NFKC", character) == character
        found.add("ignore_case" if plain_case and character.isupper() else "ignore_english_style")
    return frozenset(found)


@lru_cache(maxsize=65_536)
def differences(one: str, other: str) -> frozenset[str]:
    """The options needed to take `one` for `other`, two characters with the same folded form."""
    return frozenset() if one == other else writing(one) ^ writing(other) or writing(one) | writing(other)


class _Written:
    """An entry's word, aligned with its folded form, shape and sound; kept with the entry."""

    __slots__ = ("folded", "pieces", "shape", "sound", "text")

    def __init__(self, text: str, folded: str) -> None:
        self.text, self.folded = text, folded
        trimmed = text.strip()
        origin = positions(trimmed)
        aligned = normalise(trimmed) == folded
        self.pieces = [trimmed[i] for i in origin] if aligned else list(folded)
        self.shape = members(level(folded))
        self.sound = [start for start, _, _ in _plain_spans(folded)]


def _plain_spans(folded: str) -> list[tuple[int, int, int]]:
    levelled = level(folded)
    return [(i, i + 1, -1) for i, c in enumerate(levelled) if c != " "]


@lru_cache(maxsize=8_192)
def _written(text: str, folded: str) -> _Written:
    return _Written(text, folded)


class Subject:
    """One message under examination; what costs something is worked out for the first candidate that needs it."""

    def __init__(self, normal: str, text: str | None, *, guarded: bool) -> None:
        self.normal, self.guarded = normal, guarded
        self._text = text
        self._origin: list[int] | None = None
        self._members: list[list[int]] | None = None
        self._spans: list[tuple[int, int, int]] | None = None

    def piece(self, index: int) -> str:
        """The character of the text that character `index` of the normal form came from."""
        text = self._text
        if text is None or text is self.normal:
            return self.normal[index]
        if self._origin is None:
            self._origin = positions(text)
        return text[self._origin[index]]

    # The word as it stands, but for its writing.

    def plain(self, entry: Any, start: int, end: int) -> Candidate | None:
        options = entry.options
        if not _stands_alone(self.normal, start, end, options):
            return None
        if self._text is None:
            return Candidate(start, end, ())
        word = entry.word.word
        if len(self._text) == len(self.normal) and self._text[start:end] == word:
            return Candidate(start, end, ())
        pieces = _written(word, entry.folded).pieces
        used: set[str] = set()
        for offset in range(end - start):
            used |= differences(self.piece(start + offset), pieces[offset])
        return Candidate(start, end, ordered(used)) if used <= options else None

    def initials(self, entry: Any, start: int, end: int) -> Candidate | None:
        """Initials count only as a run of letters of their own."""
        return Candidate(start, end, ("initials",)) if _stands_alone(self.normal, start, end, _ALONE) else None

    # The word under decoration: noise, repeats, numerals, look-alikes, other names.

    def shaped(self, entry: Any, levelled: str, start: int, end: int, *, alias: bool) -> Candidate | None:
        if self._members is None:
            self._members = members(levelled)
        run = self._members[start:end]
        used: set[str] = set()
        changed: list[int] = []
        if alias:
            used.add("alias")
            run = [run[0][-1:], *run[1:-1], run[-1][:1]] if len(run) > 1 else [run[0][:1]]
        else:
            aligned = self._align(entry, run, used, changed)
            if aligned is None:
                return None
            run = aligned
        indexes = [index for group in run for index in group]
        first, last = indexes[0], indexes[-1] + 1
        if not _stands_alone(self.normal, first, last, entry.options):
            return None
        gaps = _gaps(indexes)
        if gaps or (not alias and len(entry.folded) != sum(map(len, _written(entry.word.word, entry.folded).shape))):
            used.add("ignore_special_chars")
        if not used <= entry.options or (self.guarded and not self._credible(first, last, len(run), gaps, changed)):
            return None
        return Candidate(first, last, ordered(used))

    def _align(
        self, entry: Any, run: list[list[int]], used: set[str], changed: list[int]
    ) -> list[list[int]] | None:
        """The run's indexes that are the word, and what they take; None when repeats do not fit."""
        written = _written(entry.word.word, entry.folded)
        if len(written.shape) != len(run):
            return None
        taken = []
        for number, (here, there) in enumerate(zip(run, written.shape, strict=True)):
            group = here
            if len(group) < len(there):
                return None
            if len(group) > len(there):
                if "ignore_repeat" in entry.options:
                    used.add("ignore_repeat")
                elif number == 0 and len(run) > 1:
                    group = group[-len(there) :]
                elif number == len(run) - 1:
                    group = group[: len(there)]
                else:
                    return None
            for offset, index in enumerate(group):
                self._compare(written, index, there[min(offset, len(there) - 1)], used, changed)
            taken.append(group)
        return taken

    def _compare(self, written: _Written, index: int, other: int, used: set[str], changed: list[int]) -> None:
        one, two = self.normal[index], written.folded[other]
        if one == two:
            used |= differences(self.piece(index), written.pieces[other])
        elif is_numeral(one) or is_numeral(two):
            used |= writing(self.piece(index)) | writing(written.pieces[other]) | {"ignore_num_style"}
            used.discard("ignore_width")
        else:
            used.add("lookalike")
            changed.append(index)

    def shape_span(self, levelled: str, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the shape stands in the normal form."""
        if self._members is None:
            self._members = members(levelled)
        return self._members[start][0], self._members[end - 1][-1] + 1

    # The word by its sound.

    def voiced(self, entry: Any, start: int, end: int) -> Candidate | None:
        if self._spans is None:
            self._spans = sound_spans(self.normal)
        spans = self._spans[start:end]
        written = _written(entry.word.word, entry.folded)
        if len(written.sound) != len(spans):
            return None
        used: set[str] = set()
        changed: list[int] = []
        for (at, until, run), other in zip(spans, written.sound, strict=True):
            here, there = self.normal[at:until], written.folded[other]
            if run >= 0:
                used.add("pinyin")
            elif here == there:
                used |= differences(self.piece(at), written.pieces[other])
            elif is_numeral(here) and is_numeral(there):
                used.add("ignore_num_style")
            else:
                used.add("homophone")
                changed.append(at)
        if not used & {"pinyin", "homophone"}:
            return None  # its shape tells
        first, last = spans[0][0], spans[-1][1]
        gaps = _sound_gaps(spans, self.normal)
        if gaps:
            used.add("ignore_special_chars")
        if not used <= entry.options:
            return None
        if self.guarded and not (
            self._credible(first, last, len(spans), gaps, changed) and self._credible_pinyin(spans)
        ):
            return None
        return Candidate(first, last, ordered(used))

    def _credible_pinyin(self, spans: Sequence[tuple[int, int, int]]) -> bool:
        """Whether syllables are more than a part of some English word."""
        letters = [span for span in spans if span[2] >= 0]
        if not letters:
            return True
        normal = self.normal
        first, last = letters[0], letters[-1]
        cut = first[0] != first[2] or (last[1] < len(normal) and normal[last[1]] in _LETTERS)
        if len({span[2] for span in letters}) > 1 or len(letters) < len(spans):
            return not cut or len(letters) > 1
        if cut:
            return len(letters) >= CUT_SYLLABLES
        return normal[first[0] : last[1]] not in _ENGLISH

    def _credible(
        self, first: int, last: int, length: int, gaps: list[tuple[int, int]], changed: list[int]
    ) -> bool:
        """Whether the stretch is a disguise rather than ordinary text."""
        if gaps and not self._credible_gaps(first, last, length, gaps):
            return False
        if not changed:
            return True
        if any(self.normal[i].isascii() and self.normal[i].isdigit() for i in changed):
            outside = self.normal[max(0, first - 1) : first] + self.normal[last : last + 1]
            if len(changed) == length or any(c.isdigit() for c in outside):
                return False
        inside = (first, last) if length > 2 else (last, first)  # noqa: PLR2004  (two characters are one everyday word)
        return not all(self._everyday(index, inside) for index in changed)

    def _everyday(self, index: int, inside: tuple[int, int]) -> bool:
        """Whether the character belongs to an everyday word here (one wholly inside a longer stretch does not count)."""
        normal, words = self.normal, common_words()
        if normal[index] in _FUNCTION:
            return True
        return (
            index > 0 and normal[index - 1 : index + 1] in words and not inside[0] <= index - 1 < index + 1 <= inside[1]
        ) or (normal[index : index + 2] in words and not inside[0] <= index < index + 2 <= inside[1])

    def _credible_gaps(self, first: int, last: int, length: int, gaps: list[tuple[int, int]]) -> bool:
        """Signs inside a word: not too many, and not just where a sentence pauses."""
        if any(end - start > LONGEST_GAP for start, end in gaps):
            return False
        natural = sum(self._pauses(start, end) for start, end in gaps)
        if not natural:
            return True
        if natural < len(gaps) or len(gaps) < length - 1:
            return False
        return length > 2 or (self._free(first - 1) and self._free(last))  # noqa: PLR2004  (two characters)

    def _pauses(self, start: int, end: int) -> bool:
        gap = "".join(self.piece(i) for i in range(start, end)).replace(" ", "").replace("\u3000", "")
        return gap == "" or (len(gap) == 1 and gap in _NATURAL)

    def _free(self, index: int) -> bool:
        return not 0 <= index < len(self.normal) or not self.normal[index].isalnum()


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_DIGITS = frozenset("0123456789")
_ALONE = frozenset({"english_word_boundary"})


def _stands_alone(normal: str, start: int, end: int, options: frozenset[str]) -> bool:
    """Whether no letter (digit) goes on across an edge of a match that ends in one itself."""
    if "english_word_boundary" in options and _goes_on(normal, start, end, _LETTERS):
        return False
    return not ("number_boundary" in options and _goes_on(normal, start, end, _DIGITS))


def _goes_on(normal: str, start: int, end: int, kind: frozenset[str]) -> bool:
    before = start > 0 and normal[start] in kind and normal[start - 1] in kind
    return before or (end < len(normal) and normal[end - 1] in kind and normal[end] in kind)


def _gaps(indexes: Sequence[int]) -> list[tuple[int, int]]:
    return [(a + 1, b) for a, b in zip(indexes, indexes[1:], strict=False) if b > a + 1]


def _sound_gaps(spans: Sequence[tuple[int, int, int]], normal: str) -> list[tuple[int, int]]:
    """Noise between syllables; a space or an apostrophe beside pinyin is how pinyin is written."""
    gaps = []
    for (_, end, run), (start, _, next_run) in zip(spans, spans[1:], strict=False):
        if start > end and not ((run >= 0 or next_run >= 0) and set(normal[end:start]) <= {" ", "'", "’"}):
            gaps.append((end, start))
    return gaps


class Joined(NamedTuple):
    """The normal form with parts of split characters put together, and where each character came from."""

    text: str
    spans: list[tuple[int, int]]
    made: frozenset[int]

    def back(self, entry: Any, seen: Candidate | None) -> Candidate | None:
        """The candidate's place in the normal form; None unless it holds a joined character and the word takes that."""
        if seen is None or "split" not in entry.options:
            return None
        if not any(index in self.made for index in range(seen.start, seen.end)):
            return None
        start, end = self.spans[seen.start][0], self.spans[seen.end - 1][1]
        return Candidate(start, end, ordered({*seen.variants, "split"}))


def join_splits(normal: str, parts: Iterable[tuple[int, int, str]], *, tries: int) -> list[Joined]:
    """Up to `tries` ways to put split characters together: leftmost, longest; the n-th takes each place's n-th reading."""
    places: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for start, end, character in parts:
        here = places[start][end]
        if character not in here:
            here.append(character)
    found: list[Joined] = []
    for number in range(tries):
        joined, more = _join(normal, places, number)
        if not found or joined.text != found[-1].text:
            found.append(joined)
        if not more:
            break
    return found


def _join(normal: str, places: dict[int, dict[int, list[str]]], number: int) -> tuple[Joined, bool]:
    text: list[str] = []
    spans: list[tuple[int, int]] = []
    made: set[int] = set()
    more = False
    at = 0
    while at < len(normal):
        ends = places.get(at)
        if ends is None:
            text.append(normal[at])
            spans.append((at, at + 1))
            at += 1
            continue
        choices = [(end, character) for end in sorted(ends, reverse=True) for character in ends[end]]
        more = more or len(choices) > number + 1
        end, character = choices[min(number, len(choices) - 1)]
        made.add(len(text))
        text.append(character)
        spans.append((at, end))
        at = end
    return Joined("".join(text), spans, frozenset(made)), more


def takes_all_writing(options: frozenset[str]) -> bool:
    """Whether a word is found however it is written, so that nothing needs a second look."""
    return options >= WRITING
