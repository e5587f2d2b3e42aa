"""Ad clearances for the console and for member pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from qunzhu.governance.clearance.models import Clearance

State = Clearance.State
STANDINGS = ("waiting", "active", "coming", "past")
PAGE = 50


@dataclass(frozen=True)
class ClearanceFilter:
    """What the page asks for; empty means all. `standing` is one of STANDINGS."""

    standing: str = ""
    group: int | None = None
    member: int | None = None
    text: str = ""


def standing_of(row: Clearance, now: datetime) -> str:
    """Where a clearance stands at `now`: waiting, active, coming (its window has not begun), or past."""
    if row.state == State.WAITING:
        return "waiting"
    if row.state != State.GRANTED or row.until is None or row.until <= now:
        return "past"
    return "coming" if row.since is not None and row.since > now else "active"


def clearances(
    community_id: int, wanted: ClearanceFilter, *, now: datetime, before: int | None = None, limit: int = PAGE
) -> list[Clearance]:
    """Clearances of a filter, newest first; `before` (a seq) continues an earlier page."""
    rows = _query(community_id, wanted, now)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return list(rows.order_by("-seq")[:limit])


def everything(community_id: int, wanted: ClearanceFilter, *, now: datetime) -> Iterator[Clearance]:
    """All of a filter, streamed."""
    return _query(community_id, wanted, now).order_by("-seq").iterator(chunk_size=2_000)


def counts(community_id: int, *, now: datetime) -> dict[str, int]:
    """How many stand where; one query."""
    found = Clearance.objects.filter(community_id=community_id).aggregate(
        **{name: Count("seq", filter=_standing(name, now)) for name in STANDINGS}
    )
    return {name: int(found[name]) for name in STANDINGS}


def clearance(community_id: int, seq: int) -> Clearance | None:
    return Clearance.objects.filter(community_id=community_id, seq=seq).first()


def clearances_of(community_id: int, member_id: int, *, limit: int = 50) -> list[Clearance]:
    """A member's own, newest first."""
    return list(Clearance.objects.filter(community_id=community_id, member_id=member_id).order_by("-seq")[:limit])


def waiting_of(community_id: int, member_id: int) -> int:
    """How many requests of the member wait."""
    return Clearance.objects.filter(community_id=community_id, member_id=member_id, state=State.WAITING).count()


def _standing(name: str, now: datetime) -> Q:
    holds = Q(state=State.GRANTED, until__gt=now)
    later = Q(since__isnull=False, since__gt=now)
    if name == "waiting":
        return Q(state=State.WAITING)
    if name == "active":
        return holds & ~later
    if name == "coming":
        return holds & later
    return ~Q(state=State.WAITING) & ~holds


def _query(community_id: int, wanted: ClearanceFilter, now: datetime) -> QuerySet[Clearance]:
    rows = Clearance.objects.filter(community_id=community_id)
    if wanted.standing:
        rows = rows.filter(_standing(wanted.standing, now))
    if wanted.group is not None:
        rows = rows.filter(Q(group_id=wanted.group) | Q(asked_in=wanted.group))
    if wanted.member is not None:
        rows = rows.filter(member_id=wanted.member)
    if wanted.text:
        rows = rows.filter(
            Q(text__icontains=wanted.text) | Q(name__icontains=wanted.text) | Q(links__icontains=wanted.text)
        )
    return rows
