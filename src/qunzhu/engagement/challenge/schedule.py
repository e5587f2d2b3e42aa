"""What time does to challenges: the first day begins, the last one is over."""

from datetime import datetime

import structlog

from qunzhu.engagement.challenge import services
from qunzhu.engagement.challenge.models import Challenge
from qunzhu.kernel.events.runner import LOST

logger = structlog.get_logger("qunzhu.challenge")


def go_on(*, now: datetime) -> int:
    """One step for every challenge whose day has come, each in its own transaction; returns how many moved."""
    open_ones = Challenge.objects.filter(state__in=(Challenge.State.SIGNUP, Challenge.State.RUNNING)).order_by("pk")
    moved = 0
    for community_id, number, state in list(open_ones.values_list("community_id", "pk", "state")):
        step = services.start if state == Challenge.State.SIGNUP else services.settle
        try:
            moved += step(community_id=community_id, challenge_id=number, now=now).state != state
        except LOST:
            raise
        except Exception:  # one broken challenge must not keep the others waiting
            logger.exception("challenge stays where it is", community=community_id, challenge=number)
    return moved
