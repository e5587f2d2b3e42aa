"""Every row lock of the outbox. A deliverer holds a connector's pace, then effects; cases and the log come after."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from qunzhu.kernel.connectors.port import Task

_CLAIM = """
SELECT e.community_id, e.id, e.kind, e.group_id, e.member_id, e.payload::text, e.cause_seq, e.rule, e.requested_by,
       e.attempts, e.connector, g.profile, g.name, g.platform_id, c.timezone,
       COALESCE(NULLIF(s.nickname, ''), m.display_name, ''), COALESCE(t.name, '')
FROM effect e
JOIN community_group g ON g.id = e.group_id
JOIN community c ON c.id = e.community_id
LEFT JOIN member m ON m.id = e.member_id
LEFT JOIN community_group t
  ON e.kind = 'move' AND t.id = (e.payload->>'to')::int8 AND t.community_id = e.community_id
LEFT JOIN membership s
  ON s.community_id = e.community_id AND s.group_id = e.group_id AND s.member_id = e.member_id
WHERE e.status = 'pending' AND e.next_attempt_at <= %s AND {which}
ORDER BY e.next_attempt_at, e.number
LIMIT %s
FOR UPDATE OF e SKIP LOCKED
"""


def _task(row: tuple[Any, ...]) -> Task:
    # Django's connections hand out jsonb undecoded, plain ones decoded: as text it is the same for both.
    return Task(*row[:5], msgspec.json.decode(row[5]), *row[6:])  # type: ignore[call-arg]


def claim_effects(conn: psycopg.Connection[Any], connector: str, *, limit: int, now: datetime) -> list[Task]:
    """Due effects of a connector that no other deliverer holds, in the order of falling due, then of request."""
    rows = conn.execute(_CLAIM.format(which="e.connector = %s"), [now, connector, limit]).fetchall()
    return [_task(row) for row in rows]


def claim_orphans(conn: psycopg.Connection[Any], known: list[str], *, limit: int, now: datetime) -> list[Task]:
    """Due effects of connectors that this installation does not have."""
    rows = conn.execute(_CLAIM.format(which="e.connector <> ALL(%s)"), [now, known, limit]).fetchall()
    return [_task(row) for row in rows]


def take_pace(conn: psycopg.Connection[Any], connector: str, per_second: float, *, limit: int, now: datetime) -> int:
    """How many acts the connector may do now (≤ limit): a token bucket of one second, held until the commit."""
    conn.execute(
        "INSERT INTO effect_pace (connector, tokens, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
        [connector, per_second, now],
    )
    row = conn.execute("SELECT tokens, at FROM effect_pace WHERE connector = %s FOR UPDATE", [connector]).fetchone()
    if row is None:
        return 0
    elapsed = max(0.0, (now - row[1]).total_seconds())
    tokens = min(max(per_second, 1.0), row[0] + elapsed * per_second)
    conn.execute("UPDATE effect_pace SET tokens = %s, at = %s WHERE connector = %s", [tokens, now, connector])
    return min(limit, int(tokens))


def spend_pace(conn: psycopg.Connection[Any], connector: str, acts: int) -> None:
    """Take `acts` tokens out of the bucket that `take_pace` holds."""
    conn.execute("UPDATE effect_pace SET tokens = tokens - %s WHERE connector = %s", [acts, connector])


def lock_open_tasks(
    conn: psycopg.Connection[Any],
    community_id: int,
    *,
    group_id: int,
    kind: str,
    member_id: int | None,
    seq: int | None,
) -> list[int]:
    """The cases of effects that wait for a human in this group, of this kind, member and message (None: any)."""
    rows = conn.execute(
        "SELECT case_id FROM effect WHERE community_id = %s AND group_id = %s AND status = 'task_created' AND kind = %s"
        " AND (%s::int8 IS NULL OR member_id = %s) AND (%s::int8 IS NULL OR (payload->>'seq')::int8 = %s)"
        " ORDER BY id FOR UPDATE",
        [community_id, group_id, kind, member_id, member_id, seq, seq],
    ).fetchall()
    return [case_id for (case_id,) in rows if case_id is not None]


def hold_logs(conn: psycopg.Connection[Any], community_ids: list[int]) -> None:
    """Hold the order of these logs, as appending to them does: nothing comes in between what is read and appended."""
    conn.execute(
        "SELECT 1 FROM event_head WHERE community_id = ANY(%s) ORDER BY community_id FOR UPDATE",
        [sorted(set(community_ids))],
    )


def out_of_group(conn: psycopg.Connection[Any], tasks: list[Task]) -> set[UUID]:
    """The effects whose member left the group, or was removed, and has not come back: by the log, which is ahead."""
    rows = conn.execute(
        "SELECT w.id FROM unnest(%s::uuid[], %s::int8[], %s::int8[], %s::int8[]) AS w(id, c, g, m)"
        " CROSS JOIN LATERAL (SELECT kind FROM event e WHERE e.community_id = w.c AND e.member_id = w.m"
        "  AND e.group_id = w.g AND e.kind IN ('member.joined', 'member.left', 'member.removed')"
        "  AND NOT e.historic ORDER BY e.seq DESC LIMIT 1) AS last WHERE last.kind <> 'member.joined'",
        [
            [t.id for t in tasks], [t.community_id for t in tasks], [t.group_id for t in tasks],
            [t.member_id for t in tasks],
        ],
    ).fetchall()  # fmt: skip
    return {effect for (effect,) in rows}


def lock_tasks_of(conn: psycopg.Connection[Any], community_id: int, which: tuple[str, list[Any]]) -> list[int]:
    """The cases of mutes and removals that wait for a human, of a penalty (`which`: see undo.effects_of)."""
    condition, values = which
    rows = psycopg.Cursor(conn).execute(
        "SELECT case_id FROM effect WHERE community_id = %s AND status = 'task_created' AND kind IN ('mute', 'remove')"
        f" AND {condition} ORDER BY id FOR UPDATE",
        [community_id, *values],
    )
    return [case_id for (case_id,) in rows.fetchall() if case_id is not None]


def lock_leased(conn: psycopg.Connection[Any], task: Task) -> bool:
    """Whether the effect is still waiting for the answer to this lease; holds it."""
    row = conn.execute(
        "SELECT 1 FROM effect WHERE community_id = %s AND id = %s AND status = 'pending' AND attempts = %s FOR UPDATE",
        [task.community_id, task.id, task.attempts + 1],
    ).fetchone()
    return row is not None


def lock_failed(conn: psycopg.Connection[Any], community_id: int, effect_id: UUID) -> bool:
    """Whether the effect is a dead letter; holds it."""
    row = conn.execute(
        "SELECT 1 FROM effect WHERE community_id = %s AND id = %s AND status = 'failed' FOR UPDATE",
        [community_id, effect_id],
    ).fetchone()
    return row is not None
