"""Which rows of projections can no longer be derived, because what they were made of has been erased or has expired.

Erasing a person takes bodies out of the log (erase.py) and keeps what was decided on them, without words. A replay
cannot come to those rows any more: they are kept as they are. Every other row is still compared exactly.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

# Events without a body that an erasure or an expiry accounts for; a body that is gone otherwise excuses nothing.
_OF_ERASED = "body IS NULL AND (member_id = ANY(%(erased)s) OR seq = ANY(%(also)s))"
_EXPIRED = "body IS NULL AND kind IN ('message.posted', 'command.posted') AND seq <= %(expired)s"
_LOST = f"(SELECT seq FROM event WHERE community_id = %(c)s AND ({_OF_ERASED} OR {_EXPIRED}))"
_BUILT_ON_LOST = f"EXISTS (SELECT FROM jsonb_array_elements(r.evidence) e WHERE e::int8 IN {_LOST})"
# table → the rows `r` of it that are kept
_KEPT = {
    "decision": f"r.member_id = ANY(%(erased)s) OR r.seq IN {_LOST} OR {_BUILT_ON_LOST} OR EXISTS (SELECT FROM"
    " unnest(%(touched)s::int8[], %(since)s::int8[]) t(member, seq) WHERE t.member = r.member_id AND r.seq >= t.seq)",
    # Who was first seen speaking is named as in that message, unless a later event says the name again.
    "membership": f"EXISTS (SELECT FROM event e WHERE e.community_id = %(c)s AND e.member_id = r.member_id"
    f" AND e.group_id = r.group_id AND {_EXPIRED.replace('body', 'e.body').replace('kind', 'e.kind')})"
    " AND NOT EXISTS (SELECT FROM event e WHERE e.community_id = %(c)s AND e.member_id = r.member_id"
    " AND e.group_id = r.group_id AND e.kind IN ('member.joined', 'member.renamed') AND e.body IS NOT NULL)",
    "engine_state": "r.subject = ANY(%(subjects)s)",
    "penalty": f"r.member_id = ANY(%(erased)s) OR r.seq IN {_LOST}",
    "clearance": "r.member_id = ANY(%(erased)s)",
    "leave_taken": "r.member_id = ANY(%(erased)s)",
    "observation": "r.member_id = ANY(%(erased)s)",
    # What became of an incident is told by cases and acts about its offender.
    "incident": f"r.cause_seq IN {_LOST}",
    "incident_step": "EXISTS (SELECT FROM incident i WHERE i.community_id = %(c)s AND i.seq = r.incident AND"
    f" (i.cause_seq IN {_LOST} OR EXISTS (SELECT FROM event e WHERE e.community_id = %(c)s"
    f" AND e.kind = 'incident.step' AND e.group_id = i.group_id AND e.seq IN {_LOST})))",
    "report": "r.reporter_id = ANY(%(erased)s) OR r.target_id = ANY(%(erased)s)",
    "appeal": "r.member_id = ANY(%(erased)s)",
    "rule_verdict": f"r.member_id = ANY(%(erased)s) OR r.seq IN {_LOST}",
    "rule_review": f"r.verdict_seq IN {_LOST} OR r.seq IN {_LOST}",
    "rule_record": "true",
    "message_score": f"r.member_id = ANY(%(erased)s) OR r.message_seq IN {_LOST} OR r.copy_of IN {_LOST}"
    " OR EXISTS (SELECT FROM quality_support q WHERE q.community_id = %(c)s AND q.message_seq = r.message_seq"
    f" AND q.seq IN {_LOST})",
    "quality_support": f"r.member_id = ANY(%(erased)s) OR r.seq IN {_LOST} OR r.message_seq IN {_LOST}",
    # Counted and recognised by what is gone; others' rows rest on it too.
    "quality_tie": "true",
    "quality_gram": "true",
    "group_hour": "EXISTS (SELECT FROM event e WHERE e.community_id = %(c)s AND e.kind = 'decision.made'"
    f" AND e.group_id = r.group_id AND e.occurred_at >= r.hour AND e.occurred_at < r.hour + interval '1 hour'"
    f" AND e.seq IN {_LOST})",
}
# In these a replay may come to rows that never were: it judges events without their words.
_JUDGED = frozenset({"decision", "engine_state"})


@dataclass(frozen=True)
class ErasedRows:
    """What erasures of one community have touched; `values` are for the placeholders of the conditions."""

    values: dict[str, Any] = field(default_factory=dict)

    def kept(self, table: str, alias: str) -> sql.Composable:
        """The condition that a row (`alias` in the query) is kept as it is; false for a row that is not there."""
        if not self.values or table not in _KEPT:
            return sql.SQL("false")
        condition = re.sub(r"\br\.", f"{alias}.", _KEPT[table])
        return sql.SQL(f"COALESCE({condition}, false)")

    def never_were(self, table: str, alias: str) -> sql.Composable:
        """The condition that a row of a replay is not to be believed."""
        return self.kept(table, alias) if table in _JUDGED else sql.SQL("false")


def erased_rows(conn: psycopg.Connection[Any], community_id: int, tables: Sequence[str]) -> ErasedRows:
    """Ask the log for erasures, and what else came of what they took. Empty where nobody was erased."""
    run = psycopg.Cursor(conn).execute
    records = run(
        "SELECT (body->>'member')::int8, ARRAY(SELECT jsonb_array_elements(COALESCE(body->'also', '[]')::jsonb)::int8)"
        " FROM event WHERE community_id = %s AND kind = 'member.erased' AND body IS NOT NULL",
        [community_id],
    ).fetchall()
    expired = run(
        "SELECT max((body->>'upto')::int8) FROM event WHERE community_id = %s AND kind = 'messages.expired'",
        [community_id],
    ).fetchall()[0][0]
    if not records and expired is None:
        return ErasedRows()
    members = sorted({member for member, _ in records})
    values: dict[str, Any] = {
        "c": community_id,
        "erased": members,
        "also": sorted({s for _, also in records for s in also}),
        "expired": expired or 0,
    }
    touched: list[tuple[int, int]] = []
    if "decision" in tables:
        # Others who were judged on it, by a group's window or as reported. What came later counted on it.
        touched = run(
            "SELECT member, min(seq) FROM (SELECT member_id, seq FROM decision r WHERE community_id = %(c)s"
            f" AND (seq IN {_LOST} OR {_BUILT_ON_LOST}) UNION ALL SELECT target_id, seq FROM report"
            " WHERE community_id = %(c)s AND reporter_id = ANY(%(erased)s)) t(member, seq)"
            " WHERE member <> ALL(%(erased)s) GROUP BY member ORDER BY member",
            values,
        ).fetchall()
    values |= {"touched": [member for member, _ in touched], "since": [seq for _, seq in touched]}
    lost = run(
        f"SELECT DISTINCT group_id, kind LIKE 'clearance.%%' FROM event WHERE community_id = %(c)s AND {_OF_ERASED}",
        values,
    ).fetchall()
    groups = {group for group, _ in lost if group is not None}
    # The windows of who spoke remember how texts of then read; a replay finds no text any more.
    spoke = run(f"SELECT DISTINCT member_id, group_id FROM event WHERE community_id = %(c)s AND {_EXPIRED}", values)
    silenced = spoke.fetchall()
    groups |= {group for _, group in silenced if group is not None}
    speakers = {*members, *values["touched"], *(member for member, _ in silenced if member is not None)}
    subjects = [f"m:{member}" for member in sorted(speakers)] + [f"g:{group}" for group in sorted(groups)]
    people = ["c:people"] if any(clearance for _, clearance in lost) else []
    return ErasedRows(values | {"subjects": [*subjects, *(f"h:{s}" for s in subjects), *people]})
