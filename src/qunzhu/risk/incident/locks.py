"""Every row lock of this package: an incident is locked before a step is carried out or the whole is called off."""

from qunzhu.risk.incident.models import Incident


def lock_incident(community_id: int, seq: int) -> Incident:
    """The incident, locked until commit. Raises Incident.DoesNotExist for another community's."""
    return Incident.objects.select_for_update().get(community_id=community_id, seq=seq)
