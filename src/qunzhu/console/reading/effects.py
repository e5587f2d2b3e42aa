"""What was asked of the platforms, newest first, and what became of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from qunzhu.console.reading.slices import ROWS, parse_position, position
from qunzhu.kernel.effects.models import Effect

COUNTED_DAYS = 30


@dataclass(frozen=True)
class EffectFilter:
    """What the page asks for; empty means all."""

    status: str = ""
    kind: str = ""
    group: int | None = None
    member: int | None = None
    rule: str = ""


@dataclass(frozen=True)
class EffectPage:
    rows: Sequence[Effect]
    older: str  # value of ?before= for the next page, "" at the end


def effects(community_id: int, wanted: EffectFilter, *, before: str) -> EffectPage:
    """Fifty effects older than `before` ("<microseconds>-<id>", as `older` gave it)."""
    rows = list(_query(community_id, wanted).filter(_older_than(before))[: ROWS + 1])
    more = len(rows) > ROWS
    rows = rows[:ROWS]
    return EffectPage(rows, position(rows[-1].created_at, rows[-1].id.hex) if more else "")


def everything(community_id: int, wanted: EffectFilter) -> Iterator[Effect]:
    """All effects of a filter, streamed."""
    return _query(community_id, wanted).iterator(chunk_size=2_000)


def counts(community_id: int, *, now: datetime) -> dict[str, int]:
    """Effects of the last 30 days by status."""
    since = now - timedelta(days=COUNTED_DAYS)
    rows = Effect.objects.filter(community_id=community_id, created_at__gte=since)
    return dict(rows.values("status").annotate(n=Count("id")).order_by().values_list("status", "n"))


def effect(community_id: int, effect_id: UUID) -> Effect | None:
    return Effect.objects.filter(community_id=community_id, id=effect_id).first()


def _older_than(before: str) -> Q:
    place = parse_position(before)
    try:
        return Q(created_at__lt=place[0]) | Q(created_at=place[0], id__lt=UUID(place[1])) if place else Q()
    except ValueError:
        return Q()


def _query(community_id: int, wanted: EffectFilter) -> QuerySet[Effect]:
    rows = Effect.objects.filter(community_id=community_id).order_by("-created_at", "-id")
    if wanted.status:
        rows = rows.filter(status=wanted.status)
    if wanted.kind:
        rows = rows.filter(kind=wanted.kind)
    if wanted.group:
        rows = rows.filter(group_id=wanted.group)
    if wanted.member:
        rows = rows.filter(member_id=wanted.member)
    if wanted.rule:
        rows = rows.filter(rule=wanted.rule)
    return rows
