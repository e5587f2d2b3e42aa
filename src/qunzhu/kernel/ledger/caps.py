"""每日上限: how many points of some kinds a member can earn on one local day (guide, chapter 2: points; chapter 5).

A cap is over one kind or several together. What was taken back by a reversal leaves its room again. The caller holds
the locks of the members' accounts, so that two consumers cannot both fill the last of it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from qunzhu.kernel.clock import local_day


class Cap(msgspec.Struct, frozen=True):
    """At most `per_day` points (≥ 1) of all `kinds` together; kinds as in `ledger_transaction.kind`."""

    kinds: tuple[str, ...]
    per_day: int


CAPS = (Cap(("quality",), 100), Cap(("report.upheld",), 50), Cap(("invitation",), 60), Cap(("answered",), 20))


def caps_of(conn: psycopg.Connection[Any], community_id: int) -> tuple[tuple[Cap, ...], str]:
    """The caps of `engagement.points.caps` and the community's time zone.

    The usual caps where the blueprint says nothing, none for an empty list.
    """
    row = psycopg.Cursor(conn).execute(
        "SELECT (blueprint #> '{engagement,points,caps}')::text, timezone FROM community WHERE id = %s", [community_id]
    )
    given, zone = row.fetchone() or ("[]", "UTC")
    return (CAPS if given is None else msgspec.json.decode(given, type=tuple[Cap, ...])), zone


def grant(
    wanted: Sequence[tuple[int, str, int]], earned: Mapping[tuple[int, str], int], caps: Sequence[Cap]
) -> list[int]:
    """How much of each (member, kind, points) is given, in order; `earned`: (member, kind) → points of that day."""
    so_far = dict(earned)
    given = []
    for member, kind, points in wanted:
        room = points
        for cap in caps:
            if points > 0 and kind in cap.kinds:
                room = min(room, cap.per_day - sum(so_far.get((member, other), 0) for other in cap.kinds))
        granted = points if points <= 0 else max(0, room)
        given.append(granted)
        if granted > 0:
            so_far[member, kind] = so_far.get((member, kind), 0) + granted
    return given


def earned_on_day(
    conn: psycopg.Connection[Any], community_id: int, members: Sequence[int], kinds: Sequence[str], now: datetime,
    zone: str,
) -> dict[tuple[int, str], int]:  # fmt: skip
    """(member, kind) → points earned on the local day of `now`, without what was reversed; 1 query."""
    today = local_day(now, zone)
    begin, end = (datetime.combine(day, time(), ZoneInfo(zone)) for day in (today, today + timedelta(days=1)))
    rows = psycopg.Cursor(conn).execute(
        "SELECT substr(p.owner, 3)::int8, t.kind, sum(p.amount)::int8 FROM posting p JOIN ledger_transaction t"
        " ON t.community_id = p.community_id AND t.id = p.transaction_id"
        " WHERE p.community_id = %s AND p.owner = ANY(%s) AND p.unit = 'PTS' AND p.at >= %s AND p.at < %s"
        " AND p.amount > 0 AND t.kind = ANY(%s) AND NOT EXISTS (SELECT 1 FROM ledger_transaction r"
        " WHERE r.community_id = t.community_id AND r.reverses = t.id) GROUP BY 1, 2",
        [community_id, [f"m:{member}" for member in members], begin, end, list(kinds)],
    )
    return {(member, kind): points for member, kind, points in rows.fetchall()}
