"""Every fact a condition may look at: its type, its cost (cheap ones are asked first) and what it means.

The engine knows names only; who evaluates hands in a provider for each (see `risk/policy.py`). A provider that
answers None says "unknown", and unknown is not false.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

FactType = Literal["number", "text", "flag", "list"]


class Fact(msgspec.Struct, frozen=True):
    """`bound` is a key of the fact BOUNDS: a figure that this fact never exceeds and that costs less to know."""

    type: FactType
    cost: int
    meaning: str
    bound: str = ""


BOUNDS = "bounds"  # asked by no rule, but before each score that one asks for: what it rules out is not worked out
_BOUNDED = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising")  # flooding is only counted

FACTS: dict[str, Fact] = {
    "event.kind": Fact("text", 0, "事件种类"),
    "event.streams": Fact("list", 1, "这一事件计入哪些计数"),
    "window.count": Fact("number", 3, "规则的时间窗内的数目"),
    "message.type": Fact("text", 0, "消息类型:text · image · link · quote"),
    "message.length": Fact("number", 1, "消息字数"),
    "message.lines": Fact("number", 1, "消息行数"),
    "message.mentions": Fact("number", 1, "提到的人数"),
    "message.is_reply": Fact("flag", 1, "是否引用别人的消息"),
    "message.text": Fact("text", 5, "消息的规范化文字"),
    "time.hour": Fact("number", 2, "社群所在时区的小时,0–23"),
    "time.weekday": Fact("number", 2, "星期,1 为星期一"),
    "link.count": Fact("number", 6, "链接数"),
    "link.hosts": Fact("list", 7, "链接的域名"),
    "keyword.categories": Fact("list", 8, "命中的关键词类别"),
    "keyword.levels": Fact("list", 8, "命中的关键词级别"),
    "keyword.words": Fact("list", 8, "命中的关键词"),
    "keyword.variants": Fact("list", 8, "命中的词用了哪些变体写法"),
    "keyword.allowed": Fact("list", 8, "让命中放行的白名单词"),
    "link.short": Fact("flag", 7, "是否含短链接"),
    "contact.kinds": Fact("list", 8, "站外联系方式:wechat · qq · group · phone · mini_program · qr"),
    "contact.values": Fact("list", 8, "站外联系方式的号码"),
    "ad.reasons": Fact("list", 9, "像广告的理由"),
    "ad.looks": Fact("flag", 9, "是否像广告"),
    **{
        name: fact
        for category, said in {
            "ad": "广告",
            "contact": "引流加好友",
            "attack": "人身攻击",
            "flooding": "刷屏",
            "gambling": "赌博",
            "porn": "色情",
            "fraud": "诈骗",
            "fundraising": "资金募集",
        }.items()
        for name, fact in (
            (
                f"verdict.{category}",
                Fact("number", 12, f"像{said}的程度，0–1", bound=category if category in _BOUNDED else ""),
            ),
            (f"reasons.{category}", Fact("list", 12, f"像{said}的理由")),
        )
    },
    "member.muted": Fact("flag", 1, "禁言是否仍在进行"),
    "member.mute_tries": Fact("number", 1, "平台不能禁言时,禁言期间已发的消息数"),
    "member.strikes": Fact("number", 2, "有效的违规次数"),
    "member.penalties": Fact("number", 2, "有效的处罚次数"),
    "member.level": Fact("number", 1, "等级，0 为最低"),
    "member.staff": Fact("flag", 1, "是否运营人员"),
    "report.weight": Fact("number", 0, "24 小时内各举报人的分量之和"),
    "report.reason": Fact("text", 2, "举报理由"),
    "command.name": Fact("text", 1, "群内口令"),
}

Provider = Callable[["Facts"], Any]


class Facts(dict[str, Any]):
    """The facts of one event: computed when first asked for, then kept. `subject` is what providers read from."""

    __slots__ = ("providers", "subject")

    def __init__(self, subject: Any, providers: Mapping[str, Provider]) -> None:
        self.subject = subject
        self.providers = providers

    def __missing__(self, name: str) -> Any:
        value = self[name] = self.providers[name](self)
        return value
