"""What the learned scores look at: the hashed characters and pairs of characters of a text, each once.

A text is read in normal form, so width, case and traditional characters are gone; all digits count as one, long runs
of them as four. The numbers are stable for ever: shipped weights and every lesson in a log depend on them.
"""

import re
import sys
from itertools import accumulate

BITS = 18
BUCKETS = 1 << BITS
MAX_CHARACTERS = 400  # the head and the tail of a longer text speak for it
_MASK = BUCKETS - 1
_PAIR, _SINGLE = 40_503, 65_599  # multipliers; the second is 2**16 + 63, which `gram_set` uses
_OFFSET, _BEFORE, _AFTER = 7, 2, 3  # of single characters; what stands before and after the text
_LANE = 32  # bits of a character in the long number that a text becomes
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
    # The text as one long number, a lane for each character: each step below is one for all of them. No lane overflows:
    # (2**16 − 1) × 40,503 + 2**16 stays below 2**32. Characters beyond 16 bits are rare and go one by one.
    if max(text) > "\uffff":
        return _one_by_one(text)
    length = len(text)
    codes = int.from_bytes(text.encode("utf-32-le", "surrogatepass"), "little")
    pairs = (codes * _PAIR << _LANE) + codes + _BEFORE * _PAIR + (_AFTER << _LANE * length) & _MASKS[length + 1]
    # c × 65,599 is c × 2**16 + c × 63, and of the first only two bits lie below 2**18.
    singles = ((codes & _LOWEST[length]) << 16) + codes * 63 + _OFFSETS[length] & _MASKS[length]
    lanes = pairs | singles << _LANE * (length + 1)
    return set(memoryview(lanes.to_bytes(_LANE // 8 * (2 * length + 1), sys.byteorder)).cast("I"))


def _one_by_one(text: str) -> set[int]:
    """What `gram_set` finds, by its definition."""
    codes = [ord(character) for character in text]
    found = {(code * _SINGLE + _OFFSET) & _MASK for code in codes}
    found.update((a * _PAIR + b) & _MASK for a, b in zip([_BEFORE, *codes], [*codes, _AFTER], strict=True))
    return found


def _in_each_lane(figure: int) -> list[int]:
    """For each number of lanes, the number with `figure` in every one."""
    return list(accumulate((figure << _LANE * lane for lane in range(MAX_CHARACTERS + 1)), initial=0))


_MASKS, _LOWEST, _OFFSETS = (_in_each_lane(figure) for figure in (_MASK, 3, _OFFSET))
