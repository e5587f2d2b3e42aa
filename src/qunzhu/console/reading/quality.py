"""Quality content as staff see it: the list with the words of each message, and what may be done with one message."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from qunzhu.console.reading.people import group_names, member_names
from qunzhu.console.reading.slices import ROWS, Page, in_parts
from qunzhu.governance.quality.marking import fact, standing_of
from qunzhu.governance.quality.models import QualityMark
from qunzhu.governance.quality.policy import points_from
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import Event


@dataclass(frozen=True)
class Wanted:
    """The filters of the list: "" and None take all."""

    state: str = ""
    group: int | None = None
    member: int | None = None


@dataclass(frozen=True)
class MarkRow:
    """A mark with what was said ("" when erased or a picture) and names."""

    mark: QualityMark
    member: str
    group: str
    said: str
    is_picture: bool


@dataclass(frozen=True)
class Markable:
    """What the page of a message offers: whether it is marked (by whom, when, for how much), else what a mark gives.

    `ended_by` and `ended_why` are those of a mark that was taken back.
    """

    marked: bool
    points: int
    by: str = ""
    at: datetime | None = None
    ended_by: str = ""
    ended_why: str = ""


def marks(community_id: int, wanted: Wanted, *, number: int) -> Page[MarkRow]:
    """The newest first. Five queries."""
    rows = _rows(community_id, wanted)
    total = rows.count()
    number = min(number, max(1, -(-total // ROWS)))
    return Page(_told(community_id, list(rows[(number - 1) * ROWS : number * ROWS])), total, number)


def every_mark(community_id: int, wanted: Wanted) -> Iterator[MarkRow]:
    """All that is filtered, for a file."""
    for part in in_parts(_rows(community_id, wanted).iterator(2_000)):
        yield from _told(community_id, part)


def counts(community_id: int) -> dict[str, int]:
    """How many there are in each state."""
    rows = QualityMark.objects.filter(community_id=community_id).values_list("state").annotate(n=Count("*"))
    return dict(rows.order_by())


def markable(community_id: int, event: Event) -> Markable | None:
    """What can be done with a member's message; None for any other event."""
    if event.kind != "message.posted" or event.member_id is None or event.historic or not event.body:
        return None
    conn = raw_connection()
    # From the log, not the projection: the page comes back before the consumer has heard of the press.
    stands = standing_of(conn, community_id, event.seq)
    points = points_from(blueprint_of(community_id))
    if not stands.turn:
        return Markable(marked=False, points=points)
    told = fact("marked" if stands.marked else "unmarked", community_id, event.seq, stands.turn)
    (last,) = log.read_at(conn, community_id, [log.find(conn, community_id, told) or 0])
    if stands.marked:
        return Markable(marked=True, points=last.body["points"], by=last.body["by"], at=last.occurred_at)
    return Markable(marked=False, points=points, ended_by=last.body["by"], ended_why=last.body["why"])


def _rows(community_id: int, wanted: Wanted) -> QuerySet[QualityMark]:
    rows = QualityMark.objects.filter(community_id=community_id).order_by("-marked_seq")
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.group is not None:
        rows = rows.filter(group_id=wanted.group)
    return rows if wanted.member is None else rows.filter(member_id=wanted.member)


def _told(community_id: int, found: Sequence[QualityMark]) -> list[MarkRow]:
    messages = {e.seq: e.body for e in log.read_at(raw_connection(), community_id, [m.message_seq for m in found])}
    names, groups = member_names(community_id, [m.member_id for m in found]), group_names(community_id)
    rows = []
    for mark in found:
        body = messages.get(mark.message_seq, {})
        said = str(body.get("text") or "")
        name = names.get(mark.member_id, "")
        rows.append(MarkRow(mark, name, groups.get(mark.group_id, ""), said, bool(body.get("image")) and not said))
    return rows
