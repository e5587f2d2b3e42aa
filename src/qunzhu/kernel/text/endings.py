"""What a domain can end in: the Public Suffix List, as the library ships it, and what each ending needs to be a link.

Of some 1,400 endings many are words, surnames, countries or kinds of files (hello.world, Dr.Ma, main.py), so that most
make a link of a dotted word only together with a path, a port or www.
"""

import re
from functools import cache

from publicsuffixlist import PublicSuffixList

# Endings that people use so much, and prose after a dot so little, that the name alone is a link.
EVERYDAY = frozenset(
    re.split(
        r"\|",
        "com|cn|net|org|top|xyz|vip|cc|io|co|me|tv|info|biz|shop|site|online|club|store|app|dev|link|live|work|fun|ink"
        "|icu|pro|wang|ltd|group|tech|edu|gov|hk|tw|mo|jp|kr|sg|uk|us|eu|ru|de|fr|ai|gg|ly|la|pw|im|in|to|is|one|life"
        "|中国|公司|网络|我爱你|在线|商城|集团"
        # Sold for next to nothing, and seen in ads.
        "|loan|loans|buzz|bid|cyou|sbs|cfd|bond|quest|monster|click|gdn|mobi|asia|website|webcam|lol|casino|bet|poker"
        "|win|wiki|ren|xin|red|ml|tk|gq",
    )
)
# Of these the ones that follow a full stop in English too often.
_WORDS = frozenset({"in", "to", "is", "us", "one", "so", "life", "work", "fun", "live", "group", "red", "win"})
# Kinds of files, parts of programs, abbreviations: no name under them is a link without its scheme or www.
_FILES = frozenset({
    "py", "sh", "md", "zip", "mov", "rs", "pl", "ps", "cab", "so", "name", "map", "data", "dot", "java", "bar",
    "foo", "mm", "ms", "am", "pm", "al", "est", "int", "pub", "mil", "bin", "bz", "box", "run", "dad", "phd",
})  # fmt: skip
_TITLES = frozenset({"mr", "mrs", "ms", "dr", "st", "prof", "no", "vs", "sr", "jr"})
_SHORTEST = 2  # characters of a name under an ending that is not everyday
_FIGURES = 3  # digits that make a name alone, as in 163


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False, only_icann=True)


@cache
def is_ending(ending: str) -> bool:
    """Whether names can be registered below `ending` (lower case, no dot)."""
    return bool(_suffixes().publicsuffix(f"a.{ending}"))


@cache
def chinese_endings() -> tuple[str, ...]:
    """Endings in Chinese characters, the longest first."""
    known = {str(suffix).rpartition(".")[2] for suffix in _suffixes()._publicsuffix}  # noqa: SLF001  (no public way)
    return tuple(sorted((e for e in known if "\u4e00" <= e[:1] <= "\u9fff"), key=lambda e: (-len(e), e)))


def is_domain(names: list[str], ending: str, *, leads_on: bool, runs_on: bool, in_chinese: bool = False) -> bool:
    """Whether a dotted word without a scheme means a place in the net.

    `leads_on`: a path, query or port follows. `runs_on`: a Chinese character does. `in_chinese`: one stands before it,
    so that the dot ends no English sentence.
    """
    if not ending.isascii():
        return _is_chinese_domain(names, ending, leads_on=leads_on, runs_on=runs_on)
    if names[0] == "www" and len(names) > 1:
        return is_ending(ending)
    name = names[-1]
    figures = all(n.lstrip("v").isdigit() for n in names)
    if figures and (len(names) > 1 or name[:1] == "v") and not leads_on:
        return False  # a version: 1.2.dev
    if ending in EVERYDAY:
        prose = ending in _WORDS and name[1:].isalpha() and len(names) == 1 and not in_chinese
        return leads_on or not prose
    doubtful = ending in _FILES or name in _TITLES or len(name) < _SHORTEST or (name.isdigit() and len(name) < _FIGURES)
    bare = not leads_on and (len(ending) < _FIGURES or name.isalpha())
    return not doubtful and not bare and is_ending(ending)


def _is_chinese_domain(names: list[str], ending: str, *, leads_on: bool, runs_on: bool) -> bool:
    if leads_on:
        return True
    if names[-1].isascii():
        return ending in EVERYDAY or not runs_on
    return ending in EVERYDAY and not runs_on  # 我到了.公司没人 is prose
