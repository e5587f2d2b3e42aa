"""Penalties, strikes and reports, for member pages and the console."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from qunzhu.governance.models import Penalty, Report
from qunzhu.governance.policy import strike_days
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.selectors import blueprint_of


@dataclass(frozen=True)
class PenaltyView:
    """A penalty as a person reads it. `active`: it still holds; `counts_until`: until when its strike counts."""

    penalty: Penalty
    active: bool
    counts_until: datetime | None

    @property
    def reversed(self) -> bool:
        return self.penalty.reversed_at is not None


def penalties_of(community: Community, member_id: int, *, now: datetime, limit: int = 50) -> list[PenaltyView]:
    """A member's penalties, newest first, with what still holds at `now`."""
    lifetime = timedelta(days=strike_days(community.blueprint))
    rows = Penalty.objects.filter(community_id=community.pk, member_id=member_id).order_by("-at", "-seq")[:limit]
    return [_view(row, now, lifetime) for row in rows]


def penalty_for(community: Community, seq: int, *, now: datetime) -> PenaltyView | None:
    """The penalty for event `seq`, or None."""
    row = Penalty.objects.filter(community_id=community.pk, seq=seq).first()
    return _view(row, now, timedelta(days=strike_days(community.blueprint))) if row else None


def recent_penalties(
    community_id: int, *, group_id: int | None = None, before_seq: int | None = None, limit: int = 50
) -> list[Penalty]:
    """The latest penalties of a community or one group, by the event judged, newest first."""
    rows = Penalty.objects.filter(community_id=community_id)
    if group_id is not None:
        rows = rows.filter(group_id=group_id)
    if before_seq is not None:
        rows = rows.filter(seq__lt=before_seq)
    return list(rows.order_by("-seq")[:limit])


def strikes_of(community_id: int, member_id: int, *, now: datetime) -> int:
    """How many strikes count against a member at `now`: neither reversed nor expired."""
    since = now - timedelta(days=strike_days(blueprint_of(community_id)))
    return Penalty.objects.filter(
        community_id=community_id, member_id=member_id, strike=True, reversed_at=None, at__gt=since
    ).count()


def reports_about(community_id: int, member_id: int, *, limit: int = 50) -> list[Report]:
    """Reports about a member, newest first."""
    return list(Report.objects.filter(community_id=community_id, target_id=member_id).order_by("-seq")[:limit])


def reports_by(community_id: int, member_id: int, *, limit: int = 50) -> list[Report]:
    """Reports that a member filed, newest first."""
    return list(Report.objects.filter(community_id=community_id, reporter_id=member_id).order_by("-seq")[:limit])


def _view(penalty: Penalty, now: datetime, lifetime: timedelta) -> PenaltyView:
    if penalty.reversed_at is not None:
        return PenaltyView(penalty, active=False, counts_until=None)
    active = penalty.step == Penalty.Step.MUTE and penalty.ends_at is not None and penalty.ends_at > now
    expires = penalty.at + lifetime
    return PenaltyView(penalty, active, expires if penalty.strike and expires > now else None)
