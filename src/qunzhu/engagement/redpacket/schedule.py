"""What time does to packets: draws those of the month, opens and closes, says what was kept back. Restartable."""

import secrets
from collections.abc import Callable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import F, Q

from qunzhu.engagement.redpacket import notices, services
from qunzhu.engagement.redpacket.locks import lock_calendar, lock_packets
from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.engagement.redpacket.policy import (
    MISSED_AFTER,
    OPEN,
    PLANNED,
    Refused,
    month_of,
    plan_month,
    settings_from,
    terms_of,
)
from qunzhu.engagement.redpacket.sayings import PAUSE
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

logger = structlog.get_logger("qunzhu.redpacket")


def go_on(*, now: datetime) -> int:
    """One step for everything whose time has come, each in its own transaction; returns how many steps."""
    done = sum(_try(draw_month, community_id=c, now=now) for c in Community.objects.values_list("pk", flat=True))
    rows = RedPacket.objects.order_by("pk").values_list("community_id", "pk")
    for community_id, packet_id in rows.filter(state=PLANNED, opens_at__lte=now - MISSED_AFTER):
        done += _try(services.miss, community_id=community_id, packet_id=packet_id, now=now)
    for community_id, packet_id in rows.filter(state=PLANNED, opens_at__lte=now):
        done += _try(services.open_packet, community_id=community_id, packet_id=packet_id, now=now)
    for community_id, packet_id in rows.filter(state=OPEN, closes_at__lte=now):
        done += _try(services.close, community_id=community_id, packet_id=packet_id, why="time", now=now)
    kept_back = rows.filter(Q(told__lt=F("taken")) | Q(late__gt=0), said_at__lte=now - PAUSE)
    first = rows.filter(told__lt=F("taken"), said_at=None)
    for community_id, packet_id in {*kept_back, *first}:
        done += _try(tell, community_id=community_id, packet_id=packet_id, now=now)
    return done


def _try(act: Callable[..., bool], **whose: object) -> int:
    try:
        return int(act(**whose))
    except LOST:
        raise
    except Exception:  # one broken packet must not keep the others waiting
        logger.exception("red packet stays where it is", **whose)
        return 0


@transaction.atomic
def tell(*, community_id: int, packet_id: int, now: datetime) -> bool:
    """Say what the group has not heard."""
    packet = lock_packets(community_id, [packet_id])[packet_id]
    if packet.said_at is not None and now - packet.said_at < PAUSE:
        return False
    notices.tell(packet, now=now)
    return True


@transaction.atomic
def draw_month(*, community_id: int, now: datetime) -> bool:
    """Draw the packets of this month, once; the seed and the moments are in the log."""
    community = lock_calendar(community_id)
    settings = settings_from(community.blueprint)
    month = month_of(now, community.timezone)
    fact = event_id("redpacket.month", community_id, month)
    conn = raw_connection()
    if not settings.at_random or log.seq_of(conn, community_id, fact) is not None:
        return False
    groups = Group.objects.filter(community_id=community_id, state=Group.State.ACTIVE).order_by("pk")
    room = settings.per_month - services.in_month(community_id, now, community.timezone)
    count = max(0, min(settings.at_random, room))
    seed = secrets.token_bytes(32)
    numbers = list(groups.values_list("pk", flat=True))
    if not numbers:
        return False
    drawn = plan_month(seed, settings, numbers, count=count, now=now, zone=community.timezone)
    for n, (at, group) in enumerate(drawn):
        try:
            services.plan(
                community_id=community_id, group_id=group, terms=terms_of(settings), opens_at=at,
                key=f"random:{month}:{n}", how="random", now=now,
            )  # fmt: skip
        except Refused as reason:  # settings that cannot be: said once a month, not once a minute
            logger.warning("random red packet refused", community=community.slug, why=reason.code)
            break
    times = [[at.isoformat(), group] for at, group in drawn]
    body = {"month": month, "seed": seed.hex(), "times": times}
    log.append(conn, [NewEvent(community_id, fact, "redpacket.month", now, body)], now=now)
    return True
