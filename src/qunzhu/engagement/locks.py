"""Row locks of check-ins: a member's purse, before the member's days are read."""

from collections.abc import Iterable
from typing import Any

import psycopg

from qunzhu.engagement.makeup import CARD, USED
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import ISSUE, POINTS


def lock_purses(
    conn: psycopg.Connection[Any], community_id: int, members: Iterable[int], menders: Iterable[int] = ()
) -> None:
    """Every account that check-ins of `members` and make-ups of `menders` may move, in one call: one lock order."""
    accounts = {(member_account(member), POINTS) for member in members} | {(ISSUE, POINTS)}
    mending = [(member_account(member), CARD) for member in menders]
    if mending:
        accounts |= {*mending, (USED, CARD), (USED, POINTS)}
    lock_accounts(conn, community_id, accounts)
