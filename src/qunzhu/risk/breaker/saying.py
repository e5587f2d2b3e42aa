"""What a newcomer's message says, as far as it can be said again by somebody else. Pure.

A raider varies width, script, look-alikes, signs, emoji, digits, Latin letters, some characters, and the greeting in
front; what stays is the order of the words, or the one thing the message is for: a link, a picture, a number.
"""

import re
from collections.abc import Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from qunzhu.kernel.text.contacts import find_contacts
from qunzhu.kernel.text.links import canonical, canonical_links, may_hold_links
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.shape import level
from qunzhu.risk.breaker.ordinary import LATIN_WORDS, is_ideograph, plain, without_ordinary

LOOKED_AT = 2_000  # characters of a text
WORDS_KEPT = 160  # of what is compared
MARKS_KEPT = 12  # links, contacts and numbers of one message
_FEW_IDEOGRAPHS = 4  # from here on Latin letters beside them are padding
_INTRODUCED = 0.85  # how much of both texts is the same where people fill in one form
_LINKISH = re.compile(r"[a-z0-9:/\-_.]*(?:://|[a-z0-9]\.[a-z]{2,})[a-z0-9:/\-_.?=&%#~+,@!$]*")
_NUMBER = re.compile(r"(?<!\d)\d(?: ?\d){5,}(?!\d)")
_DATE = re.compile(r"(?:19|20)\d{2}(?:0?[1-9]|1[0-2])(?:0?[1-9]|[12]\d|3[01])?(?:[0-5]\d){0,3}")
_LATIN = re.compile(r"[^\W\d_]+(?![^\W_])", re.UNICODE)
_TALK = re.compile(r"回[复覆個个]|扣|公屏|[输輸]入|接[龙龍]|复制|複製|格式|打出|[发發]送|[报報]名|刷")
_CHAIN = re.compile(r"\s*#?\s*接[龙龍]")
_ENTRY = re.compile(r"\s*\d{1,3}\s*[.、．。)）:：]\s*")
# Hosts where everybody has a page: two pages there are not the same link.
_PUBLIC = frozenset({
    "mp.weixin.qq.com", "weixin.qq.com", "docs.qq.com", "meeting.tencent.com", "zhihu.com", "zhuanlan.zhihu.com",
    "weibo.com", "bilibili.com", "douyin.com", "xiaohongshu.com", "toutiao.com", "baidu.com", "pan.baidu.com",
    "github.com", "gitee.com", "juejin.cn", "csdn.net", "feishu.cn", "yuque.com", "notion.so", "youtube.com", "qq.com",
    "y.qq.com", "music.163.com", "taobao.com", "tmall.com", "jd.com", "wikipedia.org", "x.com", "twitter.com",
})  # fmt: skip

Likeness = Literal["", "loose", "close"]


class Saying(msgspec.Struct, frozen=True):
    """`marks` are links, pictures, contacts and numbers; `hosts` where else links lead; `words` what is compared."""

    words: tuple[str, ...]
    places: dict[str, int]  # word → bits where it stands
    marks: frozenset[str]
    hosts: frozenset[str]
    introduces: bool

    @property
    def empty(self) -> bool:
        """Whether nothing in it could be said again."""
        return not (self.words or self.marks or self.hosts)


def typed(body: dict[str, Any]) -> str:
    """A message as it was typed, without spaces: what signs and single words are compared by. "" for a picture."""
    return "".join(normalise(str(body.get("text") or "")[:LOOKED_AT]).split())[:WORDS_KEPT]


def read(body: dict[str, Any]) -> Saying:
    """What the body of a message.posted says; of a list that everybody adds a line to (接龙), the own line."""
    text = str(body.get("text") or "")[:LOOKED_AT]
    if _CHAIN.match(text) and len(lines := [line for line in text.splitlines() if _ENTRY.match(line)]) > 0:
        text = _ENTRY.sub("", lines[-1])
    normal = normalise(text)
    image = body.get("image")
    image = image if isinstance(image, dict) else {}
    codes = [str(code) for code in image.get("codes") or ()][:MARKS_KEPT]
    links = _links(normal, [str(link) for link in body.get("links") or ()], codes)
    if links:
        normal = _LINKISH.sub(" ", normal)
    levelled = level(normal)
    marks = {f"link {link}" for link in links}
    marks |= {f"{c.kind} {c.value}" for c in find_contacts(normal, _sound(links), _sound(codes))[:MARKS_KEPT]}
    marks |= {f"number {number}" for number in _numbers(levelled)}
    if sha := image.get("sha256"):
        marks.add(f"image {sha}")
    words, introduces = _words(levelled)
    hosts = {host for host in map(_host, links) if host and host not in _PUBLIC}
    return Saying(words, _places(words), frozenset(marks), frozenset(hosts), introduces)


def _links(normal: str, given: Sequence[str], codes: Sequence[str]) -> tuple[str, ...]:
    """Canonical links of text, card and QR codes; a page counts without its query, where raiders put their own."""
    found = list(canonical_links(normal)) if may_hold_links(normal) else []
    found += [canonical(link.lower()) for link in [*given, *(c for c in codes if "://" in c)]]
    pages = [link if _host(link) in _PUBLIC else link.partition("?")[0] for link in found[:MARKS_KEPT]]
    return tuple(dict.fromkeys(pages))


def _sound(links: Sequence[str]) -> list[str]:
    """Without what only looks like a link ("http://["): it leads nobody anywhere, and cannot be taken apart."""
    return [link for link in links if _host(link) is not None]


def _host(link: str) -> str | None:
    try:
        return urlsplit(link).netloc
    except ValueError:
        return None


def _numbers(levelled: str) -> list[str]:
    """Numbers that can be called or added, bare; a date is none."""
    bare = (found.replace(" ", "") for found in _NUMBER.findall(levelled))
    return [number for number in bare if not _DATE.fullmatch(number)][:MARKS_KEPT]


def _words(levelled: str) -> tuple[tuple[str, ...], bool]:
    letters = plain(levelled)
    left, introduces = without_ordinary(letters)
    if len(letters) >= _FEW_IDEOGRAPHS:
        return tuple(left[:WORDS_KEPT]), introduces
    spaced = "".join(c if not is_ideograph(c) else f" {c} " for c in levelled)
    latin = [w for w in _LATIN.findall(spaced) if not is_ideograph(w[0]) and w not in LATIN_WORDS]
    return (*left, *latin)[:WORDS_KEPT], introduces


def _places(words: Sequence[str]) -> dict[str, int]:
    places: dict[str, int] = {}
    for number, word in enumerate(words):
        places[word] = places.get(word, 0) | 1 << number
    return places


def common(one: Saying, other: Saying) -> int:
    """How many words both have in the same order (longest common subsequence, by bits: Hyyrö 2004)."""
    full = (1 << len(one.words)) - 1
    rest = full
    for word in other.words:
        if here := rest & one.places.get(word, 0):
            rest = (rest + here) | (rest - here)
    return len(one.words) - (rest & full).bit_count()


def alike(one: Saying, other: Saying, *, share: float, long_from: int, short_from: int) -> Likeness:
    """How near two messages are: "close" counts at once, "loose" only when more people say it.

    Close: a common mark; a long text of which `share` is common; a short one that comes with a mark. Loose: a short
    text, or links that lead to one host.
    """
    if one.marks & other.marks:
        return "close"
    shorter, longer = sorted((one, other), key=lambda s: len(s.words))
    least = len(shorter.words)
    if least >= short_from and _same_words(shorter, longer, share):
        return "close" if least >= long_from or (one.marks and other.marks) else "loose"
    return "loose" if one.hosts & other.hosts else ""


def _same_words(shorter: Saying, longer: Saying, share: float) -> bool:
    if shorter.places.keys().isdisjoint(longer.places):
        return False
    both = common(shorter, longer)
    if shorter.introduces or longer.introduces:
        return both >= _INTRODUCED * len(longer.words)
    return both >= share * len(shorter.words) and 2 * both >= share * len(longer.words)


def asks(text: str) -> str:
    """The letters of a text in which somebody asks others to repeat a word ("回复 资料"); "" when it asks nothing."""
    return plain(level(normalise(text[:LOOKED_AT]))) if _TALK.search(text) else ""


def answers(saying: Saying, asked: str) -> bool:
    """Whether a message repeats what was asked for, and nothing that leads outside."""
    if saying.marks or saying.hosts or not saying.words:
        return False
    return "".join(saying.words) in asked


def kind_of(sayings: Sequence[Saying]) -> str:
    """What most of these have in common: image, link, contact, number, or text."""
    common_marks = frozenset.intersection(*(s.marks for s in sayings)) if sayings else frozenset()
    kinds = {mark.partition(" ")[0] for mark in common_marks}
    for kind in ("image", "link", "number"):
        if kind in kinds:
            return kind
    return "contact" if kinds else "text"
