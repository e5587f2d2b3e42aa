"""Names that stand for another word in Chinese advertising (加V · ➕薇 · 卫星 · VX), written by us.

A word that contains one name of a family is also found with the other names in its place.
"""

import re
from functools import cache
from itertools import product

# The plain name and the disguises that nobody uses for anything else; then names that are words of their own: those
# count only inside a longer word ("加卫星"). Nobody who lists a disguise means the plain name, so it is left out then.
_FAMILIES: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("微信", "薇信", "溦信", "徽信", "v信", "微x", "薇x", "vx", "wx", "微芯", "微辛", "葳信", "崴信", "唯信"),
        ("威信", "维信", "卫星", "围信", "微心", "薇", "微", "v", "绿泡泡", "绿色软件", "徽", "溦", "威", "维"),
    ),
    (("加", "➕"), ("佳", "嘉", "伽", "茄", "珈")),
    (("qq", "扣扣", "抠抠", "叩叩", "蔻蔻", "球球号", "秋秋号"), ("企鹅", "球球", "秋秋", "扣", "q")),
    (("群", "裙", "峮"), ()),
    (("红包", "🧧"), ()),
    (("支付宝", "zfb", "支付保", "芝付宝"), ()),
    (("淘宝", "tb", "桃宝", "某宝", "掏宝"), ()),
    (("拼多多", "pdd", "拼夕夕", "并夕夕"), ()),
)
MOST_FORMS = 96


@cache
def _names() -> dict[str, int]:
    names = {}
    for number, (own, loose) in enumerate(_FAMILIES):
        names.update(dict.fromkeys((*own, *loose), number))
    return names


@cache
def _any_name() -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(_names(), key=len, reverse=True))))


def alias_forms(folded: str) -> list[str]:
    """Other ways to write a folded word by aliases, at most 96; empty when it contains none."""
    if not _any_name().search(folded):
        return []
    parts: list[tuple[str, ...]] = []
    at = 0
    while at < len(folded):
        name = _name_at(folded, at)
        if name:
            parts.append(_alternatives(name, alone=name == folded))
            at += len(name)
        else:
            parts.append((folded[at],))
            at += 1
    forms = []
    for combination in product(*parts):
        form = "".join(combination)
        if form != folded:
            forms.append(form)
        if len(forms) == MOST_FORMS:
            break
    return forms


def _name_at(folded: str, at: int) -> str:
    """The longest name that begins here; letters must not go on on either side."""
    for length in range(6, 0, -1):
        name = folded[at : at + length]
        if len(name) < length or name not in _names():
            continue
        if _goes_on(folded, at, length):
            continue
        return name
    return ""


def _goes_on(folded: str, at: int, length: int) -> bool:
    before, after = folded[at - 1 : at] if at else "", folded[at + length : at + length + 1]
    first, last = folded[at], folded[at + length - 1]
    return (first.isascii() and before.isascii() and before.isalnum()) or (
        last.isascii() and after.isascii() and after.isalnum()
    )


def _alternatives(name: str, *, alone: bool) -> tuple[str, ...]:
    own, loose = _FAMILIES[_names()[name]]
    if alone:
        return own if name == own[0] else (name,)
    others = (*own, *loose) if name == own[0] else (*own[1:], *loose)
    return (name, *(n for n in others if n != name))
