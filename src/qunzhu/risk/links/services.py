"""Ask where short links lead, once each, and write the answer into the log."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import psycopg
from django.db import transaction

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.text.links import canonical
from qunzhu.risk.links.follow import Led, follow
from qunzhu.risk.links.models import ShortLink

MOST_AN_HOUR = 200  # links of one community; a flood of them is not followed
_COLUMNS = {"community_id": "int8", "link": "text", "seq": "int8", "asked_at": "timestamptz"}


def note(community_id: int, links: Iterable[tuple[str, int]], *, now: datetime) -> list[str]:
    """Keep short links with the message that had them; those to ask about now: new ones, up to the hour's limit."""
    wanted = dict(links)
    lately = ShortLink.objects.filter(community_id=community_id, asked_at__gt=now - timedelta(hours=1)).count()
    known = set(
        ShortLink.objects.filter(community_id=community_id, link__in=list(wanted)).values_list("link", flat=True)
    )
    fresh = [link for link in wanted if link not in known][: max(0, MOST_AN_HOUR - lately)]
    rows = [(community_id, link, wanted[link], now) for link in fresh]
    upsert(raw_connection(), "short_link", _COLUMNS, rows, "(community_id, link) DO NOTHING")
    return fresh


def resolve(*, community_id: int, link: str, now: datetime, ask: Callable[[str], Led] = follow) -> None:
    """Follow `link` (outside any transaction) and say in the log where it leads. A second call appends nothing."""
    led = ask(link)
    body = {"link": link, "target": canonical(led.target) if led.target else "", "why": led.why}
    with transaction.atomic():
        conn: psycopg.Connection[tuple[object, ...]] = raw_connection()
        event = NewEvent(community_id, event_id("link.resolved", community_id, link), "link.resolved", now, body)
        log.append(conn, [event], now=now)
