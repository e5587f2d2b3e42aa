"""Changing the keyword library: a table for people, events for the consumer `order`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import msgspec
from django.db import transaction

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.text.keywords import Word
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.options import BadOption, parse_options
from qunzhu.risk.models import Keyword

WORDS_PER_EVENT = 5_000
MAX_WORD = 200
_CATEGORIES = frozenset(Keyword.Category.values)  # asked once a word: Django works `values` out anew every time
_COLUMNS = {
    "community_id": "int8",
    "word": "text",
    "category": "text",
    "level": "text",
    "allow": "bool",
    "options": "text",
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
        if word.category not in _CATEGORIES:
            raise KeywordsInvalid(f"关键词 {word.word!r} 的类别 {word.category!r} 不存在")
        try:
            parse_options(word.options)
        except BadOption as reason:
            raise KeywordsInvalid(f"关键词 {word.word!r}:{reason}") from None


def _canonical(word: Word) -> Word:
    return msgspec.structs.replace(word, options=parse_options(word.options)) if word.options else word


def _entry(word: Word) -> dict[str, Any]:
    """A word as the log tells it; options only where they are not those of its length."""
    told = {"word": word.word, "category": word.category, "level": word.level, "allow": word.allow}
    return {**told, "options": word.options} if word.options else told


@transaction.atomic
def change_keywords(
    *, community_id: int, added: Sequence[Word] = (), removed: Sequence[str] = (), by: str, now: datetime
) -> int:
    """Add (or replace) and remove words; returns how many events it took, at most 5,000 words each.

    A word both removed and added stays, as added. Raises KeywordsInvalid.
    """
    check_words(added)
    words = list({w.word: _canonical(w) for w in added}.values())
    gone = sorted(set(removed) - {w.word for w in words})
    raw = raw_connection()
    raw.execute("DELETE FROM keyword WHERE community_id = %s AND word = ANY(%s)", [community_id, gone])
    upsert(
        raw,
        "keyword",
        _COLUMNS,
        [(community_id, w.word, w.category, w.level, w.allow, w.options, by) for w in words],
        "(community_id, word) DO UPDATE SET category = excluded.category, level = excluded.level,"
        " allow = excluded.allow, options = excluded.options, added_by = excluded.added_by",
    )
    change = uuid4()  # every change is a fact of its own, also the same one made twice
    events = []
    for start in range(0, max(len(words), len(gone)), WORDS_PER_EVENT):
        part = slice(start, start + WORDS_PER_EVENT)
        body: dict[str, Any] = {
            "added": [_entry(w) for w in words[part]],
            "removed": gone[part],
            "by": by,
        }
        name = event_id("keywords.changed", community_id, change, start)
        events.append(NewEvent(community_id, name, "keywords.changed", now, body))
    log.append(raw, events, now=now)
    return len(events)
