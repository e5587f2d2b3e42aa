"""How old the points of members are."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg

from qunzhu.engagement.points.policy import Expiry, overdue
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import member_account

# The credits of an account since a moment, as far as they count as new points: no refunds, nothing taken back.
_AGES = (
    "SELECT a.owner, a.balance, coalesce((SELECT sum(p.amount) FROM posting p JOIN ledger_transaction t"
    " ON t.community_id = p.community_id AND t.id = p.transaction_id"
    " WHERE p.community_id = a.community_id AND p.owner = a.owner AND p.unit = a.unit AND p.at > %(since)s"
    " AND p.amount > 0 AND t.reverses IS NULL AND NOT EXISTS (SELECT 1 FROM ledger_transaction r"
    " WHERE r.community_id = t.community_id AND r.reverses = t.id)), 0)::int8"
    " FROM account a WHERE a.community_id = %(c)s AND a.unit = 'PTS' AND a.owner = ANY(%(owners)s) AND a.balance > 0"
)


def too_old(community_id: int, owners: Sequence[str], *, since: datetime) -> dict[str, int]:
    """Owner → points of the balance that were earned at `since` or before; none is left out; 1 query."""
    rows = psycopg.Cursor(raw_connection()).execute(_AGES, {"c": community_id, "since": since, "owners": list(owners)})
    found = {owner: overdue(balance, young) for owner, balance, young in rows.fetchall()}
    return {owner: points for owner, points in found.items() if points}


def expiring(community_id: int, members: Sequence[int], settings: Expiry, *, now: datetime) -> dict[int, int]:
    """Member → points that will expire within `settings.notice` days unless they are spent; at most 1 query."""
    if not settings.expire_after or not members:
        return {}
    since = now - timedelta(days=settings.expire_after - settings.notice)
    accounts = {member_account(member): member for member in members}
    return {accounts[owner]: points for owner, points in too_old(community_id, list(accounts), since=since).items()}
