"""Heads of the chain, noted outside the database: whoever cuts the end off both log and chain is noticed.

One JSON object a line in QUNZHU_HOME/blackbox/heads.jsonl, fsynced. A machine notes what it sealed itself; the files
of several machines may be given to `verify` together (docs/blackbox.md).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qunzhu.kernel.events import keys


@dataclass(frozen=True)
class Head:
    """A sealed block as it was noted."""

    community_id: int
    number: int
    last_seq: int
    block_hash: bytes


def default_file() -> Path:
    """The witness of the machine we run on."""
    return keys.folder() / "heads.jsonl"


def note(heads: Iterable[Head]) -> None:
    """Append heads; call it only after the commit that sealed them, so that it never notes what was rolled back."""
    lines = [
        json.dumps({"community": h.community_id, "block": h.number, "last_seq": h.last_seq, "hash": h.block_hash.hex()})
        for h in heads
    ]
    if lines:
        keys.append_line(default_file(), "\n".join(lines))


def forget_after(community_id: int, number: int, reason: str) -> None:
    """After a restore from an older backup: heads beyond `number` noted so far are no longer expected; says why."""
    line = json.dumps({"community": community_id, "restored_to": number, "reason": reason}, ensure_ascii=False)
    keys.append_line(default_file(), line)


def heads(community_id: int, files: Iterable[Path] | None = None) -> dict[int, Head]:
    """Block number → noted head of a community; unreadable lines are skipped (a crash may tear the last one)."""
    found: dict[int, Head] = {}
    for file in files if files is not None else (default_file(),):
        for entry in _entries(file):
            if entry.get("community") != community_id:
                continue
            if "restored_to" in entry:
                found = {n: h for n, h in found.items() if n <= entry["restored_to"]}
            elif isinstance(entry.get("block"), int):
                # The first note counts: whoever cuts the chain and seals it anew notes the same number again.
                head = Head(community_id, entry["block"], int(entry["last_seq"]), bytes.fromhex(entry["hash"]))
                found.setdefault(head.number, head)
    return found


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    if not file.exists():
        return
    with file.open() as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict):
                yield entry
