"""Signs in the build of a text that no word list has: accounts to add, prices, income promised, numbers and links."""

import re
from collections.abc import Sequence

from qunzhu.kernel.text.links import canonical

_CHANNEL = r"微信|扣扣|扣|企鹅|球球|飞机|纸飞机|电报|蝙蝠|土豆"
_LATIN_CHANNEL = r"telegram|(?<![a-z])tg|whatsapp|(?<![a-z])line"
_ASKS = r"(?:号码|号|同号|搜索|搜|添加|加|联系|是|为|我|群|客服)"
_PLACE = r"裙|群|君羊|电话|手机|联系|咨询|客服|致电|热线|加|微"
_ACCOUNT = re.compile(
    rf"(?:{_CHANNEL}){_ASKS}*(?:[a-z][a-z0-9]{{5,19}}|[1-9]\d{{4,11}})|(?:qq|(?<![a-z])q){_ASKS}*[1-9]\d{{4,11}}"
    rf"|(?:{_PLACE})(?:号码|号|搜索|搜|加|联系|是|为|我|群)*[1-9]\d{{6,11}}(?!\d)"
)
# In English these are words like others, so an account has to look like one, in a text with Chinese.
_LATIN_ACCOUNT = re.compile(
    rf"(?:{_LATIN_CHANNEL})(?:{_ASKS}+[a-z]|{_ASKS}*(?=[a-z]{{0,12}}\d)[a-z0-9])[a-z0-9]{{4,19}}|(?<![a-z])q{_ASKS}+[a-z][a-z0-9]{{5,19}}"
)
_CHINESE = re.compile("[\u4e00-\u9fff]")
# v or w with a sign instead of a word: (V❤)wuhen01, V：abcdef
_MARKED = re.compile(r"(?<![a-z0-9])[vw]\s?[:❤♥☎)>=→\-~]{1,3}\s?[a-z][a-z0-9_\-]{5,19}")
# Where a link leads to a group or to somebody's account.
_CONTACT_LINK = re.compile(
    r"^https://(?:t\.me|telegram\.me|u\.wechat\.com|weixin\.qq\.com/[gr]|qm\.qq\.com|qun\.qq\.com|jq\.qq\.com|wpa\.qq\.com|wa\.me"
    r"|chat\.whatsapp\.com|line\.me|lin\.ee|discord\.gg|work\.weixin\.qq\.com)(?:/|$)"
)
_PHONE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_LANDLINE = re.compile(r"(?<!\d)(?:400\d{7}|0\d{2,3}\d{7,8})(?!\d)")
_NUMBER = re.compile(
    r"(?<![0-9号码])(?<!会议)(?<!会议id)(?<!单号)(?<!订单)(?<!尾号)(?<!编号)(?<!密码)(?<!验证码)[1-9]\d{6,10}(?!\d)"
)
_HANDLE = re.compile(r"@[a-z][a-z0-9]{4,}")
_PRICE = re.compile(
    r"\d(?:元|块|rmb|米|圆|刀|r(?![a-z])|w(?![a-z]))|[¥]\d"
    r"|\d(?:k|千|万)?(?:包邮|起|一[张个条单次套天月年]|每[张个条单次天])"
)
_INCOME = re.compile(
    r"(?:[日天周月时](?:入|赚|挣|薪|收益|收入|结|流水|佣)|一[天单月]|每[天日月单小时])"
    r"(?:可?(?:赚|挣|收入|收益|稳定|轻松|保底|最低|至少)*)"
    r"(?:过|上|超)?(?:\d{2,}|[几数两三五上]?[百千万])"
)
_RATE = re.compile(
    r"(?:年化|收益|利息|月息|日息|利率|回报|返利?|返水|返点|佣金|提成|赔率)"
    r"\D{0,4}\d{1,3}(?:\d)?(?:%|个?点|分|倍)?"
)
_PAY_TO = re.compile(
    r"(?:转|打|汇)(?:款|账|帐|钱)?(?:到|给|至|入)\D{0,8}(?:卡|账户|账号|帐户|微信|支付宝)"
    r"|(?:卡号|账号|账户)\D{0,6}\d{10,}"
)
_ODDS = re.compile(r"(?:赔率?|1赔|一赔)\d|\d+(?:期|肖|码|特)\D{0,4}(?:中|开|必|准)|(?:大|小|单|双|庄|闲)\d{2,}")
_FIGURE = re.compile("[0-9百千万]")
_SENDER = re.compile(r"^\s*【[^】]{2,16}】|【[^】]{2,12}】\s*$")

WEIGHTS: dict[str, dict[str, float]] = {
    "account_to_add": {"ad": 0.42, "contact": 0.85, "fraud": 0.1},
    "contact_link": {"ad": 0.42, "contact": 0.85},
    "contact_code": {"ad": 0.42, "contact": 0.85},
    "page_code": {"ad": 0.3, "contact": 0.4},
    "mini_program": {"ad": 0.3, "contact": 0.6},
    "phone_number": {"ad": 0.35, "contact": 0.5},
    "bare_number": {"ad": 0.25, "contact": 0.4},
    "handle": {"ad": 0.25, "contact": 0.5},
    "price": {"ad": 0.15},
    "income_promised": {"ad": 0.5, "fraud": 0.35},
    "rate_promised": {"ad": 0.1, "fraud": 0.25, "fundraising": 0.25, "gambling": 0.15},
    "pay_to_account": {"fraud": 0.4, "fundraising": 0.35},
    "odds": {"gambling": 0.45},
    "link": {"ad": 0.2, "contact": 0.15, "fraud": 0.05},
    "business_sender": {"ad": 0.2},
}


def leads_to_somebody(code: str) -> bool:
    """Whether what a QR code says is an account or a group, or words, rather than an ordinary page."""
    return "://" not in code or _CONTACT_LINK.match(canonical(code)) is not None


def signs(normal: str, tight: str, links: Sequence[str]) -> list[str]:
    """Names of the signs found. `tight` is the squeezed text (see squeeze.py)."""
    found = []
    if links:
        found.append("contact_link" if any(map(_CONTACT_LINK.match, links)) else "link")
    if "【" in normal and _SENDER.search(normal):
        found.append("business_sender")
    if "@" in tight and _HANDLE.search(tight):
        found.append("handle")
    if "微信" in tight or _FIGURE.search(tight) is not None:
        found += _of_accounts(tight)
    elif _MARKED.search(normal) and _CHINESE.search(normal):
        found.append("account_to_add")
    if _FIGURE.search(tight) is None:
        return found
    return found + [name for name, pattern in _WITH_FIGURES if pattern.search(tight)]


def _of_accounts(tight: str) -> list[str]:
    if _ACCOUNT.search(tight) or (_LATIN_ACCOUNT.search(tight) and _CHINESE.search(tight)):
        return ["account_to_add"]
    if _PHONE.search(tight) or _LANDLINE.search(tight):
        return ["phone_number"]
    return ["bare_number"] if _NUMBER.search(tight) else []


_WITH_FIGURES = (
    ("income_promised", _INCOME),
    ("price", _PRICE),
    ("rate_promised", _RATE),
    ("pay_to_account", _PAY_TO),
    ("odds", _ODDS),
)
