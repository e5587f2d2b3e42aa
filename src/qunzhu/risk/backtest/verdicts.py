"""What people thought of judged messages: reversed penalties, decided cases, settled reports."""

from typing import Any

import psycopg

# What a button says about the message that its case is about; the others say nothing about it.
_RIGHT = ("warn", "mute", "remove", "freeze")
_WRONG = ("dismiss",)
_CASES = ("member_reported", "red_keyword", "rule_review")

# A case opened by hand or by a report names no rule: "" stands for the message itself.
_SQL = """
SELECT event_seq, coalesce(payload->>'rule', ''), CASE WHEN action = ANY(%(wrong)s) THEN 'wrong' ELSE 'right' END
FROM "case" WHERE community_id = %(c)s AND state = 'decided' AND kind = ANY(%(cases)s)
  AND action = ANY(%(right)s || %(wrong)s) AND event_seq IS NOT NULL
UNION ALL
SELECT (filed.body->>'target_seq')::int8, '', CASE said.kind WHEN 'report.upheld' THEN 'right' ELSE 'wrong' END
FROM event said JOIN event filed ON filed.community_id = said.community_id AND filed.seq = (said.body->>'report')::int8
WHERE said.community_id = %(c)s AND said.kind IN ('report.upheld', 'report.dismissed') AND said.kind <> 'message.posted'
  AND said.seq <= %(upto)s AND said.body IS NOT NULL AND filed.body->>'target_seq' IS NOT NULL
UNION ALL
SELECT (body->>'cause_seq')::int8, coalesce(body->>'rule', ''), 'wrong'
FROM event WHERE community_id = %(c)s AND kind = 'penalty.reversed' AND kind <> 'message.posted' AND seq <= %(upto)s
  AND body IS NOT NULL
"""


def verdicts_of(conn: psycopg.Connection[Any], community_id: int, *, upto: int) -> dict[int, dict[str, str]]:
    """Seq of the message → rule → right or wrong. Where people disagree, wrong stands: somebody took it back."""
    values = {
        "c": community_id, "upto": upto, "right": list(_RIGHT), "wrong": list(_WRONG), "cases": list(_CASES),
    }  # fmt: skip
    found: dict[int, dict[str, str]] = {}
    for seq, rule, verdict in psycopg.Cursor(conn).execute(_SQL, values):
        known = found.setdefault(seq, {})
        if known.get(rule) != "wrong":
            known[rule] = verdict
    return found
