"""The queue of work for humans, and everything one case page says."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case as When
from django.db.models import Count, F, IntegerField, Q, QuerySet, Value
from django.db.models import When as On

from qunzhu.console.reading.conversation import Line, around
from qunzhu.console.reading.slices import Page, narrowed, numbered
from qunzhu.kernel.cases.models import Case, CaseNote, CaseProposal
from qunzhu.kernel.cases.two_person import standing_of
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision, RulebookVersion

_URGENCY = When(
    On(urgency="red", then=Value(0)), On(urgency="orange", then=Value(1)), On(urgency="yellow", then=Value(2)),
    default=Value(3), output_field=IntegerField(),
)  # fmt: skip

_SEVERITY = {"red": 0, "orange": 1, "yellow": 2, "notice": 3}
_WEAKER = {"shadow": 1, "yielded": 2, "exempt": 2, "cleared": 2}


@dataclass(frozen=True)
class QueueFilter:
    """What the queue shows; empty means all. `assigned`: "me", "none" or a user name; `asked`: raised to that role."""

    state: str = Case.State.OPEN
    urgency: str = ""
    kind: str = ""
    group: int | None = None
    assigned: str = ""
    member: int | None = None
    asked: str = ""


@dataclass(frozen=True)
class QueueCounts:
    """Open cases, by what they can be filtered by."""

    urgency: dict[str, int]
    kind: dict[str, int]
    mine: int
    nobody: int
    total: int


@dataclass(frozen=True)
class CasePage:
    """All that a case page tells, besides names: evidence, decisions, effects, notes, the member's open cases."""

    case: Case
    lines: Sequence[Line]
    decisions: Sequence[Decision]
    effects: Sequence[Effect]
    notes: Sequence[CaseNote]
    siblings: Sequence[Case]
    recalled: Mapping[int, str]
    rule_names: dict[str, str]
    proposal: CaseProposal | None


def queue(community_id: int, wanted: QueueFilter, *, user: str, number: int) -> Page[Case]:
    """Open work first by urgency, then by deadline; decided work by when it was decided, newest first."""
    return numbered(_ordered(_filtered(community_id, wanted, user), wanted.state), number)


def everything(community_id: int, wanted: QueueFilter, *, user: str) -> Iterator[Case]:
    """The whole queue of a filter, streamed."""
    return _ordered(_filtered(community_id, wanted, user), wanted.state).iterator(chunk_size=2_000)


def counts(community_id: int, *, user: str) -> QueueCounts:
    """How many open cases wait behind each chip: one grouped query over the open ones."""
    rows = (
        Case.objects.filter(community_id=community_id, state=Case.State.OPEN)
        .values("urgency", "kind")
        .annotate(
            n=Count("pk"),
            mine=Count("pk", filter=Q(assigned_to=user)),
            nobody=Count("pk", filter=Q(assigned_to="")),
        )
        .order_by()
    )
    urgency: dict[str, int] = {}
    kind: dict[str, int] = {}
    mine = nobody = total = 0
    for row in rows:
        urgency[row["urgency"]] = urgency.get(row["urgency"], 0) + row["n"]
        kind[row["kind"]] = kind.get(row["kind"], 0) + row["n"]
        mine, nobody, total = mine + row["mine"], nobody + row["nobody"], total + row["n"]
    return QueueCounts(urgency, kind, mine, nobody, total)


def case_page(case: Case, *, now: datetime) -> CasePage:
    """What stands around a case: seven queries, whatever its size."""
    evidence = [s for s in case.evidence if isinstance(s, int)]
    cause = case.event_seq if case.event_seq is not None else (evidence[-1] if evidence else None)
    judged = sorted({*evidence, *([cause] if cause is not None else [])})
    decisions = weightiest_first(
        Decision.objects.filter(community_id=case.community_id, seq__in=judged).order_by("-seq", "rule")[:20], cause
    )
    of_case = Q(case_id=case.pk)
    if case.member_id is not None:
        of_case = Q(member_id=case.member_id) & (Q(case_id=case.pk) | Q(cause_seq__in=judged))
    if case.kind == "raid":  # of many people: what was done about each of their messages
        of_case |= Q(rule=str(case.payload.get("rule", "")), group_id=case.group_id, cause_seq__in=judged)
    if named := case.payload.get("effect"):
        of_case |= Q(id=named)
    effects = Effect.objects.filter(of_case, community_id=case.community_id).order_by("number")
    siblings = Case.objects.filter(community_id=case.community_id, member_id=case.member_id).exclude(pk=case.pk)
    return CasePage(
        case=case,
        lines=around(case.community_id, case.group_id, cause, evidence=evidence),
        decisions=decisions,
        effects=list(_no_recalls(effects, case)[:20]),
        notes=list(CaseNote.objects.filter(case_id=case.pk).order_by("pk")),
        siblings=list(siblings.order_by("-opened_at")[:5]) if case.member_id is not None else [],
        recalled=_recalled(effects, case),
        rule_names=rule_names(case.community_id),
        proposal=standing_of([case] if case.state == Case.State.OPEN else [], now=now).get(case.pk),
    )


def _no_recalls(effects: QuerySet[Effect], case: Case) -> QuerySet[Effect]:
    """Recalls of a raid are many; they are listed as messages."""
    return effects.exclude(kind="recall") if case.kind == "raid" else effects


def _recalled(effects: QuerySet[Effect], case: Case) -> dict[int, str]:
    """Message → how its recall stands, of the messages of a raid."""
    if case.kind != "raid":
        return {}
    return {e.cause_seq: e.status for e in effects.filter(kind="recall") if e.cause_seq is not None}


def weightiest_first(decisions: Iterable[Decision], cause: int | None) -> list[Decision]:
    """What was done comes before what yielded to it, then the event in question, then the severest level."""
    last = len(_SEVERITY)
    return sorted(
        decisions, key=lambda d: (_WEAKER.get(d.outcome, 0), d.seq != cause, _SEVERITY.get(d.level, last))
    )  # fmt: skip


def rule_names(community_id: int) -> dict[str, str]:
    """Names of the rules of the newest rulebook that was ever published, by rule id."""
    book = (
        RulebookVersion.objects.filter(community_id=community_id)
        .exclude(state=RulebookVersion.State.DRAFT)
        .order_by("-version")
        .first()
    )
    rules = book.rules if book and isinstance(book.rules, list) else []
    return {str(rule["id"]): str(rule.get("name") or rule["id"]) for rule in rules if isinstance(rule, dict)}


def _filtered(community_id: int, wanted: QueueFilter, user: str) -> QuerySet[Case]:
    rows = narrowed(
        Case.objects.filter(community_id=community_id),
        state=wanted.state,
        urgency=wanted.urgency,
        kind=wanted.kind,
        group_id=wanted.group,
        member_id=wanted.member,
        asked=wanted.asked,
    )
    if wanted.assigned:
        rows = rows.filter(assigned_to={"me": user, "none": ""}.get(wanted.assigned, wanted.assigned))
    return rows


def _ordered(rows: QuerySet[Case], state: str) -> QuerySet[Case]:
    if state == Case.State.OPEN:
        heavier = F("payload__weight").desc(nulls_last=True)  # of reports: who reported, and how often right before
        return rows.order_by(_URGENCY, heavier, F("deadline").asc(nulls_last=True), "opened_at", "pk")
    return rows.order_by(F("decided_at").desc(nulls_last=True), "-opened_at", "-pk")
