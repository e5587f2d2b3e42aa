"""Put the tasks of the blueprint into the log, and note that a page was opened."""

from datetime import datetime
from typing import Any

import msgspec
import psycopg
from django.db import transaction

from qunzhu.engagement.tasks.models import TaskBook
from qunzhu.engagement.tasks.policy import units_from
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


def book_event(community_id: int, cause_seq: int, now: datetime) -> NewEvent | None:
    """`tasks.changed` with the units of the blueprint; None when they hold already."""
    groups = dict(Group.objects.filter(community_id=community_id).order_by("-pk").values_list("name", "pk"))
    units = msgspec.json.decode(msgspec.json.encode(units_from(blueprint_of(community_id), groups)))
    held = TaskBook.objects.filter(community_id=community_id).order_by("-seq").values_list("units", flat=True).first()
    if units == (held or []):
        return None
    named = event_id("tasks.changed", community_id, cause_seq)
    return NewEvent(community_id, named, "tasks.changed", now, {"units": units})


@transaction.atomic
def opened(*, community_id: int, member_id: int, page: str, now: datetime) -> bool:
    """A member looks at a page for the first time; False when they have before. 1 query then."""
    conn, named = raw_connection(), event_id("page.opened", community_id, member_id, page)
    if log.find(conn, community_id, named) is not None:
        return False
    event = NewEvent(community_id, named, "page.opened", now, {"page": page}, member_id=member_id)
    return not log.append(conn, [event], now=now)[0].duplicate


def authors_of(conn: psycopg.Connection[Any], community_id: int, seqs: list[int]) -> dict[int, int]:
    """Message → who wrote it."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT seq, member_id FROM event WHERE community_id = %s AND seq = ANY(%s) AND kind = 'message.posted'"
        " AND member_id IS NOT NULL",
        [community_id, seqs],
    )
    return dict(rows.fetchall())
