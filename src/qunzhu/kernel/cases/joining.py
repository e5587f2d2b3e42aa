"""Reports about a message that is on the desk already join the case that is open about it: one matter is one row."""

from collections.abc import Sequence
from datetime import datetime

import psycopg
from django.db import transaction

from qunzhu.kernel.cases.clocks import read_clocks
from qunzhu.kernel.cases.kinds import URGENCIES
from qunzhu.kernel.cases.locks import lock_open_case
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import Opened
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

REPORTED, ASKED = "member_reported", "rule_review"
BY = "qunzhu"
_URGENCY = {"red": "红色", "orange": "橙色", "yellow": "黄色", "grey": "一般"}
# The case of a rule about one of the messages that these reports point at, written by whom they are about.
_ABOUT = """
SELECT c.id FROM "case" c
WHERE c.community_id = %s AND c.state = 'open' AND c.kind = %s AND c.member_id = %s
  AND (c.payload->'joined' ? %s OR c.event_seq IN (
    SELECT (r.body->>'target_seq')::int8 FROM event r
    WHERE r.community_id = %s AND r.seq = ANY(%s) AND r.kind = 'report.filed'))
ORDER BY c.id LIMIT 1 FOR UPDATE OF c
"""


@transaction.atomic
def join_reports(
    *,
    community_id: int,
    key: str,
    urgency: str,
    member_id: int | None,
    evidence: Sequence[int],
    weight: float | None,
    now: datetime,
) -> Opened | None:
    """Add reports (seqs) to the open case of a rule about the message that they point at, and raise its urgency.

    `key` is that of the case which they would open. None: there is no such case, or their own one is open already.
    """
    if member_id is None or lock_open_case(community_id, key) is not None:
        return None
    values = [community_id, ASKED, member_id, key, community_id, list(evidence)]
    row = psycopg.Cursor(raw_connection()).execute(_ABOUT, values).fetchone()
    if row is None:
        return None
    case = Case.objects.get(community_id=community_id, pk=row[0])
    more = sorted({*evidence} - {*case.evidence})
    case.evidence = sorted([*case.evidence, *more])
    joined = list(case.payload.get("joined", []))
    fresh = key not in joined
    case.payload |= {"joined": [*joined, key] if fresh else joined} | ({} if weight is None else {"weight": weight})
    if not fresh:
        if more:
            _note(case, f"又有 {len(more)} 条举报", now)
        case.save(update_fields=["evidence", "payload"])
        return Opened(case.pk, None)
    return Opened(case.pk, _raise(case, urgency, len(more), now))


def _raise(case: Case, urgency: str, reports: int, now: datetime) -> NewEvent:
    """The case as urgent as the reports' own would be; whoever has its page open is told that it is old."""
    clocks = read_clocks(case.community_id)
    was = case.urgency
    case.urgency = min(was, urgency, key=URGENCIES.index)
    late = now + clocks.decide_within(REPORTED, case.urgency)
    case.deadline = late if case.deadline is None else min(late, case.deadline)
    case.escalate_at = clocks.after_assigning(case, now)
    case.version += 1
    case.save(update_fields=["evidence", "payload", "urgency", "deadline", "escalate_at", "version"])
    raised = f",提高到{_URGENCY[case.urgency]}" if case.urgency != was else ""
    _note(case, f"{reports} 条举报并入这个工单{raised}", now)
    body = {"case": case.pk, "kind": case.kind, "urgency": case.urgency, "asked": case.asked, "why": "reported"}
    fact = event_id("case.escalated", case.community_id, case.pk, case.version)
    return NewEvent(
        case.community_id, fact, "case.escalated", now, body, group_id=case.group_id, member_id=case.member_id
    )


def _note(case: Case, text: str, now: datetime) -> None:
    CaseNote.objects.create(community_id=case.community_id, case=case, at=now, author=BY, text=text)
