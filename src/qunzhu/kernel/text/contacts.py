"""Ways to reach somebody outside the group: WeChat ids, QQ and group numbers, phone numbers, mini programs, QR codes.

A number alone is a number: except for phones and mini programs, a word before it has to say what it is.
"""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec

KINDS = ("wechat", "qq", "group", "phone", "mini_program", "qr")


class Contact(msgspec.Struct, frozen=True, gc=False):
    """One way to reach somebody; `value` is the same however it was written."""

    kind: str
    value: str


_SEPARATOR = r"[\s\-_.·*~:：,，=→>]{0,3}"
# Letters and digits with at most one sign between them, as people write an id so that no filter sees it.
_LOOSE_ID = r"([a-z](?:[\s\-_.·*~]?[a-z0-9]){4,19})"
_LOOSE_NUMBER = r"([1-9](?:[\s\-_.·*~]?\d){4,10})"
_WECHAT_WORD = (
    r"(?:微信号?|微\s?信|威信号?|薇信?号?|徽信|溦信|维信|卫星号?|v\s?信|[vw]\s?x(?!id_)\s?号?|wechat|weixin|绿泡泡"
    r"|加\s?我?\s?[v微薇威]|[➕+]\s?[v微薇威])"
)
_WECHAT = re.compile(rf"{_WECHAT_WORD}(?:号|是|id)?{_SEPARATOR}(?:{_LOOSE_ID}|{_LOOSE_NUMBER})(?![a-z0-9])")
_QQ = re.compile(rf"(?:(?<![a-z])q\s?q|扣扣|抠抠|叩叩|企鹅|球球)(?:号|是)?{_SEPARATOR}{_LOOSE_NUMBER}(?!\d)")
_GROUP = re.compile(
    rf"(?:群号|裙号|群聊?|裙|峮|qq群|扣扣群|交流群|加群|进群)(?:号|是)?{_SEPARATOR}([1-9](?:[\s\-]?\d){{5,10}})(?!\d)"
)
_PHONE = re.compile(r"(?<!\d)(?:\+?86[\s\-]?)?(1[\s\-.·*~]?[3-9](?:[\s\-.·*~]?\d){9})(?!\d)")
_MINI = re.compile(r"#小程序://([^\s/]{1,40})/(\w{6,40})|weixin://dl/business/\?t=(\w{6,40})")
# Ids that say themselves what they are: of an account, of an official account or mini program, of its app.
_ACCOUNT_ID = re.compile(r"(?<![a-z0-9])wxid_[a-z0-9]{6,20}(?![a-z0-9])")
_APP_ID = re.compile(r"(?<![a-z0-9])(?:gh_[0-9a-f]{12}|wx[0-9a-f]{16})(?![a-z0-9])")
# Five figures in a row of which some are said in Chinese: 幺三八, 138壹贰. Shorter ones are amounts and dates.
_SAID_FIGURES = "零〇一幺二三四五六七八九壹贰叁肆伍陆柒捌玖"
_SAID = re.compile(rf"[0-9{_SAID_FIGURES}](?:[\s\-_.·*~]?[0-9{_SAID_FIGURES}]){{4,}}")
_IN_FIGURES = str.maketrans(_SAID_FIGURES, "001123456789123456789")
_SIGNS = re.compile(r"[\s\-_.·*~]")
_MINI_HOSTS = frozenset({"wxaurl.cn", "wxmpurl.cn"})
_MINI_PAGE = "https://mp.weixin.qq.com/a/"
# What a QR code of WeChat or QQ leads to.
_CODES = {"u.wechat.com": "wechat", "weixin.qq.com": "wechat", "qm.qq.com": "qq", "work.weixin.qq.com": "wechat"}
_HINT = re.compile(r"\d|小程序|[vw]\s?x|微|薇|威|徽|溦|维|卫星|v\s?信|绿泡泡|[+➕加]\s?v|wechat|weixin")


def find_contacts(normal: str, links: Sequence[str] = (), codes: Sequence[str] = ()) -> tuple[Contact, ...]:
    """Contacts of a message in normal form with its canonical links and what its QR codes say, each once."""
    found: list[Contact] = []
    normal = _SAID.sub(lambda m: m[0].translate(_IN_FIGURES), normal)
    if _HINT.search(normal):
        found += [Contact("mini_program", m[0]) for m in _APP_ID.finditer(normal)]
        if found:
            normal = _APP_ID.sub(" ", normal)  # wx is a word for WeChat too
        found += [Contact("wechat", _bare(m[0])) for m in _ACCOUNT_ID.finditer(normal)]
        found += [Contact("wechat", _bare(m[1] or m[2])) for m in _WECHAT.finditer(normal)]
        found += [Contact("group", _bare(m[1])) for m in _GROUP.finditer(normal)]
        groups = {c.value for c in found}
        found += [Contact("qq", value) for m in _QQ.finditer(normal) if (value := _bare(m[1])) not in groups]
        found += [Contact("phone", _bare(m[1])) for m in _PHONE.finditer(normal)]
        found += [Contact("mini_program", m[2] or m[3]) for m in _MINI.finditer(normal)]
    for link in links:
        if link.startswith(_MINI_PAGE) or host_of(link) in _MINI_HOSTS:
            found.append(Contact("mini_program", link))
    for code in codes:
        host = host_of(code)
        found.append(Contact(_CODES.get(host, "qr"), code[:300]))
    return tuple(dict.fromkeys(found))


def host_of(link: str) -> str:
    """The host of a link, in lower case; "" for what only looks like one (`http://[`)."""
    try:
        return urlsplit(link).netloc.lower()
    except ValueError:
        return ""


def _bare(text: str) -> str:
    return _SIGNS.sub("", text)
