"""Balances and statements, for pages and commands; and the invariant that must always hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.models import Account
from qunzhu.kernel.ledger.services import POINTS


@dataclass(frozen=True)
class StatementLine:
    """One posting on an account, newest first. `amount` in whole points or fen, `balance` after it."""

    transaction: UUID
    at: datetime
    kind: str
    memo: str
    amount: int
    balance: int
    cause_seq: int | None
    reverses: UUID | None


def member_account(member_id: int) -> str:
    """The owner name of a member's account."""
    return f"m:{member_id}"


def balance(community_id: int, owner: str, unit: str = POINTS) -> int:
    """What `owner` has; 0 for an account that was never used."""
    found = Account.objects.filter(community_id=community_id, owner=owner, unit=unit).values_list("balance", flat=True)
    return next(iter(found), 0)


def balances(community_id: int, owners: Iterable[str], unit: str = POINTS) -> dict[str, int]:
    """Balances of several owners with one query; every owner is in the result."""
    wanted = list(owners)
    found = Account.objects.filter(community_id=community_id, owner__in=wanted, unit=unit)
    return {**dict.fromkeys(wanted, 0), **dict(found.values_list("owner", "balance"))}


def statement(
    community_id: int, owner: str, unit: str = POINTS, *, before: tuple[datetime, UUID] | None = None, limit: int = 50
) -> list[StatementLine]:
    """The latest postings of an account, newest first; `before` is the (at, transaction) of the last line seen."""
    at, after = before or (None, None)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.transaction_id, p.at, t.kind, t.memo, p.amount, p.balance_after, t.cause_seq, t.reverses"
            " FROM posting p JOIN ledger_transaction t ON t.community_id = p.community_id AND t.id = p.transaction_id"
            " WHERE p.community_id = %s AND p.owner = %s AND p.unit = %s AND (%s::timestamptz IS NULL OR p.at < %s"
            " OR (p.at = %s AND p.transaction_id > %s)) ORDER BY p.at DESC, p.transaction_id, p.line LIMIT %s",
            [community_id, owner, unit, at, at, at, after, limit],
        )
        return [StatementLine(*row) for row in cursor.fetchall()]


def check_ledger(community_id: int) -> list[str]:
    """Every broken invariant as one sentence; an empty list is health.

    Sums are zero per transaction and unit, balances equal postings, no member is below zero, no posting is orphaned.
    """
    problems: list[str] = []
    cursor = psycopg.Cursor(raw_connection())
    for sql, words in _INVARIANTS:
        rows: list[tuple[Any, ...]] = cursor.execute(sql, {"c": community_id}).fetchall()
        problems += [words.format(*row) for row in rows]
    return problems


def check_against_log(community_id: int) -> list[str]:
    """The points of every member, worked out from the events of the log alone; an empty list is health.

    Every movement of a member's points stands in the log as `points.posted`, once. One statement, so that points
    which move meanwhile are in both or in neither.
    """
    rows = psycopg.Cursor(raw_connection()).execute(
        "SELECT coalesce(a.owner, e.owner), coalesce(a.unit, e.unit), coalesce(a.balance, 0), coalesce(e.total, 0)"
        " FROM (SELECT owner, unit, balance FROM account WHERE community_id = %(c)s AND unit = 'PTS'"
        " AND owner LIKE 'm:%%') a"
        " FULL JOIN (SELECT 'm:' || member_id AS owner, body->>'unit' AS unit, sum((body->>'amount')::int8) AS total"
        " FROM event WHERE community_id = %(c)s AND kind = 'points.posted' AND body IS NOT NULL GROUP BY 1, 2) e"
        " ON e.owner = a.owner AND e.unit = a.unit"
        " WHERE NOT EXISTS (SELECT 1 FROM event g WHERE g.community_id = %(c)s AND g.kind = 'points.posted'"
        " AND g.body IS NULL AND 'm:' || g.member_id = coalesce(a.owner, e.owner))"  # erased: the log cannot say
        " AND coalesce(a.balance, 0) <> coalesce(e.total, 0) ORDER BY 1, 2",
        {"c": community_id},
    )
    return [f"account {owner} has {has} {unit}, the log sums to {said}" for owner, unit, has, said in rows.fetchall()]


_INVARIANTS = (
    (
        (
            "SELECT transaction_id, unit, sum(amount) FROM posting WHERE community_id = %(c)s"
            " GROUP BY transaction_id, unit HAVING sum(amount) <> 0 ORDER BY 1"
        ),
        "transaction {0} sums to {2} {1}, not to 0",
    ),
    (
        (
            "SELECT coalesce(a.owner, p.owner), coalesce(a.unit, p.unit), coalesce(a.balance, 0), coalesce(p.total, 0)"
            " FROM (SELECT owner, unit, balance FROM account WHERE community_id = %(c)s) a"
            " FULL JOIN (SELECT owner, unit, sum(amount) AS total FROM posting WHERE community_id = %(c)s"
            " GROUP BY owner, unit) p ON p.owner = a.owner AND p.unit = a.unit"
            " WHERE coalesce(a.balance, 0) <> coalesce(p.total, 0) ORDER BY 1, 2"
        ),
        "account {0} has {2} {1}, its postings sum to {3}",
    ),
    (
        (
            "SELECT owner, unit, balance FROM account WHERE community_id = %(c)s AND balance < 0 AND NOT overdraft"
            " ORDER BY 1"
        ),
        "account {0} is below zero: {2} {1}",
    ),
    (
        (
            "SELECT transaction_id FROM posting p WHERE community_id = %(c)s AND NOT EXISTS (SELECT 1 FROM"
            " ledger_transaction t WHERE t.community_id = p.community_id AND t.id = p.transaction_id) ORDER BY 1"
        ),
        "postings of transaction {0} belong to no transaction",
    ),
    (
        (
            "SELECT id FROM ledger_transaction t WHERE community_id = %(c)s AND NOT EXISTS (SELECT 1 FROM posting p"
            " WHERE p.community_id = t.community_id AND p.transaction_id = t.id) ORDER BY 1"
        ),
        "transaction {0} has no postings",
    ),
)
