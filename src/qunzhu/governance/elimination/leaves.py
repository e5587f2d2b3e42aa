"""Leaves as the log has them: projections may be behind, and a day too many would be a tag too early."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import psycopg

from qunzhu.governance.elimination.policy import Leave
from qunzhu.kernel.events.schema import NewEvent, event_id

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Taken(msgspec.Struct, frozen=True):
    """A leave that holds, by the event it was taken with."""

    seq: int
    first: date
    last: date


def leaves_of(
    conn: psycopg.Connection[Any], community_id: int, members: Iterable[int] | None
) -> dict[int, list[Taken]]:
    """Member → leaves in the order they were taken, with what ending them early left of them; None: of everybody."""
    rows = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT member_id, seq, kind, body::text FROM event WHERE community_id = %(c)s"
            " AND kind IN ('leave.taken', 'leave.ended') AND member_id IS NOT NULL"
            " AND (%(only)s::int8[] IS NULL OR member_id = ANY(%(only)s::int8[])) AND body IS NOT NULL ORDER BY seq",
            {"c": community_id, "only": None if members is None else list(members)},
        )
        .fetchall()
    )
    found: dict[int, dict[int, Taken]] = {}
    for member, seq, kind, text in rows:
        body, own = _decode(text), found.setdefault(member, {})
        if kind == "leave.taken":
            own[seq] = Taken(seq, date.fromisoformat(body["first"]), date.fromisoformat(body["last"]))
        elif (taken := own.get(body["leave"])) is not None:
            own[taken.seq] = Taken(taken.seq, taken.first, min(taken.last, date.fromisoformat(body["last"])))
    return {member: [t for t in own.values() if t.last >= t.first] for member, own in found.items()}


def taken_event(
    community_id: int,
    member_id: int,
    leave: Leave,
    *,
    by: str,
    fact: object,
    now: datetime,
    group_id: int | None = None,
) -> NewEvent:
    """`leave.taken`; `fact` is what makes it one leave (a command's seq, a form's key)."""
    body = {"first": leave.first.isoformat(), "last": leave.last.isoformat(), "reason": leave.reason, "by": by}
    return NewEvent(
        community_id,
        event_id("leave.taken", community_id, member_id, fact),
        "leave.taken",
        now,
        body,
        group_id,
        member_id,
    )


def ended_event(
    community_id: int, member_id: int, taken: Taken, *, today: date, by: str, now: datetime, group_id: int | None = None
) -> NewEvent:
    """`leave.ended`: today is still leave when the leave has begun; one that has not begun is void."""
    last = today if taken.first <= today else taken.first - timedelta(days=1)
    body = {"leave": taken.seq, "last": last.isoformat(), "by": by}
    return NewEvent(
        community_id,
        event_id("leave.ended", community_id, taken.seq, last),
        "leave.ended",
        now,
        body,
        group_id,
        member_id,
    )


def current(taken: Iterable[Taken], today: date) -> Taken | None:
    """The leave that runs or comes next."""
    return min((t for t in taken if t.last >= today), key=lambda t: t.first, default=None)
