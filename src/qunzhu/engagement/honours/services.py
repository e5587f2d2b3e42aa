"""Closing a week: exactly once, in one transaction with what is said of it; and saying it again."""

import io
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import psycopg
from django.conf import settings as django_settings
from django.db import transaction
from PIL import Image

from qunzhu.engagement.honours import poster
from qunzhu.engagement.honours.locks import lock_closing
from qunzhu.engagement.honours.models import HonourClosed
from qunzhu.engagement.honours.policy import STARS, Place, Top, bounds, settings_from, week_due
from qunzhu.engagement.honours.sayings import say_closed
from qunzhu.engagement.honours.selectors import Reader, places_of
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.connectors.local.pictures import keep_own
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

NAME = "honours"  # of the consumer
RULE = "honour"


def link() -> str:
    """Where members see the lists."""
    return f"{django_settings.PUBLIC_URL}/me/honours/"


def close_due(community: Community, *, now: datetime) -> bool:
    """Close the last week whose hour has come; False when it was closed, nobody is in it, or points still wait."""
    week = week_due(settings_from(community.blueprint), community.timezone, now)
    with transaction.atomic():
        raw = raw_connection()
        lock_closing(raw, community.pk)
        fact = event_id("honour.closed", community.pk, week)
        if log.seq_of(raw, community.pk, fact) is not None or _waits(raw, community, week):
            return False
        reader = Reader(community, "week", week)
        people = reader.people()
        if not people:
            return False
        top = reader.top()
        stars = {name: Reader(community, name, week, limit=STARS).top().places for name in ("newcomers", "progress")}
        announce(community, week, top, stars, key=f"honour:{community.pk}:{week}", now=now)
        body = {
            "week": week.isoformat(), "people": people, "more": top.more, "top": _told(top.places),
            **{name: _told(places) for name, places in stars.items()},
        }  # fmt: skip
        log.append(raw, [NewEvent(community.pk, fact, "honour.closed", now, body)], now=now)
    return True


def _told(places: Sequence[Place]) -> list[dict[str, int]]:
    return [{"member": p.member, "points": p.points, "rank": p.rank} for p in places]


def _waits(conn: psycopg.Connection[Any], community: Community, week: date) -> bool:
    """Whether points of the week, or penalties, are in the log that the lists do not know yet."""
    _, end = bounds(week, community.timezone)
    row = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT 1 FROM event WHERE community_id = %(c)s AND seq > coalesce((SELECT seq FROM consumer_cursor"
            " WHERE community_id = %(c)s AND consumer = %(n)s), 0) AND occurred_at < %(end)s"
            " AND kind = ANY(%(kinds)s) LIMIT 1",
            {
                "c": community.pk, "n": NAME, "end": end,
                "kinds": ["points.posted", "decision.made", "penalty.given", "penalty.reversed", "member.erased"],
            },
        )
        .fetchone()
    )  # fmt: skip
    return row is not None


def announce(
    community: Community, week: date, top: Top, stars: Mapping[str, Sequence[Place]], *, key: str, now: datetime
) -> int:
    """Say the list in every open group; the same `key` says it once. Returns in how many groups."""
    named = {p.member for places in (top.places, *stars.values()) for p in places}
    text = say_closed(week, top, stars, names_of(community.pk, named), link())
    groups = Group.objects.filter(community=community, state=Group.State.ACTIVE, observation=False).order_by("pk")
    names = names_of(community.pk, named)
    made = poster.draw(community=community.name, week=week, top=top, stars=stars, names=names)
    raw, wanted = raw_connection(), []
    for group in groups:
        payload: dict[str, Any] = {"text": text}
        if made is not None:
            size = Image.open(io.BytesIO(made)).size
            payload["image"] = keep_own(raw, community.pk, group.pk, made, size, key, now=now)
        wanted.append(EffectRequest("say", f"{key}:{group.pk}", group.pk, None, payload, None, RULE))
    outbox.request(raw, community.pk, wanted, now=now)
    return len(wanted)


def as_announced(community_id: int, week: date) -> tuple[Top, dict[str, tuple[Place, ...]]]:
    """A closed week as it was announced. Raises HonourClosed.DoesNotExist."""
    closed = HonourClosed.objects.get(community_id=community_id, week=week)
    found = {
        name: tuple(Place(p.member_id, p.points, p.rank) for p in places_of(community_id, [week], name)[week])
        for name in ("top", "newcomers", "progress")
    }
    return Top(found.pop("top"), closed.more), found


@transaction.atomic
def announce_again(community: Community, week: date, *, by: str, now: datetime) -> int:
    """Say a closed week again, on the word of a human. Raises HonourClosed.DoesNotExist."""
    top, stars = as_announced(community.pk, week)
    return announce(community, week, top, stars, key=f"honour:{community.pk}:{week}:{by}:{now.isoformat()}", now=now)
