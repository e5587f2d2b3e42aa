"""Who is due a badge, or has one whose ground is gone: counts against the rules of the blueprint."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg

from qunzhu.engagement.honours.policy import badges_from, changes
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.schema import NewEvent, event_id

AT_ONCE = 2_000


def counts_of(
    conn: psycopg.Connection[Any], community_id: int, members: Sequence[int], *, now: datetime
) -> dict[int, dict[str, int]]:
    """Member → what badges count → how much; "days" is how long the member is known."""
    run = psycopg.Cursor(conn).execute
    found: dict[int, dict[str, int]] = defaultdict(dict)
    values = [community_id, list(members)]
    rows = run("SELECT member_id, what, n FROM honour_count WHERE community_id = %s AND member_id = ANY(%s)", values)
    for member, what, n in rows.fetchall():
        found[member][what] = n
    rows = run(
        "SELECT id, created_at FROM member WHERE community_id = %s AND id = ANY(%s) AND erased_at IS NULL", values
    )
    for member, created in rows.fetchall():
        found[member]["days"] = max(0, (now - created) // timedelta(days=1))
    return dict(found)


def held_by(
    conn: psycopg.Connection[Any], community_id: int, members: Sequence[int]
) -> dict[int, dict[str, tuple[int, bool]]]:
    """Member → badge → (turn, held)."""
    found: dict[int, dict[str, tuple[int, bool]]] = defaultdict(dict)
    rows = psycopg.Cursor(conn).execute(
        "SELECT member_id, badge, turn, held FROM honour_badge WHERE community_id = %s AND member_id = ANY(%s)",
        [community_id, list(members)],
    )
    for member, badge, turn, held in rows.fetchall():
        found[member][badge] = (turn, held)
    return dict(found)


def judge(conn: psycopg.Connection[Any], community_id: int, members: Iterable[int], *, now: datetime) -> list[NewEvent]:
    """badge.awarded and badge.taken for these members. The same change is the same fact, however often it is seen."""
    wanted = sorted(set(members))
    badges = badges_from(blueprint_of(community_id)) if wanted else ()
    if not badges:
        return []
    counts, held = counts_of(conn, community_id, wanted, now=now), held_by(conn, community_id, wanted)
    events = []
    for member in wanted:
        for change in changes(badges, counts.get(member, {}), held.get(member, {})):
            kind = "badge.awarded" if change.given else "badge.taken"
            fact = event_id(kind, community_id, member, change.badge, change.turn)
            body = {"badge": change.badge, "turn": change.turn}
            events.append(NewEvent(community_id, fact, kind, now, body, member_id=member))
    return events


def due_by_time(conn: psycopg.Connection[Any], community_id: int, *, now: datetime) -> list[int]:
    """Members whom the calendar owes a badge (one year here), so many at once."""
    found: set[int] = set()
    for badge in badges_from(blueprint_of(community_id)):
        if badge.counts != "days":
            continue
        rows = psycopg.Cursor(conn).execute(
            "SELECT id FROM member m WHERE community_id = %s AND created_at <= %s AND erased_at IS NULL"
            " AND EXISTS (SELECT 1 FROM membership s WHERE s.community_id = m.community_id AND s.member_id = m.id"
            " AND s.state NOT IN ('left', 'removed')) AND NOT EXISTS (SELECT 1 FROM honour_badge b"
            " WHERE b.community_id = m.community_id AND b.member_id = m.id AND b.badge = %s) ORDER BY id LIMIT %s",
            [community_id, now - timedelta(days=badge.at), badge.id, AT_ONCE],
        )
        found |= {row[0] for row in rows.fetchall()}
    return sorted(found)
