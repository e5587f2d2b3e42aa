"""Between scripts and sounds: simplified, traditional, pinyin. For matching see `normalise.py` and `sound.py`."""

from functools import cache
from typing import Any

from qunzhu.kernel.text.facts import initial_letters, readings, syllables
from qunzhu.kernel.text.normalise import normalise


@cache
def _opencc(config: str) -> Any:
    from opencc import OpenCC

    return OpenCC(config)


def convert(text: str, config: str) -> str:
    """The text by an OpenCC configuration: s2t, t2s, s2tw, tw2s, tw2sp, hk2s and so on; phrases are looked at."""
    return str(_opencc(config).convert(text))


def to_simplified(text: str) -> str:
    return convert(text, "t2s")


def to_traditional(text: str) -> str:
    return convert(text, "s2t")


@cache
def _names() -> dict[str, str]:
    return {sound: name for name, sound in syllables().items()}


def to_pinyin(text: str, separator: str = "") -> str:
    """Each Chinese character as its usual syllable without tone; the rest stays."""
    return separator.join(_names()[readings()[c][0]] if c in readings() else c for c in normalise(text))


def to_initials(text: str) -> str:
    """Each Chinese character as the first letter of its usual syllable; the rest stays."""
    return "".join(initial_letters()[readings()[c][0]] if c in readings() else c for c in normalise(text))
