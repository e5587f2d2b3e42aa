"""Things that are found by their form instead of a list: numbers, links, addresses."""

import re
from collections.abc import Callable

from qunzhu.kernel.text.normalise import normalise, positions
from qunzhu.kernel.text.shape import level

_EMAIL = re.compile(r"[a-z0-9][a-z0-9._%+\-]{0,63}@(?:[a-z0-9\-]{1,63}\.){1,4}[a-z]{2,10}", re.ASCII | re.IGNORECASE)
_IPV4 = re.compile(
    r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d]|\.\d)", re.ASCII
)
_URL = re.compile(r"https?://[\w\-]+(?:\.[\w\-]+)+(?:[\w\-.,@?^=%&:/~+#]*[\w\-@?^=%&/~+#])?", re.ASCII | re.IGNORECASE)
_BARE_URL = re.compile(
    r"(?<![\w@.\-])(?:[a-z0-9][a-z0-9\-]{0,61}\.){1,6}[a-z]{2,10}(?::\d{1,5})?(?:/[\w\-.,@?^=%&:/~+#]*)?",
    re.ASCII | re.IGNORECASE,
)
_AFTER_SCHEME = re.compile(r"https?://", re.IGNORECASE)


def find_emails(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _EMAIL.finditer(text)]


def find_ipv4(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _IPV4.finditer(text)]


def find_urls(text: str, *, no_prefix: bool = False) -> list[tuple[int, int]]:
    """Links with a scheme; with `no_prefix` host and path alone, with a scheme before them or not."""
    if not no_prefix:
        return [match.span() for match in _URL.finditer(text)]
    bare = _AFTER_SCHEME.sub(lambda scheme: " " * len(scheme[0]), text)
    return [match.span() for match in _BARE_URL.finditer(bare)]


def find_numbers(text: str, length: int, *, styles: bool, noise: bool) -> list[tuple[int, int]]:
    """Runs of at least `length` digits; `styles` takes ①, 二 and other ways to write a digit, `noise` signs between.

    Signs before the first digit belong to the run (a row of "====" leads into the number), signs after it do not.
    """
    folded, origin = normalise(text), positions(text)
    if styles:
        readable = level(folded)
    else:
        readable = "".join(
            text[at] if text[at].isascii() and text[at].isdigit() else c for c, at in zip(folded, origin, strict=True)
        )
        readable = "".join(
            c if text[at] == c or not c.isdigit() else "x" for c, at in zip(readable, origin, strict=True)
        )
    gap = r"[^\w\n]" if noise else r"(?!)"
    pattern = re.compile(rf"{gap}*[0-9](?:{gap}*[0-9]){{{length - 1},}}")
    return [(origin[m.start()], origin[m.end() - 1] + 1) for m in pattern.finditer(readable)]


Finder = Callable[[str], list[tuple[int, int]]]
