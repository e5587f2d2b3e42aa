"""The outbox: effects are asked for in the transaction that decided them, and leave only after its commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events.log import drop_nul
from qunzhu.kernel.events.schema import event_id

CHANNEL = "qunzhu_effects"

# kind → payload fields; a trailing ? marks an optional one.
KINDS: dict[str, tuple[str, ...]] = {
    "warn": ("text", "seq?"),
    "say": ("text", "reply_to?", "picture?"),
    "answer": ("text", "to", "reply_to?", "private?"),
    "mute": ("until", "minutes", "text?"),
    "unmute": (),
    "remove": ("text?",),
    "move": ("to", "text?", "observed?", "stays?"),
    "readmit": ("text?",),
    "recall": ("seq",),
    "announce": ("text",),
    "freeze": ("text?",),
    "unfreeze": (),
    "close": (),
    "reopen": (),
}
NEEDS_MEMBER = frozenset({"warn", "mute", "unmute", "remove", "readmit", "move"})

_COLUMNS = {
    "community_id": "int8",
    "id": "uuid",
    "idempotency_key": "text",
    "kind": "text",
    "group_id": "int8",
    "member_id": "int8",
    "connector": "text",
    "payload": "jsonb",
    "cause_seq": "int8",
    "rule": "text",
    "requested_by": "text",
    "status": "text",
    "attempts": "int4",
    "next_attempt_at": "timestamptz",
    "last_error": "text",
    "detail": "jsonb",
    "created_at": "timestamptz",
}


class EffectRequest(msgspec.Struct, frozen=True):
    """An act that is wanted. The same `key` in a community is one act, however often it is asked for."""

    kind: str
    key: str
    group_id: int
    member_id: int | None = None
    payload: dict[str, Any] = {}
    cause_seq: int | None = None
    rule: str = ""
    requested_by: str = "rule"


def effect_id(community_id: int, key: str) -> UUID:
    """The id of the effect with idempotency key `key`."""
    return event_id("effect", community_id, key)


def check_request(wanted: EffectRequest) -> None:
    """Raise ValueError when the kind is unknown or its payload lacks a field or has one too many."""
    fields = KINDS.get(wanted.kind)
    if fields is None:
        raise ValueError(f"unknown effect kind {wanted.kind!r}; known: {', '.join(KINDS)}")
    required = {f for f in fields if not f.endswith("?")}
    known = {f.rstrip("?") for f in fields}
    given = set(wanted.payload)
    if missing := required - given:
        raise ValueError(f"effect {wanted.kind!r} lacks {', '.join(sorted(missing))}")
    if surplus := given - known:
        raise ValueError(f"effect {wanted.kind!r} does not take {', '.join(sorted(surplus))}")
    if wanted.kind in NEEDS_MEMBER and wanted.member_id is None:
        raise ValueError(f"effect {wanted.kind!r} needs a member")


def request(
    conn: psycopg.Connection[Any], community_id: int, requests: Sequence[EffectRequest], *, now: datetime
) -> list[UUID]:
    """Write `requests` into the outbox in the caller's transaction; returns the effect ids, in order.

    They are done in that order (`number`). A key that was asked for before is left as it is. Raises ValueError for a
    malformed request, LookupError for a group that is not of this community.
    """
    if not requests:
        return []
    for wanted in requests:
        check_request(wanted)
    connectors = _connectors(conn, community_id, {r.group_id for r in requests})
    encode = msgspec.json.encode
    ids = [effect_id(community_id, r.key) for r in requests]
    rows = [
        (
            community_id, ids[i], r.key, r.kind, r.group_id, r.member_id, connectors[r.group_id],
            drop_nul(encode(r.payload).decode()), r.cause_seq, r.rule, r.requested_by, "pending", 0, now,
            "", "{}", now + timedelta(microseconds=i),  # lists by time show one batch in its order, too
        )
        for i, r in enumerate(requests)
    ]  # fmt: skip
    if upsert(conn, "effect", _COLUMNS, rows, "(community_id, id) DO NOTHING"):
        conn.execute("SELECT pg_notify(%s, '')", [CHANNEL])
    return ids


def _connectors(conn: psycopg.Connection[Any], community_id: int, groups: set[int]) -> dict[int, str]:
    rows = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT id, connector FROM community_group WHERE community_id = %s AND id = ANY(%s)",
            [community_id, list(groups)],
        )
        .fetchall()
    )
    found: dict[int, str] = dict(rows)
    if missing := groups - found.keys():
        raise LookupError(f"groups {sorted(missing)} are not of community {community_id}")
    return found
