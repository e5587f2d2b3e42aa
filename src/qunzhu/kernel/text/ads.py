"""Why a text looks like an ad: named reasons, never a bare yes.

The signal words ride in the same automaton as the community's keywords, so an ordinary message pays nothing extra.
"""

import re
from collections.abc import Sequence

from qunzhu.kernel.text.keywords import Hit, Word
from qunzhu.kernel.text.options import BOUNDARIES, WRITING, ordered

SELLING = "signal.selling"
CONTACT = "signal.contact"

_SELLING_WORDS = (
    "优惠券", "领券", "代购", "秒杀", "包邮", "特价", "限时", "折扣", "打折", "清仓", "批发", "团购", "拼团", "下单",
    "抢购", "低价", "返利", "佣金", "代理", "招代理", "招商", "加盟", "免费领取", "免费送", "点击链接", "扫码领取",
    "日赚", "日结", "月入", "兼职", "刷单", "躺赚", "稳赚", "内部价", "出售", "转让", "办理", "贷款", "货源", "现货",
    "促销", "满减", "红包领取", "优惠价", "厂家直销", "淘口令",
)  # fmt: skip
_CONTACT_WORDS = (
    "加微信", "加我微信", "加vx", "加v", "加薇", "加威信", "加微", "vx", "v信", "wx", "威信", "薇信", "微信号",
    "加qq", "扣扣", "加群", "进群", "私聊我", "私信我", "联系我", "扫码加", "联系电话", "咨询电话",
)  # fmt: skip
# The lists name their variants themselves, and several words of one list say no more than one.
_AS_WRITTEN = " ".join(ordered(WRITING | BOUNDARIES))
SIGNAL_WORDS = tuple(
    [Word(word, SELLING, options=_AS_WRITTEN) for word in _SELLING_WORDS]
    + [Word(word, CONTACT, options=_AS_WRITTEN) for word in _CONTACT_WORDS]
)

_PHONE = re.compile(r"(?<!\d)1[3-9]\d[\s\-]?\d{4}[\s\-]?\d{4}(?!\d)")
_ACCOUNT = re.compile(
    r"(?:微信号?|[vw]x|v信|威信|薇信?|加微|加v|qq|扣扣)[^\w\n]{0,3}([a-z][a-z0-9_\-]{5,19}|[1-9]\d{4,10})"
)


def ad_reasons(normal: str, hits: Sequence[Hit], links: Sequence[str]) -> tuple[str, ...]:
    """Named reasons why a text (in normal form, with its hits and links) looks like an ad; empty when it does not.

    A selling word, a phone number or a link alone is ordinary talk; together they are an ad.
    """
    if not hits:
        return ()
    categories = {hit.category for hit in hits}
    reasons = []
    if "ad" in categories:
        reasons.append("ad_keyword")
    selling = SELLING in categories or "ad" in categories
    contact = CONTACT in categories or "contact" in categories
    if not selling and not contact:
        return ()
    if links and selling:
        reasons.append("link_with_selling_words")
    if contact and _ACCOUNT.search(normal):
        reasons.append("account_to_add")
    if _PHONE.search(normal):
        reasons.append("phone_number")
    if "contact" in categories and selling:
        reasons.append("contact_with_selling_words")
    return tuple(reasons)
