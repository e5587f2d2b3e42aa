"""Every row lock of the red packets, in one order: community (planning only), packets by id, accounts, the log."""

from collections.abc import Iterable

from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.kernel.community.models import Community


def lock_calendar(community_id: int) -> Community:
    """Who plans a packet counts those of the month; two who plan at once must not both find the last place."""
    return Community.objects.select_for_update(no_key=True).get(pk=community_id)


def lock_packets(community_id: int, ids: Iterable[int]) -> dict[int, RedPacket]:
    """Lock packets, by id; those that do not exist are left out."""
    rows = RedPacket.objects.select_for_update().filter(community_id=community_id, pk__in=sorted(set(ids)))
    return {packet.pk: packet for packet in rows.order_by("pk")}
