"""Reads of communities, groups, members and staff, for pages, consumers and commands."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet

from qunzhu.kernel.community.models import Community, Group, Member, Membership, Staff
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.runner import raw_connection

LONGEST_ID = 18  # digits that surely fit into a bigint
GONE = (Membership.State.LEFT, Membership.State.REMOVED)


def community_by_slug(slug: str) -> Community | None:
    """The community, or None."""
    return Community.objects.filter(slug=slug).first()


def zone_of(community_id: int) -> str:
    """The community's time zone. It never changes: days and streaks of the past depend on it."""
    return Community.objects.values_list("timezone", flat=True).get(pk=community_id)


def blueprint_of(community_id: int) -> dict[str, Any]:
    """The settings of a community, as its blueprint set them."""
    blueprint: dict[str, Any] = Community.objects.values_list("blueprint", flat=True).get(pk=community_id)
    return blueprint


def groups_of(community_id: int) -> QuerySet[Group]:
    """All groups by name."""
    return Group.objects.filter(community_id=community_id).order_by("name", "pk")


def members_in(community_id: int, group_id: int | None = None) -> int:
    """How many members are in a group (or in any group of the community) now; a person counts once."""
    present = Membership.objects.filter(community_id=community_id).exclude(state__in=GONE)
    if group_id is not None:
        present = present.filter(group_id=group_id)
    return int(present.aggregate(people=Count("member_id", distinct=True))["people"])


def sizes_of_groups(community_id: int, group_ids: Iterable[int] | None = None) -> dict[int, int]:
    """Group id → how many are in it now (of `group_ids`, None: of all); groups without anybody are absent."""
    rows = Membership.objects.filter(community_id=community_id).exclude(state__in=GONE)
    if group_ids is not None:
        rows = rows.filter(group_id__in=list(group_ids))
    return dict(rows.values_list("group_id").annotate(people=Count("member_id")))


def memberships_of(community_id: int, member_id: int) -> list[Membership]:
    """A member's memberships, those of today first, then by group."""
    rows = Membership.objects.filter(community_id=community_id, member_id=member_id).order_by("group_id")
    return sorted(rows, key=lambda m: m.state in GONE)


def muted_now(community_id: int, member_id: int, *, now: datetime) -> list[Membership]:
    """Memberships in which the member may not speak at `now`; an elapsed mute no longer counts."""
    return list(
        Membership.objects.filter(
            community_id=community_id, member_id=member_id, state=Membership.State.MUTED, muted_until__gt=now
        ).order_by("group_id")
    )


def names_of(community_id: int, member_ids: Iterable[int]) -> dict[int, str]:
    """Member id → display name, with one query; unknown ids are absent."""
    rows = Member.objects.filter(community_id=community_id, pk__in=set(member_ids))
    return dict(rows.values_list("pk", "display_name"))


def find_members(community_id: int, text: str = "", *, group_id: int | None = None, limit: int = 50) -> list[Member]:
    """Members whose name contains `text` or whose number it is, optionally of one group; by name."""
    found = Member.objects.filter(community_id=community_id)
    if text:
        wanted = Q(display_name__icontains=text)
        if text.isdecimal() and len(text) <= LONGEST_ID:
            wanted |= Q(pk=int(text))
        found = found.filter(wanted)
    if group_id is not None:
        inside = Membership.objects.filter(community_id=community_id, group_id=group_id).exclude(state__in=GONE)
        found = found.filter(pk__in=inside.values("member_id"))
    return list(found.order_by("display_name", "pk")[:limit])


def member_timeline(
    community_id: int, member_id: int, *, before_seq: int | None = None, limit: int = 50
) -> list[Event]:
    """What a member did and what happened to them, newest first; `before_seq` continues an earlier page."""
    events = Event.objects.filter(community_id=community_id, member_id=member_id)
    if before_seq is not None:
        events = events.filter(seq__lt=before_seq)
    return list(events.order_by("-seq")[:limit])


def staff_of(community_id: int) -> list[Staff]:
    """Posts of a community with their users and members, owner first."""
    order = list(Staff.Role.values)
    posts = Staff.objects.filter(community_id=community_id).select_related("user", "member").order_by("pk")
    return sorted(posts, key=lambda post: order.index(post.role))


def log_head(community_id: int) -> int:
    """The last seq of the community's log."""
    return log.head(raw_connection(), community_id)
