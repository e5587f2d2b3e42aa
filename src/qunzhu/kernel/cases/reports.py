"""Settle the reports behind a case: each gets one verdict, ever; right ones earn their reporters points."""

from datetime import datetime

import psycopg

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.services import Award, award_many

UPHELD_POINTS = 5


def upheld_points(community_id: int) -> int:
    """What an upheld report is worth here (guide: 广告举报 +5)."""
    governance = blueprint_of(community_id).get("governance", {})
    return int(governance.get("points", {}).get("ad_report_upheld", UPHELD_POINTS))


def has_reports(case: Case) -> bool:
    """Whether reports joined this case of a rule (`joining.py`): deciding it is a verdict about them, too."""
    return bool(case.payload.get("joined"))


def settle_reports(case: Case, verdict: str, *, by: str, now: datetime) -> list[NewEvent]:
    """Events `verdict` (report.upheld or report.dismissed) for every unsettled report about the case's member."""
    events: list[NewEvent] = []
    awards: list[Award] = []
    points = upheld_points(case.community_id) if verdict == "report.upheld" else 0
    for seq, reporter, group_id in _unsettled(case):
        events.append(
            NewEvent(
                case.community_id,
                event_id("report.verdict", case.community_id, seq),
                verdict,
                now,
                {"report": seq, "by": by, "case": case.pk},
                group_id=group_id,
                member_id=reporter,
            )
        )
        if points > 0:
            awards.append(Award(reporter, points, f"report:{seq}", "report.upheld", "举报属实", seq, group_id))
    if awards:
        posted = award_many(community_id=case.community_id, awards=awards, now=now)
        events += [p.event for p in posted if p.event is not None]
    return events


def reported_messages(case: Case) -> list[int]:
    """The messages that the reports among the case's evidence point at."""
    rows = psycopg.Cursor(raw_connection()).execute(
        "SELECT DISTINCT (body->>'target_seq')::int8 FROM event WHERE community_id = %s AND seq = ANY(%s)"
        " AND kind = 'report.filed' AND body->>'target_seq' IS NOT NULL",
        [case.community_id, case.evidence],
    )
    return sorted(seq for (seq,) in rows.fetchall())


def _unsettled(case: Case) -> list[tuple[int, int, int | None]]:
    """(seq, reporter, group) of reports about the member without a verdict, since the first that the case names."""
    named = [*case.evidence, *([case.event_seq] if case.event_seq is not None else [])]
    if not named or case.member_id is None:
        return []
    rows = psycopg.Cursor(raw_connection()).execute(
        "SELECT seq, member_id, group_id FROM event r WHERE community_id = %s AND kind = 'report.filed' AND seq >= %s"
        " AND (body->>'target')::int8 = %s AND NOT EXISTS (SELECT 1 FROM event v WHERE v.community_id = r.community_id"
        " AND v.kind IN ('report.upheld', 'report.dismissed') AND v.seq > r.seq AND (v.body->>'report')::int8 = r.seq)"
        " ORDER BY seq",
        [case.community_id, min(named), case.member_id],
    )
    return rows.fetchall()
