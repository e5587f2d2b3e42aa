"""What staff did, newest first: keyset pages over (at, id)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from qunzhu.console.reading.slices import ROWS, Stretch, counted, narrowed, parse_position, position, positive, stretch
from qunzhu.kernel.community.models import AuditEntry


@dataclass(frozen=True)
class AuditFilter:
    """What the page asks for; empty strings mean all. `days` 0 means since the beginning."""

    user: str = ""
    action: str = ""
    allowed: str = ""  # "", "yes", "no"
    days: int = 0


def entries(community_id: int, wanted: AuditFilter, *, before: str, now: datetime) -> Stretch[AuditEntry]:
    """Fifty entries older than `before` ("<microseconds>-<id>", as `older` gave it)."""
    rows = _query(community_id, wanted, now)
    found = list(rows.filter(_older_than(before))[: ROWS + 1])
    return stretch(found, lambda e: position(e.at, e.pk), counted(rows))


def everything(community_id: int, wanted: AuditFilter, *, now: datetime) -> Iterator[AuditEntry]:
    """All entries of a filter, streamed."""
    return _query(community_id, wanted, now).iterator(chunk_size=2_000)


def users(community_id: int) -> list[str]:
    """Everybody who ever acted in this community."""
    rows = AuditEntry.objects.filter(community_id=community_id).order_by("user").values_list("user", flat=True)
    return list(rows.distinct()[:50])


def actions(community_id: int) -> list[str]:
    """Every action that was ever recorded in this community."""
    rows = AuditEntry.objects.filter(community_id=community_id).order_by("action").values_list("action", flat=True)
    return list(rows.distinct()[:100])


def _older_than(before: str) -> Q:
    place = parse_position(before)
    number = positive(place[1]) if place else None
    return Q(at__lt=place[0]) | Q(at=place[0], pk__lt=number) if place and number is not None else Q()


def _query(community_id: int, wanted: AuditFilter, now: datetime) -> QuerySet[AuditEntry]:
    return narrowed(
        AuditEntry.objects.filter(community_id=community_id).order_by("-at", "-pk"),
        user=wanted.user,
        action=wanted.action,
        allowed=wanted.allowed == "yes" if wanted.allowed else None,
        at__gte=now - timedelta(days=wanted.days) if wanted.days else None,
    )
