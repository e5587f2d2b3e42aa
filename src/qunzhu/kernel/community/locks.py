"""Every row lock of this package, in one order: by primary key."""

from qunzhu.kernel.community.models import Staff


def lock_staff_of(community_id: int) -> list[Staff]:
    """All posts of a community, so that two owners cannot take each other's post at once."""
    return list(Staff.objects.select_for_update().filter(community_id=community_id).order_by("pk"))
