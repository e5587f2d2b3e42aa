"""What time does to points: the too old ones go, once a local day; who has some that soon will is told, once a week."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from qunzhu.engagement.points.policy import Expiry, expiry_from, say_notice
from qunzhu.engagement.points.selectors import expiring, too_old
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community, Group, Membership
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, raw_connection
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.models import Account
from qunzhu.kernel.ledger.services import POINTS, Award, Entry, Leg, points_event, post_many

AT_ONCE = 500
EXPIRED = "sys:expired"
KIND = "expired"
logger = structlog.get_logger("qunzhu.points")


def run_due(*, now: datetime) -> int:
    """Expire and give notice in every community whose points expire; returns how many members lost some.

    Run again on the same local day it finds nothing to expire and has nobody to tell, so it may be run at any time.
    """
    lost = 0
    for community in Community.objects.order_by("pk"):
        settings = expiry_from(community.blueprint)
        if not settings.expire_after:
            continue
        try:
            lost += expire(community, settings, now=now)
            give_notice(community, settings, now=now)
        except LOST:
            raise
        except Exception:  # one community must not keep the others' points
            logger.exception("points did not expire", community=community.slug)
    return lost


def expire(community: Community, settings: Expiry, *, now: datetime) -> int:
    """Take what is too old, some members a transaction; returns of how many. What is left after a crash goes next."""
    since = now - timedelta(days=settings.expire_after)
    day = local_day(now, community.timezone)
    return sum(_expire(community.pk, owners, since, f"{day}", settings, now) for owners in _owners(community.pk))


def _owners(community_id: int) -> Iterator[list[str]]:
    """Member accounts with points, by name, some at a time."""
    last = "m:"
    while True:
        rows = Account.objects.filter(community_id=community_id, unit=POINTS, owner__startswith="m:", balance__gt=0)
        found = list(rows.filter(owner__gt=last).order_by("owner").values_list("owner", flat=True)[:AT_ONCE])
        if not found:
            return
        yield found
        last = found[-1]


@transaction.atomic
def _expire(community_id: int, owners: list[str], since: datetime, day: str, settings: Expiry, now: datetime) -> int:
    found = too_old(community_id, owners, since=since)
    if not found:
        return 0
    locked = [(owner, POINTS) for owner in (*found, EXPIRED)]
    balances = {owner: have for (owner, _), (have, _) in lock_accounts(raw_connection(), community_id, locked).items()}
    found = too_old(community_id, list(found), since=since)  # nobody spends them any more
    if not found:
        return 0
    memo = f"超过 {settings.expire_after} 天未使用，已过期"
    entries = [
        Entry(f"expire:{owner}:{day}:{points}", KIND, (Leg(owner, POINTS, -points), Leg(EXPIRED, POINTS, points)), memo)
        for owner, points in found.items()
    ]
    posted = post_many(community_id=community_id, entries=entries, now=now)
    events = [
        points_event(
            community_id, Award(int(owner[2:]), -points, entry.key, KIND, memo), done.id, balances[owner] - points, now
        )
        for (owner, points), entry, done in zip(found.items(), entries, posted, strict=True)
        if not done.duplicate
    ]
    log.append(raw_connection(), events, now=now)
    return len(events)


@transaction.atomic
def give_notice(community: Community, settings: Expiry, *, now: datetime) -> int:
    """One message a week in each group with members whose points go soon; returns how many groups were told."""
    year, week, _ = local_day(now, community.timezone).isocalendar()
    open_groups = Group.objects.filter(community=community, state=Group.State.ACTIVE).values("pk")
    inside = Membership.objects.filter(community_id=community.pk, group_id__in=open_groups).exclude(
        state__in=(Membership.State.LEFT, Membership.State.REMOVED)
    )
    groups: dict[int, int] = {}
    for owners in _owners(community.pk):
        soon = expiring(community.pk, [int(owner[2:]) for owner in owners], settings, now=now)
        for group in inside.filter(member_id__in=soon).order_by("pk").values_list("group_id", flat=True):
            groups[group] = groups.get(group, 0) + 1
    wanted = [
        EffectRequest(
            "say", f"points:expiring:{group}:{year}-{week}", group,
            payload={"text": say_notice(people, settings.notice)}, rule="points.expiring",
        )
        for group, people in sorted(groups.items())
    ]  # fmt: skip
    outbox.request(raw_connection(), community.pk, wanted, now=now)
    return len(wanted)
