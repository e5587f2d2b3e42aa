"""Move points and money: double entry, append-only, idempotent, undone by reversal, never negative."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from django.db import transaction

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.caps import caps_of, earned_on_day, grant
from qunzhu.kernel.ledger.locks import lock_accounts

POINTS = "PTS"
ISSUE = "sys:issue"  # where points come from; its balance is minus all that is in circulation


class Leg(msgspec.Struct, frozen=True):
    """One line of a transaction: `owner` is "m:<member id>" or "sys:<name>"; `amount` in whole points or fen."""

    owner: str
    unit: str
    amount: int


class Entry(msgspec.Struct, frozen=True):
    """What is to be posted. `key` makes it happen once; `reverses` is the transaction that it undoes."""

    key: str
    kind: str
    legs: tuple[Leg, ...]
    memo: str = ""
    cause_seq: int | None = None
    reverses: UUID | None = None


class Posted(msgspec.Struct, frozen=True):
    """The transaction; `duplicate` when the same entry had been posted before."""

    id: UUID
    duplicate: bool


class Award(msgspec.Struct, frozen=True):
    """Points for one member. `group_id` and `occurred_at` go into the event that announces them."""

    member_id: int
    amount: int
    key: str
    kind: str
    memo: str = ""
    cause_seq: int | None = None
    group_id: int | None = None


class Awarded(msgspec.Struct, frozen=True):
    """A posted award. `event` is for the caller to append; None for a duplicate.

    It is points.posted, or points.capped where nothing was posted because the day's cap was full. `amount` is what was
    given: less than asked for where a cap left less.
    """

    id: UUID
    duplicate: bool
    balance: int
    event: NewEvent | None
    amount: int


class LedgerError(ValueError):
    """An entry that was refused; nothing was posted."""


class Unbalanced(LedgerError):
    """The legs do not sum to zero per unit, or there are none, or one is zero."""


class Insufficient(LedgerError):
    """An account would go below zero."""

    def __init__(self, owner: str, unit: str, balance: int, needed: int) -> None:
        self.owner, self.unit, self.balance, self.needed = owner, unit, balance, needed
        super().__init__(f"余额不足:{owner} 现有 {balance} {unit},需要 {needed} {unit}")


class KeyReused(LedgerError):
    """The key was used before for something else."""


class NotReversible(LedgerError):
    """The transaction does not exist, is a reversal itself, or was reversed before."""


def check_balanced(legs: Sequence[Leg]) -> None:
    """Raise `Unbalanced` unless every unit sums to zero and no leg is zero."""
    sums: dict[str, int] = {}
    for leg in legs:
        if leg.amount == 0:
            raise Unbalanced(f"leg of {leg.owner} is zero")
        sums[leg.unit] = sums.get(leg.unit, 0) + leg.amount
    if not legs or any(sums.values()):
        raise Unbalanced(f"legs must sum to zero per unit, not to {sums}")


def transaction_id(community_id: int, key: str) -> UUID:
    """The id of the transaction that `key` names."""
    return event_id("ledger", community_id, key)


def post(
    *,
    community_id: int,
    key: str,
    kind: str,
    legs: Sequence[Leg],
    memo: str = "",
    cause_seq: int | None = None,
    now: datetime,
) -> Posted:
    """Post one balanced entry. Raises `Unbalanced`, `Insufficient` or `KeyReused`; then nothing was written."""
    entry = Entry(key, kind, tuple(legs), memo, cause_seq)
    return post_many(community_id=community_id, entries=[entry], now=now)[0]


@transaction.atomic
def post_many(*, community_id: int, entries: Sequence[Entry], now: datetime) -> list[Posted]:
    """Post entries in order with a fixed number of statements; all or none. Result i belongs to entry i."""
    for entry in entries:
        check_balanced(entry.legs)
    conn = raw_connection()
    fresh, results = _claim_keys(conn, community_id, entries, now)
    if fresh:
        _move(conn, community_id, fresh, now)
    return results


def award(
    *,
    community_id: int,
    member_id: int,
    amount: int,
    key: str,
    kind: str,
    memo: str = "",
    cause_seq: int | None = None,
    group_id: int | None = None,
    now: datetime,
) -> Awarded:
    """Give a member points out of `sys:issue`. The caller appends `.event` (points.posted) when it is not None."""
    given = Award(member_id, amount, key, kind, memo, cause_seq, group_id)
    return award_many(community_id=community_id, awards=[given], now=now)[0]


@transaction.atomic
def award_many(*, community_id: int, awards: Sequence[Award], now: datetime) -> list[Awarded]:
    """Several awards with a fixed number of statements; result i belongs to award i. Daily caps (caps.py) hold."""
    asked, known = _capped(community_id, awards, now)
    fresh = [(i, a) for i, a in enumerate(asked) if i not in known and (a.amount or not awards[i].amount)]
    entries = [
        Entry(
            a.key,
            a.kind,
            (Leg(f"m:{a.member_id}", POINTS, a.amount), Leg(ISSUE, POINTS, -a.amount)),
            a.memo,
            a.cause_seq,
        )
        for _, a in fresh
    ]
    posted = dict(
        zip((i for i, _ in fresh), post_many(community_id=community_id, entries=entries, now=now), strict=True)
    )
    posted |= {i: Posted(tx, duplicate=True) for i, tx in known.items()}
    after = _balances_after(raw_connection(), community_id, [p.id for p in posted.values()])
    return [
        _awarded(community_id, awards[i], a, posted[i], after[posted[i].id, f"m:{a.member_id}", POINTS], now)
        if i in posted
        else _refused(community_id, awards[i], now)
        for i, a in enumerate(asked)
    ]


def _awarded(community_id: int, wanted: Award, given: Award, done: Posted, balance: int, now: datetime) -> Awarded:
    event = None if done.duplicate else points_event(community_id, given, done.id, balance, now)
    if event is not None and given.amount != wanted.amount:
        event.body["wanted"] = wanted.amount
    return Awarded(done.id, done.duplicate, balance, event, given.amount)


def _refused(community_id: int, wanted: Award, now: datetime) -> Awarded:
    """The day's cap is full: nothing is posted, but it is said."""
    tx = transaction_id(community_id, wanted.key)
    body = {"kind": wanted.kind, "wanted": wanted.amount, "unit": POINTS, "memo": wanted.memo}
    event = NewEvent(
        community_id, event_id("points.capped", tx), "points.capped", now, body,
        group_id=wanted.group_id, member_id=wanted.member_id,
    )  # fmt: skip
    return Awarded(tx, False, 0, event, 0)


def _capped(community_id: int, awards: Sequence[Award], now: datetime) -> tuple[list[Award], dict[int, UUID]]:
    """The awards as the caps leave them, and which of the capped ones were posted before: their place → transaction."""
    conn = raw_connection()
    caps, zone = caps_of(conn, community_id)
    kinds = sorted({kind for cap in caps for kind in cap.kinds})
    places = [i for i, a in enumerate(awards) if a.amount > 0 and a.kind in kinds]
    if not places:
        return list(awards), {}
    members = sorted({a.member_id for a in awards})
    lock_accounts(conn, community_id, [(f"m:{member}", POINTS) for member in members])
    known = _posted_before(conn, community_id, {i: awards[i] for i in places})
    earned = earned_on_day(conn, community_id, members, kinds, now, zone)
    new = [i for i in places if i not in known]
    rooms = grant([(awards[i].member_id, awards[i].kind, awards[i].amount) for i in new], earned, caps)
    asked = list(awards)
    for i, room in zip(new, rooms, strict=True):
        if room < awards[i].amount:
            memo = f"{awards[i].memo}（今日上限，应得 {awards[i].amount}）"
            asked[i] = msgspec.structs.replace(awards[i], amount=room, memo=memo)
    return asked, known


def _posted_before(conn: psycopg.Connection[Any], community_id: int, awards: dict[int, Award]) -> dict[int, UUID]:
    """Place → transaction of awards whose key was posted: cut by a cap maybe, else the same."""
    ids = {i: transaction_id(community_id, a.key) for i, a in awards.items()}
    rows = psycopg.Cursor(conn).execute(
        "SELECT t.id, t.kind, p.owner, p.amount FROM ledger_transaction t JOIN posting p"
        " ON p.community_id = t.community_id AND p.transaction_id = t.id"
        " WHERE t.community_id = %s AND t.id = ANY(%s) AND p.line = 0",
        [community_id, list(ids.values())],
    )
    found = {tx: (kind, owner, amount) for tx, kind, owner, amount in rows.fetchall()}
    for i, tx in ids.items():
        given = awards[i]
        if tx in found and not (found[tx][:2] == (given.kind, f"m:{given.member_id}") and found[tx][2] <= given.amount):
            raise KeyReused(f"key {given.key!r} was posted before as {found[tx]}, now it is wanted as {given}")
    return {i: tx for i, tx in ids.items() if tx in found}


@transaction.atomic
def reverse(*, community_id: int, key: str, of: UUID, memo: str = "", now: datetime) -> Posted:
    """Undo transaction `of` by its mirror image. Raises `NotReversible`, or `Insufficient` when it is spent already."""
    cursor = psycopg.Cursor(raw_connection())
    original = cursor.execute(
        "SELECT kind, cause_seq, reverses FROM ledger_transaction WHERE community_id = %s AND id = %s",
        [community_id, of],
    ).fetchone()
    if original is None:
        raise NotReversible(f"there is no transaction {of}")
    kind, cause_seq, reverses = original
    if reverses is not None:
        raise NotReversible(f"transaction {of} is itself a reversal; post a new entry instead")
    rows = cursor.execute(
        "SELECT owner, unit, -amount FROM posting WHERE community_id = %s AND transaction_id = %s ORDER BY line",
        [community_id, of],
    ).fetchall()
    entry = Entry(key, f"{kind}.reversed", tuple(Leg(*row) for row in rows), memo, cause_seq, of)
    try:
        with transaction.atomic():
            return post_many(community_id=community_id, entries=[entry], now=now)[0]
    except psycopg.errors.UniqueViolation as error:
        raise NotReversible(f"transaction {of} was reversed before") from error


def _input_hash(entry: Entry) -> bytes:
    return hashlib.sha256(msgspec.json.encode(entry)).digest()


def _claim_keys(
    conn: psycopg.Connection[Any], community_id: int, entries: Sequence[Entry], now: datetime
) -> tuple[list[tuple[UUID, Entry]], list[Posted]]:
    """Write the transaction rows; a key that another process is posting right now is waited for."""
    ids = [transaction_id(community_id, entry.key) for entry in entries]
    hashes: dict[UUID, bytes] = {}
    for tx, entry in zip(ids, entries, strict=True):
        if hashes.setdefault(tx, _input_hash(entry)) != _input_hash(entry):
            raise KeyReused(f"key {entry.key!r} stands twice in one call with different content")
    firsts = dict(zip(reversed(ids), reversed(entries), strict=True))  # the first of equal entries wins
    rows = sorted(firsts.items())  # one lock order for keys as well
    written = {
        row[0]
        for row in psycopg.Cursor(conn)
        .execute(
            "INSERT INTO ledger_transaction (community_id, id, idempotency_key, input_hash, kind, memo, cause_seq,"
            " reverses, at) SELECT %s, t.*, %s FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::text[], %s::text[],"
            " %s::int8[], %s::uuid[]) AS t ON CONFLICT (community_id, id) DO NOTHING RETURNING id",
            [
                community_id,
                now,
                [tx for tx, _ in rows],
                [e.key for _, e in rows],
                [hashes[tx] for tx, _ in rows],
                [e.kind for _, e in rows],
                [e.memo for _, e in rows],
                [e.cause_seq for _, e in rows],
                [e.reverses for _, e in rows],
            ],
        )
        .fetchall()
    }
    _check_same_input(conn, community_id, {tx: hashes[tx] for tx in firsts if tx not in written}, firsts)
    fresh: list[tuple[UUID, Entry]] = []
    results: list[Posted] = []
    for tx, entry in zip(ids, entries, strict=True):
        results.append(Posted(tx, duplicate=tx not in written))
        if tx in written:
            fresh.append((tx, entry))
            written.discard(tx)
    return fresh, results


def _check_same_input(
    conn: psycopg.Connection[Any], community_id: int, known: dict[UUID, bytes], entries: dict[UUID, Entry]
) -> None:
    if not known:
        return
    rows = psycopg.Cursor(conn).execute(
        "SELECT t.id, t.input_hash, t.kind, t.memo, t.cause_seq,"
        " array(SELECT format('%%s %%s %%s', p.owner, p.amount, p.unit) FROM posting p"
        "  WHERE p.community_id = t.community_id AND p.transaction_id = t.id ORDER BY p.line)"
        " FROM ledger_transaction t WHERE t.community_id = %s AND t.id = ANY(%s)",
        [community_id, list(known)],
    )
    for tx, digest, kind, memo, cause_seq, legs in rows.fetchall():
        if bytes(digest) != known[tx]:
            entry = entries[tx]
            wanted = [f"{leg.owner} {leg.amount} {leg.unit}" for leg in entry.legs]
            raise KeyReused(
                f"key {entry.key!r} was posted before as {kind} {legs} {memo!r} (event {cause_seq}),"
                f" now it is wanted as {entry.kind} {wanted} {entry.memo!r} (event {entry.cause_seq})"
            )


def _move(conn: psycopg.Connection[Any], community_id: int, fresh: Sequence[tuple[UUID, Entry]], now: datetime) -> None:
    """Lock the accounts in order, work out every balance, write all of them in one statement, then the postings."""
    accounts = lock_accounts(conn, community_id, [(leg.owner, leg.unit) for _, e in fresh for leg in e.legs])
    balances = {name: balance for name, (balance, _) in accounts.items()}
    postings: list[tuple[Any, ...]] = []
    for tx, entry in fresh:
        for line, leg in enumerate(entry.legs):
            name = (leg.owner, leg.unit)
            balances[name] += leg.amount
            postings.append((community_id, tx, line, leg.owner, leg.unit, leg.amount, balances[name], now))
        for leg in entry.legs:  # after the whole entry: its legs may pass through one account
            name = (leg.owner, leg.unit)
            if balances[name] < 0 and not accounts[name][1]:
                moved = sum(x.amount for x in entry.legs if (x.owner, x.unit) == name)
                raise Insufficient(leg.owner, leg.unit, balances[name] - moved, -moved)
    names = list(balances)
    psycopg.Cursor(conn).execute(
        "UPDATE account SET balance = n.balance"
        " FROM unnest(%s::text[], %s::text[], %s::int8[]) AS n(owner, unit, balance)"
        " WHERE account.community_id = %s AND account.owner = n.owner AND account.unit = n.unit",
        [[o for o, _ in names], [u for _, u in names], list(balances.values()), community_id],
    )
    columns = {
        "community_id": "int8", "transaction_id": "uuid", "line": "int2", "owner": "text", "unit": "text",
        "amount": "int8", "balance_after": "int8", "at": "timestamptz",
    }  # fmt: skip
    upsert(conn, "posting", columns, postings, "(community_id, transaction_id, line) DO NOTHING")


def _balances_after(
    conn: psycopg.Connection[Any], community_id: int, ids: Sequence[UUID]
) -> dict[tuple[UUID, str, str], int]:
    rows = psycopg.Cursor(conn).execute(
        "SELECT transaction_id, owner, unit, balance_after FROM posting"
        " WHERE community_id = %s AND transaction_id = ANY(%s)",
        [community_id, list(ids)],
    )
    return {(tx, owner, unit): balance for tx, owner, unit, balance in rows.fetchall()}


def points_event(community_id: int, given: Award, tx: UUID, balance: int, now: datetime) -> NewEvent:
    """`points.posted` of a transaction that moved `given`."""
    return NewEvent(
        community_id,
        event_id("points.posted", tx),
        "points.posted",
        now,
        {
            "transaction": str(tx),
            "amount": given.amount,
            "unit": POINTS,
            "balance": balance,
            "memo": given.memo,
            "kind": given.kind,
        },
        group_id=given.group_id,
        member_id=given.member_id,
    )
