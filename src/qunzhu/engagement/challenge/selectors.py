"""Challenges for pages and commands, and the invariant that must always hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from django.db.models import Count, Q, QuerySet

from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.kernel.events.runner import raw_connection

OPEN = (Challenge.State.SIGNUP, Challenge.State.RUNNING)
_DONE = (ChallengeProof.State.PENDING, ChallengeProof.State.APPROVED)


@dataclass(frozen=True)
class Standing:
    """A member in a challenge: proven days, which of them today's."""

    challenge: Challenge
    entry: ChallengeEntry
    done: int
    today_done: bool


def challenges(community_id: int, states: Iterable[str] = ()) -> QuerySet[Challenge]:
    """The newest first."""
    rows = Challenge.objects.filter(community_id=community_id).order_by("-pk")
    return rows.filter(state__in=list(states)) if states else rows


def challenge(community_id: int, number: int) -> Challenge | None:
    """One, or None."""
    return Challenge.objects.filter(community_id=community_id, pk=number).first()


def people(ids: Iterable[int]) -> dict[int, int]:
    """Challenge → how many take part (or took part to its end)."""
    rows = ChallengeEntry.objects.filter(challenge_id__in=list(ids)).exclude(state=ChallengeEntry.State.OUT)
    return dict(rows.values_list("challenge_id").annotate(n=Count("*")).order_by())


def standings(community_id: int, member_id: int, today: date) -> list[Standing]:
    """Where a member takes part now, oldest first; 3 queries."""
    entries = {
        e.challenge_id: e
        for e in ChallengeEntry.objects.filter(
            community_id=community_id, member_id=member_id, state=ChallengeEntry.State.IN
        )
    }
    found = Challenge.objects.filter(community_id=community_id, pk__in=list(entries), state__in=OPEN).order_by("pk")
    counted = ChallengeProof.objects.filter(challenge_id__in=list(entries), member_id=member_id, state__in=_DONE)
    rows = (
        counted.values_list("challenge_id").annotate(n=Count("*"), today=Count("seq", filter=Q(day=today))).order_by()
    )
    done = {number: (n, today_n) for number, n, today_n in rows}
    return [Standing(c, entries[c.pk], done.get(c.pk, (0, 0))[0], bool(done.get(c.pk, (0, 0))[1])) for c in found]


def proofs_of(challenge_id: int, member_id: int) -> list[ChallengeProof]:
    """A member's days, oldest first."""
    return list(ChallengeProof.objects.filter(challenge_id=challenge_id, member_id=member_id).order_by("day"))


def waiting_for(challenge_id: int, buddy_id: int) -> list[ChallengeProof]:
    """Proofs that this buddy has not looked at, oldest first."""
    looked_after = ChallengeEntry.objects.filter(challenge_id=challenge_id, buddy_id=buddy_id).values("member_id")
    rows = ChallengeProof.objects.filter(challenge_id=challenge_id, member_id__in=looked_after)
    return list(rows.filter(state=ChallengeProof.State.PENDING).order_by("day", "member_id"))


def proof_at(community_id: int, seq: int) -> ChallengeProof | None:
    """The proof that a message is."""
    return ChallengeProof.objects.filter(community_id=community_id, seq=seq).order_by("challenge_id").first()


def check_challenges(community_id: int) -> list[str]:
    """Every broken invariant as one sentence: a challenge holds the stakes of who is in, and nothing once it ended."""
    rows = psycopg.Cursor(raw_connection()).execute(_HELD, {"c": community_id})
    wrong: list[tuple[Any, ...]] = rows.fetchall()
    return ["challenge {} is {} and should hold {} points, it holds {}".format(*row) for row in wrong]


_HELD = (
    "SELECT c.id, c.state, e.n * c.stake, coalesce(a.balance, 0) FROM challenge c"
    " LEFT JOIN account a ON a.community_id = c.community_id AND a.owner = 'sys:challenge:' || c.id AND a.unit = 'PTS',"
    " LATERAL (SELECT count(*) FILTER (WHERE x.state = 'in') AS n FROM challenge_entry x WHERE x.challenge_id = c.id) e"
    " WHERE c.community_id = %(c)s AND coalesce(a.balance, 0) <> e.n * c.stake ORDER BY 1"
)
