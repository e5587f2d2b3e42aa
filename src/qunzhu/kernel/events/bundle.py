"""Evidence bundles: chosen events with proofs, seals and a checking program in one signed file (docs/blackbox.md).

The last 128 characters (of a JSON file: before its closing brace) are the signature over every byte before them, so
that no byte of the file can be changed unnoticed.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from uuid import UUID

import psycopg

from qunzhu.kernel.events import bundle_check, bundle_files, keys, merkle, seal
from qunzhu.kernel.events.bundle_pages import read_story
from qunzhu.kernel.events.runner import raw_connection

DOMAIN = b"qunzhu bundle 1\n"
_CASE_KINDS = [
    "case.opened", "case.assigned", "case.escalated", "case.merged", "case.reopened", "case.proposed", "case.withdrawn",
    "case.decided",
]  # fmt: skip
_COLUMNS = (
    "community_id, seq, id, kind, group_id, member_id, occurred_at, received_at, connector, historic, body::text,"
    " salt, digest"
)


@dataclass(frozen=True)
class Selection:
    """Which events: of a member, of a case, or of a period (from inclusive, to exclusive, by occurred_at)."""

    member_id: int | None = None
    case_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        if self.case_id is not None:
            return f"工单 case {self.case_id}"
        parts = [f"成员 member {self.member_id}"] if self.member_id is not None else []
        if self.since or self.until:
            parts.append(f"{self.since or '…'} – {self.until or '…'}")
        return " · ".join(parts) or "全部 everything"


@dataclass(frozen=True)
class Exported:
    """What was written; `pictures` are inside a ZIP only."""

    path: Path
    events: int
    blocks: int
    pictures: int = 0


def _silent(done: int, total: int) -> None:
    """Nobody watches."""


def export(
    *,
    community_id: int,
    selection: Selection,
    path: Path,
    by: str = "",
    now: datetime,
    progress: Callable[[int, int], None] = _silent,
) -> Exported:
    """Seal what is not sealed yet and write the bundle; the suffix decides: .json is one JSON object, else a ZIP.

    Holds what `selection` names and nothing besides. Raises LookupError when nothing is chosen, bundle_check.Wrong
    when a row is not what was sealed.
    """
    seal.seal_now(community_id=community_id, now=now)
    conn = raw_connection()
    seqs = _chosen(conn, community_id, selection)
    if not seqs:
        raise LookupError("no events match")
    blocks = _blocks(conn, community_id, seqs[0], seqs[-1])
    key = keys.signing_key(now=now)
    public = keys.public_keys()
    wanted = {key.key_id, *(b["key_id"] for b in blocks)}
    story = read_story(conn, community_id, seqs, about=str(selection), by=by, now=now)
    story.fingerprint = hashlib.sha256(public[key.key_id]).hexdigest()
    meta = {
        "bundle": 1, "about": f"社群 community {community_id} · {selection}", "made_at": now.isoformat(),
        "made_for": by, "signed_by": key.key_id, "keys": {k: public[k].hex() for k in sorted(wanted)}, "blocks": blocks,
    }  # fmt: skip
    events = _watched(_events(conn, community_id, seqs, blocks), len(seqs), progress)
    draft = path.with_name(path.name + ".part")
    with draft.open("wb+") as out:
        if path.suffix == ".json":
            bundle_files.write_json(out, meta, story, events)
        else:
            bundle_files.write_zip(out, meta, story, events)
        _sign(out, key, len(bundle_check.JSON_END) if path.suffix == ".json" else 0)
    try:
        found = bundle_check.check(draft)  # nothing leaves the house that does not verify
    except bundle_check.Wrong:
        draft.unlink()
        raise
    draft.replace(path)
    return Exported(path, len(seqs), len(blocks), found["pictures"] + found["unproved_pictures"])


def _watched(
    events: Iterator[dict[str, Any]], total: int, progress: Callable[[int, int], None]
) -> Iterator[dict[str, Any]]:
    for done, event in enumerate(events):
        progress(done, total)
        yield event


def _chosen(conn: psycopg.Connection[Any], community_id: int, selection: Selection) -> list[int]:
    if selection.case_id is not None:
        return _of_case(conn, community_id, selection.case_id)
    rows = conn.execute(
        "SELECT seq FROM event WHERE community_id = %(c)s AND (%(m)s::bigint IS NULL OR member_id = %(m)s)"
        " AND (%(a)s::timestamptz IS NULL OR occurred_at >= %(a)s)"
        " AND (%(b)s::timestamptz IS NULL OR occurred_at < %(b)s) ORDER BY seq",
        {"c": community_id, "m": selection.member_id, "a": selection.since, "b": selection.until},
    )
    return [row[0] for row in rows.fetchall()]


def _of_case(conn: psycopg.Connection[Any], community_id: int, case_id: int) -> list[int]:
    """A case's evidence, the event it is about, what was decided and done on these, and its own history."""
    row = conn.execute(
        'SELECT event_seq, evidence FROM "case" WHERE community_id = %s AND id = %s', [community_id, case_id]
    ).fetchone()
    if row is None:
        raise LookupError(f"no case {case_id}")
    evidence = json.loads(row[1]) if isinstance(row[1], str) else row[1]
    seqs = sorted({s for s in (row[0], *evidence) if isinstance(s, int)})
    rows = conn.execute(
        "SELECT seq FROM event WHERE community_id = %(c)s AND seq = ANY(%(s)s) UNION"
        " SELECT seq FROM event WHERE community_id = %(c)s AND kind <> 'message.posted' AND body IS NOT NULL AND ("
        "  (kind = ANY(%(k)s) AND body->>'case' = %(n)s) OR (kind IN ('decision.made', 'effect.done',"
        "  'penalty.reversed') AND (body->>'cause_seq')::bigint = ANY(%(s)s))) ORDER BY 1",
        {"c": community_id, "s": seqs, "k": _CASE_KINDS, "n": str(case_id)},
    )
    return [r[0] for r in rows.fetchall()]


def _blocks(conn: psycopg.Connection[Any], community_id: int, first: int, last: int) -> list[dict[str, Any]]:
    """The chain from the block of the first to that of the last event, as JSON."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT number, first_seq, last_seq, root, previous_hash, block_hash, signature, key_id, sealed_at"
        " FROM sealed_block WHERE community_id = %s AND last_seq >= %s AND first_seq <= %s ORDER BY number",
        [community_id, first, last],
    )
    return [
        {
            "community_id": community_id, "number": r[0], "first_seq": r[1], "last_seq": r[2],
            "root": bytes(r[3]).hex(), "previous_hash": bytes(r[4]).hex(), "block_hash": bytes(r[5]).hex(),
            "signature": bytes(r[6]).hex(), "key_id": r[7], "sealed_at": r[8].astimezone(UTC).isoformat(),
        }
        for r in rows.fetchall()
    ]  # fmt: skip


def _events(
    conn: psycopg.Connection[Any], community_id: int, seqs: list[int], blocks: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Events in order, each with its block and proof; one block's leaves in memory at a time."""
    place = 0
    for block in blocks:
        end = place
        while end < len(seqs) and seqs[end] <= block["last_seq"]:
            end += 1
        inside, place = seqs[place:end], end
        if not inside:
            continue
        row = psycopg.Cursor(conn).execute(
            "SELECT leaves FROM sealed_block WHERE community_id = %s AND number = %s", [community_id, block["number"]]
        ).fetchone()  # fmt: skip
        packed = bytes(row[0]) if row else b""
        hashes = [packed[i : i + merkle.HASH_BYTES] for i in range(0, len(packed), merkle.HASH_BYTES)]
        rows = psycopg.Cursor(conn).execute(
            f"SELECT {_COLUMNS} FROM event WHERE community_id = %s AND seq = ANY(%s) ORDER BY seq",
            [community_id, inside],
        )
        for event in rows.fetchall():
            index = event[1] - block["first_seq"]
            yield _as_json(event, block["number"], merkle.proof(hashes, index))


def _as_json(row: tuple[Any, ...], block: int, path: list[bytes]) -> dict[str, Any]:
    identity: UUID = row[2]
    return {
        "community_id": row[0], "seq": row[1], "id": str(identity), "kind": row[3], "group_id": row[4],
        "member_id": row[5], "occurred_at": row[6].astimezone(UTC).isoformat(),
        "received_at": row[7].astimezone(UTC).isoformat(), "connector": row[8], "historic": row[9], "body": row[10],
        "salt": bytes(row[11]).hex() if row[11] is not None else None, "digest": bytes(row[12]).hex(), "block": block,
        "proof": [h.hex() for h in path],
    }  # fmt: skip


def _sign(out: IO[bytes], key: keys.SigningKey, end: int) -> None:
    """Put the signature in the place of the zeros, over every byte before it."""
    place = out.seek(0, 2) - bundle_check.SIGNATURE_HEX - end
    out.seek(0)
    digest, left = hashlib.sha256(), place
    while left:
        data = out.read(min(left, 1 << 20))
        digest.update(data)
        left -= len(data)
    out.seek(place)
    out.write(key.sign(DOMAIN + digest.digest()).hex().encode())
