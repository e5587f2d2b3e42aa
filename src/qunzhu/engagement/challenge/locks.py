"""Every row lock of challenges: challenges by number first, then entries by member, then accounts, then the log."""

from collections.abc import Iterable, Sequence

from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import ISSUE, POINTS


def account_of(challenge_id: int) -> str:
    """Where the stakes of a challenge lie."""
    return f"sys:challenge:{challenge_id}"


def lock_challenges(community_id: int, ids: Iterable[int]) -> dict[int, Challenge]:
    """Lock challenges, by number; those of others are left out."""
    rows = Challenge.objects.select_for_update().filter(community_id=community_id, pk__in=sorted(set(ids)))
    return {row.pk: row for row in rows.order_by("pk")}


def lock_challenge(community_id: int, challenge_id: int) -> Challenge:
    """Lock one. Raises Challenge.DoesNotExist."""
    found = lock_challenges(community_id, [challenge_id])
    if challenge_id not in found:
        raise Challenge.DoesNotExist
    return found[challenge_id]


def lock_entries(challenge: Challenge) -> list[ChallengeEntry]:
    """Lock all entries of a locked challenge, in the order of joining."""
    rows = ChallengeEntry.objects.select_for_update().filter(challenge_id=challenge.pk)
    return sorted(rows.order_by("member_id"), key=lambda entry: (entry.joined_at, entry.member_id))


def lock_stakes(community_id: int, challenges: Iterable[int], members: Sequence[int]) -> None:
    """The accounts that stakes of these members move between, all at once."""
    owners = {ISSUE, *map(account_of, challenges), *map(member_account, members)}
    lock_accounts(raw_connection(), community_id, [(owner, POINTS) for owner in owners])
