"""Consumer `seal`: closes stretches of the log into blocks, each with a Merkle root, chained and signed (decision 8).

A block has up to 1,024 events. Full blocks are sealed as they fill; a shorter one when its oldest event has waited
`QUIET` and another one is handled, so that a busy log makes one block per 1,024 events and a slower one at most one
every five seconds. What a log that went quiet ends with is sealed by the job `time.seal`, every minute.
Bytes and test vectors: docs/blackbox.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from struct import Struct
from typing import Any

import psycopg
import structlog
from django.db import transaction

from qunzhu.kernel.events import keys, leaf, log, merkle, witness
from qunzhu.kernel.events.runner import Batch, Consumer, raw_connection

logger = structlog.get_logger("qunzhu.blackbox")
BLOCK_EVENTS = 1024
QUIET = timedelta(seconds=5)
GENESIS = bytes(32)
DOMAIN = b"qunzhu block 1\n"
_FIXED = Struct(">qqqq32s32s8s")
_LOCK = 0x5EA1  # first half of the advisory lock of a community's chain; the second half is its id
BLOCK_COLUMNS = (
    "number, first_seq, last_seq, leaves, root, previous_hash, block_hash, signature, key_id,"
    " timestamptz_send(sealed_at)"
)


@dataclass(frozen=True)
class Block:
    """A row of `sealed_block`; `sealed_at` as its 8 sealed bytes (see leaf.time_bytes)."""

    number: int
    first_seq: int
    last_seq: int
    leaves: bytes
    root: bytes
    previous_hash: bytes
    block_hash: bytes
    signature: bytes
    key_id: str
    sealed_at: bytes


def hash_of(
    community_id: int,
    number: int,
    first_seq: int,
    last_seq: int,
    root: bytes,
    previous_hash: bytes,
    sealed_at: bytes,
    key_id: str,
) -> bytes:
    """SHA-256 over the domain, the fixed fields and the key id. Raises struct.error for hashes that do not fit."""
    fixed = _FIXED.pack(community_id, number, first_seq, last_seq, root, previous_hash, sealed_at)
    return sha256(DOMAIN + fixed + key_id.encode()).digest()


def handle(batch: Batch) -> None:
    """Seal what the batch completed. In a rebuild there is nothing to do: signed blocks are no projection."""
    if batch.rebuilding:
        return
    heads = _seal(batch.connection, batch.community_id, batch.upto, batch.now, batch.now - QUIET)
    if heads:
        transaction.on_commit(_noting(heads))


def seal_now(*, community_id: int, now: datetime) -> int:
    """Seal everything up to the log's head at once; returns how many blocks were made."""
    return _seal_one(community_id, now, now)


def seal_tail(*, community_id: int, now: datetime) -> int:
    """Seal what has waited long enough in one community; returns how many blocks were made."""
    return _seal_one(community_id, now, now - QUIET)


def seal_quiet_tails(*, now: datetime) -> int:
    """What time does: close short blocks of logs that went quiet. Returns how many blocks were made."""
    waiting = raw_connection().execute(
        "SELECT h.community_id FROM event_head h WHERE h.seq > coalesce((SELECT b.last_seq FROM sealed_block b"
        " WHERE b.community_id = h.community_id ORDER BY b.number DESC LIMIT 1), 0) ORDER BY 1"
    )
    return sum(seal_tail(community_id=row[0], now=now) for row in waiting.fetchall())


def unsealed_since() -> dict[int, datetime]:
    """Community id → when its oldest event that no block covers was received; communities without one are left out."""
    rows = raw_connection().execute(
        "SELECT h.community_id, e.received_at FROM event_head h CROSS JOIN LATERAL (SELECT coalesce((SELECT b.last_seq"
        " FROM sealed_block b WHERE b.community_id = h.community_id ORDER BY b.number DESC LIMIT 1), 0) AS seq) s"
        " CROSS JOIN LATERAL (SELECT received_at FROM event WHERE community_id = h.community_id AND seq > s.seq"
        " ORDER BY seq LIMIT 1) e WHERE h.seq > s.seq"
    )
    return dict(rows.fetchall())


@transaction.atomic
def _seal_one(community_id: int, now: datetime, quiet_before: datetime) -> int:
    raw = raw_connection()
    heads = _seal(raw, community_id, log.head(raw, community_id), now, quiet_before)
    if heads:
        transaction.on_commit(_noting(heads))
    return len(heads)


def _noting(heads: list[witness.Head]) -> Callable[[], None]:
    return lambda: witness.note(heads)


def _seal(
    conn: psycopg.Connection[Any], community_id: int, upto: int, now: datetime, quiet_before: datetime
) -> list[witness.Head]:
    """Full blocks up to `upto`, and the tail when its oldest event came before `quiet_before` or at it."""
    conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK, community_id & 0x7FFFFFFF])
    number, sealed, previous = last_block(conn, community_id)
    key = keys.signing_key(now=now) if upto > sealed else None
    heads: list[witness.Head] = []
    while key is not None and upto > sealed:
        last = min(sealed + BLOCK_EVENTS, upto)
        if last - sealed < BLOCK_EVENTS and not _waited(conn, community_id, sealed + 1, quiet_before):
            break
        try:
            hashes = leaf.leaves(conn, community_id, after=sealed, upto=last)
        except LookupError as error:  # rows were taken out before they were sealed: `verify` names them
            logger.error("log has gaps, nothing is sealed", community=community_id, error=str(error))  # noqa: TRY400
            break
        number += 1
        previous = _write(conn, community_id, number, sealed + 1, last, hashes, previous, key, now)
        heads.append(witness.Head(community_id, number, last, previous))
        sealed = last
    return heads


def last_block(conn: psycopg.Connection[Any], community_id: int) -> tuple[int, int, bytes]:
    """(number, last seq, block hash) of the chain's end; (0, 0, zeros) before the first block."""
    row = conn.execute(
        "SELECT number, last_seq, block_hash FROM sealed_block WHERE community_id = %s ORDER BY number DESC LIMIT 1",
        [community_id],
    ).fetchone()
    return (row[0], row[1], bytes(row[2])) if row else (0, 0, GENESIS)


def _waited(conn: psycopg.Connection[Any], community_id: int, seq: int, quiet_before: datetime) -> bool:
    row = conn.execute(
        "SELECT received_at <= %s FROM event WHERE community_id = %s AND seq = %s", [quiet_before, community_id, seq]
    ).fetchone()
    return row is None or bool(row[0])  # a missing row is named by the sealing that follows


def _write(
    conn: psycopg.Connection[Any],
    community_id: int,
    number: int,
    first: int,
    last: int,
    hashes: list[bytes],
    previous: bytes,
    key: keys.SigningKey,
    now: datetime,
) -> bytes:
    root = merkle.root(hashes)
    block_hash = hash_of(community_id, number, first, last, root, previous, leaf.time_bytes(now), key.key_id)
    conn.execute(
        "INSERT INTO sealed_block (community_id, number, first_seq, last_seq, leaves, root, previous_hash, block_hash,"
        " signature, key_id, sealed_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            community_id, number, first, last, b"".join(hashes), root, previous, block_hash, key.sign(block_hash),
            key.key_id, now,
        ],
    )  # fmt: skip
    return block_hash


# Its batches carry no events: it reads the header columns itself, in binary, without decoding bodies.
CONSUMER = Consumer("seal", handle, reads_events=False)
