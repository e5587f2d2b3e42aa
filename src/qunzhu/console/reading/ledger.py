"""The ledger as staff see it: movements of members' points, one transaction with all its legs, what there is in all."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from qunzhu.console.reading.people import member_names
from qunzhu.console.reading.slices import COUNTED, ROWS, Stretch, in_parts, position, stretch
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.services import ISSUE, POINTS

_FROM = (
    " FROM posting p JOIN ledger_transaction t ON t.community_id = p.community_id AND t.id = p.transaction_id"
    " WHERE p.community_id = %(c)s AND p.unit = 'PTS' AND {where}"
)
_SELECT = "SELECT p.transaction_id, p.line, p.at, p.owner, p.amount, p.balance_after, t.kind, t.memo, t.cause_seq"
_MEMBERS = "p.owner LIKE 'm:%%'"


@dataclass(frozen=True)
class Wanted:
    """The filters: "" and None take all. `sign` is "in" or "out"; without an account, those of members."""

    kind: str = ""
    member: int | None = None
    account: str = ""
    sign: str = ""


@dataclass(frozen=True)
class Movement:
    """One leg: whose account, how much, what it had then, and why. `member` 0: an account of the house."""

    transaction: UUID
    line: int
    at: datetime
    owner: str
    amount: int
    balance: int
    kind: str
    memo: str
    cause_seq: int | None
    member: int
    name: str

    @property
    def place(self) -> str:
        return position(self.at, f"{self.transaction}.{self.line}")


@dataclass(frozen=True)
class Transaction:
    """All legs, the key that made it once, and what reverses what."""

    id: UUID
    kind: str
    memo: str
    key: str
    at: datetime
    cause_seq: int | None
    reverses: UUID | None
    reversed_by: UUID | None
    legs: Sequence[Movement]

    @property
    def member(self) -> int:
        """The one member who was given points, or from whom they were taken, by the house; 0 of anything else."""
        owners = {leg.owner for leg in self.legs}
        members = [leg.member for leg in self.legs if leg.member]
        return members[0] if len(self.legs) == len(members) + 1 == 2 and ISSUE in owners else 0  # noqa: PLR2004

    @property
    def amount(self) -> int:
        """What the member got (or lost)."""
        return next((leg.amount for leg in self.legs if leg.member), 0)


@dataclass(frozen=True)
class Totals:
    """Points that members have, that lie in accounts of the house (orders, packets), and that were ever given out."""

    members: int
    holders: int
    held: int
    issued: int


def movements(community_id: int, wanted: Wanted, *, before: tuple[datetime, str] | None) -> Stretch[Movement]:
    """The newest first, from a place on. Three queries."""
    where, values = _where(community_id, wanted)
    total = _one(f"SELECT count(*) FROM (SELECT 1{_FROM.format(where=where)} LIMIT {COUNTED + 1}) n", values)
    if before is not None and (place := _parse(before)) is not None:
        where += " AND (p.at < %(at)s OR (p.at = %(at)s AND (p.transaction_id, p.line) > (%(tx)s, %(line)s)))"
        values |= place
    sql = f"{_SELECT}{_FROM.format(where=where)} ORDER BY p.at DESC, p.transaction_id, p.line LIMIT {ROWS + 1}"
    rows = psycopg.Cursor(raw_connection()).execute(sql, values).fetchall()
    return stretch(_told(community_id, rows), lambda row: row.place, int(total))


def every_movement(community_id: int, wanted: Wanted) -> Iterator[Movement]:
    """All that is filtered, for a file."""
    where, values = _where(community_id, wanted)
    sql = f"{_SELECT}{_FROM.format(where=where)} ORDER BY p.at DESC, p.transaction_id, p.line"
    for part in in_parts(psycopg.Cursor(raw_connection()).execute(sql, values)):
        yield from _told(community_id, part)


def transaction(community_id: int, number: UUID) -> Transaction | None:
    """One transaction with its legs; None when there is none here. Three queries."""
    cursor = psycopg.Cursor(raw_connection())
    row = cursor.execute(
        "SELECT t.kind, t.memo, t.idempotency_key, t.at, t.cause_seq, t.reverses,"
        " (SELECT r.id FROM ledger_transaction r WHERE r.community_id = t.community_id AND r.reverses = t.id)"
        " FROM ledger_transaction t WHERE t.community_id = %s AND t.id = %s",
        [community_id, number],
    ).fetchone()
    if row is None:
        return None
    legs = cursor.execute(
        f"{_SELECT} FROM posting p JOIN ledger_transaction t ON t.community_id = p.community_id"
        " AND t.id = p.transaction_id WHERE p.community_id = %s AND p.transaction_id = %s ORDER BY p.line",
        [community_id, number],
    ).fetchall()
    kind, memo, key, at, cause_seq, reverses, reversed_by = row
    return Transaction(number, kind, memo, key, at, cause_seq, reverses, reversed_by, _told(community_id, legs))


def totals(community_id: int) -> Totals:
    """What there is in all; one query over accounts."""
    row = psycopg.Cursor(raw_connection()).execute(
        "SELECT coalesce(sum(balance) FILTER (WHERE owner LIKE 'm:%%'), 0)::int8,"
        " count(*) FILTER (WHERE owner LIKE 'm:%%' AND balance > 0),"
        " coalesce(sum(balance) FILTER (WHERE owner LIKE 'sys:%%' AND owner <> %(issue)s), 0)::int8,"
        " coalesce(-sum(balance) FILTER (WHERE owner = %(issue)s), 0)::int8"
        " FROM account WHERE community_id = %(c)s AND unit = %(unit)s",
        {"c": community_id, "issue": ISSUE, "unit": POINTS},
    )
    return Totals(*(row.fetchone() or (0, 0, 0, 0)))


def kinds(community_id: int) -> list[str]:
    """The kinds that occur, by name: a walk along the index, one step for each."""
    rows = psycopg.Cursor(raw_connection()).execute(
        "WITH RECURSIVE k AS ((SELECT kind FROM ledger_transaction WHERE community_id = %(c)s ORDER BY kind LIMIT 1)"
        " UNION ALL SELECT (SELECT t.kind FROM ledger_transaction t WHERE t.community_id = %(c)s AND t.kind > k.kind"
        " ORDER BY t.kind LIMIT 1) FROM k WHERE k.kind IS NOT NULL) SELECT kind FROM k WHERE kind IS NOT NULL",
        {"c": community_id},
    )
    return [kind for (kind,) in rows.fetchall()]


def _where(community_id: int, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {"c": community_id}
    where = [_MEMBERS]
    if wanted.member or wanted.account:
        where = ["p.owner = %(owner)s"]
        values["owner"] = f"m:{wanted.member}" if wanted.member else wanted.account
    if wanted.kind:
        where.append("t.kind = %(kind)s")
        values["kind"] = wanted.kind
    if wanted.sign:
        where.append("p.amount > 0" if wanted.sign == "in" else "p.amount < 0")
    return " AND ".join(where), values


def _parse(before: tuple[datetime, str]) -> dict[str, Any] | None:
    at, key = before
    name, _, line = key.partition(".")
    try:
        return {"at": at, "tx": UUID(name), "line": min(int(line), 1 << 14)}
    except ValueError:
        return None


def _told(community_id: int, rows: Sequence[tuple[Any, ...]]) -> list[Movement]:
    members = [int(row[3][2:]) if row[3].startswith("m:") else 0 for row in rows]
    names = member_names(community_id, members)
    return [Movement(*(*row, m, names.get(m, ""))) for row, m in zip(rows, members, strict=True)]


def _one(sql: str, values: dict[str, Any]) -> Any:
    row = psycopg.Cursor(raw_connection()).execute(sql, values).fetchone()
    return row[0] if row else 0
