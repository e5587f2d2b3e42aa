"""Search over members, cases and recent messages; the stretch of messages that was searched is said."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from qunzhu.console.reading.stream import EVENT_COLUMNS, event_from_row, log_head
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.selectors import find_members
from qunzhu.kernel.events.schema import Event

LAST_EVENTS = 50_000
MESSAGES = 30


@dataclass(frozen=True)
class Found:
    """What was found. Messages were searched in the events `first` to `last`, which reach back to `since`."""

    members: list[Member]
    cases: list[Case]
    messages: list[Event]
    first: int
    last: int
    since: datetime | None


def search(community_id: int, text: str) -> Found:
    """At most 20 members, 20 cases and 30 messages; five queries."""
    last = log_head(community_id)
    first = max(1, last - LAST_EVENTS + 1)
    cases = Case.objects.filter(community_id=community_id, title__icontains=text).order_by("-opened_at")
    return Found(
        members=find_members(community_id, text.removeprefix("#"), limit=20),
        cases=list(cases[:20]),
        messages=_messages(community_id, text, first),
        first=first,
        last=last,
        since=_received(community_id, first),
    )


def _messages(community_id: int, text: str, first: int) -> list[Event]:
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {EVENT_COLUMNS} FROM event WHERE community_id = %s AND seq >= %s"
            " AND kind IN ('message.posted', 'command.posted') AND body->>'text' ILIKE %s ORDER BY seq DESC LIMIT %s",
            [community_id, first, pattern, MESSAGES],
        )
        return [event_from_row(row)[0] for row in cursor.fetchall()]


def _received(community_id: int, seq: int) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT received_at FROM event WHERE community_id = %s AND seq = %s", [community_id, seq])
        row = cursor.fetchone()
    return row[0] if row else None
