"""Links in a message, and one canonical form for all ways to write the same link."""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from qunzhu.kernel.text.endings import chinese_endings, is_domain
from qunzhu.kernel.text.normalise import normalise

_URL_TAIL = r"[\w\-.~:/?#\[\]@!$&'*+,;=%]*"
_NAME = r"[a-z0-9\u4e00-\u9fff](?:[a-z0-9\u4e00-\u9fff\-]{0,61}[a-z0-9\u4e00-\u9fff])?"


@cache
def _link() -> re.Pattern[str]:
    """A link with its scheme, a number of a machine with port or path, or a dotted word (see `endings.is_domain`)."""
    return re.compile(
        r"https?://[^\s<>\"'()\u3000-\u303f\uff00-\uffef\u4e00-\u9fff]+(?:\.[\u4e00-\u9fff]+)?"
        rf"|(?<![\w@.\-])(?P<machine>\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?=[:/]\w))(?P<way>(?::\d{{2,5}})?(?:/{_URL_TAIL})?)"
        rf"|(?<![\w@.\-])(?P<names>(?:{_NAME}\.){{1,9}})"
        rf"(?P<ending>[a-z]{{2,24}}|xn--[a-z0-9\-]{{2,59}}|{'|'.join(chinese_endings())})"
        rf"(?![a-z0-9\-]|\.[a-z0-9])(?P<rest>(?::\d{{2,5}})?(?:[/?#]{_URL_TAIL})?)",
        re.IGNORECASE | re.ASCII,
    )


_CJK_BEFORE = re.compile(r"^[\u4e00-\u9fff]+(?=[a-z0-9])", re.IGNORECASE)
_NET = re.compile(r"/\d{1,2}|[:/]")
_TRAILING = ".,;:!?'\"*_~-)]}>…。，；：！？"

# What senders, apps and ad networks add to a link; the page is the same without it.
_TRACKING = frozenset({
    "spm", "scm", "share_token", "sharetoken", "shareuid", "share_from", "share_source", "share_medium", "share_tag",
    "share_id", "from", "isappinstalled", "scene", "subscene", "sessionid", "clicktime", "enterid", "ascene",
    "devicetype", "nettype", "exportkey", "pass_ticket", "wx_header", "wxfrom", "chksm", "fbclid", "gclid", "msclkid",
    "yclid", "dclid", "igshid", "mc_cid", "mc_eid", "ref", "ref_src", "referer", "referrer", "vd_source",
    "spm_id_from", "bbid", "ts", "timestamp", "unique_k", "is_story_h5", "plat_id", "weibo_id", "sourcetype", "un",
    "ut_sk", "app", "cpp", "shorturl",
})  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "hmsr", "hmpl", "hmcu", "hmkw", "hmci", "_hs")
_PORTS = frozenset({None, 0, 80, 443})  # that the canonical form, which has one scheme, leaves out


# Ways to write a dot that no page understands and every reader does. Between spaces, or as a full stop of Chinese, only
# before an ending that ordinary talk does not go on with.
_SURE = "com|cn|net|org|top|xyz|vip|cc|io|shop|site|online|club|icu|co|info|biz|loan|buzz|bid|cyou|sbs|cfd|website"
_SIGNS = "。．｡·•‧∙⋅●○丶"
_DOT = rf"(?:\s{{0,2}}[{_SIGNS}点點]\s{{0,2}}|\s{{1,2}}dot\s{{1,2}}|\s{{1,2}}\.\s{{0,2}}|\.\s{{1,2}})"
_VEILED = re.compile(
    rf"([a-z0-9](?:[a-z0-9\-]{{0,61}}[a-z0-9])?)({_DOT})"
    rf"(?=(?:[a-z0-9\-]{{1,40}}(?:{_DOT}|\.)){{0,2}}(?:(?:{_SURE})(?![a-z0-9])|[a-z]{{2,24}}(?::\d{{2,5}})?/[a-z0-9]))",
    re.IGNORECASE | re.ASCII,
)
_BRACKETED = re.compile(
    rf"(?<=[a-z0-9])\s?[\[({{（【<《]\s?(?:[.{_SIGNS}点點]|dot)\s?[\])}}）】>》]\s?(?=[a-z0-9\u4e00-\u9fff])",
    re.IGNORECASE,
)
_SPACED = re.compile(
    rf"(?<![a-z0-9])(?:[a-z0-9:/\-] ?[.{_SIGNS}点點] ?|[a-z0-9:/\-] ){{4,80}}[a-z0-9](?![a-z0-9])", re.IGNORECASE
)
_BROKEN_SCHEME = re.compile(
    r"h\s?(?:t\s?t|x\s?x|\*\s?\*)\s?p(\s?s)?\s?(?:\[:\]|[:：])\s?[/／\\]\s?[/／\\]\s?", re.IGNORECASE
)
# What each of these has, cheap to look for in every message; in normal form, where ．is a dot already.
_HINT = re.compile(rf"[a-z0-9][\s\[({{【<《]{{0,2}}(?:[{_SIGNS}点]|dot[\s\])}}])[\s\])}}】>》]{{0,2}}[a-z0-9]|://")
_APART = re.compile(
    rf"[{_SIGNS}点點]|dot|\.\s|\s\.|[\[({{（【<《]\s?\.|[a-z0-9]\s[a-z0-9]\s[a-z0-9]\s|p\s?s?\s?(?:\[:\]|[:：])",
    re.IGNORECASE,
)


def may_hold_links(normal: str) -> bool:
    """Whether a text in normal form has anything that a link would have."""
    return "." in normal or (_HINT.search(normal) is not None)


class _Narrowing(dict[int, str]):
    """Code point → the ASCII it stands for (full width, circled, styled, nothing at all), else itself.

    Not the normal form: a path keeps its case.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        plain = unicodedata.normalize("NFKC", character)
        if not (0xFF01 <= code < 0xFF5F or (plain.isascii() and plain.isalnum())):  # noqa: PLR2004  (full width)
            folded = normalise(character, simplify=False)
            plain = folded if not folded or (folded.isascii() and folded.isalnum()) else character
        self[code] = plain
        return plain


_NARROW = _Narrowing({code: chr(code) for code in range(128)})


def narrow(text: str) -> str:
    """The text with every letter, digit and sign that only looks unlike ASCII as ASCII, the invisible left out."""
    return text if text.isascii() else text.translate(_NARROW)


def unveil(text: str) -> str:
    """The text with domains put together that were taken apart: taobao 点 com, t a o b a o . c o m."""
    if _APART.search(text) is None:
        return text
    text = _BROKEN_SCHEME.sub(lambda m: "https://" if m[1] else "http://", text)
    text = _SPACED.sub(lambda m: m[0].replace(" ", ""), text)
    text = _BRACKETED.sub(".", text)
    return _VEILED.sub(_dotted, text)


def _dotted(found: re.Match[str]) -> str:
    name, sign = found[1], found[2].strip()
    if sign in {"点", "點"} and name.isdigit() and len(name) < 3:  # noqa: PLR2004  (3点 is a time)
        return found[0]
    return f"{name}."


def find_links(text: str, *, veiled: bool = False) -> list[str]:
    """Links as they are written in `text`, in order. `text` should have its width folded (。and ．stay apart).

    With `veiled` also those that are taken apart so that no machine sees them (see `narrow`, `unveil`).
    """
    if veiled:
        text = unveil(narrow(text))
    if "." not in text:
        return []
    return [link for match in _link().finditer(text) if (link := _written(match))]


def _written(match: re.Match[str]) -> str:
    """The link of a match, or nothing where it only looks like one."""
    link = match.group().rstrip(_TRAILING)
    if match["machine"]:
        rest = link[len(match["machine"]) :]
        numbers = match["machine"].split(".")
        # 10.0.0.0/8 is a net, not a page.
        return link if rest and not _NET.fullmatch(rest) and all(int(n) <= 255 for n in numbers) else ""  # noqa: PLR2004
    if not match["ending"]:
        return link
    whole = link
    link = _CJK_BEFORE.sub("", link)  # "看taobao.com": Chinese runs into the name without a space
    names = _CJK_BEFORE.sub("", match["names"]).lower()[:-1].split(".")
    ending = match["ending"].lower()
    leads_on = len(link) > len(".".join(names)) + 1 + len(ending)
    after = match.string[match.end() : match.end() + 1]
    known = is_domain(names, ending, leads_on=leads_on, runs_on="\u4e00" <= after <= "\u9fff", in_chinese=link != whole)
    return link if known else ""


def canonical(url: str) -> str:
    """The same text for all ways to write a link: https, lower-case ASCII host, no www, tracking, order or tail.

    A link that cannot be parsed comes back trimmed and in lower case: equal bad links stay equal.
    """
    # The same few links are most of all links; long ones are not kept, so that nobody can fill the memory.
    return _canonical_kept(url) if len(url) <= _KEPT_LENGTH else _canonical(url)


def _canonical(url: str) -> str:
    url = url.strip()
    full = url if "://" in url else f"https://{url}"
    try:
        parts = urlsplit(full)
        port = parts.port
    except ValueError:
        return url.lower()
    host = _ascii_host(parts.hostname or "")
    if not host:
        return url.lower()
    if host in _WRAPPERS and (inner := _wrapped(parts.query)):
        return _canonical(inner)
    if port not in _PORTS:
        host = f"{host}:{port}"
    path = quote(unquote(parts.path), safe="/~!$&'*+,;=:@-._").rstrip("/")
    query = urlencode(sorted(p for p in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(p[0])))
    # "#/…" and "#!…" are pages of single-page shops; any other fragment is a place on the same page.
    fragment = parts.fragment if parts.fragment[:1] in {"/", "!"} else ""
    return f"https://{host}{path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


def _wrapped(query: str) -> str:
    """The link inside a platform's "you are leaving" page."""
    for name, value in parse_qsl(query):
        if name in _WRAPPED_IN and _INNER.match(value):
            return value[:2_000]
    return ""


# Pages of platforms that only lead on to the link in their query.
_WRAPPERS = frozenset({
    "link.zhihu.com", "c.pc.qq.com", "link.jianshu.com", "link.juejin.cn", "link.csdn.net", "weibo.cn", "sinaurl.cn",
    "mail.qq.com", "google.com", "link.segmentfault.com", "shimo.im", "gitee.com", "link.logonews.cn", "docs.qq.com",
    "steamcommunity.com", "l.facebook.com", "jump.bdimg.com", "weibo.com", "t.umblr.com", "link.uisdc.com",
})  # fmt: skip
_WRAPPED_IN = frozenset({"target", "url", "pfurl", "u", "q", "to", "goto", "redirect", "jump"})
_INNER = re.compile(r"https?://(?!(?:[\w.\-]*\.)?(?:link\.zhihu|c\.pc\.qq|google|l\.facebook)\.)", re.IGNORECASE)

# Hosts whose links say nothing of where they lead.
SHORT_HOSTS = frozenset({
    "t.cn", "url.cn", "dwz.cn", "suo.im", "suo.nz", "bit.ly", "tinyurl.com", "goo.gl", "is.gd", "ow.ly", "t.co",
    "rb.gy", "cutt.ly", "m.tb.cn", "s.tb.cn", "u.jd.com", "v.douyin.com", "v.kuaishou.com", "b23.tv", "xhslink.com",
    "mrw.so", "985.so", "rrd.me", "sourl.cn", "6du.in", "dwz.mk", "dwz.date", "tb.cn", "p.pinduoduo.com",
    "kzurl.cn", "kurl.cn", "u1s.cn", "3url.cn", "c-n.co", "reurl.cc", "lnkd.in", "shorturl.at", "url.ie", "x.co",
})  # fmt: skip


def is_short(link: str) -> bool:
    """Whether a canonical link goes through a known shortener."""
    return urlsplit(link).netloc in SHORT_HOSTS


_KEPT_LENGTH = 500
_canonical_kept = lru_cache(maxsize=16_384)(_canonical)


def canonical_links(text: str, given: Iterable[str] = ()) -> tuple[str, ...]:
    """Canonical links of a message, each once: those found in `text` and those the connector `given`."""
    return tuple(dict.fromkeys(canonical(url) for url in [*find_links(text, veiled=True), *given]))


def _ascii_host(host: str) -> str:
    host = host.rstrip(".").lower()
    if not host.isascii():
        try:
            host = host.encode("idna").decode().rstrip(".")
        except UnicodeError:
            return host
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return f"[{host}]" if ":" in host else host


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
