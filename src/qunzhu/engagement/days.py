"""Days of check-ins as they stand: the projection, and what the log says ahead of it."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import psycopg

from qunzhu.engagement.streaks import Streaks

KINDS = ("checkin.done", "checkin.madeup")


def load_streaks(
    conn: psycopg.Connection[Any], community_id: int, firsts: Mapping[int, date], *, after: int
) -> dict[int, Streaks]:
    """Member → days from the given one on; `after`: up to where the projection has read. 2 queries."""
    run = psycopg.Cursor(conn).execute
    ahead = run(
        "SELECT member_id, (body->>'day')::date FROM event WHERE community_id = %s AND kind = ANY(%s) AND seq > %s"
        " AND member_id = ANY(%s)",
        [community_id, list(KINDS), after, list(firsts)],
    ).fetchall()
    found = {member: Streaks(first) for member, first in firsts.items()}
    for member, day in ahead:
        found[member].first = min(found[member].first, day)
        found[member].days.add(day)
    rows = run(
        "SELECT c.member_id, c.day, c.streak FROM check_in c"
        " JOIN unnest(%s::int8[], %s::date[]) AS w(member_id, first) USING (member_id)"
        " WHERE c.community_id = %s AND c.day >= w.first - 1",
        [list(found), [own.first for own in found.values()], community_id],
    )
    for member, day, streak in rows.fetchall():
        own = found[member]
        if day < own.first:
            own.before = streak
        else:
            own.days.add(day)
    return found


def made_up_days(
    conn: psycopg.Connection[Any], community_id: int, members: list[int], *, after: int
) -> dict[int, set[date]]:
    """Member → days that were made up, for the limit of a month; 1 query."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT member_id, day FROM check_in WHERE community_id = %(c)s AND member_id = ANY(%(m)s) AND made_up"
        " UNION SELECT member_id, (body->>'day')::date FROM event WHERE community_id = %(c)s"
        " AND kind = 'checkin.madeup' AND seq > %(after)s AND member_id = ANY(%(m)s)",
        {"c": community_id, "m": members, "after": after},
    )
    found: dict[int, set[date]] = {member: set() for member in members}
    for member, day in rows.fetchall():
        found[member].add(day)
    return found
