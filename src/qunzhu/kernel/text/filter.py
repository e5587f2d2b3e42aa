"""A keyword filter by itself: the product's automaton behind the options under which such filters are compared.

The product reads messages with `reading.py`. This is for those who need what other libraries give: all hits from left
to right, replacing, counting; and for holding ours against their published cases.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from qunzhu.kernel.text.checks import find_emails, find_ipv4, find_numbers, find_urls
from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.normalise import normalise, positions
from qunzhu.kernel.text.options import EXACT, OPTIONS, ordered


class FilterOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches; all off finds words letter by letter."""

    ignore_special_chars: bool = False
    ignore_repeat: bool = False
    ignore_case: bool = False
    ignore_width: bool = False
    ignore_english_style: bool = False
    ignore_num_style: bool = False
    ignore_chinese_style: bool = False
    alias: bool = False
    pinyin: bool = False
    initials: bool = False
    homophone: bool = False
    split: bool = False
    lookalike: bool = False
    english_word_boundary: bool = False
    number_boundary: bool = False
    check_number: bool = False
    num_len: int = 8
    check_url: bool = False
    url_no_prefix: bool = False
    check_email: bool = False
    check_ipv4: bool = False
    fail_fast: bool = False  # the shortest word at a place instead of the longest
    overlapping: bool = False
    non_overlapping: bool = True
    density: bool = False  # go on inside a word that was found
    greed: bool = False  # the longest word at a place
    delete_after_load: list[str] = []
    skip_chars: str = ""  # signs that count as nothing, besides those of ignore_special_chars
    mask: str = "*"


class KeywordFilter:
    """Words to find and words to let pass, under one set of options."""

    def __init__(self, words: Iterable[str], allow: Iterable[str] = (), **options: Any) -> None:
        self.options = msgspec.convert(options, FilterOptions)
        gone = set(self.options.delete_after_load)
        chosen = ordered(name for name in OPTIONS if getattr(self.options, name))
        stored = " ".join(chosen) or EXACT
        entries = [Word(w, options=stored) for w in words if w not in gone]
        entries += [Word(w, allow=True, options=stored) for w in allow]
        self._library = KeywordLibrary(entries, guarded=False)
        self._skip = {ord(c): None for c in self.options.skip_chars}

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Every place of every word or form, overlapping ones too, from left to right, the shorter first."""
        kept = [i for i, c in enumerate(text) if ord(c) not in self._skip]
        plain = text.translate(self._skip) if self._skip else text
        origin = positions(plain)
        found = {
            (kept[origin[hit.start]], kept[origin[hit.end - 1]] + 1)
            for hit in self._library.find(normalise(plain), plain)
        }
        return sorted(found | set(self._formed(text)))

    def _formed(self, text: str) -> list[tuple[int, int]]:
        options = self.options
        found: list[tuple[int, int]] = []
        if options.check_number:
            found += find_numbers(
                text, options.num_len, styles=options.ignore_num_style, noise=options.ignore_special_chars
            )
        if options.check_url:
            found += find_urls(text, no_prefix=options.url_no_prefix)
        if options.check_email:
            found += find_emails(text)
        if options.check_ipv4:
            found += find_ipv4(text)
        return found

    def chosen(self, text: str) -> list[tuple[int, int]]:
        """The places that count: all with `overlapping`, else from left to right without overlap."""
        spans = self.spans(text)
        if self.options.overlapping:
            return spans
        best: dict[int, int] = {}
        for start, end in spans:
            if start not in best or not self.options.fail_fast:
                best[start] = end  # they come in order: the first is the shortest, the last the longest
        found, at = [], 0
        for start in sorted(best):
            if start >= at:
                found.append((start, best[start]))
                at = best[start]
        return found

    def find_all(self, text: str) -> list[str]:
        return [text[start:end] for start, end in self.chosen(text)]

    def find_first(self, text: str) -> str | None:
        found = self.chosen(text)
        return text[slice(*found[0])] if found else None

    def contains(self, text: str) -> bool:
        return bool(self.spans(text))

    def count(self, text: str) -> int:
        return len(self.chosen(text))

    def replace(self, text: str) -> str:
        """The text with one mask character for each character of a hit."""
        characters = list(text)
        for start, end in self.chosen(text):
            characters[start:end] = self.options.mask * (end - start)
        return "".join(characters)

    def match_all(self, text: str) -> list[str]:
        """Words from left to right: `density` goes on inside a found word, `greed` to longer words at its place."""
        found, at = [], 0
        by_start: dict[int, list[int]] = {}
        for start, end in self.spans(text):
            by_start.setdefault(start, []).append(end)
        for start in sorted(by_start):
            if start < at:
                continue
            ends = by_start[start] if self.options.greed else by_start[start][:1]
            found += [text[start:end] for end in ends]
            if not self.options.density:
                at = ends[-1]
        return found
