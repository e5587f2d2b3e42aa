"""Names for ids: one query for all members of a page, one for all groups."""

from collections.abc import Iterable

from qunzhu.kernel.community.models import Group, Member


def member_names(community_id: int, ids: Iterable[int | None]) -> dict[int, str]:
    """Display names of members of this community; unknown ids are absent."""
    wanted = {i for i in ids if i}
    rows = Member.objects.filter(community_id=community_id, pk__in=wanted)
    return dict(rows.values_list("pk", "display_name"))


def group_names(community_id: int) -> dict[int, str]:
    """All groups of a community by id, in order of their names."""
    rows = Group.objects.filter(community_id=community_id).order_by("name", "pk")
    return dict(rows.values_list("pk", "name"))
