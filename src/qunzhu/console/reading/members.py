"""Members as a list and as one person: keyset pages by id, newest first, a fixed number of queries."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet

from qunzhu.analytics.models import MemberDay
from qunzhu.console.reading.slices import ROWS
from qunzhu.governance.models import Penalty
from qunzhu.governance.selectors import strikes_of
from qunzhu.kernel.community.models import Identity, Member, Membership
from qunzhu.kernel.community.selectors import memberships_of
from qunzhu.kernel.ledger.selectors import balance, balances, member_account

LONGEST_ID = 18


@dataclass(frozen=True)
class MemberFilter:
    """What is asked for; empty means all. `state`: a membership state, "today" (spoke today), "never", "penalised"."""

    text: str = ""
    state: str = ""
    group: int | None = None
    today: date | None = None


@dataclass(frozen=True)
class MemberRow:
    """A member with the states held now (in the asked group), points, and whether others carry the same name."""

    member: Member
    states: list[Membership]
    points: int
    namesake: bool


@dataclass(frozen=True)
class Person:
    """The summary of one member."""

    member: Member
    identities: list[Identity]
    memberships: list[Membership]
    points: int
    penalties: list[Penalty]
    strikes: int
    namesakes: int


def members(community_id: int, wanted: MemberFilter, *, before: int | None) -> tuple[list[MemberRow], str]:
    """Fifty members with an id below `before`, newest first, and the ?before= of the next page. Four queries."""
    found = _query(community_id, wanted)
    if before is not None:
        found = found.filter(pk__lt=before)
    people = list(found.order_by("-pk")[: ROWS + 1])
    older = str(people[ROWS - 1].pk) if len(people) > ROWS else ""
    people = people[:ROWS]
    ids = [m.pk for m in people]
    states: dict[int, list[Membership]] = {}
    for row in Membership.objects.filter(community_id=community_id, member_id__in=ids).order_by("group_id"):
        if wanted.group is None or row.group_id == wanted.group:
            states.setdefault(row.member_id, []).append(row)
    points = balances(community_id, [member_account(i) for i in ids])
    shared = _shared_names(community_id, {m.display_name for m in people})
    rows = [MemberRow(m, states.get(m.pk, []), points[member_account(m.pk)], m.display_name in shared) for m in people]
    return rows, older


def person(community_id: int, member: Member, *, now: datetime) -> Person:
    """The left side of the member page; five queries."""
    penalties = list(Penalty.objects.filter(community_id=community_id, member_id=member.pk).order_by("-seq")[:20])
    same = Member.objects.filter(community_id=community_id, display_name=member.display_name).exclude(pk=member.pk)
    return Person(
        member=member,
        identities=list(Identity.objects.filter(member=member).order_by("pk")[:20]),
        memberships=memberships_of(community_id, member.pk),
        points=balance(community_id, member_account(member.pk)),
        penalties=penalties,
        strikes=strikes_of(community_id, member.pk, now=now),
        namesakes=len(same.values_list("pk")[:100]),
    )


def _query(community_id: int, wanted: MemberFilter) -> QuerySet[Member]:
    rows = Member.objects.filter(community_id=community_id)
    if wanted.text:
        named = Q(display_name__icontains=wanted.text)
        digits = wanted.text.removeprefix("#")
        if digits.isascii() and digits.isdigit() and len(digits) <= LONGEST_ID:
            named |= Q(pk=int(digits))
        rows = rows.filter(named)
    inside = Membership.objects.filter(community_id=community_id, member_id=OuterRef("pk"))
    days = MemberDay.objects.filter(community_id=community_id, member_id=OuterRef("pk"), messages__gt=0)
    if wanted.group is not None:
        inside = inside.filter(group_id=wanted.group)
        days = days.filter(group_id=wanted.group)
    if wanted.state == "today" and wanted.today is not None:
        return rows.filter(Exists(days.filter(day=wanted.today)))
    if wanted.state == "penalised":
        penalised = Penalty.objects.filter(community_id=community_id, member_id=OuterRef("pk"), reversed_at=None)
        rows = rows.filter(Exists(penalised))
    elif wanted.state == "never":
        rows = rows.filter(Exists(inside), ~Exists(days))
    elif wanted.state in Membership.State.values:
        return rows.filter(Exists(inside.filter(state=wanted.state)))
    return rows.filter(Exists(inside)) if wanted.group is not None else rows


def _shared_names(community_id: int, names: set[str]) -> set[str]:
    """Which of `names` several members carry."""
    seen: set[str] = set()
    shared: set[str] = set()
    for name in Member.objects.filter(community_id=community_id, display_name__in=names).values_list(
        "display_name", flat=True
    )[: ROWS * 20]:
        (shared if name in seen else seen).add(name)
    return shared
