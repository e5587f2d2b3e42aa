"""Facts about characters that ship with the product: readings, splits, common words (docs/decisions/0011)."""

from collections import defaultdict
from functools import cache
from importlib.resources import files

# Syllables as single characters: private ones, so that no text that came from outside means one of them.
_FIRST_SYLLABLE = 0xE000


def _lines(name: str) -> list[str]:
    return files("qunzhu.kernel.text").joinpath("tables", name).read_text(encoding="utf-8").splitlines()


@cache
def syllables() -> dict[str, str]:
    """Pinyin without tone → the character that stands for it in a text of sounds."""
    names = [line.split("\t")[0] for line in _lines("sounds.txt")]
    return {name: chr(_FIRST_SYLLABLE + index) for index, name in enumerate(names)}


@cache
def readings() -> dict[str, tuple[str, ...]]:
    """Character → its syllables (as single characters), the usual one first."""
    found: dict[str, list[str]] = defaultdict(list)
    known = syllables()
    rows = [line.split("\t") for line in _lines("sounds.txt")]
    for name, first, _ in rows:
        for character in first:
            found[character].append(known[name])
    for name, _, other in rows:
        for character in other:
            found[character].append(known[name])
    return {character: tuple(sounds) for character, sounds in found.items()}


@cache
def initial_letters() -> dict[str, str]:
    """Syllable character → its first letter."""
    return {sound: name[0] for name, sound in syllables().items()}


@cache
def splits() -> dict[str, tuple[str, ...]]:
    """Character → the ways to write it as its parts (群 → 君羊)."""
    rows = (line.split("\t") for line in _lines("splits.txt"))
    return {character: tuple(ways.split("|")) for character, ways in rows}


@cache
def common_words() -> frozenset[str]:
    """Words of two characters that people use every day."""
    rows = (line.split("\t") for line in _lines("words.txt"))
    return frozenset(first + second for first, seconds in rows for second in seconds)
