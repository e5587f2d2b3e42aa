"""The chain at a glance: cheap figures only; checking it is a job (`console/jobs.py`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from qunzhu.console.reading.slices import ROWS, Stretch, stretch
from qunzhu.kernel.events import keys


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


def blocks(community_id: int, *, before: int | None) -> Stretch[Block]:
    """Fifty blocks below number `before`, newest first."""
    sql = f"""SELECT {_COLUMNS} FROM sealed_block WHERE community_id = %s AND number < %s
              ORDER BY number DESC LIMIT %s"""
    with connection.cursor() as cursor:
        cursor.execute(sql, [community_id, before if before is not None else 1 << 62, ROWS + 1])
        return stretch([Block(*row) for row in cursor.fetchall()], lambda block: block.number)


def every_block(community_id: int) -> Iterator[Block]:
    """All blocks, newest first, a page at a time."""
    before: int | None = None
    while found := blocks(community_id, before=before):
        yield from found.rows
        if not found.older:
            return
        before = int(found.older)


def fingerprint(key_id: str) -> str:
    """SHA-256 of the public key that signed, in groups of four hex digits; "" when it is not on file here."""
    public = keys.public_keys().get(key_id)
    digits = sha256(public).hexdigest() if public else ""
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))


def finding_sentence(finding: dict[str, Any]) -> str:
    """What is wrong with which row, in the reader's language."""
    words = {
        "header_changed": _("封存之后有一栏被改过"),
        "body_changed": _("内容和指纹对不上"),
        "digest_changed": _("指纹被改过"),
        "erased_without_record": _("内容没了,却没有抹除记录"),
        "deleted": _("这一行不见了"),
        "inserted": _("这一行是后来塞进去的"),
        "swapped": _("这一行和别的行换了位置"),
        "block_missing": _("区块不见了"),
        "block_range": _("区块的起止接不上前一块"),
        "block_leaves": _("区块的叶子和根对不上"),
        "block_hash": _("区块的字段和指纹对不上"),
        "chain_broken": _("和前一块接不上"),
        "bad_signature": _("签名不对"),
        "unknown_key": _("签名的公钥这里没有"),
        "truncated": _("和见证文件记下的不一样"),
        "head_wrong": _("日志的末尾不对"),
    }
    places = {"event": _("事件 #%(n)s"), "block": _("区块 %(n)s"), "log": _("日志(到 #%(n)s)")}
    place = places.get(str(finding.get("what")), "%(n)s") % {"n": finding.get("number")}
    detail = str(finding.get("detail") or "")
    said = words.get(str(finding.get("reason")), str(finding.get("reason")))
    return _("%(place)s:%(said)s") % {"place": place, "said": said} + (f"({detail})" if detail else "")
