"""Whom a run looks at, and what is known of each: a fixed number of queries, however many they are."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import psycopg

from qunzhu.governance.elimination.leaves import leaves_of
from qunzhu.governance.elimination.policy import Presence
from qunzhu.kernel.clock import local_day

_KINDS = {"message.posted": "message", "command.posted": "command", "checkin.done": "checkin"}

# In an open, ordinary group; not staff, not leading a room, not erased, not observed already.
_CANDIDATES = """
SELECT s.member_id, max(s.joined_at), max(s.muted_until)
FROM membership s
JOIN community_group g ON g.id = s.group_id AND g.community_id = s.community_id
JOIN member m ON m.id = s.member_id AND m.community_id = s.community_id
WHERE s.community_id = %(c)s AND s.state IN ('active', 'muted') AND NOT g.observation AND g.state = 'active'
  AND m.erased_at IS NULL AND (%(only)s::int8[] IS NULL OR s.member_id = ANY(%(only)s::int8[]))
  AND NOT EXISTS (SELECT 1 FROM staff w WHERE w.community_id = s.community_id AND w.member_id = s.member_id)
  AND NOT EXISTS (SELECT 1 FROM local_occupant o WHERE o.community_id = s.community_id AND o.member_id = s.member_id
                  AND o.role <> 'member' AND o.removed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM observation b WHERE b.community_id = s.community_id AND b.member_id = s.member_id
                  AND b.ended_at IS NULL)
GROUP BY s.member_id
"""
_FRESH = (
    "SELECT member_id, max(ended_at) FROM observation WHERE community_id = %s AND member_id = ANY(%s)"
    " AND state IN ('kept', 'returned') AND ended_at IS NOT NULL GROUP BY member_id"
)
_AHEAD = (
    "SELECT member_id, kind, max(occurred_at) FROM event WHERE community_id = %s AND seq > %s AND kind = ANY(%s)"
    " AND member_id = ANY(%s) GROUP BY member_id, kind"
)


def presences(
    conn: psycopg.Connection[Any],
    community_id: int,
    *,
    zone: str,
    after: int,
    now: datetime,
    only: Iterable[int] | None = None,
) -> dict[int, Presence]:
    """Member → presence, for everybody who could be silent (of `only`). `after` is how far the projections are."""
    run = psycopg.Cursor(conn).execute
    values = {"c": community_id, "only": None if only is None else list(only)}
    rows = run(_CANDIDATES, values).fetchall()
    members = [row[0] for row in rows if row[2] is None or row[2] <= now]  # a muted person could not speak
    last = _last_days(conn, community_id, members, after, zone)
    fresh = {member: local_day(at, zone) for member, at in run(_FRESH, [community_id, members]).fetchall()}
    for member, _joined, muted_until in rows:
        if muted_until is not None and muted_until <= now:
            fresh[member] = max(fresh.get(member, date.min), local_day(muted_until, zone))
    leaves = leaves_of(conn, community_id, members)
    joined = {row[0]: row[1] for row in rows}
    return {
        member: Presence(
            local_day(joined[member], zone) if joined[member] else None,
            last.get(member, {}),
            tuple((taken.first, taken.last) for taken in leaves.get(member, ())),
            fresh.get(member),
        )
        for member in members
    }


def _last_days(
    conn: psycopg.Connection[Any], community_id: int, members: list[int], after: int, zone: str
) -> dict[int, dict[str, date]]:
    run = psycopg.Cursor(conn).execute
    rows = run(
        "SELECT member_id, message_on, command_on, checkin_on FROM member_activity"
        " WHERE community_id = %s AND member_id = ANY(%s)",
        [community_id, members],
    )
    found = {
        row[0]: {kind: day for kind, day in zip(_KINDS.values(), row[1:], strict=True) if day is not None}
        for row in rows
    }
    for member, kind, at in run(_AHEAD, [community_id, after, list(_KINDS), members]).fetchall():
        days, day = found.setdefault(member, {}), local_day(at, zone)
        days[_KINDS[kind]] = max(days.get(_KINDS[kind], date.min), day)
    return found
