"""What the learned scores look at: the hashed characters and pairs of characters of a text, each once.

A text is read in normal form, so width, case and traditional characters are gone; all digits count as one, long runs
of them as four. The numbers are stable for ever: shipped weights and every lesson in a log depend on them.
"""

import re

BITS = 18
BUCKETS = 1 << BITS
MAX_CHARACTERS = 400  # the head and the tail of a longer text speak for it
_MASK = BUCKETS - 1
_TAIL = 100
_DIGITS = str.maketrans("0123456789", "0000000000")
_FIGURE = re.compile("[0-9]")
_LONG_NUMBER = re.compile("0{5,}")


def grams(normal: str) -> list[int]:
    """Buckets of a text in normal form, each once, in ascending order; empty for a text without visible characters."""
    return sorted(gram_set(normal))


def gram_set(normal: str) -> set[int]:
    """The same without the order, which a sum does not need."""
    text = " ".join(normal.split())
    if not text:
        return set()
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS - _TAIL] + text[-_TAIL:]
    if _FIGURE.search(text):
        text = text.translate(_DIGITS)
        if "00000" in text:
            text = _LONG_NUMBER.sub("0000", text)
    codes = list(map(ord, text))
    found = {(code * 65_599 + 7) & _MASK for code in codes}
    ahead = [*codes, 3]
    codes.insert(0, 2)
    found.update([(a * 40_503 + b) & _MASK for a, b in zip(codes, ahead, strict=True)])
    return found
