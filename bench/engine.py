"""Pure evaluation: messages a second through policy, rules, windows and text, on one core, without a database.

    python bench/engine.py [messages]

Prints the figure at 30 and at 300 live rules with 50,000 keywords, and that of the text part alone: read, and read and
scored by the category that the shipped rules ask for, by three, and by all.
"""

import gc
import sys
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from common import START, keyword_list, shipped, texts

from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.reading import Reading, library_of, read_all
from qunzhu.risk.detect.verdicts import TEXT_CATEGORIES, Look, Senses
from qunzhu.risk.policy import Order
from qunzhu.risk.state import World

CATEGORIES = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other")
MEMBERS, GROUPS = 20_000, 1_000


def rulebook(count: int) -> list[dict[str, Any]]:
    """The shipped rules and as many variations as it takes: other spans, bounds, words, hours and shapes."""
    rules = list(shipped()["rules"])
    shapes = (
        lambda n: {
            "window": {"of": "message", "minutes": 10 * (1 + n % 6)},
            "when": {"fact": "window.count", "over": 100 + n},
        },
        lambda n: {
            "window": {"of": "link", "count": "equal", "per": "group", "hours": 1 + n % 4},
            "when": {"fact": "window.count", "over": 50 + n},
        },
        lambda n: {
            "when": {
                "all": [
                    {"fact": "keyword.categories", "any_of": [CATEGORIES[n % 8]]},
                    {"fact": "message.length", "over": n % 40},
                ]
            }
        },
        lambda n: {
            "when": {
                "all": [
                    {"fact": "message.length", "over": 200 + n},
                    {"any": [{"fact": "link.count", "over": 2}, {"fact": "message.mentions", "over": 5}]},
                ]
            }
        },
        lambda n: {
            "when": {"all": [{"fact": "ad.looks", "is": True}, {"fact": "time.hour", "at_least": n % 24}]},
        },
        lambda n: {
            "when": {"all": [{"fact": "link.count", "over": n % 9}, {"not": {"fact": "message.is_reply", "is": True}}]},
        },
    )
    return rules + [
        {
            "id": f"variation_{n}", "chapter": "risk", "name": f"变化 {n}", "state": "shadow" if n % 2 else "live",
            "on": ["message.posted"], "then": [{"warn": {}}], "explain": "{nickname}，请留意。", **shapes[n % 6](n),
        }
        for n in range(count - len(rules))
    ]  # fmt: skip


def order_with(rules: list[dict[str, Any]]) -> Order:
    """An Order that has heard a rulebook and 50,000 keywords."""
    order = Order(World())
    words = [
        {"word": w, "category": CATEGORIES[i % 8], "level": "", "allow": False}
        for i, w in enumerate(keyword_list(50_000))
    ]
    tell = {"version": 1, "by": "bench", "rules": rules, "settings": shipped()["settings"]}
    for seq, (kind, body) in enumerate(
        (("rulebook.published", tell), ("keywords.changed", {"added": words, "removed": [], "by": "bench"}))
    ):
        order.hear(Event(1, seq, event_id(seq), kind, None, None, START, START, "qunzhu", False, body))
    return order


def messages(count: int) -> list[Event]:
    """`count` messages of many members, 20 a second."""
    return [
        Event(
            1, 10 + n, event_id(n), "message.posted", n % GROUPS, (n * 7919) % MEMBERS,
            START + timedelta(milliseconds=50 * n), START, "local", False,
            {"platform_id": str(n), "text": text, "type": "text", "nickname": "小林"},
        )
        for n, text in enumerate(texts(count))
    ]  # fmt: skip


def read_and_score(text: str, library: KeywordLibrary, senses: Senses, categories: Iterable[str]) -> None:
    """What a message costs the text part: normal form, keywords with their variants, links, scores with reasons."""
    reading = Reading(text, library)
    hits = tuple({hit.category for hit in reading.hits})
    look = Look(reading.normal, senses, links=reading.links, hits=hits)
    for category in categories:
        look.verdict(category)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    events = messages(count)
    library = library_of([Word(w) for w in keyword_list(50_000)])
    for text in ("read", "read again"):
        started = time.perf_counter()
        read_all([e.body["text"] for e in events], library)
        print(f"text, {text}: {count / (time.perf_counter() - started):,.0f} messages/s with 50,000 keywords")
    senses = Senses()
    for categories in (("attack",), ("attack", "ad", "contact"), TEXT_CATEGORIES):
        started = time.perf_counter()
        for event in events:
            read_and_score(event.body["text"], library, senses, categories)
        took = time.perf_counter() - started
        print(
            f"text, read and scored by {len(categories)} of {len(TEXT_CATEGORIES)} categories:"
            f" {count / took:,.0f} messages/s"
        )
    for size in (30, 300):
        order = order_with(rulebook(size))
        order.hear(events[0])
        gc.disable()  # as consumers and backtests do while they work off a batch
        started = time.perf_counter()
        decisions = sum(len(order.hear(event)) for event in events[1:])
        took = time.perf_counter() - started
        gc.enable()
        print(
            f"{size} rules: {count / took:,.0f} messages/s; {order.tally.evaluated / count:.1f} rules asked a message,"
            f" {decisions:,} decisions"
        )


if __name__ == "__main__":
    main()
