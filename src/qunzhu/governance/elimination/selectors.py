"""Silences and leaves for the console and for member pages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

import psycopg
from django.db.models import Count, Q, QuerySet

from qunzhu.governance.elimination.models import LeaveTaken, Observation
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.events.runner import raw_connection

State = Observation.State
# What the list's chips offer: name → states
STANDINGS: Mapping[str, tuple[str, ...]] = {
    "tagged": (State.TAGGED, State.REVIEW),
    "review": (State.REVIEW,),
    "observed": (State.MOVING, State.OBSERVED, State.RETURNING),
    "returned": (State.RETURNED,),
    "ended": (State.KEPT, State.LEAVE, State.SPOKE, State.LEFT),
}
PAGE = 50
TEXT_LENGTH = 60


@dataclass(frozen=True)
class ObservationFilter:
    """What the page asks for; empty means all. `standing` is a key of STANDINGS."""

    standing: str = ""
    group: int | None = None
    text: str = ""


@dataclass(frozen=True)
class LastWord:
    """The last thing a member said; `text` is "" where there is nothing to show."""

    seq: int
    at: datetime
    text: str


def observations(
    community_id: int, wanted: ObservationFilter, *, before: int | None = None, limit: int = PAGE
) -> list[Observation]:
    """Silences of a filter, newest first; `before` (a seq) continues an earlier page."""
    rows = _query(community_id, wanted)
    if before is not None:
        rows = rows.filter(seq__lt=before)
    return list(rows.order_by("-seq")[:limit])


def everything(community_id: int, wanted: ObservationFilter) -> Iterator[Observation]:
    """All of a filter, streamed."""
    return _query(community_id, wanted).order_by("-seq").iterator(chunk_size=2_000)


def counts(community_id: int) -> dict[str, int]:
    """How many stand where; one query."""
    rows = Observation.objects.filter(community_id=community_id).values_list("state").annotate(n=Count("seq"))
    by_state = dict(rows.order_by())
    return {name: sum(by_state.get(state, 0) for state in states) for name, states in STANDINGS.items()}


def observation(community_id: int, seq: int) -> Observation | None:
    return Observation.objects.filter(community_id=community_id, seq=seq).first()


def open_observation(community_id: int, member_id: int) -> Observation | None:
    """The member's silence that is not over; None when there is none."""
    return Observation.objects.filter(community_id=community_id, member_id=member_id, ended_at=None).first()


def in_case(community_id: int, case_id: int) -> dict[int, Observation]:
    """Member → silence that a review is about."""
    rows = Observation.objects.filter(community_id=community_id, case_id=case_id)
    return {row.member_id: row for row in rows.order_by("seq")}


def last_words(community_id: int, member_ids: Iterable[int]) -> dict[int, LastWord]:
    """Member → what they said last, with one probe of the index for each; who never spoke is absent."""
    rows = psycopg.Cursor(raw_connection()).execute(
        "SELECT m.id, e.seq, e.occurred_at, left(e.body->>'text', %s) FROM unnest(%s::int8[]) AS m(id)"
        " CROSS JOIN LATERAL (SELECT seq, occurred_at, body FROM event WHERE community_id = %s AND member_id = m.id"
        " AND kind = 'message.posted' ORDER BY seq DESC LIMIT 1) AS e",
        [TEXT_LENGTH, sorted(set(member_ids)), community_id],
    )
    return {member: LastWord(seq, at, text or "") for member, seq, at, text in rows.fetchall()}


def leaves_of_member(community_id: int, member_id: int, *, limit: int = 20) -> list[LeaveTaken]:
    """A member's leaves, newest first; void ones (ended before they began) left out."""
    rows = LeaveTaken.objects.filter(community_id=community_id, member_id=member_id)
    return [row for row in rows.order_by("-seq")[:limit] if row.last_day >= row.first_day]


def on_leave(community_id: int, today: date) -> list[LeaveTaken]:
    """Leaves that run or are still to come, the earliest end first."""
    rows = LeaveTaken.objects.filter(community_id=community_id, last_day__gte=today).order_by("last_day", "seq")
    return [row for row in rows[:200] if row.last_day >= row.first_day]


def _query(community_id: int, wanted: ObservationFilter) -> QuerySet[Observation]:
    rows = Observation.objects.filter(community_id=community_id)
    if wanted.standing:
        rows = rows.filter(state__in=STANDINGS[wanted.standing])
    if wanted.group is not None:
        rows = rows.filter(Q(to_group=wanted.group) | Q(from_groups__contains=wanted.group))
    if wanted.text:
        named = Member.objects.filter(community_id=community_id, display_name__icontains=wanted.text)
        rows = rows.filter(member_id__in=named.values("pk"))
    return rows
