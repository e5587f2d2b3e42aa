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


def find_links(text: str) -> list[str]:
    """Links as they are written in `text`, in order. `text` should have its width folded (。and ．stay apart)."""
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
    if port and port != _PORTS.get(parts.scheme.lower()):
        host = f"{host}:{port}"
    path = quote(unquote(parts.path), safe="/~!$&'*+,;=:@-._").rstrip("/")
    query = urlencode(sorted(p for p in parse_qsl(parts.query, keep_blank_values=True) if not _is_tracking(p[0])))
    # "#/…" and "#!…" are pages of single-page shops; any other fragment is a place on the same page.
    fragment = parts.fragment if parts.fragment[:1] in {"/", "!"} else ""
    return f"https://{host}{path}" + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")


_KEPT_LENGTH = 500
_canonical_kept = lru_cache(maxsize=16_384)(_canonical)


def canonical_links(text: str, given: Iterable[str] = ()) -> tuple[str, ...]:
    """Canonical links of a message, each once: those found in `text` and those the connector `given`."""
    return tuple(dict.fromkeys(canonical(url) for url in [*find_links(text), *given]))


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
