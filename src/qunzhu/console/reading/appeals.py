"""Appeals as staff see them: the list with its figures, and what stands behind one case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, QuerySet

from qunzhu.console.reading.cases import rule_names
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.console.reading.slices import ROWS, Page, in_parts
from qunzhu.governance.models import Appeal, Penalty, Report
from qunzhu.governance.policy import Record
from qunzhu.governance.selectors import appeals_against
from qunzhu.kernel.cases.appeals import KIND, reviewers, why_barred
from qunzhu.kernel.cases.models import Case


@dataclass(frozen=True)
class AppealRow:
    """An appeal, the penalty it is about, and names. `decider`: who gave the penalty, or the name of the rule.

    The penalty is None only when its row is not there (any more).
    """

    appeal: Appeal
    penalty: Penalty | None
    member: str
    group: str
    decider: str


@dataclass(frozen=True)
class Reporter:
    """One report behind a case, and how its weight comes about."""

    report: Report
    accuracy: float


@dataclass(frozen=True)
class Behind:
    """What a case page says besides: of an appeal, who may decide it; of reports, what each weighs."""

    penalty: Penalty | None = None
    appeal: Appeal | None = None
    barred: str = ""
    reviewers: Sequence[str] = ()
    reporters: Sequence[Reporter] = ()
    weight: float = 0


def appeals(community_id: int, state: str, *, number: int) -> Page[AppealRow]:
    """Open ones by deadline, the others newest first. Six queries."""
    rows = _ordered(community_id, state)
    total = rows.count()
    number = min(number, max(1, -(-total // ROWS)))
    return Page(_told(community_id, list(rows[(number - 1) * ROWS : number * ROWS])), total, number)


def every_appeal(community_id: int, state: str) -> Iterator[AppealRow]:
    """The whole list, in parts."""
    for part in in_parts(_ordered(community_id, state).iterator(chunk_size=2_000)):
        yield from _told(community_id, part)


def _ordered(community_id: int, state: str) -> QuerySet[Appeal]:
    rows = Appeal.objects.filter(community_id=community_id)
    if state == Appeal.State.OPEN:
        return rows.filter(state=state).order_by("deadline", "seq")
    rows = rows.filter(state=state) if state else rows
    return rows.order_by(F("decided_at").desc(nulls_first=True), "-seq")


def _told(community_id: int, page: Sequence[Appeal]) -> list[AppealRow]:
    wanted = [a.penalty_seq for a in page]
    penalties = {p.seq: p for p in Penalty.objects.filter(community_id=community_id, seq__in=wanted)}
    names, groups, rules = (
        member_names(community_id, [a.member_id for a in page]), group_names(community_id), rule_names(community_id),
    )  # fmt: skip
    return [
        AppealRow(
            a, penalties.get(a.penalty_seq), names.get(a.member_id, ""), groups.get(a.group_id or 0, ""),
            a.first_decider or rules.get(a.rule, a.rule),
        )
        for a in page
    ]  # fmt: skip


def counts(community_id: int) -> dict[str, int]:
    """How many appeals are in each state."""
    rows = Appeal.objects.filter(community_id=community_id).values_list("state").annotate(n=Count("seq")).order_by()
    return dict(rows)


def late(community_id: int, *, now: datetime) -> int:
    """How many appeals wait longer than was promised."""
    return Appeal.objects.filter(community_id=community_id, state=Appeal.State.OPEN, deadline__lt=now).count()


def behind(case: Case, user: str) -> Behind:
    """What stands behind this case for this person. At most four queries."""
    if case.kind == KIND:
        payload: dict[str, Any] = case.payload
        penalty = Penalty.objects.filter(community_id=case.community_id, seq=payload["penalty"]).first()
        found = appeals_against(case.community_id, [penalty]) if penalty else {}
        waiting = case.state == Case.State.OPEN
        first, member = payload["first_decider"], case.member_id or 0
        return Behind(
            penalty=penalty,
            appeal=found.get(payload["penalty"]),
            barred=why_barred(case, user) if waiting else "",
            reviewers=reviewers(case.community_id, first_decider=first, member_id=member) if waiting else (),
        )
    if case.kind in {"member_reported", "report_abuse"}:
        reports = Report.objects.filter(community_id=case.community_id, seq__in=case.evidence).order_by(
            "-weight", "seq"
        )
        rows = [Reporter(r, Record(r.upheld_before, r.wrong_before).accuracy) for r in reports]
        return Behind(reporters=rows, weight=sum(r.report.weight for r in rows))
    return Behind()
