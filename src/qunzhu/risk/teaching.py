"""From what people decided to what it teaches: which message, which rule, right or wrong, which category. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from qunzhu.kernel.events.schema import Event
from qunzhu.risk.detect.verdicts import TEXT_CATEGORIES, Look

RIGHT_ACTIONS = frozenset({"warn", "mute", "remove", "freeze", "rebuild", "remove_raiders"})
WRONG_ACTIONS = frozenset({"dismiss"})
WRONG_OF_KIND = frozenset({("raid", "unfreeze")})  # "no raid"
KINDS = frozenset(
    {"case.decided", "case.reopened", "report.upheld", "report.dismissed", "penalty.reversed", "appeal.rejected"}
)
HUMAN = "human"  # the rule of a penalty that a person gave
_FOUND = 0.5  # a score without reasons found its category from here on
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


def by_a_human(event: Event) -> int | None:
    """Where the decision stands whose penalty this event takes back; None for any other event."""
    body = event.body
    return int(body["cause_seq"]) if event.kind == "penalty.reversed" and body and body["rule"] == HUMAN else None


def judged(event: Event, decided: Mapping[int, Event]) -> Judged | None:
    """The verdict that an event is; None when it says nothing about a rule.

    `decided`: seq → the human decisions whose penalties are taken back: with them goes what they said of a rule.
    """
    body = event.body
    if not body:
        return None
    if (seq := by_a_human(event)) is not None:
        return _of_a_human(decided.get(seq), body["by"])
    found = None
    if event.kind == "penalty.reversed":
        found = Judged(body["cause_seq"], body["rule"], False, body["by"])
    elif event.kind == "appeal.rejected" and body["rule"] != HUMAN:
        found = Judged(body["penalty"], body["rule"], True, body["by"])
    elif event.kind == "case.decided" and "cause_seq" in body:
        action = body["action"]
        wrong = action in WRONG_ACTIONS or (body["kind"], action) in WRONG_OF_KIND
        if wrong or action in RIGHT_ACTIONS:
            found = Judged(body["cause_seq"], body["rule"], not wrong, body["by"])
    return found


def _of_a_human(decision: Event | None, by: str) -> Judged | None:
    """What was said of a rule by a decision whose penalty is taken back: it is said no more."""
    body = decision.body if decision is not None and decision.kind == "case.decided" else None
    return Judged(body["cause_seq"], body["rule"], False, by) if body and "cause_seq" in body else None


def categories_of(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """The categories that a decision found: a rule looks at several scores, and not at each in vain."""
    looked = [c for c in TEXT_CATEGORIES if f"verdict.{c}" in facts or f"reasons.{c}" in facts]
    found = [c for c in looked if _was_found(c, facts)]
    if facts.get("ad.looks") or facts.get("ad.reasons"):
        found.append("ad")
    words = facts.get("keyword.categories") or ()
    found += [c for c in words if c in TEXT_CATEGORIES]
    if looked and not found:
        found = [max(looked, key=lambda c: float(facts.get(f"verdict.{c}") or 0))]
    return tuple(dict.fromkeys(found))


def _was_found(category: str, facts: Mapping[str, Any]) -> bool:
    if f"reasons.{category}" in facts:
        return bool(facts[f"reasons.{category}"])
    return float(facts.get(f"verdict.{category}") or 0) >= _FOUND


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
