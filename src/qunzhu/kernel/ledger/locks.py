"""Every row lock of the ledger: accounts, always by owner, then unit, so that two postings never wait in a circle."""

from collections.abc import Iterable
from typing import Any

import psycopg


def lock_accounts(
    conn: psycopg.Connection[Any], community_id: int, accounts: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[int, bool]]:
    """Open missing accounts and lock all; returns (owner, unit) → (balance, may go below zero)."""
    ordered = sorted(set(accounts))
    owners = [owner for owner, _ in ordered]
    units = [unit for _, unit in ordered]
    cursor = psycopg.Cursor(conn)
    cursor.execute(
        "INSERT INTO account (community_id, owner, unit, balance, overdraft)"
        " SELECT %s, o, u, 0, o LIKE 'sys:%%' FROM unnest(%s::text[], %s::text[]) AS a(o, u)"
        ' ORDER BY o COLLATE "C", u COLLATE "C"'
        " ON CONFLICT DO NOTHING",
        [community_id, owners, units],
    )
    rows = cursor.execute(
        "SELECT owner, unit, balance, overdraft FROM account"
        " JOIN unnest(%s::text[], %s::text[]) AS a(o, u) ON owner = o AND unit = u"
        ' WHERE community_id = %s ORDER BY owner COLLATE "C", unit COLLATE "C" FOR UPDATE OF account',
        [owners, units, community_id],
    ).fetchall()
    return {(owner, unit): (balance, overdraft) for owner, unit, balance, overdraft in rows}
