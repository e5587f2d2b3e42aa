"""Whom a run looks at, and what is known of each: a fixed number of queries, however many they are."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import psycopg

from qunzhu.governance.elimination.leaves import leaves_of
from qunzhu.governance.elimination.policy import INTERACTIONS, Presence
from qunzhu.kernel.clock import local_day

_KINDS = dict(zip(("message.posted", "command.posted", "checkin.done"), INTERACTIONS, strict=True))

# In an open, ordinary group; not staff, not leading a room, not erased, not observed already. Days, not moments: the
# latest of each person's groups, on the calendar of the community.
_CANDIDATES = """
SELECT s.member_id, (max(s.joined_at) AT TIME ZONE %(zone)s)::date, max(s.muted_until),
       a.message_on, a.command_on, a.checkin_on
FROM membership s
JOIN community_group g ON g.id = s.group_id AND g.community_id = s.community_id
JOIN member m ON m.id = s.member_id AND m.community_id = s.community_id
LEFT JOIN member_activity a ON a.community_id = s.community_id AND a.member_id = s.member_id
WHERE s.community_id = %(c)s AND s.state IN ('active', 'muted') AND NOT g.observation AND g.state = 'active'
  AND m.erased_at IS NULL AND (%(only)s::int8[] IS NULL OR s.member_id = ANY(%(only)s::int8[]))
  AND NOT EXISTS (SELECT 1 FROM staff w WHERE w.community_id = s.community_id AND w.member_id = s.member_id)
  AND NOT EXISTS (SELECT 1 FROM local_occupant o WHERE o.community_id = s.community_id AND o.member_id = s.member_id
                  AND o.role <> 'member' AND o.removed_at IS NULL)
  AND NOT EXISTS (SELECT 1 FROM observation b WHERE b.community_id = s.community_id AND b.member_id = s.member_id
                  AND b.ended_at IS NULL)
GROUP BY s.member_id, a.message_on, a.command_on, a.checkin_on
"""
_FRESH = (
    "SELECT member_id, (max(ended_at) AT TIME ZONE %(zone)s)::date FROM observation WHERE community_id = %(c)s"
    " AND (%(only)s::int8[] IS NULL OR member_id = ANY(%(only)s::int8[]))"
    " AND state IN ('kept', 'returned') AND ended_at IS NOT NULL GROUP BY member_id"
)
_AHEAD = (
    "SELECT member_id, kind, (max(occurred_at) AT TIME ZONE %(zone)s)::date FROM event WHERE community_id = %(c)s"
    " AND seq > %(after)s AND kind = ANY(%(kinds)s) AND member_id IS NOT NULL"
    " AND (%(only)s::int8[] IS NULL OR member_id = ANY(%(only)s::int8[])) GROUP BY member_id, kind"
)

# Groups that were shut (frozen or closed) over at least one midnight, with the day on which they opened again; then
# the people who had no other group to speak in meanwhile.
_SHUT = """
WITH turns AS (
  SELECT group_id, kind, (occurred_at AT TIME ZONE %(zone)s)::date AS day,
         lag((occurred_at AT TIME ZONE %(zone)s)::date) OVER (PARTITION BY group_id ORDER BY seq) AS since
  FROM event WHERE community_id = %(c)s
   AND kind IN ('group.frozen', 'group.unfrozen', 'group.closed', 'group.reopened')
), shut AS (
  SELECT group_id, max(day) AS day FROM turns
  WHERE kind IN ('group.unfrozen', 'group.reopened') AND since < day GROUP BY group_id
)
SELECT s.member_id, min(shut.day)
FROM membership s
JOIN community_group g ON g.id = s.group_id AND g.community_id = s.community_id
LEFT JOIN shut ON shut.group_id = s.group_id
WHERE s.community_id = %(c)s AND s.state IN ('active', 'muted') AND NOT g.observation AND g.state = 'active'
  AND EXISTS (SELECT 1 FROM shut)
  AND (%(only)s::int8[] IS NULL OR s.member_id = ANY(%(only)s::int8[]))
GROUP BY s.member_id HAVING bool_and(shut.day IS NOT NULL)
"""


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
    members = None if only is None else list(only)
    values = {"c": community_id, "only": members, "zone": zone, "after": after, "kinds": list(_KINDS)}
    rows = run(_CANDIDATES, values).fetchall()
    fresh: dict[int, date] = dict(run(_FRESH, values).fetchall())
    for member, opened in run(_SHUT, values).fetchall():  # like the day on which a mute ends, it is not a whole one
        fresh[member] = max(fresh.get(member, date.min), opened)
    ahead: dict[int, dict[str, date]] = {}
    for member, kind, day in run(_AHEAD, values).fetchall():
        ahead.setdefault(member, {})[_KINDS[kind]] = day
    leaves = leaves_of(conn, community_id, members)
    found = {}
    for member, joined, muted_until, *days in rows:
        if muted_until is not None:
            if muted_until > now:  # a muted person could not speak
                continue
            fresh[member] = max(fresh.get(member, date.min), local_day(muted_until, zone))
        found[member] = Presence(
            joined,
            _last_days(days, ahead.get(member)),
            tuple((taken.first, taken.last) for taken in leaves.get(member, ())),
            fresh.get(member),
        )
    return found


def _last_days(days: list[date | None], ahead: dict[str, date] | None) -> dict[str, date]:
    """The last day of each kind of interaction: what the projections have, or what the log says after them."""
    last = {kind: day for kind, day in zip(INTERACTIONS, days, strict=True) if day}
    if ahead:
        for kind, day in ahead.items():
            last[kind] = max(last.get(kind, date.min), day)
    return last
