"""Changing the keyword library and ad clearances: tables for people, events for the consumer `order`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.text.keywords import Word
from qunzhu.kernel.text.links import canonical
from qunzhu.kernel.text.normalise import normalise, text_digest
from qunzhu.risk.models import Keyword

WORDS_PER_EVENT = 5_000
MAX_WORD = 200
_COLUMNS = {
    "community_id": "int8",
    "word": "text",
    "category": "text",
    "level": "text",
    "allow": "bool",
    "added_by": "text",
}


class KeywordsInvalid(ValueError):
    """Words that cannot be taken; the message names the first of them."""


def check_words(added: Sequence[Word]) -> None:
    """Raise KeywordsInvalid for an empty, invisible or over-long word, or an unknown category."""
    for word in added:
        if not normalise(word.word).strip():
            raise KeywordsInvalid(f"关键词 {word.word!r} 没有可见的字")
        if len(word.word) > MAX_WORD:
            raise KeywordsInvalid(f"关键词 {word.word[:20]}… 超过 {MAX_WORD} 字")
        if word.category not in Keyword.Category:
            raise KeywordsInvalid(f"关键词 {word.word!r} 的类别 {word.category!r} 不存在")


@transaction.atomic
def change_keywords(
    *, community_id: int, added: Sequence[Word] = (), removed: Sequence[str] = (), by: str, now: datetime
) -> int:
    """Add (or replace) and remove words; returns how many events it took, at most 5,000 words each.

    A word both removed and added stays, as added. Raises KeywordsInvalid.
    """
    check_words(added)
    words = list({w.word: w for w in added}.values())
    gone = sorted(set(removed) - {w.word for w in words})
    raw = raw_connection()
    raw.execute("DELETE FROM keyword WHERE community_id = %s AND word = ANY(%s)", [community_id, gone])
    upsert(
        raw,
        "keyword",
        _COLUMNS,
        [(community_id, w.word, w.category, w.level, w.allow, by) for w in words],
        "(community_id, word) DO UPDATE SET category = excluded.category, level = excluded.level,"
        " allow = excluded.allow, added_by = excluded.added_by",
    )
    change = uuid4()  # every change is a fact of its own, also the same one made twice
    events = []
    for start in range(0, max(len(words), len(gone)), WORDS_PER_EVENT):
        part = slice(start, start + WORDS_PER_EVENT)
        body: dict[str, Any] = {
            "added": [
                {"word": w.word, "category": w.category, "level": w.level, "allow": w.allow} for w in words[part]
            ],
            "removed": gone[part],
            "by": by,
        }
        name = event_id("keywords.changed", community_id, change, start)
        events.append(NewEvent(community_id, name, "keywords.changed", now, body))
    log.append(raw, events, now=now)
    return len(events)


@transaction.atomic
def grant_clearance(
    *,
    community_id: int,
    member: int | None,
    until: datetime,
    by: str,
    now: datetime,
    link: str = "",
    text: str = "",
) -> int:
    """Clear an ad until `until`, by link, by text, by both, or (neither) all of a member's; returns its seq.

    `member` None clears it for everyone, which needs a link or a text. Raises ValueError.
    """
    if until <= now:
        raise ValueError("报备的截止时间已经过去")
    if member is None and not link and not text:
        raise ValueError("对所有人的报备要写明链接或文字")
    body: dict[str, Any] = {"member": member, "until": until.isoformat(), "by": by}
    if link:
        body["link"] = canonical(link)
    if text:
        body["text_digest"] = text_digest(text)
    event = NewEvent(
        community_id, event_id("clearance.granted", community_id, uuid4()), "clearance.granted", now, body,
        member_id=member,
    )  # fmt: skip
    return log.append(raw_connection(), [event], now=now)[0].seq


@transaction.atomic
def end_clearance(*, community_id: int, granted: int, by: str, now: datetime) -> int:
    """Close the window of the clearance granted at seq `granted` early; a second time is the same event."""
    event = NewEvent(
        community_id,
        event_id("clearance.ended", community_id, granted),
        "clearance.ended",
        now,
        {"granted": granted, "by": by},
    )
    return log.append(raw_connection(), [event], now=now)[0].seq
