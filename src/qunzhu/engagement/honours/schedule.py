"""What time does to honours: closes weeks, and owes badges for time spent here."""

from datetime import datetime

import structlog
from django.db import transaction

from qunzhu.engagement.honours import awarding, services
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, raw_connection

logger = structlog.get_logger("qunzhu.honours")


def run_due(*, now: datetime) -> list[str]:
    """Communities whose week was closed now."""
    closed = []
    for community in Community.objects.order_by("pk"):
        try:
            if services.close_due(community, now=now):
                closed.append(community.slug)
            award_by_time(community, now=now)
        except LOST:
            raise
        except Exception:  # one broken community must not keep the others from being closed
            logger.exception("week not closed", community=community.slug)
    return closed


@transaction.atomic
def award_by_time(community: Community, *, now: datetime) -> int:
    """Badges for time spent here; returns how many events were written."""
    raw = raw_connection()
    members = awarding.due_by_time(raw, community.pk, now=now)
    events = awarding.judge(raw, community.pk, members, now=now)
    return sum(not done.duplicate for done in log.append(raw, events, now=now))
