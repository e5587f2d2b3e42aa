"""What member pages show. Reads only; each page costs a fixed number of queries."""

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.db.models import Max
from django.utils.dateparse import parse_datetime

from qunzhu.engagement.models import CheckIn
from qunzhu.engagement.points.policy import expiry_from
from qunzhu.engagement.points.selectors import expiring
from qunzhu.engagement.selectors import CheckInState, check_in_state
from qunzhu.governance.models import Penalty
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community, Group
from qunzhu.kernel.connectors.commands import PRIVATE
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.port import How
from qunzhu.kernel.events.models import ConsumerCursor, EventHead
from qunzhu.kernel.ledger.selectors import StatementLine, balance, member_account, statement
from qunzhu.risk.incident.selectors import open_invitations

SPOKEN = ("message.posted", "command.posted", "message.sent")
UNREAD_CAP = 100  # 99+ is all that a badge says, so counting stops there
STATEMENT_PAGE = 20


@dataclass(frozen=True)
class GroupRow:
    """One of my groups in the list: with its last message and how many are unread (at most `UNREAD_CAP`)."""

    group: Group
    occupant: Occupant
    unread: int
    last_text: str
    last_at: datetime | None

    @property
    def badge(self) -> str:
        return "99+" if self.unread >= UNREAD_CAP else str(self.unread)


def seat_of(community_id: int, group_id: int, member_id: int) -> tuple[Group, Room, Occupant] | None:
    """A local group, its room and the member's seat in it; None when any of them is missing."""
    group = Group.objects.filter(pk=group_id, community_id=community_id).first()
    room = Room.objects.filter(group_id=group_id, community_id=community_id).first()
    occupant = Occupant.objects.filter(group_id=group_id, member_id=member_id, community_id=community_id).first()
    return (group, room, occupant) if group and room and occupant else None


def occupants(group_id: int, *, mutes: bool) -> list[dict[str, Any]]:
    """Who sits in a room, as the chat page wants it: id, nickname, role, muted_until (ISO 8601 or None).

    `mutes`: whether the platform that the room plays can mute; else a mute from before it was switched says nothing.
    """
    rows = Occupant.objects.filter(group_id=group_id, removed_at=None).order_by("member_id")
    return [
        {
            "id": row.member_id,
            "nickname": row.nickname,
            "role": row.role,
            "muted_until": row.muted_until.isoformat() if mutes and row.muted_until else None,
        }
        for row in rows
    ]


# In the order in which the page offers them.
_HAND_ACTS = ("mute", "unmute", "remove", "recall", "announce", "freeze", "unfreeze")


def hand_acts(how: Mapping[str, How], role: str) -> list[str]:
    """What an owner or admin can do by hand where the platform lets people do `how`; the receiver decides the same.

    People can do more than servers there: what needs a human is done by one.
    """
    if role not in {"owner", "admin"}:
        return []
    possible = [act for act in _HAND_ACTS if how[act] in {"native", "human"}]
    return possible if how["mute"] == "native" else [act for act in possible if act not in {"mute", "unmute"}]


def occupant_count(group_id: int) -> int:
    return Occupant.objects.filter(group_id=group_id, removed_at=None).count()


_MY_GROUPS = """
SELECT o.group_id,
  (SELECT count(*) FROM (SELECT 1 FROM event e WHERE e.community_id = o.community_id AND e.group_id = o.group_id
     AND e.seq > o.last_read_seq AND e.kind = ANY(%(spoken)s) AND e.member_id IS DISTINCT FROM o.member_id
     AND (e.kind <> 'command.posted' OR coalesce(e.body->>'command', '') <> ALL(%(hidden)s))
     AND (e.body->'private' IS NULL OR (e.body->>'to')::bigint = o.member_id)
     LIMIT %(cap)s) AS counted) AS unread,
  last.text, last.occurred_at
FROM local_occupant o
LEFT JOIN LATERAL (SELECT coalesce(e.body->>'nickname' || ': ', '')
     || CASE WHEN e.body->>'type' = 'image' THEN '[图片]' ELSE left(e.body->>'text', 80) END AS text, e.occurred_at
   FROM event e WHERE e.community_id = o.community_id AND e.group_id = o.group_id AND e.kind = ANY(%(spoken)s)
     AND (e.member_id = o.member_id OR e.kind <> 'command.posted'
          OR coalesce(e.body->>'command', '') <> ALL(%(hidden)s))
     AND (e.body->'private' IS NULL OR (e.body->>'to')::bigint = o.member_id)
     AND NOT EXISTS (SELECT 1 FROM event r WHERE r.community_id = e.community_id AND r.kind = 'message.recalled'
       AND r.seq > e.seq AND r.group_id = e.group_id AND (r.body->>'target')::bigint = e.seq)
   ORDER BY e.seq DESC LIMIT 1) AS last ON true
WHERE o.community_id = %(community)s AND o.member_id = %(member)s AND o.removed_at IS NULL
"""


def my_groups(community_id: int, member_id: int) -> list[GroupRow]:
    """The member's groups, the one with the latest message first."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "community": community_id,
            "member": member_id,
            "spoken": list(SPOKEN),
            "hidden": list(PRIVATE),
            "cap": UNREAD_CAP,
        }
        cursor.execute(_MY_GROUPS, values)
        facts = {row[0]: row[1:] for row in cursor.fetchall()}
    groups = Group.objects.filter(community_id=community_id, pk__in=facts)
    seats = {o.group_id: o for o in Occupant.objects.filter(member_id=member_id, group_id__in=facts)}
    rows = [
        GroupRow(g, seats[g.pk], facts[g.pk][0], facts[g.pk][1] or "", facts[g.pk][2]) for g in groups if g.pk in seats
    ]
    return sorted(rows, key=lambda r: r.last_at or r.occupant.joined_at, reverse=True)


@dataclass(frozen=True)
class Points:
    """A member's points page: balance, today's check-in and streak, the longest ever, one page of the statement.

    `older_query` is the query string that continues the statement, "" at its end.
    """

    balance: int
    check_in: CheckInState
    earned_today: int
    best: int
    lines: list[StatementLine]
    older_query: str
    soon: int  # expire within `notice` days unless they are spent
    notice: int


Place = tuple[datetime, UUID]  # of a line of the statement


def _place(line: StatementLine) -> str:
    return f"{line.at.isoformat()}~{line.transaction}"


def parse_place(value: str | None) -> Place | None:
    """Where a statement goes on, from the address bar; None when it is no such place."""
    stamp, _, transaction = (value or "").partition("~")
    try:
        at, found = parse_datetime(stamp), UUID(transaction)
    except ValueError:
        return None
    return (at, found) if at and at.tzinfo else None


def points_of(community: Community, member_id: int, *, now: datetime, before: Place | None = None) -> Points:
    """The points of a member on the community's day at `now`; `before` continues the statement."""
    life, today = expiry_from(community.blueprint), local_day(now, community.timezone)
    own = CheckIn.objects.filter(community_id=community.pk, member_id=member_id)
    owner = member_account(member_id)
    lines = statement(community.pk, owner, before=before, limit=STATEMENT_PAGE + 1)
    more = len(lines) > STATEMENT_PAGE
    return Points(
        balance=balance(community.pk, owner),
        check_in=check_in_state(community, member_id, today=today, first=today.replace(day=1)),
        earned_today=next(iter(own.filter(day=today).values_list("points", flat=True)), 0),
        best=own.aggregate(best=Max("streak"))["best"] or 0,
        lines=lines[:STATEMENT_PAGE],
        older_query=urlencode({"before": _place(lines[STATEMENT_PAGE - 1])}) if more else "",
        soon=expiring(community.pk, [member_id], life, now=now).get(member_id, 0),
        notice=life.notice,
    )


@dataclass(frozen=True)
class CalendarDay:
    """One cell of the streak calendar; `day` None pads the first and last week."""

    day: date | None
    done: bool = False
    today: bool = False
    future: bool = False


def streak_calendar(state: CheckInState) -> list[list[CalendarDay]]:
    """The weeks of this month, Monday first."""
    today, done = state.today, set(state.days)
    weeks = calendar.Calendar().monthdatescalendar(today.year, today.month)
    return [
        [
            CalendarDay(d, d in done, d == today, d > today) if d.month == today.month else CalendarDay(None)
            for d in week
        ]
        for week in weeks
    ]


def running_penalties(community_id: int, member_id: int, now: datetime) -> int:
    """How many penalties of the member have not ended."""
    return Penalty.objects.filter(
        community_id=community_id, member_id=member_id, reversed_at=None, ends_at__gt=now
    ).count()


def community_day(zone: str, now: datetime) -> date:
    return local_day(now, zone)


def invitations(community_id: int, member_id: int) -> list[tuple[Group, str]]:
    """(group, join code): new groups that took the place of closed ones and wait for this member."""
    waiting = dict(open_invitations(community_id, member_id))
    groups = Group.objects.filter(community_id=community_id, pk__in=waiting, state=Group.State.ACTIVE).order_by("pk")
    return [(group, waiting[group.pk]) for group in groups] if waiting else []


def penalty_is_coming(community_id: int, member_id: int, *, now: datetime) -> bool:
    """Whether a member is muted by what the consumer of penalties has not heard of yet: its row comes in a moment."""
    muted = Occupant.objects.filter(community_id=community_id, member_id=member_id, muted_until__gt=now).exists()
    if not muted:
        return False
    head = EventHead.objects.filter(community_id=community_id).values_list("seq", flat=True).first()
    heard = ConsumerCursor.objects.filter(community_id=community_id, consumer="governance")
    return (heard.values_list("seq", flat=True).first() or 0) < (head or 0)
