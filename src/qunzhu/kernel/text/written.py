"""A word as it was entered, and the options under which two characters of one folded form count as the same."""

from functools import lru_cache

from qunzhu.kernel.text.normalise import normalise, positions
from qunzhu.kernel.text.shape import is_numeral, level, members


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
        found.add("ignore_case" if character.lower() == folded else "ignore_english_style")
    return frozenset(found)


@lru_cache(maxsize=65_536)
def differences(one: str, other: str) -> frozenset[str]:
    """The options needed to take `one` for `other`, two characters with the same folded form."""
    return frozenset() if one == other else writing(one) ^ writing(other) or writing(one) | writing(other)


class Written:
    """A word as it was entered, aligned with its folded form, its shape and its sound."""

    __slots__ = ("folded", "numerals", "pieces", "shape", "sound")

    def __init__(self, text: str, folded: str) -> None:
        trimmed = text.strip()
        aligned = normalise(trimmed) == folded
        self.folded = folded
        self.pieces = [trimmed[i] for i in positions(trimmed)] if aligned else list(folded)
        levelled = level(folded)
        self.shape = members(levelled)
        self.sound = [index for index, character in enumerate(levelled) if character != " "]
        self.numerals = any(map(is_numeral, folded))

    def plain_shape(self, options: frozenset[str]) -> bool:
        """Whether, apart from repeats and noise, nothing of the same shape is a way to write the word."""
        return "lookalike" not in options and not self.numerals
