"""The keyword automaton (关键词库): tens of thousands of words in all their ways of writing, found in one pass a view.

A message has up to four views: its normal form, its shape, its sound, and (where parts of split characters stand in
it) its joined form. All words' forms in all views are one automaton. What it finds outside the normal form is a
candidate: `verify.py` says which ways of writing it took, and the word's own options say whether it takes them.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ahocorasick_rs import AhoCorasick, Implementation

from qunzhu.kernel.text.alias import alias_forms
from qunzhu.kernel.text.entries import Entry, Hit, Word, by_place, settle
from qunzhu.kernel.text.facts import common_words, splits
from qunzhu.kernel.text.joined import join_splits
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.numbers import number_forms
from qunzhu.kernel.text.oddness import is_noisy
from qunzhu.kernel.text.options import BOUNDARIES, WRITING
from qunzhu.kernel.text.shape import level, shape, shapes, squeeze
from qunzhu.kernel.text.sound import sound_places, sounds, voices, word_initials
from qunzhu.kernel.text.verify import Candidate, Subject

__all__ = ["Hit", "KeywordLibrary", "Word"]

PLAIN, SHAPE, SOUND, INITIALS, PART, EVERYDAY, ALIAS = range(7)
_SOUND_OPTIONS = frozenset({"pinyin", "homophone"})
_SHAPE_OPTIONS = frozenset({"ignore_num_style", "ignore_repeat", "ignore_special_chars", "lookalike", "split"})
_JUST_EVERYDAY = [EVERYDAY]  # one object for all pairs of which no word is made, so that they are told apart at once
_VIEWS = 8  # a form's entry and view are one number: entry * _VIEWS + view (an everyday word's entry is none)
_LARGE = 2_000
_JOINED_TRIES = 3
_MOST_CANDIDATES = 10_000  # that are looked at in one view of one message


class KeywordLibrary:
    """An immutable automaton over words; build a new one when the words change."""

    def __init__(self, words: Iterable[Word] = (), *, guarded: bool = True) -> None:
        self.guarded = guarded  # whether doubtful candidates need more than their options (see `verify.py`)
        self._views: set[int] = set()
        self._entries: list[Entry] = []
        for word in words:
            folded = normalise(word.word).strip()
            if folded:
                self._entries.append(Entry(word, folded, len(self._entries)))
        self._count = len(self._entries)
        forms: dict[str, list[int]] = {}
        self._add_forms(forms)
        self._parts = self._add_parts(forms)
        # In a large library everyday words ride along; a small one is quicker made without their 57,000 pairs.
        self._everyday = guarded and bool(self._views) and self._count >= _LARGE
        if self._everyday:
            for pair in common_words():
                forms.setdefault(pair, []).append(EVERYDAY)
        self._forms = [_JUST_EVERYDAY if codes == [EVERYDAY] else codes for codes in forms.values()]
        self._allowing = any(entry.word.allow for entry in self._entries)
        self._search: Any = (
            AhoCorasick(list(forms), implementation=Implementation.ContiguousNFA).find_matches_as_indexes
            if forms
            else None
        )
        self._shaped = SHAPE in self._views
        self._voiced = SOUND in self._views

    def _add_forms(self, forms: dict[str, list[int]]) -> None:
        """Every word's forms in every view that its options ask for; all words are folded at once."""
        words = self._entries[: self._count]
        folded = [entry.folded for entry in words]
        for entry, shaped, voiced in zip(words, shapes(folded), voices(folded), strict=True):
            text, options, code = entry.folded, entry.options, entry.number * _VIEWS
            forms.setdefault(text, []).append(code + PLAIN)
            if options <= _PLAIN_OPTIONS:
                continue
            if options & _SHAPE_OPTIONS and len(shaped) > 1:
                self._add(forms, shaped, code + SHAPE)
            if "alias" in options:
                self._add_aliases(forms, entry)
            if not text.isascii():
                if options & _SOUND_OPTIONS:
                    for form in voiced:
                        self._add(forms, form, code + SOUND)
                if "initials" in options:
                    self._add(forms, word_initials(text), code + INITIALS)

    def _add_aliases(self, forms: dict[str, list[int]], entry: Entry) -> None:
        for form in (*alias_forms(entry.folded), *number_forms(entry.folded)):
            shaped = shape(form)
            if len(shaped) > 1:
                number = len(self._entries)
                self._entries.append(Entry(entry.word, form, entry.number, alias=True))
                self._add(forms, shaped, number * _VIEWS + SHAPE)
                self._add(forms, form, number * _VIEWS + ALIAS)

    def _add(self, forms: dict[str, list[int]], form: str, code: int) -> None:
        if form:
            codes = forms.setdefault(form, [])
            if not codes or codes[-1] != code:
                codes.append(code)
            self._views.add(code % _VIEWS)

    def _add_parts(self, forms: dict[str, list[int]]) -> list[str]:
        """Add the parts of every character that a word takes split; what `PART` numbers stand for."""
        split = (e for e in self._entries if "split" in e.options and len(e.folded) > 1 and not e.alias)
        characters = {c for entry in split for c in entry.folded}
        known, common = splits(), common_words()
        parts: list[str] = []
        for character in sorted(characters & known.keys()):
            parts.append(character)
            for way in known[character]:
                if way in common:
                    continue  # 女子 is a word of its own before it is 好
                forms.setdefault(way, []).append((len(parts) - 1) * _VIEWS + PART)
                squeezed = shape(way)
                if squeezed != way and len(squeezed) > 1:
                    forms.setdefault(squeezed, []).append((len(parts) - 1) * _VIEWS + PART)
        return parts

    def __len__(self) -> int:
        return self._count

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
        return settle(found) if self._allowing else (tuple([hit for _, hit in found]), ())

    def _candidates(self, normal: str, text: str | None) -> list[tuple[Entry, Hit]]:
        subject = Subject(normal, text, guarded=self.guarded)
        found: list[tuple[Entry, Hit]] = []
        joinable: list[tuple[int, int, str]] = []
        aliases: list[tuple[Entry, Candidate]] = []
        matches = self._search(normal, overlapping=True)
        everyday = bytearray(len(normal))
        forms = self._forms
        for index, start, end in matches:
            codes = forms[index]
            if codes is _JUST_EVERYDAY:
                everyday[start] = everyday[start + 1] = 1
                continue
            for code in codes:
                view = code % _VIEWS
                if view == EVERYDAY:
                    everyday[start] = everyday[start + 1] = 1
                elif view == PART:
                    joinable.append((start, end, self._parts[code // _VIEWS]))
                elif view not in {SHAPE, SOUND}:
                    self._note(self._entries[code // _VIEWS], view, subject, (start, end), found, aliases)
        if self._views:
            odd = (subject.mark_odd(everyday) if self._everyday else subject.has_odd) or not self.guarded
            if odd or aliases or is_noisy(normal):
                variants = _Variants(self._entries, found, guarded=self.guarded)
                for entry, seen in aliases:
                    variants.add(entry, seen)
                return self._with_variants(variants, found, subject, matches, joinable, odd=odd)
        return found

    def _note(
        self,
        entry: Entry,
        view: int,
        subject: Subject,
        place: tuple[int, int],
        found: list[tuple[Entry, Hit]],
        aliases: list[tuple[Entry, Candidate]],
    ) -> None:
        """Keep what stands in the normal form itself: the word, its initials, or another name for it."""
        start, end = place
        if view == PLAIN:
            variants = subject.plain(entry, start, end)
            if variants is not None:
                found.append((entry, entry.hit(start, end, variants)))
        elif view == INITIALS:
            if subject.initials(start, end):
                found.append((entry, entry.hit(start, end, ("initials",))))
        elif subject.alone(entry, start, end):
            aliases.append((entry, Candidate(start, end, ("alias",))))

    def _with_variants(
        self,
        variants: "_Variants",
        found: list[tuple[Entry, Hit]],
        subject: Subject,
        matches: list[tuple[int, int, int]],
        joinable: list[tuple[int, int, str]],
        *,
        odd: bool,
    ) -> list[tuple[Entry, Hit]]:
        if self._shaped:
            self._find_shapes(variants, subject, matches, joinable)
        if self._voiced and odd:
            self._find_sounds(variants, subject)
        if joinable and odd:
            self._find_joined(variants, subject, joinable)
        return variants.in_order(found)

    def _find_shapes(
        self,
        variants: "_Variants",
        subject: Subject,
        matches: list[tuple[int, int, int]],
        joinable: list[tuple[int, int, str]],
    ) -> None:
        levelled = level(subject.normal)
        squeezed = squeeze(levelled)
        # The shape has forms of its own (numerals, look-alikes), so they are looked for in an unfolded text too.
        if squeezed != subject.normal:
            matches = self._search(squeezed, overlapping=True)
        entries, forms, done = self._entries, self._forms, variants.done
        aligned = False
        for index, start, end in matches[:_MOST_CANDIDATES]:
            for code in forms[index]:
                view = code % _VIEWS
                if view not in {SHAPE, PART}:
                    continue
                entry = entries[code // _VIEWS] if view == SHAPE else None
                if entry is not None and entry.number in done:
                    continue
                if not aligned:
                    aligned = True
                    subject.level_with(levelled, squeezed)
                if entry is not None:
                    variants.add(entry, subject.shaped(entry, start, end))
                else:
                    joinable.append((*subject.shape_span(start, end), self._parts[code // _VIEWS]))

    def _find_sounds(self, variants: "_Variants", subject: Subject) -> None:
        matches = self._search(sounds(subject.normal), overlapping=True)
        if not matches:
            return
        entries, forms, done = self._entries, self._forms, variants.done
        places = subject.places = sound_places(subject.normal)
        starts, ends, odd = places.starts, places.ends, subject.odd
        for index, start, end in matches[:_MOST_CANDIDATES]:
            if self.guarded and odd[ends[end - 1]] == odd[starts[start]]:
                continue  # nothing but everyday words
            for code in forms[index]:
                if code % _VIEWS == SOUND:
                    entry = entries[code // _VIEWS]
                    if entry.number not in done:
                        variants.add(entry, subject.voiced(entry, start, end))

    def _find_joined(self, variants: "_Variants", subject: Subject, joinable: list[tuple[int, int, str]]) -> None:
        if self.guarded:
            odd = subject.odd
            joinable = [part for part in joinable if odd[part[1]] > odd[part[0]]]
        for joined in join_splits(subject.normal, joinable, tries=_JOINED_TRIES) if joinable else ():
            levelled = level(joined.text)
            squeezed = squeeze(levelled)
            inner = Subject(joined.text, None, guarded=self.guarded)
            matches = self._search(squeezed, overlapping=True)
            if matches:
                inner.level_with(levelled, squeezed)
            for index, start, end in matches[:_MOST_CANDIDATES]:
                for code in self._forms[index]:
                    if code % _VIEWS == SHAPE:
                        entry = self._entries[code // _VIEWS]
                        variants.add(entry, joined.back(entry, inner.shaped(entry, start, end, joined=joined.made)))


class _Variants:
    """Words found in another way of writing; in a guarded library not where the same word stands in a plainer way."""

    def __init__(self, entries: Sequence[Entry], found: list[tuple[Entry, Hit]], *, guarded: bool) -> None:
        self._entries, self._guarded = entries, guarded
        self._plain = found
        self._seen: dict[tuple[int, int, int], tuple[str, ...]] = {}
        # A word that stands there plainly needs no second sight; but an allowed stretch might hide the plain one.
        plain = guarded and found and not any(entry.word.allow for entry, _ in found)
        self.done = frozenset([entry.number for entry, _ in found]) if plain else _NONE

    def add(self, entry: Entry, seen: Candidate | None) -> None:
        if seen is not None:
            self._seen.setdefault((entry.number, seen.start, seen.end), seen.variants)

    def in_order(self, found: list[tuple[Entry, Hit]]) -> list[tuple[Entry, Hit]]:
        if not self._seen:
            return found
        kept = self._chosen() if self._guarded else self._seen
        plain = {(entry.number, hit.start, hit.end) for entry, hit in found}
        for (number, start, end), variants in kept.items():
            if (number, start, end) not in plain:
                entry = self._entries[number]
                found.append((entry, entry.hit(start, end, variants)))
        return sorted(found, key=by_place)

    def _chosen(self) -> dict[tuple[int, int, int], tuple[str, ...]]:
        """Of a word's variants that overlap each other the longest, and none that overlaps the word itself."""
        places = {(entry.number, at) for entry, hit in self._plain for at in range(hit.start, hit.end)}
        kept = {}
        for key in sorted(self._seen, key=lambda k: (k[1] - k[2], k)):
            number, start, end = key
            if not any((number, at) in places for at in range(start, end)):
                kept[key] = self._seen[key]
                places.update((number, at) for at in range(start, end))
        return kept


_PLAIN_OPTIONS = WRITING | BOUNDARIES
_NONE: frozenset[int] = frozenset()
