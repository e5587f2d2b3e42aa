"""Members as a list and as one person: keyset pages by id, newest first, a fixed number of queries."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from qunzhu.analytics.models import MemberDay
from qunzhu.console.reading.slices import ROWS, Stretch, counted, in_parts, stretch
from qunzhu.governance.models import Appeal, Penalty
from qunzhu.governance.selectors import appeals_against, carried_out, strikes_of
from qunzhu.kernel.community.models import Identity, Member, Membership
from qunzhu.kernel.community.selectors import memberships_of
from qunzhu.kernel.effects.models import Effect
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
    groups: Mapping[int, str]
    points: int
    namesake: bool

    @property
    def places(self) -> str:
        """The groups with the states in them, in words."""
        return _("、").join(
            f"{self.groups.get(m.group_id, m.group_id)} {_(m.get_state_display())}" for m in self.states
        )

    @property
    def joined_at(self) -> datetime | None:
        """When the member first came into a group."""
        return min((m.joined_at for m in self.states if m.joined_at), default=None)


@dataclass(frozen=True)
class Person:
    """The summary of one member."""

    member: Member
    identities: list[Identity]
    memberships: list[Membership]
    points: int
    penalties: list[Penalty]
    carried_out: dict[int, Effect]
    appeals: dict[int, Appeal]
    strikes: int
    namesakes: int


def members(
    community_id: int, wanted: MemberFilter, groups: Mapping[int, str], *, before: int | None
) -> Stretch[MemberRow]:
    """Fifty members with an id below `before`, newest first. Five queries."""
    rows = _query(community_id, wanted).order_by("-pk")
    found = list((rows.filter(pk__lt=before) if before is not None else rows)[: ROWS + 1])
    page = stretch(found, lambda m: m.pk, counted(rows))
    return Stretch(_rows(community_id, page.rows, wanted, groups), page.older, page.total)


def everything(community_id: int, wanted: MemberFilter, groups: Mapping[int, str]) -> Iterator[MemberRow]:
    """All members of a filter, newest first, with names and points looked up for many at a time."""
    for part in in_parts(_query(community_id, wanted).order_by("-pk").iterator(chunk_size=2_000)):
        yield from _rows(community_id, part, wanted, groups)


def _rows(
    community_id: int, people: Sequence[Member], wanted: MemberFilter, groups: Mapping[int, str]
) -> list[MemberRow]:
    ids = [m.pk for m in people]
    states: dict[int, list[Membership]] = {}
    for row in Membership.objects.filter(community_id=community_id, member_id__in=ids).order_by("group_id"):
        if wanted.group is None or row.group_id == wanted.group:
            states.setdefault(row.member_id, []).append(row)
    points = balances(community_id, [member_account(i) for i in ids])
    shared = _shared_names(community_id, {m.display_name for m in people})
    return [
        MemberRow(m, states.get(m.pk, []), groups, points[member_account(m.pk)], m.display_name in shared)
        for m in people
    ]


def person(community_id: int, member: Member, *, now: datetime) -> Person:
    """The left side of the member page; seven queries."""
    penalties = list(Penalty.objects.filter(community_id=community_id, member_id=member.pk).order_by("-seq")[:20])
    same = Member.objects.filter(community_id=community_id, display_name=member.display_name).exclude(pk=member.pk)
    return Person(
        member=member,
        identities=list(Identity.objects.filter(member=member).order_by("pk")[:20]),
        memberships=memberships_of(community_id, member.pk),
        points=balance(community_id, member_account(member.pk)),
        penalties=penalties,
        carried_out=carried_out(community_id, penalties),
        appeals=appeals_against(community_id, penalties),
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
