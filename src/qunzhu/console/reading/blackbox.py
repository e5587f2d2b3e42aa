"""The chain at a glance: cheap figures only; checking it is a job (`console/jobs.py`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from qunzhu.console.reading.slices import ROWS


@dataclass(frozen=True)
class Block:
    """A sealed block without its leaves; hashes in hex."""

    number: int
    first_seq: int
    last_seq: int
    root: str
    block_hash: str
    key_id: str
    sealed_at: datetime

    @property
    def events(self) -> int:
        return self.last_seq - self.first_seq + 1


@dataclass(frozen=True)
class Chain:
    """How far the log is sealed: `tail` events wait for the next block."""

    head: int
    last: Block | None
    first_number: int = 0

    @property
    def blocks(self) -> int:
        return self.last.number - self.first_number + 1 if self.last else 0

    @property
    def tail(self) -> int:
        return self.head - (self.last.last_seq if self.last else 0)


@dataclass(frozen=True)
class BlockPage:
    rows: Sequence[Block]
    older: str


_COLUMNS = "number, first_seq, last_seq, encode(root, 'hex'), encode(block_hash, 'hex'), key_id, sealed_at"


def chain(community_id: int) -> Chain:
    """The state of the chain, from the head of the log and the ends of the list of blocks."""
    sql = f"""
        SELECT coalesce((SELECT seq FROM event_head WHERE community_id = %(c)s), 0),
               coalesce((SELECT min(number) FROM sealed_block WHERE community_id = %(c)s), 0), b.*
        FROM (SELECT 1) AS one LEFT JOIN (
            SELECT {_COLUMNS} FROM sealed_block WHERE community_id = %(c)s ORDER BY number DESC LIMIT 1) AS b ON true"""
    with connection.cursor() as cursor:
        cursor.execute(sql, {"c": community_id})
        row = cursor.fetchone()
    return Chain(row[0], Block(*row[2:]) if row[2] is not None else None, row[1])


def blocks(community_id: int, *, before: int | None) -> BlockPage:
    """Fifty blocks below number `before`, newest first."""
    sql = f"""SELECT {_COLUMNS} FROM sealed_block WHERE community_id = %s AND number < %s
              ORDER BY number DESC LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [community_id, before if before is not None else 1 << 62, ROWS + 1])
        rows = [Block(*row) for row in cursor.fetchall()]
    return BlockPage(rows[:ROWS], str(rows[ROWS - 1].number) if len(rows) > ROWS else "")
