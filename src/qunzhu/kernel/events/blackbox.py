"""Verify the black box: every row of the log against its seals, every seal against chain, signature and witness.

Streams; memory does not grow with the log. Each finding names its row, so that an auditor can go and look.
"""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg

from qunzhu.kernel.events import expire, keys, leaf, merkle, seal, witness
from qunzhu.kernel.events.log import SALT_BYTES
from qunzhu.kernel.events.seal import BLOCK_COLUMNS, Block

MAX_FINDINGS = 1_000
ROWS_AT_ONCE = 2_000
_REPORT_EVERY = 2_048
_HASH = merkle.HASH_BYTES


@dataclass(frozen=True)
class Progress:
    """How many of the log's rows have been looked at."""

    done: int
    total: int


@dataclass(frozen=True)
class Finding:
    """Something wrong. `what` is event, block or log; `number` the seq or block; `reason` a code (see REASONS)."""

    what: str
    number: int
    reason: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.number}: {REASONS[self.reason]}" + (f" ({self.detail})" if self.detail else "")


REASONS: dict[str, str] = {
    "header_changed": "a column of this row was changed after it was sealed",
    "body_changed": "body or salt does not match the digest",
    "digest_changed": "the digest was changed",
    "erased_without_record": "body and salt are gone, but no member.erased or messages.expired covers this row",
    "deleted": "the row is missing",
    "inserted": "the row does not belong to the log",
    "swapped": "the row stands in the place of another one",
    "block_missing": "the block is missing from the chain",
    "block_range": "first and last seq do not continue the block before",
    "block_leaves": "the leaves do not have this root or this length",
    "block_hash": "the block's fields do not have this hash",
    "chain_broken": "the previous hash is not the hash of the block before",
    "bad_signature": "the signature does not verify",
    "unknown_key": "it was signed with a key that is not on file here",
    "truncated": "the witness knows this block, the database does not have it as it was noted",
    "head_wrong": "the log's head is not its last row",
}


@dataclass
class Report:
    """The result: `findings` in the order found (at most 1,000; `more` counts the rest), `notes` are no faults."""

    community_id: int
    events: int = 0
    sealed: int = 0
    blocks: int = 0
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)
    more: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not self.findings

    def add(self, finding: Finding) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(finding)
        else:
            self.more += 1


def verify(
    conn: psycopg.Connection[Any], community_id: int, *, witnesses: Iterable[Path] | None = None
) -> Iterator[Progress | Report]:
    """Yield progress and, last, the report. `conn` must be inside a transaction (better: REPEATABLE READ).

    `witnesses`: witness files; None means this machine's own.
    """
    return _Verification(conn, community_id, witness.heads(community_id, witnesses)).run()


def verify_all(
    conn: psycopg.Connection[Any], *, witnesses: Iterable[Path] | None = None
) -> Iterator[Progress | Report]:
    """The same for every community that has a log, blocks or rows."""
    files = list(witnesses) if witnesses is not None else None
    for community_id in communities(conn):
        yield from verify(conn, community_id, witnesses=files)


def communities(conn: psycopg.Connection[Any]) -> list[int]:
    """Ids of communities that have a head, rows or blocks; a loose index scan, so that rows cost nothing."""
    rows = conn.execute(
        "WITH RECURSIVE found(id) AS ((SELECT min(community_id) FROM event) UNION ALL"
        " SELECT (SELECT min(community_id) FROM event WHERE community_id > found.id) FROM found"
        " WHERE found.id IS NOT NULL)"
        " SELECT id FROM found WHERE id IS NOT NULL UNION SELECT community_id FROM event_head"
        " UNION SELECT community_id FROM sealed_block ORDER BY 1"
    )
    return [row[0] for row in rows.fetchall()]


@dataclass
class _Erased:
    """What erasures and expiries cover: a member's own rows up to a seq, other rows by seq, old messages."""

    upto: dict[int, int] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    expired: list[expire.Record] = field(default_factory=list)

    def covers(self, header: leaf.Header) -> bool:
        seq, member_id = header[1], header[5]
        if member_id is not None and seq < self.upto.get(member_id, 0):
            return True
        return seq < self.rows.get(seq, 0) or any(r.covers(seq, header[3], header[7]) for r in self.expired)


class _Verification:
    def __init__(self, conn: psycopg.Connection[Any], community_id: int, heads: dict[int, witness.Head]) -> None:
        self.conn = conn
        self.report = Report(community_id)
        self.heads = heads
        self.keys = keys.public_keys()
        self.erased = _Erased()
        self.head = 0
        self.odd: dict[int, tuple[leaf.Header, bytes]] = {}  # rows that are not what was sealed there

    def run(self) -> Iterator[Progress | Report]:
        community_id = self.report.community_id
        row = self.conn.execute("SELECT seq FROM event_head WHERE community_id = %s", [community_id]).fetchone()
        self.head = int(row[0]) if row else 0
        self._read_erased()
        # Closed at once when the caller stops early: an open server-side cursor would end up in nobody's hands.
        with closing(self._rows()) as rows, closing(self._blocks()) as blocks:
            expected = 1
            pending = self._stray(rows, next(rows, None))
            for block in blocks:
                pending = self._skip(rows, pending, block.first_seq)
                yield from self._check_rows(rows, pending, block)
                pending = self._pending
                expected = max(expected, block.last_seq + 1)
            self.report.sealed = expected - 1
            yield from self._check_tail(rows, pending, expected)
        self._find_swaps()
        self._check_witness()
        yield Progress(self.report.events, self.report.events)
        yield self.report

    def _rows(self) -> Generator[tuple[Any, ...]]:
        sql = f"SELECT {leaf.HEADER_COLUMNS}, body::text, salt FROM event WHERE community_id = %s ORDER BY seq"
        return leaf.stream(self.conn, "blackbox_rows", sql, [self.report.community_id], ROWS_AT_ONCE)

    def _read_erased(self) -> None:
        rows = psycopg.Cursor(self.conn).execute(
            "SELECT seq, body, kind FROM event WHERE community_id = %s AND kind IN ('member.erased', %s)"
            " AND body IS NOT NULL",
            [self.report.community_id, expire.KIND],
        )
        for seq, body, kind in rows:
            if kind == expire.KIND:
                record = expire.Record.of(seq, body)
                self.erased.expired += [record] if record else []
            elif isinstance(body, dict) and isinstance(body.get("member"), int):
                self.erased.upto[body["member"]] = max(seq, self.erased.upto.get(body["member"], 0))
                for other in body.get("also") or ():
                    self.erased.rows[other] = seq

    def _blocks(self) -> Generator[Block]:
        """Blocks in order, each checked by itself and against the one before; only usable ones are passed on."""
        sql = f"SELECT {BLOCK_COLUMNS} FROM sealed_block WHERE community_id = %s ORDER BY number"
        number, last_seq, previous = 0, 0, seal.GENESIS
        with closing(leaf.stream(self.conn, "blackbox_blocks", sql, [self.report.community_id], 64)) as stream:
            for row in stream:
                block = Block(*row)
                self.report.blocks += 1
                for missing in range(number + 1, min(block.number, number + 1 + MAX_FINDINGS)):
                    self._block(missing, "block_missing")
                if block.number == number + 1 and block.previous_hash != previous:
                    self._block(block.number, "chain_broken")
                if block.number == number + 1 and block.first_seq != last_seq + 1:
                    self._block(block.number, "block_range", f"{block.first_seq} after {last_seq}")
                usable = self._check_block(block) and block.first_seq > last_seq
                number, previous = block.number, block.block_hash
                if usable:
                    last_seq = block.last_seq
                    yield block
                else:
                    last_seq = max(last_seq, block.last_seq)

    def _check_block(self, block: Block) -> bool:
        """Whether the block's leaves can be compared with rows."""
        hashes = [block.leaves[i : i + _HASH] for i in range(0, len(block.leaves), _HASH)]
        fits = len(block.leaves) == (block.last_seq - block.first_seq + 1) * _HASH and block.first_seq >= 1
        usable = fits and merkle.root(hashes) == block.root
        if not usable:
            self._block(block.number, "block_leaves")
        if not self._hash_fits(block):
            self._block(block.number, "block_hash")
        public = self.keys.get(block.key_id)
        if public is None:
            self._block(block.number, "unknown_key", block.key_id)
        elif not keys.signed(public, block.signature, block.block_hash):
            self._block(block.number, "bad_signature")
        noted = self.heads.pop(block.number, None)
        if noted is not None and noted.block_hash != block.block_hash:
            self._block(block.number, "truncated", "another hash was noted")
        return usable

    def _hash_fits(self, block: Block) -> bool:
        if len(block.root) != _HASH or len(block.previous_hash) != _HASH:
            return False
        return block.block_hash == seal.hash_of(
            self.report.community_id, block.number, block.first_seq, block.last_seq, block.root, block.previous_hash,
            block.sealed_at, block.key_id,
        )  # fmt: skip

    def _stray(self, rows: Iterator[tuple[Any, ...]], pending: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """Rows before the first seq, where none may be."""
        while pending is not None and pending[1] < 1:
            self.report.events += 1
            self._event(pending[1], "inserted")
            pending = next(rows, None)
        return pending

    def _skip(
        self, rows: Iterator[tuple[Any, ...]], pending: tuple[Any, ...] | None, upto: int
    ) -> tuple[Any, ...] | None:
        """Rows whose block is missing or unusable, which has been named: there is nothing to compare them with."""
        while pending is not None and pending[1] < upto:
            self.report.events += 1
            pending = next(rows, None)
        return pending

    def _check_rows(
        self, rows: Iterator[tuple[Any, ...]], pending: tuple[Any, ...] | None, block: Block
    ) -> Iterator[Progress]:
        report, leaf_of = self.report, leaf.leaf_of
        for offset, seq in enumerate(range(block.first_seq, block.last_seq + 1)):
            if pending is None or pending[1] != seq:
                self._event(seq, "deleted")
                continue
            report.events += 1
            header, body, salt = pending[:11], pending[11], pending[12]
            found = leaf_of(header)
            sealed = block.leaves[offset * _HASH : (offset + 1) * _HASH]
            if found != sealed:
                self._changed(header, sealed, body, salt)
            elif salt is None or body is None or sha256(salt + body.encode()).digest() != header[10]:
                self._check_erased(header, body, salt)
            elif len(salt) != SALT_BYTES:
                self._event(seq, "body_changed", "salt has another length")
            pending = next(rows, None)
            if not report.events % _REPORT_EVERY:
                yield Progress(report.events, max(self.head, report.events))
        self._pending = pending

    def _check_tail(
        self, rows: Iterator[tuple[Any, ...]], pending: tuple[Any, ...] | None, expected: int
    ) -> Iterator[Progress]:
        """Rows after the last block: they must be there without a gap up to the head, and match their digests."""
        while pending is not None:
            seq = pending[1]
            self.report.events += 1
            if seq > self.head:
                self._event(seq, "inserted", f"beyond the head {self.head}")
            else:
                self._missing(expected, seq)
                header, body, salt = pending[:11], pending[11], pending[12]
                if salt is None or body is None or sha256(salt + body.encode()).digest() != header[10]:
                    self._check_erased(header, body, salt)
                expected = seq + 1
            pending = next(rows, None)
            if not self.report.events % _REPORT_EVERY:
                yield Progress(self.report.events, max(self.head, self.report.events))
        self._missing(expected, self.head + 1)
        if self.head < self.report.sealed:
            self.report.add(Finding("log", self.head, "head_wrong", f"sealed up to {self.report.sealed}"))
        unsealed = self.head - self.report.sealed
        if unsealed > 0:
            self.report.notes.append(f"{unsealed} events are not sealed yet")

    def _missing(self, first: int, upto: int) -> None:
        for seq in range(first, min(upto, first + MAX_FINDINGS)):
            self._event(seq, "deleted")
        self.report.more += max(0, upto - first - MAX_FINDINGS)

    def _changed(self, header: leaf.Header, sealed: bytes, body: str | None, salt: bytes | None) -> None:
        self.odd[header[1]] = (header, sealed)
        fits = salt is not None and body is not None and sha256(salt + body.encode()).digest() == header[10]
        if fits or (salt is None and body is None):
            self._event(header[1], "header_changed")
        elif salt is not None and body is not None:
            original = sha256(salt + body.encode()).digest()
            only_digest = leaf.leaf_of((*header[:10], original)) == sealed
            self._event(header[1], "digest_changed" if only_digest else "header_changed")
        else:
            self._event(header[1], "header_changed")

    def _check_erased(self, header: leaf.Header, body: str | None, salt: bytes | None) -> None:
        if salt is not None or body is not None:
            self._event(header[1], "body_changed")
        elif self.erased.covers(header):
            self.report.erased += 1
        else:
            self._event(header[1], "erased_without_record")

    def _find_swaps(self) -> None:
        """Say of changed rows which of them merely changed places."""
        if len(self.odd) > MAX_FINDINGS:
            return
        sealed_at = {sealed: seq for seq, (_, sealed) in self.odd.items()}
        for index, finding in enumerate(self.report.findings):
            if finding.what != "event" or finding.number not in self.odd:
                continue
            header = self.odd[finding.number][0]
            for other in self.odd:
                origin = sealed_at.get(leaf.leaf_of((header[0], other, *header[2:])))
                if origin == other and other != finding.number:
                    moved = Finding("event", finding.number, "swapped", f"it is event {other}")
                    self.report.findings[index] = moved
                    break

    def _check_witness(self) -> None:
        if self.report.blocks and not self.heads and not self._witnessed:
            self.report.notes.append("no witness on this machine knows this chain")
        for number in sorted(self.heads):
            self._block(number, "truncated", f"events up to {self.heads[number].last_seq} were sealed")

    @property
    def _witnessed(self) -> bool:
        return bool(witness.heads(self.report.community_id))

    def _event(self, seq: int, reason: str, detail: str = "") -> None:
        self.report.add(Finding("event", seq, reason, detail))

    def _block(self, number: int, reason: str, detail: str = "") -> None:
        self.report.add(Finding("block", number, reason, detail))
