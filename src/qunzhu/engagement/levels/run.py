"""The daily run: figures of everybody in one statement, then members in batches, each a transaction of its own.

Killed anywhere, it goes on after the last batch that was committed. What a batch decided is in the log, under ids made
of member and day, so that nothing is said twice.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from qunzhu.engagement.levels import policy
from qunzhu.engagement.levels.models import LevelRun
from qunzhu.engagement.levels.policy import LevelSettings, Reference, Verdict
from qunzhu.engagement.quality.selectors import threshold_of
from qunzhu.kernel.bulk import Array, execute
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

BATCH = 5_000
# What counts of each message and each day: halved with every half-life. The day of the run itself is not over.
COUNTED = """
SELECT member_id, day, message_seq, score, 0 AS hours,
       score * power(0.5::float8, (%(day)s::date - day)::float8 / %(half)s::float8) AS quality, 0::float8 AS active
FROM (SELECT member_id, day, message_seq, score,
             row_number() OVER (PARTITION BY member_id, day ORDER BY score DESC, message_seq) AS place
      FROM message_score WHERE community_id = %(c)s AND day >= %(first)s AND day < %(day)s AND score >= %(threshold)s
      {member}) s
WHERE place <= %(best)s
UNION ALL
SELECT member_id, day, NULL, NULL, bit_count(hours::bit(24))::int4, 0,
       least(bit_count(hours::bit(24)), %(hours)s)
       * power(0.5::float8, (%(day)s::date - day)::float8 / %(half)s::float8)
FROM active_day WHERE community_id = %(c)s AND day >= %(first)s AND day < %(day)s {member}
"""
_FIGURES = f"""
INSERT INTO level_figure (community_id, member_id, day, quality, active, messages, hours, quality_points,
                          active_points, score, before, level)
SELECT %(c)s, f.member_id, %(day)s, round(100 * sum(quality))::int4, round(100 * sum(active))::int4,
       count(message_seq), sum(hours), 0, 0, 0, 0, 0
FROM ({COUNTED.format(member="")}
      UNION ALL SELECT member_id, NULL, NULL, NULL, 0, 0, 0 FROM member_level
                WHERE community_id = %(c)s AND (level > 0 OR until IS NOT NULL)) f
JOIN member m ON m.id = f.member_id AND m.community_id = %(c)s AND m.erased_at IS NULL
GROUP BY f.member_id
"""
_REFERENCE = """
SELECT COALESCE(round(avg(figure)), 0)::int4 FROM (
    SELECT {column} AS figure FROM level_figure WHERE community_id = %(c)s AND active > 0 ORDER BY {column} DESC
    LIMIT (SELECT greatest(3, ceil(count(*) / 10.0)) FROM level_figure WHERE community_id = %(c)s AND active > 0)) t
"""


def values_of(
    community_id: int, day: date, settings: LevelSettings, threshold: int, *, member_id: int | None = None
) -> dict[str, Any]:
    """The placeholders of COUNTED."""
    return {
        "c": community_id, "day": day, "first": day - timedelta(days=settings.window_days), "threshold": threshold,
        "half": settings.half_life_days, "best": policy.BEST_OF_DAY, "hours": policy.HOURS_OF_DAY, "m": member_id,
    }  # fmt: skip


def begin(community_id: int, *, day: date, settings: LevelSettings, now: datetime) -> LevelRun:
    """Reckon everybody's figures up to `day`, and what they are measured by. In the caller's transaction."""
    conn, threshold = raw_connection(), threshold_of(community_id)
    values = values_of(community_id, day, settings, threshold)
    conn.execute("DELETE FROM level_figure WHERE community_id = %s", [community_id])
    members = conn.execute(_FIGURES, values).rowcount
    quality, active = (
        int((conn.execute(_REFERENCE.format(column=column), values).fetchone() or (0,))[0])
        for column in ("quality", "active")
    )
    return LevelRun.objects.create(
        community_id=community_id, day=day, quality_reference=quality, active_reference=active, threshold=threshold,
        members=members, started_at=now,
    )  # fmt: skip


@transaction.atomic
def advance(run: LevelRun, settings: LevelSettings, *, now: datetime) -> int:
    """Judge the next members of a run that the caller may go on with; how many there were."""
    conn = raw_connection()
    rows = conn.execute(
        "SELECT f.member_id, f.quality, f.active, COALESCE(l.level, 0), l.until FROM level_figure f"
        " LEFT JOIN member_level l ON l.community_id = f.community_id AND l.member_id = f.member_id"
        " WHERE f.community_id = %s AND f.member_id > %s ORDER BY f.member_id LIMIT %s",
        [run.community_id, run.after_member, BATCH],
    ).fetchall()
    if not rows:
        return 0
    reference = Reference(run.quality_reference, run.active_reference)
    written, events = [], []
    for member, quality, active, level, until in rows:
        found = policy.composite(quality, active, reference, settings)
        verdict = policy.judge(level=level, until=until, score=found.score, day=run.day, settings=settings)
        written.append((member, found.quality, found.active, found.score, level, verdict.level, verdict.until))
        if verdict.change:
            events.append(_fact(run, member, level, found.score, verdict, now))
    _write(run, written)
    if events:
        log.append(conn, events, now=now)
    run.after_member = rows[-1][0]
    run.save(update_fields=["after_member"])
    return len(rows)


def _write(run: LevelRun, rows: Sequence[tuple[Any, ...]]) -> None:
    kinds = ("int8", "int4", "int4", "int4", "int2", "int2", "date")
    arrays = [Array(kind, list(column)) for kind, column in zip(kinds, zip(*rows, strict=True), strict=True)]
    casts = ", ".join(f"%b::{kind}[]" for kind in kinds)
    execute(
        raw_connection(),
        "UPDATE level_figure f SET quality_points = n.q, active_points = n.a, score = n.s, before = n.b, level = n.l,"
        f" until = n.u FROM unnest({casts}) AS n(m, q, a, s, b, l, u)"
        " WHERE f.community_id = %s AND f.member_id = n.m",
        [*arrays, run.community_id],
    )


def _fact(run: LevelRun, member: int, before: int, score: int, verdict: Verdict, now: datetime) -> NewEvent:
    kind = {"warned": "level.warned", "kept": "level.kept"}.get(verdict.change, "level.changed")
    body: dict[str, Any] = {"level": verdict.level, "score": score, "day": run.day.isoformat()}
    if kind == "level.changed":
        body |= {"from": before, "why": verdict.change}
    elif verdict.until is not None:
        body["until"] = verdict.until.isoformat()
    named = event_id(kind, run.community_id, member, run.day)
    return NewEvent(run.community_id, named, kind, now, body, member_id=member)
