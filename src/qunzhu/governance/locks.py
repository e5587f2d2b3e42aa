"""Every row lock of this chapter."""

from qunzhu.governance.models import Penalty


def lock_penalty(community_id: int, seq: int) -> Penalty:
    """The penalty, locked until commit. Raises Penalty.DoesNotExist."""
    return Penalty.objects.select_for_update().get(community_id=community_id, seq=seq)
