"""What time asks for, every minute: a debate whose hour has come, a step or a poll whose end has come.

Asking is one event with a derived id, so that two schedulers, or one that was killed, ask once.
"""

from datetime import datetime

import structlog
from django.db import transaction

from qunzhu.engagement.debate import policy
from qunzhu.engagement.debate.facts import asked
from qunzhu.engagement.debate.models import Debate, DebateTopic, Poll
from qunzhu.engagement.debate.policy import OPEN, SPEAKING
from qunzhu.kernel.calendar import calendar_of
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, raw_connection
from qunzhu.kernel.events.schema import NewEvent

logger = structlog.get_logger("qunzhu.debate")


def ask_due(*, now: datetime) -> int:
    """Ask for everything that is due; returns how much was asked for the first time."""
    done = 0
    for community in Community.objects.order_by("pk"):
        try:
            done += ask_community(community, now=now)
        except LOST:
            raise
        except Exception:  # one broken community must not keep the others waiting
            logger.exception("debate not asked for", community=community.slug)
    return done


@transaction.atomic
def ask_community(community: Community, *, now: datetime) -> int:
    """What is due in one community."""
    wanted = _steps(community.pk, now) + _polls(community.pk, now)
    if not Debate.objects.filter(community_id=community.pk, state__in=OPEN).exists():
        wanted += _slot(community, now)
    if not wanted:
        return 0
    return sum(not appended.duplicate for appended in log.append(raw_connection(), wanted, now=now))


def _steps(community_id: int, now: datetime) -> list[NewEvent]:
    found = []
    for row in Debate.objects.filter(community_id=community_id, state__in=OPEN):
        do, ends = ("close", row.speech_ends_at) if row.state == SPEAKING else ("end", row.vote_ends_at)
        if ends is not None and ends <= now:
            at = ends.isoformat()
            found.append(asked(community_id, do, (row.number, at), {"debate": row.number, "at": at}, now))
    return found


def _polls(community_id: int, now: datetime) -> list[NewEvent]:
    rows = Poll.objects.filter(community_id=community_id, state="open", ends_at__lte=now).order_by("number")
    return [
        asked(community_id, "end_poll", (p.number,), {"poll": p.number, "at": p.ends_at.isoformat()}, now) for p in rows
    ]


def _slot(community: Community, now: datetime) -> list[NewEvent]:
    """The debate of the latest slot, unless it was held or skipped; one that was there before any topic is none."""
    rules = policy.settings_from(community.blueprint)
    calendar = calendar_of(community.blueprint.get("calendar", []))
    due = policy.last_slot(rules, now, community.timezone, calendar)
    if due is None:
        return []
    (day, at), since = due, DebateTopic.objects.filter(community_id=community.pk, active=True).order_by("created_at")
    slot, first = day.isoformat(), since.values_list("created_at", flat=True).first()
    if first is None or first > at or Debate.objects.filter(community_id=community.pk, slot=slot).exists():
        return []
    if policy.on_holiday(day, rules, calendar):
        return [asked(community.pk, "skip", (slot,), {"slot": slot, "why": "holiday"}, now)]
    if policy.too_late(at, now, rules):
        return [asked(community.pk, "skip", (slot,), {"slot": slot, "why": "late"}, now)]
    return [asked(community.pk, "open", (slot,), {"slot": slot, "at": at.isoformat()}, now)]
