"""What was asked of the platforms, newest first, and what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from qunzhu.console.reading.slices import ROWS, Stretch, counted, narrowed, parse_position, position, stretch
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


def effects(community_id: int, wanted: EffectFilter, *, before: str) -> Stretch[Effect]:
    """Fifty effects older than `before` ("<microseconds>-<id>", as `older` gave it)."""
    rows = _query(community_id, wanted)
    found = list(rows.filter(_older_than(before))[: ROWS + 1])
    return stretch(found, lambda e: position(e.created_at, e.id.hex), counted(rows))


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
    return narrowed(
        Effect.objects.filter(community_id=community_id).order_by("-created_at", "-id"),
        status=wanted.status,
        kind=wanted.kind,
        group_id=wanted.group,
        member_id=wanted.member,
        rule=wanted.rule,
    )
