"""The same number in figures and in Chinese: 500 and 五百, as another name of a word that holds one. Pure."""

import re

LARGEST = 99_999_999
_FIGURES = re.compile(r"(?<![\d.])[1-9]\d{1,7}(?![\d.])")
_CHINESE = re.compile("[一二两三四五六七八九十百千万零]{2,15}")
_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_UNITS = {"十": 10, "百": 100, "千": 1_000}


def number_forms(folded: str) -> list[str]:
    """The word with its numbers written the other way; empty when it holds none, or one that is read digit by digit."""
    forms = [
        _FIGURES.sub(lambda found: in_chinese(int(found[0])), folded),
        _CHINESE.sub(lambda found: str(value) if (value := in_figures(found[0])) else found[0], folded),
    ]
    return [form for form in forms if form != folded]


def in_chinese(number: int) -> str:
    """A number from 1 to 99,999,999 as it is read: 1500 is 一千五百, 10 is 十. Raises ValueError."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"{number} is not between 1 and {LARGEST}")
    high, low = divmod(number, 10_000)
    said = f"{_below(high)}万" if high else ""
    if low:
        said += ("零" if high and low < 1_000 else "") + _below(low)  # noqa: PLR2004  (a place is left out)
    return said.removeprefix("一") if said.startswith("一十") else said


def _below(number: int) -> str:
    """A number from 1 to 9,999."""
    said = ""
    for place in (3, 2, 1, 0):
        digit = number // 10**place % 10
        if digit:
            said += _DIGITS[digit] + _PLACES[place]
        elif said and not said.endswith("零"):
            said += "零"
    return said.rstrip("零")


def in_figures(said: str) -> int:
    """What a Chinese number means; 0 for what is none (千万别, 一二三)."""
    total = section = digit = 0
    for character in said:
        if character in _UNITS:
            section += (digit or (1 if character == "十" else 0)) * _UNITS[character]
            digit = 0
        elif character == "万":
            total, section, digit = (section + digit) * 10_000, 0, 0
        else:
            digit = 2 if character == "两" else _DIGITS.index(character)
    value = total + section + digit
    return value if 1 <= value <= LARGEST and in_chinese(value) == said.replace("两", "二") else 0
