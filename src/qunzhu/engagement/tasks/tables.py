"""Progress and grounds, read and written for a whole batch: a fixed number of statements."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg

from qunzhu.engagement.tasks.policy import Counted, Standing
from qunzhu.kernel.bulk import upsert

Key = tuple[int, str, str]  # member, unit, period
_GROUND = {
    "community_id": "int8", "member_id": "int8", "unit": "text", "period": "text", "source": "text", "mark": "text",
    "day": "date", "seq": "int8", "void": "text",
}  # fmt: skip
_PROGRESS = {
    "community_id": "int8", "member_id": "int8", "unit": "text", "period": "text", "count": "int4", "goal": "int4",
    "points": "int4", "cards": "int4", "turn": "int4", "completed_at": "timestamptz", "taken_back": "bool",
    "seq": "int8",
}  # fmt: skip
_WANTED = (
    " JOIN unnest(%s::int8[], %s::text[], %s::text[]) AS w(member_id, unit, period) USING (member_id, unit, period)"
)


def keys_of(conn: psycopg.Connection[Any], community_id: int, sources: Iterable[str]) -> set[Key]:
    """Where these grounds count."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT DISTINCT member_id, unit, period FROM task_ground WHERE community_id = %s AND source = ANY(%s)",
        [community_id, list(sources)],
    )
    return set(rows.fetchall())


def load(conn: psycopg.Connection[Any], community_id: int, keys: Iterable[Key]) -> dict[Key, Standing]:
    """What is there of `keys`, with its grounds."""
    columns = [list(column) for column in zip(*keys, strict=True)]
    run = psycopg.Cursor(conn).execute
    found: dict[Key, Standing] = {}
    for member, unit, period, goal, points, cards, turn, completed_at, taken_back, seq in run(
        "SELECT member_id, unit, period, goal, points, cards, turn, completed_at, taken_back, seq FROM task_progress"
        + _WANTED
        + " WHERE community_id = %s",
        [*columns, community_id],
    ).fetchall():
        found[member, unit, period] = Standing(
            goal, points, cards, turn=turn, completed_at=completed_at, taken_back=taken_back, seq=seq
        )
    for member, unit, period, source, *ground in run(
        "SELECT member_id, unit, period, source, mark, day, seq, void FROM task_ground"
        + _WANTED
        + " WHERE community_id = %s",
        [*columns, community_id],
    ).fetchall():
        found[member, unit, period].grounds[source] = Counted(*ground)
    return found


def save(conn: psycopg.Connection[Any], community_id: int, standings: Mapping[Key, Standing]) -> None:
    """Write what changed."""
    changed = {key: one for key, one in standings.items() if one.changed}
    grounds = [
        (community_id, *key, source, g.mark, g.day, g.seq, g.void)
        for key, one in changed.items()
        for source, g in one.grounds.items()
    ]
    progress = [
        (community_id, *key, s.count, s.goal, s.points, s.cards, s.turn, s.completed_at, s.taken_back, s.seq)
        for key, s in changed.items()
    ]
    same = "community_id, member_id, unit, period"
    kept = "mark = excluded.mark, day = excluded.day, seq = excluded.seq, void = excluded.void"
    upsert(conn, "task_ground", _GROUND, grounds, f"({same}, source) DO UPDATE SET {kept}")
    values = ", ".join(f"{name} = excluded.{name}" for name in list(_PROGRESS)[4:])
    upsert(conn, "task_progress", _PROGRESS, progress, f"({same}) DO UPDATE SET {values}")
