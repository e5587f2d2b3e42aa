"""The words behind the reasons: small groups of turns of phrase, each with what it says about which category.

A group counts once in a text, whatever its words; its weight is how sure it makes one alone. The words stand in
`lexicon.txt` and `insults.txt`; they are matched in squeezed text (see `squeeze.py`).
"""

from pathlib import Path

import msgspec

CATEGORIES = ("ad", "contact", "attack", "flooding", "gambling", "porn", "fraud", "fundraising")


class Cue(msgspec.Struct, frozen=True):
    """A group of words: the name of its reason, and its weight by category."""

    reason: str
    weights: dict[str, float]
    words: tuple[str, ...]


def sections(name: str) -> list[tuple[str, tuple[str, ...]]]:
    """The groups of a word file beside this one: (heading, words), in their order."""
    found: list[tuple[str, list[str]]] = []
    for line in Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            found.append((line.strip("[] "), []))
        elif line and not line.startswith("#"):
            found[-1][1].extend(line.split())
    return [(heading, tuple(words)) for heading, words in found]


def _cue(heading: str, words: tuple[str, ...]) -> Cue:
    reason, *weights = heading.split()
    return Cue(reason, {name: float(value) for name, value in (w.split("=") for w in weights)}, words)


_ALL = [_cue(*section) for section in sections("lexicon.txt")]
CUES = tuple(cue for cue in _ALL if cue.weights)
# Who warns of something, or tells of it, does not do it.
WARNINGS = next(cue.words for cue in _ALL if cue.reason == "warnings")
