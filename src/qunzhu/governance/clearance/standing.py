"""What a member has asked for already, from the log itself: projections may be behind."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from qunzhu.governance.clearance.policy import Ask, Standing
from qunzhu.kernel.clock import local_day

CLOSING = ("clearance.granted", "clearance.declined", "clearance.withdrawn")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
LOOK_BACK = timedelta(days=90)  # an older request that still waits no longer keeps anybody from asking


def standing_of(
    conn: psycopg.Connection[Any], community_id: int, member_id: int, *, now: datetime, zone: str
) -> Standing:
    """The member's requests that wait, and how many were made on the local day of `now`."""
    rows = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT r.occurred_at, r.body::text, EXISTS (SELECT 1 FROM event v WHERE v.community_id ="
            " r.community_id AND v.kind = ANY(%s) AND v.seq > r.seq AND (v.body->>'request')::int8 = r.seq)"
            " FROM event r WHERE r.community_id = %s AND r.kind = 'clearance.requested' AND r.member_id = %s"
            " AND r.occurred_at > %s AND r.body IS NOT NULL ORDER BY r.seq",
            [list(CLOSING), community_id, member_id, now - LOOK_BACK],
        )
        .fetchall()
    )
    start = datetime.combine(local_day(now, zone), time(), ZoneInfo(zone))
    waiting = tuple(ask_from(_decode(body)) for _, body, closed in rows if not closed)
    return Standing(waiting, sum(at >= start for at, _, _ in rows))


def ask_from(body: Mapping[str, Any]) -> Ask:
    """The request that the body of a `clearance.requested` tells of."""
    return Ask(
        str(body.get("text") or ""),
        tuple(body.get("links") or ()),
        tuple(body.get("images") or ()),
        _time(body.get("since")),
        _time(body.get("until")),
    )


def body_of(ask: Ask, *, via: str, group: int | None, cause_seq: int | None = None) -> dict[str, Any]:
    """The body of `clearance.requested`; `group` None asks for every group."""
    body: dict[str, Any] = {"via": via, "text": ask.text, "links": list(ask.links)}
    if ask.images:
        body["images"] = list(ask.images)
    for name, at in (("since", ask.since), ("until", ask.until)):
        if at is not None:
            body[name] = at.isoformat()
    if group is not None:
        body["group"] = group
    if cause_seq is not None:
        body["cause_seq"] = cause_seq
    return body


def with_asked(standing: Standing, asked: Iterable[Ask]) -> Standing:
    """The standing after these requests as well, which the log does not have yet."""
    more = tuple(asked)
    return Standing((*standing.waiting, *more), standing.today + len(more))


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
