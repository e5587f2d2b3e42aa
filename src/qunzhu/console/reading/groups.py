"""Groups with their figures, and one group with everything its page says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from qunzhu.analytics import selectors as analytics
from qunzhu.analytics.policy import messages_per_day
from qunzhu.console.reading.slices import Page, in_parts, narrowed, numbered
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.community.selectors import sizes_of_groups
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.connectors.port import ACTIONS, Capability, How, capability


@dataclass(frozen=True)
class GroupRow:
    """`health`: frozen, closed, full (≥ 95 % of its places), lively (reached the threshold), quiet, silent."""

    group: Group
    members: int
    messages: int
    health: str

    @property
    def profile_title(self) -> str:
        """What the platform of this group is called."""
        return capability(self.group.profile).title


@dataclass(frozen=True)
class Ability:
    """How one act happens on a group's platform, why, and what a human does where the machine cannot."""

    action: str
    how: How
    reason: str
    steps: Sequence[str]


@dataclass(frozen=True)
class GroupFilter:
    """What is asked for; empty means all."""

    text: str = ""
    state: str = ""
    profile: str = ""


def groups(community: Community, wanted: GroupFilter, *, now: datetime, number: int) -> Page[GroupRow]:
    """Fifty groups by name; four queries."""
    found = numbered(_query(community, wanted), number)
    return Page(_rows(community, found.rows, now), found.total, found.number)


def everything(community: Community, wanted: GroupFilter, *, now: datetime) -> Iterator[GroupRow]:
    """All groups of a filter."""
    for part in in_parts(_query(community, wanted).iterator(chunk_size=2_000)):
        yield from _rows(community, part, now)


def _query(community: Community, wanted: GroupFilter) -> QuerySet[Group]:
    rows = Group.objects.filter(community=community).order_by("name", "pk")
    if wanted.text:
        rows = rows.filter(name__icontains=wanted.text)
    return narrowed(rows, state=wanted.state, profile=wanted.profile)


def group_row(community: Community, group: Group, *, now: datetime) -> GroupRow:
    """The figures of one group; two queries."""
    return _rows(community, [group], now)[0]


def _rows(community: Community, found: Sequence[Group], now: datetime) -> list[GroupRow]:
    ids = [g.pk for g in found]
    sizes = sizes_of_groups(community.pk, ids)
    spoken = analytics.messages_by_group(community, day=local_day(now, community.timezone), groups=ids)
    threshold = messages_per_day(community.blueprint)
    return [_row(g, sizes.get(g.pk, 0), spoken.get(g.pk, 0), threshold) for g in found]


def abilities(group: Group) -> tuple[Capability, list[Ability]]:
    """What the product can do in this group, act by act."""
    known = capability(group.profile)
    return known, [Ability(a, known.how[a], known.reasons.get(a, ""), known.steps.get(a, ())) for a in ACTIONS]


def room_of(group: Group) -> Room | None:
    """The local chat room of a group; None on other connectors."""
    return Room.objects.filter(group_id=group.pk, community_id=group.community_id).first()


def _row(group: Group, members: int, messages: int, threshold: int) -> GroupRow:
    if group.state != Group.State.ACTIVE:
        health = str(group.state)
    elif group.capacity and members >= group.capacity * 0.95:
        health = "full"
    elif messages >= threshold:
        health = "lively"
    else:
        health = "quiet" if messages else "silent"
    return GroupRow(group, members, messages, health)
