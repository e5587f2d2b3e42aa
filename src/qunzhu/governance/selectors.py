"""Penalties, strikes and reports, for member pages and the console."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from qunzhu.governance.models import Appeal, Penalty, Report
from qunzhu.governance.points import strike_key
from qunzhu.governance.rows import HUMAN
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.connectors.port import BY_RULE
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.models import Posting
from qunzhu.kernel.ledger.services import transaction_id


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
    rows = Penalty.objects.filter(community_id=community.pk, member_id=member_id).order_by("-at", "-seq")[:limit]
    return [_view(row, now) for row in rows]


def penalty_for(community: Community, seq: int, *, now: datetime) -> PenaltyView | None:
    """The penalty for event `seq`, or None."""
    row = Penalty.objects.filter(community_id=community.pk, seq=seq).first()
    return _view(row, now) if row else None


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


def carried_out(community_id: int, penalties: Sequence[Penalty]) -> dict[int, Effect]:
    """Penalty seq → the effect that carried it out (or did not), with one query."""
    if not penalties:
        return {}
    wanted = Q(cause_seq__in=[p.seq for p in penalties]) & (Q(requested_by=BY_RULE) | Q(rule=HUMAN))
    for case_id in {p.of_case for p in penalties if p.of_case is not None}:
        wanted |= Q(idempotency_key__startswith=f"case:{case_id}:")
    effects = Effect.objects.filter(
        wanted, community_id=community_id, member_id__in={p.member_id for p in penalties}, kind__in=Penalty.Step.values
    )
    own = [e for e in effects if e.requested_by == BY_RULE or e.rule == HUMAN]
    by_rule = {(e.cause_seq, e.rule, e.kind): e for e in own}
    by_case = {(int(e.idempotency_key.split(":")[1]), e.kind): e for e in effects if e not in own}
    found = {
        p.seq: by_rule.get((p.seq, p.rule, p.step)) if p.of_case is None else by_case.get((p.of_case, p.step))
        for p in penalties
    }
    return {seq: effect for seq, effect in found.items() if effect is not None}


def points_taken(community_id: int, penalties: Sequence[Penalty]) -> dict[int, int]:
    """Penalty seq → how many points its strike took, with one query; those that took none are absent."""
    seqs = {transaction_id(community_id, strike_key(p.seq)): p.seq for p in penalties if p.strike}
    rows = Posting.objects.filter(community_id=community_id, transaction_id__in=seqs, amount__lt=0)
    taken = rows.filter(owner__startswith="m:").values_list("transaction_id", "amount")
    return {seqs[transaction]: -amount for transaction, amount in taken}


def appeals_against(community_id: int, penalties: Sequence[Penalty]) -> dict[int, Appeal]:
    """Penalty seq → the appeal against it, with one query."""
    rows = Appeal.objects.filter(community_id=community_id, penalty_seq__in=[p.seq for p in penalties])
    return {row.penalty_seq: row for row in rows}


def strikes_of(community_id: int, member_id: int, *, now: datetime) -> int:
    """How many strikes count against a member at `now`: neither reversed nor expired."""
    return Penalty.objects.filter(
        community_id=community_id, member_id=member_id, strike=True, reversed_at=None, strike_until__gt=now
    ).count()


def reports_about(community_id: int, member_id: int, *, limit: int = 50) -> list[Report]:
    """Reports about a member, newest first."""
    return list(Report.objects.filter(community_id=community_id, target_id=member_id).order_by("-seq")[:limit])


def reports_by(community_id: int, member_id: int, *, limit: int = 50) -> list[Report]:
    """Reports that a member filed, newest first."""
    return list(Report.objects.filter(community_id=community_id, reporter_id=member_id).order_by("-seq")[:limit])


def _view(penalty: Penalty, now: datetime) -> PenaltyView:
    if penalty.reversed_at is not None:
        return PenaltyView(penalty, active=False, counts_until=None)
    active = penalty.step == Penalty.Step.MUTE and penalty.ends_at is not None and penalty.ends_at > now
    expires = penalty.strike_until if penalty.strike else None
    return PenaltyView(penalty, active, expires if expires is not None and expires > now else None)
