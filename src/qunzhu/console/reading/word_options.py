"""How a word's options are called on the screen."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from qunzhu.kernel.text.options import EXACT, OPTIONS

_LABELS = {
    "ignore_case": lazy("大小写"),
    "ignore_width": lazy("全角半角"),
    "ignore_chinese_style": lazy("繁体、异体"),
    "ignore_english_style": lazy("花体字母"),
    "ignore_num_style": lazy("数字写法"),
    "ignore_repeat": lazy("重复的字"),
    "ignore_special_chars": lazy("夹符号、空格、表情"),
    "alias": lazy("代称"),
    "pinyin": lazy("拼音"),
    "initials": lazy("拼音首字母"),
    "homophone": lazy("同音字"),
    "split": lazy("拆字"),
    "lookalike": lazy("形近字"),
    "english_word_boundary": lazy("字母要独立成词"),
    "number_boundary": lazy("数字要独立成串"),
}
assert _LABELS.keys() == OPTIONS.keys()  # noqa: S101  (a new option needs a name on the screen)


def labels() -> dict[str, str]:
    """Option → its name in the language of the page, in the order of the options."""
    return {name: str(_LABELS[name]) for name in OPTIONS}


def describe(stored: str) -> str:
    """What a word takes, in one short line."""
    if not stored:
        return _("按长度")
    if stored == EXACT:
        return _("一字不差")
    names = labels()
    return "、".join(f"{sign}{names[name]}" for sign, name in map(_signed, stored.split()) if name in names)


def _signed(entry: str) -> tuple[str, str]:
    sign = entry[0] if entry[0] in "+-" else ""
    return sign, entry.removeprefix(sign)
