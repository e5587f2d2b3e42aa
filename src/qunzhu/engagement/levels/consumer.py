"""Consumer `levels`: active hours, levels as the log tells of them, and 等级 in the group."""

from collections import defaultdict
from datetime import date
from typing import Any

import psycopg

from qunzhu.engagement.levels import sayings, selectors
from qunzhu.engagement.levels.policy import settings_from
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day, local_hour
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

COMMAND = "level"
SPOKEN = frozenset({"message.posted", "command.posted"})
_ACTIVE = {"community_id": "int8", "member_id": "int8", "day": "date", "hours": "int4"}
_LEVEL = {"community_id": "int8", "member_id": "int8", "level": "int2", "since": "date", "until": "date"}


def handle(batch: Batch) -> None:
    """Project; outside a rebuild, also answer."""
    _note_hours(batch)
    _note_levels(batch)
    if batch.rebuilding:
        return
    asked = [
        e
        for e in batch.events
        if e.kind == "command.posted" and not e.historic and e.body and e.body.get("command") == COMMAND
    ]
    asked = [e for e in asked if e.member_id is not None and e.group_id is not None]
    if asked:
        _answer(batch, asked)


def _note_hours(batch: Batch) -> None:
    zone = zone_of(batch.community_id)
    hours: dict[tuple[int, date], int] = defaultdict(int)
    for event in batch.events:
        if event.kind in SPOKEN and event.member_id is not None:
            at = event.occurred_at
            hours[event.member_id, local_day(at, zone)] |= 1 << local_hour(at, zone)
    rows: list[tuple[Any, ...]] = [(batch.community_id, *key, bits) for key, bits in sorted(hours.items())]
    upsert(
        batch.connection, "active_day", _ACTIVE, rows,
        "(community_id, member_id, day) DO UPDATE SET hours = t.hours | excluded.hours",
    )  # fmt: skip


def _note_levels(batch: Batch) -> None:
    """Levels in the order of the log; a notice and its end leave the level as it is."""
    told = [e for e in batch.events if e.kind.startswith("level.") and e.member_id is not None and e.body]
    if not told:
        return
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT member_id, level, since FROM member_level WHERE community_id = %s AND member_id = ANY(%s)",
        [batch.community_id, sorted({e.member_id or 0 for e in told})],
    )
    known: dict[int, tuple[int, date, date | None]] = {m: (level, since, None) for m, level, since in rows.fetchall()}
    for event in told:
        body, member = event.body, event.member_id or 0
        day = date.fromisoformat(body["day"])
        until = date.fromisoformat(body["until"]) if "until" in body else None
        since = day if event.kind == "level.changed" or member not in known else known[member][1]
        known[member] = (body["level"], since, until)
    upsert(
        batch.connection, "member_level", _LEVEL, [(batch.community_id, m, *row) for m, row in sorted(known.items())],
        "(community_id, member_id) DO UPDATE SET level = excluded.level, since = excluded.since,"
        " until = excluded.until",
    )  # fmt: skip


def _answer(batch: Batch, asked: list[Event]) -> None:
    settings = settings_from(blueprint_of(batch.community_id))
    cards = selectors.cards(batch.community_id, {e.member_id or 0 for e in asked}, settings)
    groups: dict[int, list[tuple[Event, str]]] = defaultdict(list)
    for event in asked:
        groups[event.group_id or 0].append((event, _say(cards.get(event.member_id or 0))))
    wanted = [request for group, said in groups.items() for request in _requests(batch, group, said)]
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _say(card: "selectors.LevelCard | None") -> str:
    if card is None:
        raise ValueError("every member has a card")
    if card.day is None:
        return sayings.say_new(card.name)
    return sayings.say_level(
        card.name, number=card.level, score=card.score, following=card.following, missing=card.missing,
        until=card.until,
    )  # fmt: skip


def _requests(batch: Batch, group_id: int, said: list[tuple[Event, str]]) -> list[EffectRequest]:
    """One answer each, or few messages for many."""
    rule = f"command.{COMMAND}"
    if len(said) < sayings.TOGETHER:
        return [
            EffectRequest(
                "answer", f"levels:{batch.community_id}:{event.seq}", group_id, event.member_id,
                {"text": text, "to": event.member_id, "reply_to": event.seq}, event.seq, rule,
            )
            for event, text in said
        ]  # fmt: skip
    parts = [said[start : start + sayings.LINES] for start in range(0, len(said), sayings.LINES)]
    return [
        EffectRequest(
            "say", f"levels:{batch.community_id}:{part[0][0].seq}", group_id, None,
            {"text": sayings.say_together([(str(e.body.get("nickname") or ""), text) for e, text in part])},
            part[0][0].seq, rule,
        )
        for part in parts
    ]  # fmt: skip


CONSUMER = Consumer(
    "levels",
    handle,
    kinds=frozenset({*SPOKEN, "level.changed", "level.warned", "level.kept"}),
    tables=("active_day", "member_level"),
)
