"""Every row lock of this package: a case is locked before it is looked at, so two people cannot both decide."""

from qunzhu.kernel.cases.models import Case


def lock_case(community_id: int, case_id: int) -> Case:
    """The case, locked until commit. Raises Case.DoesNotExist for another community's case."""
    return Case.objects.select_for_update().get(community_id=community_id, pk=case_id)
