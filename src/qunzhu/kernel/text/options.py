"""Which ways of writing a keyword count as the keyword: a set of options for each word.

The names are those under which keyword filters are compared with each other. An empty text means "by length": what
a word of that length can take without flooding a group with false hits.
"""

from collections.abc import Iterable
from functools import lru_cache

# In the order in which they are stored, shown and explained.
OPTIONS: dict[str, str] = {
    "ignore_case": "大小写",
    "ignore_width": "全角半角",
    "ignore_chinese_style": "繁体、异体",
    "ignore_english_style": "花体字母",
    "ignore_num_style": "数字写法",
    "ignore_repeat": "重复的字",
    "ignore_special_chars": "夹符号、空格、表情",
    "alias": "代称",
    "pinyin": "拼音",
    "initials": "拼音首字母",
    "homophone": "同音字",
    "split": "拆字",
    "lookalike": "形近字",
    "english_word_boundary": "字母要独立成词",
    "number_boundary": "数字要独立成串",
}
WRITING = frozenset({"ignore_case", "ignore_width", "ignore_chinese_style", "ignore_english_style"})
BOUNDARIES = frozenset({"english_word_boundary", "number_boundary"})
EXACT = "exact"  # as entered, letter by letter

_AS_WRITTEN = WRITING | BOUNDARIES
_TWO = _AS_WRITTEN | {
    "ignore_num_style",
    "ignore_repeat",
    "ignore_special_chars",
    "alias",
    "pinyin",
    "homophone",
    "split",
}
_THREE = _TWO | {"lookalike"}
_LONG = _THREE | {"initials"}
_LATIN = _AS_WRITTEN | {"ignore_num_style", "ignore_repeat", "ignore_special_chars", "alias"}
_LATIN_LENGTH = 4  # shorter words of letters alone stand in too many others once spaces are ignored


class BadOption(ValueError):
    """An option that does not exist; the message names it and those that do."""


def default_options(length: int, han: int) -> frozenset[str]:
    """What a word of `length` characters, `han` of them Chinese, takes when nothing is said."""
    if han == 0:
        return _LATIN if length >= _LATIN_LENGTH else _AS_WRITTEN | {"alias"}
    if length == 1:
        return _AS_WRITTEN
    return (_TWO, _TWO, _TWO, _THREE, _LONG)[min(han, 4)]


def parse_options(text: str) -> str:
    """Options as they are stored, from what a person wrote: "", "exact", names, or "+name -name" to change the default.

    Names stand apart by commas or spaces. Changes stay changes, applied to the word's default. Raises BadOption.
    """
    names = [n for n in text.replace("，", " ").replace(",", " ").replace("、", " ").split() if n]
    if not names or names == ["auto"]:
        return ""
    if names == [EXACT]:
        return EXACT
    known = {label: name for name, label in OPTIONS.items()}
    signs, plain = {}, []
    for entry in names:
        sign = entry[0] if entry[0] in "+-" else ""
        name = entry.removeprefix(sign)
        name = known.get(name, name)
        if name not in OPTIONS:
            raise BadOption(f"没有选项 {entry!r};可用:{'、'.join(OPTIONS)}")
        if sign:
            signs[name] = sign
        else:
            plain.append(name)
    if signs and plain:
        raise BadOption("选项要么全部列出,要么都写成 +名称、-名称")
    if signs:
        return " ".join(signs[name] + name for name in OPTIONS if name in signs)
    return " ".join(name for name in OPTIONS if name in plain)


@lru_cache(maxsize=4_096)
def options_of(stored: str, length: int, han: int) -> frozenset[str]:
    """The set of options that `stored` stands for, for a word of this length."""
    if not stored:
        return default_options(length, han)
    names = stored.split()
    if names == [EXACT]:
        return frozenset()
    if stored[0] not in "+-":
        return frozenset(names)
    wanted = set(default_options(length, han))
    for name in names:
        (wanted.add if name[0] == "+" else wanted.discard)(name[1:])
    return frozenset(wanted)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """The names in the order of OPTIONS."""
    chosen = set(names)
    return tuple(name for name in OPTIONS if name in chosen)
