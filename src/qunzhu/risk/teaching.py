"""From what people decided to what it teaches: which message, which rule, right or wrong, which category. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from qunzhu.kernel.events.schema import Event
from qunzhu.risk.detect.verdicts import TEXT_CATEGORIES, Look

RIGHT_ACTIONS = frozenset({"warn", "mute", "remove", "freeze"})
WRONG_ACTIONS = frozenset({"dismiss"})
KINDS = frozenset({"case.decided", "case.reopened", "report.upheld", "report.dismissed", "penalty.reversed"})
HUMAN = "human"  # the rule of a penalty that a person gave
_LIKELY = 0.3  # a report that names no category is about what the text looks like at least so much
# What reporters write, and what they mean by it.
_REASON_WORDS = {
    "ad": ("广告", "推销", "卖货", "刷单", "兼职"),
    "contact": ("拉人", "引流", "加我", "加微信", "私加"),
    "attack": ("骂", "攻击", "侮辱", "威胁", "辱骂", "人身"),
    "gambling": ("赌", "博彩"),
    "porn": ("色情", "黄", "涉黄", "下流"),
    "fraud": ("诈骗", "骗", "骗子"),
    "fundraising": ("集资", "募资", "筹款", "募捐"),
}


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A human's verdict on what a rule concluded about a message."""

    seq: int  # of the message
    rule: str
    right: bool
    by: str


def judged(event: Event) -> Judged | None:
    """The verdict that an event is; None when it says nothing about a rule."""
    body = event.body
    if event.kind == "penalty.reversed" and body:
        if body["rule"] == HUMAN:
            return None  # no rule had concluded it
        return Judged(body["cause_seq"], body["rule"], False, body["by"])
    if event.kind != "case.decided" or not body or "cause_seq" not in body:
        return None
    action = body["action"]
    if action not in RIGHT_ACTIONS | WRONG_ACTIONS:
        return None
    return Judged(body["cause_seq"], body["rule"], action in RIGHT_ACTIONS, body["by"])


def categories_of(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The categories that a decision was about, by the facts it looked at."""
    found = [c for c in TEXT_CATEGORIES if f"verdict.{c}" in facts or f"reasons.{c}" in facts]
    if "ad.looks" in facts or "ad.reasons" in facts:
        found.append("ad")
    words = facts.get("keyword.categories") or ()
    found += [c for c in words if c in TEXT_CATEGORIES]
    return tuple(dict.fromkeys(found))


def category_of_report(reason: str, look: Look) -> str:
    """What a report is about: what its reason says, else what the text looks like; "" when neither tells."""
    for category, words in _REASON_WORDS.items():
        if any(word in reason for word in words):
            return category
    score, likely = max((look.verdict(c).score, c) for c in TEXT_CATEGORIES)
    return likely if score >= _LIKELY else ""


def change(known: bool | None, right: bool) -> bool | None:
    """What becomes of the lesson on a text: True or False to learn so, None to unlearn. `known` is what stands.

    A verdict that takes back an earlier one leaves nothing; a first "wrong" teaches that the text is harmless.
    """
    if right:
        return True
    return None if known is True else False


def share_right(verdicts: Collection[bool]) -> float:
    """The precision of a rule over verdicts on it."""
    return sum(verdicts) / len(verdicts) if verdicts else 1.0


def alarmed(verdicts: Iterable[bool], *, at_least: float, fewest: int) -> bool:
    """Whether the latest verdicts on a rule (at most `fewest` × 2) say that it is wrong too often."""
    latest = list(verdicts)[: 2 * fewest]
    return len(latest) >= fewest and share_right(latest) < at_least
