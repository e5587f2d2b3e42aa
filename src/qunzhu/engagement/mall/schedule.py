"""What time does to orders: goes on with those that a crash left, and takes parcels as received after a while."""

from datetime import datetime, timedelta

import structlog

from qunzhu.engagement.mall import notices, services
from qunzhu.engagement.mall.models import MallOrder
from qunzhu.engagement.mall.policy import PLACED, RECEIVED_AFTER, SHIPPED
from qunzhu.kernel.events.runner import LOST

AT_ONCE = 500
LEFT_AFTER = timedelta(minutes=1)  # until then the request or the consumer is at it
logger = structlog.get_logger("qunzhu.mall")


def go_on(*, now: datetime) -> int:
    """One step for every order whose time has come, each in its own transaction; returns how many moved."""
    rows = MallOrder.objects.order_by("pk").values_list("community_id", "pk")
    left = list(rows.filter(state=PLACED, placed_at__lte=now - LEFT_AFTER, kind__in=("virtual", "perk"))[:AT_ONCE])
    arrived = list(rows.filter(state=SHIPPED, shipped_at__lte=now - timedelta(days=RECEIVED_AFTER))[:AT_ONCE])
    moved = 0
    for community_id, order_id in (*left, *arrived):
        try:
            if (community_id, order_id) in arrived:
                services.receive(community_id=community_id, order_id=order_id, member_id=None, now=now)
                moved += 1
            else:
                moved += services.advance(community_id=community_id, order_id=order_id, now=now)
        except LOST:
            raise
        except Exception:  # one broken order must not keep the others waiting
            logger.exception("order stays where it is", community=community_id, order=order_id)
    for community_id in {community_id for community_id, _ in left}:
        notices.waiting_over(community_id, now=now)
    return moved
