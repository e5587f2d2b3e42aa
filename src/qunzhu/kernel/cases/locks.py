"""Every row lock of this package: a case is locked before it is looked at, so two people cannot both decide."""

from collections.abc import Iterable

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Staff


def lock_case(community_id: int, case_id: int) -> Case:
    """The case, locked until commit. Raises Case.DoesNotExist for another community's case."""
    return Case.objects.select_for_update().get(community_id=community_id, pk=case_id)


def lock_posts(community_id: int, usernames: Iterable[str]) -> list[Staff]:
    """The posts of these people, so that none of them changes role while they act together. After the case."""
    posts = Staff.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    return list(posts.filter(community_id=community_id, user__username__in=list(usernames)).order_by("pk"))


def lock_open_case(community_id: int, key: str) -> Case | None:
    """The open case of this matter, locked until commit; None when there is none (any more)."""
    return Case.objects.select_for_update().filter(community_id=community_id, key=key, state=Case.State.OPEN).first()
