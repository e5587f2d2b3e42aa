"""The keyword automaton (关键词库): tens of thousands of words in all their ways of writing, found in one pass a view.

A message has up to four views: its normal form, its shape, its sound, and (where parts of split characters stand in
it) its joined form. All words' forms in all views are one automaton. What it finds outside the normal form is a
candidate: `verify.py` says which ways of writing it took, and the word's own options say whether it takes them.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from ahocorasick_rs import AhoCorasick, Implementation

from qunzhu.kernel.text.alias import alias_forms
from qunzhu.kernel.text.facts import splits
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.options import BOUNDARIES, WRITING, options_of
from qunzhu.kernel.text.shape import level, shape, squeeze
from qunzhu.kernel.text.sound import sounds, word_initials, word_sounds
from qunzhu.kernel.text.verify import Candidate, Subject, join_splits

PLAIN, SHAPE, SOUND, INITIALS, ALIAS, PART = range(6)
_SHAPE_OPTIONS = frozenset({"ignore_num_style", "ignore_repeat", "ignore_special_chars", "lookalike", "split"})
_IN_SHAPE = frozenset({SHAPE, ALIAS})
_NOT_HAN = re.compile(r"[^\u4e00-\u9fff]+")
_VIEWS = 8  # a form's entry and view are one number: entry * _VIEWS + view
_JOINED_TRIES = 3
_MOST_HITS = 20_000  # candidates that are looked at in one view of one message


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
    """A word with what matching needs to know of it."""

    __slots__ = ("folded", "options", "word")

    def __init__(self, word: Word, folded: str) -> None:
        self.word, self.folded = word, folded
        han = 0 if folded.isascii() else len(_NOT_HAN.sub("", folded))
        self.options = options_of(word.options, len(folded), han)

    def hit(self, seen: Candidate) -> Hit:
        word = self.word
        return Hit(word.word, word.category, word.level, seen.start, seen.end, seen.variants)


class KeywordLibrary:
    """An immutable automaton over words; build a new one when the words change."""

    def __init__(self, words: Iterable[Word] = (), *, guarded: bool = True) -> None:
        self.guarded = guarded  # whether doubtful candidates need more than their options (see `verify.py`)
        self._entries: list[Entry] = []
        forms: dict[str, list[int]] = defaultdict(list)
        self._views: set[int] = set()
        for word in words:
            folded = normalise(word.word).strip()
            if folded:
                self._entries.append(Entry(word, folded))
                self._add_forms(forms, len(self._entries) - 1)
        self._parts = self._add_parts(forms)
        self._forms = list(forms.values())
        self._search: Any = (
            AhoCorasick(list(forms), implementation=Implementation.ContiguousNFA).find_matches_as_indexes
            if forms
            else None
        )
        self._shaped = bool(self._views & {SHAPE, ALIAS})
        self._voiced = SOUND in self._views

    def _add_forms(self, forms: dict[str, list[int]], number: int) -> None:
        entry = self._entries[number]
        folded, options = entry.folded, entry.options
        forms[folded].append(number * _VIEWS + PLAIN)
        if options <= _PLAIN_OPTIONS:
            return
        if options & _SHAPE_OPTIONS and len(shaped := shape(folded)) > 1:
            self._add(forms, shaped, number, SHAPE)
        if "alias" in options:
            for form in alias_forms(folded):
                self._add(forms, shape(form), number, ALIAS)
        if options & {"pinyin", "homophone"} and not folded.isascii():
            for form in word_sounds(folded):
                self._add(forms, form, number, SOUND)
        if "initials" in options and not folded.isascii():
            self._add(forms, word_initials(folded), number, INITIALS)

    def _add(self, forms: dict[str, list[int]], form: str, number: int, view: int) -> None:
        code = number * _VIEWS + view
        if form and code not in forms[form]:
            forms[form].append(code)
            self._views.add(view)

    def _add_parts(self, forms: dict[str, list[int]]) -> list[str]:
        """Add the parts of every character that a word takes split; what `PART` numbers stand for."""
        characters = {c for e in self._entries if "split" in e.options and len(e.folded) > 1 for c in e.folded}
        known = splits()
        parts: list[str] = []
        for character in sorted(characters & known.keys()):
            parts.append(character)
            for way in known[character]:
                forms[way].append((len(parts) - 1) * _VIEWS + PART)
                squeezed = shape(way)
                if squeezed != way and len(squeezed) > 1:
                    forms[squeezed].append((len(parts) - 1) * _VIEWS + PART)
        return parts

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, normal: str, text: str | None = None) -> tuple[Hit, ...]:
        """All hits in a text in normal form, in order of their end; allow-listed ones left out.

        With the `text` as it was written, strict options and the names of the variants are exact.
        """
        return self.look(normal, text)[0]

    def look(self, normal: str, text: str | None = None) -> tuple[tuple[Hit, ...], tuple[tuple[Hit, str], ...]]:
        """All hits, and those that an allow-listed word (given beside each) let pass."""
        if self._search is None or not normal:
            return (), ()
        found = self._candidates(normal, text)
        if not found:
            return (), ()
        return _settle(found)

    def _candidates(self, normal: str, text: str | None) -> list[tuple[Entry, Hit]]:
        found = _Found(self._entries, guarded=self.guarded)
        subject = Subject(normal, text, guarded=self.guarded)
        joinable: list[tuple[int, int, str]] = []
        matches = self._search(normal, overlapping=True)
        for index, start, end in matches:
            for code in self._forms[index]:
                number, view = divmod(code, _VIEWS)
                if view == PLAIN:
                    found.keep(number, subject.plain(self._entries[number], start, end))
                elif view == INITIALS:
                    found.keep(number, subject.initials(self._entries[number], start, end))
                elif view == PART:
                    joinable.append((start, end, self._parts[number]))
        if self._shaped:
            levelled = level(normal)
            squeezed = squeeze(levelled)
            # The shape has forms of its own (numerals, look-alikes), so they are looked for in an unfolded text too.
            seen = matches if squeezed == normal else self._search(squeezed, overlapping=True)
            self._find_shapes(found, subject, levelled, seen, joinable)
        if self._voiced:
            self._find_sounds(found, subject)
        if joinable:
            self._find_joined(found, subject, joinable)
        return found.in_order()

    def _find_shapes(
        self,
        found: "_Found",
        subject: Subject,
        levelled: str,
        matches: list[tuple[int, int, int]],
        joinable: list[tuple[int, int, str]],
    ) -> None:
        for index, start, end in matches[:_MOST_HITS]:
            for code in self._forms[index]:
                number, view = divmod(code, _VIEWS)
                if view in _IN_SHAPE:
                    seen = subject.shaped(self._entries[number], levelled, start, end, alias=view == ALIAS)
                    found.keep_variant(number, seen)
                elif view == PART:
                    joinable.append((*subject.shape_span(levelled, start, end), self._parts[number]))

    def _find_sounds(self, found: "_Found", subject: Subject) -> None:
        for index, start, end in self._search(sounds(subject.normal), overlapping=True)[:_MOST_HITS]:
            for code in self._forms[index]:
                number, view = divmod(code, _VIEWS)
                if view == SOUND:
                    found.keep_variant(number, subject.voiced(self._entries[number], start, end))

    def _find_joined(self, found: "_Found", subject: Subject, joinable: list[tuple[int, int, str]]) -> None:
        for joined in join_splits(subject.normal, joinable, tries=_JOINED_TRIES):
            levelled = level(joined.text)
            inner = Subject(joined.text, None, guarded=self.guarded)
            for index, start, end in self._search(squeeze(levelled), overlapping=True)[:_MOST_HITS]:
                for code in self._forms[index]:
                    number, view = divmod(code, _VIEWS)
                    if view in _IN_SHAPE:
                        seen = inner.shaped(self._entries[number], levelled, start, end, alias=view == ALIAS)
                        found.keep_variant(number, joined.back(self._entries[number], seen))


class _Found:
    """Hits, each once; in a guarded library a variant does not count where the same word stands in a plainer way."""

    def __init__(self, entries: Sequence[Entry], *, guarded: bool) -> None:
        self._entries, self._guarded = entries, guarded
        self._plain: dict[tuple[int, int, int], Candidate] = {}
        self._variants: dict[tuple[int, int, int], Candidate] = {}

    def has(self, number: int, start: int, end: int) -> bool:
        return (number, start, end) in self._plain

    def keep(self, number: int, seen: Candidate | None) -> None:
        if seen is not None:
            self._plain[number, seen.start, seen.end] = seen

    def keep_variant(self, number: int, seen: Candidate | None) -> None:
        if seen is not None and (number, seen.start, seen.end) not in self._plain:
            self._variants.setdefault((number, seen.start, seen.end), seen)

    def in_order(self) -> list[tuple[Entry, Hit]]:
        kept = dict(self._plain)
        if self._variants and self._guarded:
            self._choose(kept)
        else:
            kept.update(self._variants)
        hits = [(self._entries[number], candidate) for (number, _, _), candidate in kept.items()]
        return sorted(((entry, entry.hit(candidate)) for entry, candidate in hits), key=_place)

    def _choose(self, kept: dict[tuple[int, int, int], Candidate]) -> None:
        """Of a word's variants that overlap each other the longest, and none that overlaps the word itself."""
        places = {(number, at) for number, start, end in kept for at in range(start, end)}
        for key in sorted(self._variants, key=lambda k: (k[1] - k[2], k)):
            number, start, end = key
            if not any((number, at) in places for at in range(start, end)):
                kept[key] = self._variants[key]
                places.update((number, at) for at in range(start, end))


_PLAIN_OPTIONS = WRITING | BOUNDARIES


def _place(item: tuple[Entry, Hit]) -> tuple[int, int]:
    return item[1].end, -item[1].start


def _settle(found: list[tuple[Entry, Hit]]) -> tuple[tuple[Hit, ...], tuple[tuple[Hit, str], ...]]:
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
