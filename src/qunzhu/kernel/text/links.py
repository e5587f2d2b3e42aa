"""Links in a message, and one canonical form for all ways to write the same link."""

import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

# Without a scheme a dotted word is a link only under a well-known ending, else every "a.b" would be one.
_ENDINGS = (
    "com|cn|net|org|top|xyz|vip|cc|io|co|me|tv|info|biz|shop|site|online|club|store|app|dev|link|live|work|fun|ink"
    "|icu|pro|wang|ltd|group|tech|edu|gov|hk|tw|mo|jp|kr|sg|uk|us|eu|ru|de|fr|ai|gg|ly|la|pw|im|in|to|is|one|life"
    "|中国|公司|网络|我爱你|在线|商城|集团"
)
_URL_TAIL = r"[\w\-.~:/?#\[\]@!$&'*+,;=%]*"
_LINK = re.compile(
    r"(?:https?://[^\s<>\"'()\u3000-\u303f\uff00-\uffef\u4e00-\u9fff]+(?:\.[\u4e00-\u9fff]+)?"
    rf"|(?<![\w@.\-])(?:[a-z0-9\u4e00-\u9fff](?:[a-z0-9\u4e00-\u9fff\-]{{0,61}}[a-z0-9\u4e00-\u9fff])?\.){{1,9}}(?:{_ENDINGS})"
    rf"(?![a-z0-9\-]|\.[a-z0-9])(?::\d{{2,5}})?(?:[/?#]{_URL_TAIL})?)",
    re.IGNORECASE | re.ASCII,
)
_CJK_BEFORE = re.compile(r"^[\u4e00-\u9fff]+(?=[a-z0-9])", re.IGNORECASE)
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
_PORTS = {"http": 80, "https": 443}


# Ways to write a dot that no page understands and every reader does, before an ending that nothing else has.
_SURE = "com|cn|net|org|top|xyz|vip|cc|io|shop|site|online|club|icu|me|co"
_VEILED = re.compile(
    rf"([a-z0-9](?:[a-z0-9\-]{{0,61}}[a-z0-9])?)(?:\s{{0,2}}(?:[。．·•‧∙●○]|\[\.\]|\(\.\)|（\.）|点|\[?dot\]?)\s{{0,2}}|\s{{1,2}}\.\s{{0,2}}|\.\s{{1,2}})"
    rf"(?=(?:[a-z0-9\-]{{1,40}}\s{{0,2}}[.。．·•点]\s{{0,2}})?(?:{_SURE})(?![a-z0-9]))",
    re.IGNORECASE | re.ASCII,
)
_SPACED = re.compile(
    r"(?<![a-z0-9])(?:[a-z0-9:/\-] ?[.。．·] ?|[a-z0-9:/\-] ){4,80}[a-z0-9](?![a-z0-9])", re.IGNORECASE
)
_BROKEN_SCHEME = re.compile(r"h\s?(?:t\s?t|x\s?x)\s?p(\s?s)?\s?[:：]\s?[/／\\]\s?[/／\\]\s?", re.IGNORECASE)
_ENDING = re.compile(rf"(?<![a-z])(?:{_SURE}|c o m|c n|n e t)(?![a-z])|://")


def may_hold_links(normal: str) -> bool:
    """Whether a text in normal form has anything that a link would have."""
    return "." in normal or (_ENDING.search(normal) is not None)


def unveil(text: str) -> str:
    """The text with domains put together that were taken apart: taobao 点 com, t a o b a o . c o m."""
    if not _ENDING.search(text.lower()):
        return text
    text = _BROKEN_SCHEME.sub(lambda m: "https://" if m[1] else "http://", text)
    text = _SPACED.sub(lambda m: m[0].replace(" ", ""), text)
    return _VEILED.sub(r"\1.", text)


def find_links(text: str, *, veiled: bool = False) -> list[str]:
    """Links as they are written in `text`, in order. `text` should have its width folded (。and ．stay apart).

    With `veiled` also those that are taken apart so that no machine sees them (see `unveil`).
    """
    if veiled:
        text = unveil(text)
    if "." not in text:
        return []
    found = []
    for match in _LINK.finditer(text):
        link = match.group().rstrip(_TRAILING)
        if "://" not in link:
            link = _CJK_BEFORE.sub("", link)  # "看taobao.com": Chinese runs into the name without a space
        if link:
            found.append(link)
    return found


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
    if port and port != _PORTS.get(parts.scheme.lower()):
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
            host = host.encode("idna").decode()
        except UnicodeError:
            return host
    return host.removeprefix("www.")


def _is_tracking(name: str) -> bool:
    name = name.lower()
    return name in _TRACKING or name.startswith(_TRACKING_PREFIXES)
