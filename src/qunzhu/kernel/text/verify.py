"""From a candidate to a hit: where it stands, which ways of writing it took, and whether the word takes them.

Two kinds of refusal: the word's options do not take the way of writing; or (only in a guarded library) the stretch
reads like ordinary text that looks or sounds alike by accident: its characters belong to everyday words, or its
"inserted signs" are a sentence's own punctuation.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise
from operator import not_
from typing import Any, NamedTuple

from qunzhu.kernel.text.edges import LETTERS, goes_on, stands_alone
from qunzhu.kernel.text.normalise import positions
from qunzhu.kernel.text.oddness import FUNCTION, marks_of, odd_characters
from qunzhu.kernel.text.options import ordered
from qunzhu.kernel.text.shape import PLUS_SIGNS, is_numeral, members
from qunzhu.kernel.text.sound import Places, sound_places
from qunzhu.kernel.text.written import Written, differences, writing

LONG = 4  # characters; a word so long does not come about by accident where a sentence pauses
LONGEST_GAP = 6  # noise between two characters of one word
CUT_SYLLABLES = 3  # a stretch of pinyin that begins or ends inside a run of letters must have as many
_NATURAL = frozenset('，。！？；：、…\n,!?;:（）()“”"《》')
_ENDS = frozenset("。！？；…!?;.")
# English words that are also two syllables of pinyin.
_ENGLISH = frozenset(
    (  # noqa: SIM905  (a list of eighty lines says no more)
        "women game same change manage damage dating panda data china made make take like line mine dine fine wine"
        " nine baby lady lane lake male mane menu name none bone gone gene gange tango mango banana sauna saga sage"
        " page pale pane pine pile cape bake bale bane base case date dance fade fame fate gate jade kite lace late"
        " mama papa nana nude note node mode bade bite cute dude dune duke hide hike hole home huge june life lime"
        " luna mace miami milan money hotel fang sunny piano union taiwan people wechat"
    ).split()
)


class Candidate(NamedTuple):
    """A stretch of the normal form that is the word, and how it is written differently."""

    start: int
    end: int
    variants: tuple[str, ...]


class Subject:
    """One message under examination; what costs something is worked out for the first candidate that needs it."""

    __slots__ = (
        "_first", "_groups", "_last", "_levelled", "_odd", "_origin", "_text", "guarded", "normal",
        "places",
    )  # fmt: skip

    def __init__(self, normal: str, text: str | None, *, guarded: bool) -> None:
        self.normal, self.guarded = normal, guarded
        self._text = None if text == normal else text
        self._origin: list[int] | None = None
        self._levelled = ""
        self._first: Sequence[int] = ()
        self._last: Sequence[int] = ()
        self._groups: list[list[int]] | None = None
        self.places: Places | None = None
        self._odd: list[int] | None = None

    def piece(self, index: int) -> str:
        """The character of the text that character `index` of the normal form came from."""
        text = self._text
        if text is None:
            return self.normal[index]
        if self._origin is None:
            self._origin = positions(text)
        return text[self._origin[index]]

    # The word as it stands, but for its writing.

    def plain(self, entry: Any, start: int, end: int) -> tuple[str, ...] | None:
        """The differences of writing, or None where the word does not take them or is part of a longer one."""
        if entry.edged and not stands_alone(self.normal, start, end, entry.options):
            return None
        text, word = self._text, entry.word.word
        if text is None:
            if word == entry.folded:
                return ()
        elif len(text) == len(self.normal) and text[start:end] == word:
            return ()
        pieces = entry.written.pieces
        used: set[str] = set()
        for offset in range(end - start):
            used |= differences(self.piece(start + offset), pieces[offset])
        return ordered(used) if used <= entry.options else None

    def alone(self, entry: Any, start: int, end: int) -> bool:
        """Whether no letters or digits go on where the entry begins or ends with one."""
        return not entry.edged or stands_alone(self.normal, start, end, entry.options)

    def initials(self, start: int, end: int) -> bool:
        """Whether initials are a run of letters of their own."""
        return not goes_on(self.normal, start, end, LETTERS)

    # The word under decoration: noise, repeats, numerals, look-alikes, other names.

    def level_with(self, levelled: str, squeezed: str) -> None:
        """Take in the shape: for each of its characters the first and last place it stands for."""
        self._levelled = levelled
        if len(levelled) == len(squeezed):
            self._first = self._last = range(len(squeezed))
            return
        kept = [index for index, character in enumerate(levelled) if character != " "]
        if len(kept) == len(squeezed):
            self._first = self._last = kept
            return
        self._groups = members(levelled)
        self._first = [group[0] for group in self._groups]
        self._last = [group[-1] for group in self._groups]

    def _run(self, start: int, end: int) -> list[list[int]]:
        if self._groups is not None:
            return self._groups[start:end]
        return [[index] for index in self._first[start:end]]

    def shaped(self, entry: Any, start: int, end: int, *, joined: frozenset[int] | None = None) -> Candidate | None:
        first, last = self._first[start], self._last[end - 1] + 1
        if last - first == end - start and joined is None:
            # No noise, no repeats: the word itself, which was found already, or one that looks like it.
            here = self.normal[first:last]
            if not entry.alias and self.guarded and (here == entry.folded or entry.written.plain_shape(entry.options)):
                return None
        used: set[str] = set()
        changed: list[int] = []
        taken = self._align(entry, self._run(start, end), used, changed)
        if taken is None:
            return None
        if entry.alias:
            used.add("alias")
        indexes = [index for group in taken for index in group]
        first, last = indexes[0], indexes[-1] + 1
        if entry.edged and not stands_alone(self.normal, first, last, entry.options):
            return None
        if self.guarded and len(changed) == len(taken):
            return None  # look-alikes all through: nothing is left of the word
        gaps = _gaps(indexes)
        if gaps or len(entry.folded) != sum(map(len, entry.written.shape)):
            used.add("ignore_special_chars")
        if not used <= entry.options or (self.guarded and not self._credible(first, last, len(taken), gaps, changed)):
            return None
        return Candidate(first, last, ordered(used))

    def _align(self, entry: Any, run: list[list[int]], used: set[str], changed: list[int]) -> list[list[int]] | None:
        """The run's indexes that are the word, and what they take; None when repeats do not fit."""
        written = entry.written
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

    def _compare(self, written: Written, index: int, other: int, used: set[str], changed: list[int]) -> None:
        one, two = self.normal[index], written.folded[other]
        if one == two:
            used |= differences(self.piece(index), written.pieces[other])
        elif one in PLUS_SIGNS or two in PLUS_SIGNS:
            used.add("alias")
        elif one == "o" and two == "0":
            used.add("ignore_num_style")  # 5oo: beside a digit nothing else is meant
        elif is_numeral(one) or is_numeral(two):
            used |= writing(self.piece(index)) | writing(written.pieces[other]) | {"ignore_num_style"}
            used.discard("ignore_width")
        else:
            used.add("lookalike")
            changed.append(index)

    def shape_span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of the shape stands in the normal form."""
        return self._first[start], self._last[end - 1] + 1

    # The word by its sound.

    @property
    def odd(self) -> list[int]:
        """How many odd characters stand before each place."""
        if self._odd is None:
            self._odd = odd_characters(self.normal)
        return self._odd

    @property
    def has_odd(self) -> bool:
        return self.odd[-1] > 0

    def mark_odd(self, everyday: bytearray) -> bool:
        """Take in which characters belong to an everyday word; whether any other is odd."""
        # Bytes of ones and zeros as one large number: `or` of two texts' marks is one step.
        marks = int.from_bytes(self.normal.translate(marks_of(self.normal)).encode("latin-1"), "little")
        known = (marks | int.from_bytes(everyday, "little")).to_bytes(len(everyday), "little")
        if 0 not in known:
            return False
        self._odd = list(accumulate(map(not_, known), initial=0))
        return True

    def voiced(self, entry: Any, start: int, end: int) -> Candidate | None:
        places = self.places
        if places is None:
            places = self.places = sound_places(self.normal)
        if self.guarded and not places.runs and not self._may_sound(entry.folded, places.starts[start:end]):
            return None
        written = entry.written
        if len(written.sound) != end - start:
            return None
        starts, runs = places.starts[start:end], places.runs[start:end]
        used: set[str] = set()
        changed: list[int] = []
        for number, (at, other) in enumerate(zip(starts, written.sound, strict=True)):
            here, there = self.normal[at], written.folded[other]
            if runs and runs[number] >= 0:
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
        ends = places.ends[start:end]
        first, last = starts[0], ends[-1]
        gaps = _sound_gaps(starts, ends, runs, self.normal) if last - first > end - start else []
        if gaps:
            used.add("ignore_special_chars")
        if not used <= entry.options:
            return None
        if self.guarded and not (
            self._credible(first, last, end - start, gaps, changed)
            and (not runs or self._credible_pinyin(starts, ends, runs))
        ):
            return None
        return Candidate(first, last, ordered(used))

    def _may_sound(self, word: str, starts: Sequence[int]) -> bool:
        """What `_credible` will say of the characters that differ, at once where no noise and no pinyin is in them."""
        normal, odd, first = self.normal, self.odd, starts[0]
        if len(starts) != len(word) or starts[-1] - first != len(word) - 1:
            return True
        if len(word) > 2:  # noqa: PLR2004
            return any(odd[at + 1] > odd[at] and normal[at] != character for at, character in enumerate(word, first))
        for at, character in enumerate(word, first):
            if normal[at] == character:
                if character in FUNCTION:
                    return False
            elif odd[at + 1] == odd[at]:
                return False
        return True

    def _credible_pinyin(self, starts: Sequence[int], ends: Sequence[int], runs: Sequence[int]) -> bool:
        """Whether syllables are more than a part of some English word."""
        letters = [number for number, run in enumerate(runs) if run >= 0]
        if not letters:
            return True
        normal = self.normal
        first, last = starts[letters[0]], ends[letters[-1]]
        cut = first != runs[letters[0]] or (last < len(normal) and normal[last] in LETTERS)
        if len({runs[number] for number in letters}) > 1 or len(letters) < len(runs):
            return not cut or len(letters) > 1
        if cut:
            return len(letters) >= CUT_SYLLABLES
        return normal[first:last] not in _ENGLISH

    def _credible(self, first: int, last: int, length: int, gaps: list[tuple[int, int]], changed: list[int]) -> bool:
        """Whether the stretch is a disguise rather than ordinary text."""
        if gaps and not self._credible_gaps(first, last, length, gaps):
            return False
        if not changed:
            return True
        odd = [self.odd[index + 1] > self.odd[index] for index in changed]
        if length > 2:  # noqa: PLR2004
            return any(odd)
        # A word of two has nothing else to show: "走了" is no disguise of 揍了.
        return all(odd) and not any(self.normal[i] in FUNCTION for i in (first, last - 1) if i not in changed)

    def _credible_gaps(self, first: int, last: int, length: int, gaps: list[tuple[int, int]]) -> bool:
        """Signs inside a word: not too many, and not just where a sentence pauses.

        A long word is taken across a pause (资金，募集 · 资金 募集), but not across the end of a sentence.
        """
        if any(end - start > LONGEST_GAP for start, end in gaps):
            return False
        natural = sum(self._pauses(start, end) for start, end in gaps)
        if not natural or (length >= LONG and not any(self._ends(start, end) for start, end in gaps)):
            return True
        if natural < len(gaps) or len(gaps) < length - 1:
            return False
        return length > 2 or (self._free(first - 1) and self._free(last))  # noqa: PLR2004  (two characters)

    def _pauses(self, start: int, end: int) -> bool:
        gap = "".join(self.piece(i) for i in range(start, end)).replace(" ", "").replace("\u3000", "")
        return gap == "" or (len(gap) == 1 and gap in _NATURAL)

    def _ends(self, start: int, end: int) -> bool:
        """Whether a sentence ends in this gap, or it stands beside something that is not Chinese."""
        beside = self.normal[start - 1], self.normal[end]
        chinese = all("\u4e00" <= character <= "\u9fff" for character in beside)
        return not chinese or not _ENDS.isdisjoint(self.normal[start:end])

    def _free(self, index: int) -> bool:
        return not 0 <= index < len(self.normal) or not self.normal[index].isalnum()


def _gaps(indexes: Sequence[int]) -> list[tuple[int, int]]:
    return [(a + 1, b) for a, b in pairwise(indexes) if b > a + 1]


def _sound_gaps(starts: Sequence[int], ends: Sequence[int], runs: Sequence[int], normal: str) -> list[tuple[int, int]]:
    """Noise between syllables; a space or an apostrophe beside pinyin is how pinyin is written."""
    gaps = []
    for number in range(len(starts) - 1):
        end, start = ends[number], starts[number + 1]
        beside = runs and (runs[number] >= 0 or runs[number + 1] >= 0)
        if start > end and not (beside and set(normal[end:start]) <= {" ", "'", "’"}):
            gaps.append((end, start))
    return gaps
