"""Search over members, cases and messages. Messages are searched stretch by stretch, newest first, so that a search
costs the same however long the log is; the page says which stretch it was and leads to the one before.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from qunzhu.console.reading.stream import EVENT_COLUMNS, event_from_row, log_head
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.selectors import find_members
from qunzhu.kernel.events.schema import Event

STRETCH = 20_000  # events
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

    @property
    def older(self) -> int | None:
        """Where to go on, as `before`: behind the last message shown when there were many, else behind the stretch."""
        if len(self.messages) == MESSAGES:
            return self.messages[-1].seq
        return self.first if self.first > 1 else None


def search(community_id: int, text: str, *, before: int | None = None) -> Found:
    """At most 20 members, 20 cases, and 30 messages of the stretch that ends below `before`; five queries."""
    last = log_head(community_id)
    if before is not None:
        last = min(last, before - 1)
    first = max(1, last - STRETCH + 1)
    cases = Case.objects.filter(community_id=community_id, title__icontains=text).order_by("-opened_at")
    return Found(
        members=find_members(community_id, text.removeprefix("#"), limit=20),
        cases=list(cases[:20]),
        messages=_messages(community_id, text, first, last),
        first=first,
        last=last,
        since=_received(community_id, first),
    )


def _messages(community_id: int, text: str, first: int, last: int) -> list[Event]:
    pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {EVENT_COLUMNS} FROM event WHERE community_id = %s AND seq BETWEEN %s AND %s"
            " AND kind IN ('message.posted', 'command.posted') AND body->>'text' ILIKE %s ORDER BY seq DESC LIMIT %s",
            [community_id, first, last, pattern, MESSAGES],
        )
        return [event_from_row(row)[0] for row in cursor.fetchall()]


def _received(community_id: int, seq: int) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT received_at FROM event WHERE community_id = %s AND seq = %s", [community_id, seq])
        row = cursor.fetchone()
    return row[0] if row else None
