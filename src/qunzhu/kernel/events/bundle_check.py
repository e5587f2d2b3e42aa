"""Check an evidence bundle offline: `python check.py BUNDLE.zip`. Needs Python 3.9+ and nothing else.

This page is part of every bundle and of the platform (`qunzhu blackbox check`). It trusts one thing only: the public
key. Compare the fingerprint it prints with the one that the operator publishes, or give it: --key FINGERPRINT.
What each byte means: docs/blackbox.md.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import sys
import zipfile
import zlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SIGNATURE_HEX = 128
ZIP_PREFIX = b"qunzhu-signature:"
JSON_PREFIX = b',"signature":"'
JSON_END = b'"}\n'
ZIP_FILES = {"bundle.json", "check.py", "events.jsonl", "index.html"}
ZIP_PAGE = re.compile(r"pages/[0-9]{1,7}\.html")
ZIP_PICTURE = re.compile(r"pictures/([0-9a-f]{64})\.(?:jpg|png|webp)")
HEADER = struct.Struct(">Bqq16sBqBq8s8sBIII")
BLOCK = struct.Struct(">qqqq32s32s8s")
EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)  # noqa: UP017  (older Pythons have no datetime.UTC)


class Wrong(Exception):
    """The bundle is not what was signed; the message names what and where."""


# --- Ed25519 (RFC 8032, section 5.1), verification only ------------------------------------------------------------
P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
I = pow(2, (P - 1) // 4, P)  # noqa: E741  (the RFC's name)


def _recover_x(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if x2 == 0:
        return None if sign else 0
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * I % P
    if (x * x - x2) % P:
        return None
    return P - x if (x & 1) != sign else x


def _add(p: Any, q: Any) -> Any:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _multiply(s: int, p: Any) -> Any:
    q = (0, 1, 1, 0)
    while s > 0:
        if s & 1:
            q = _add(q, p)
        p = _add(p, p)
        s >>= 1
    return q


def _point(data: bytes) -> Any:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    x = _recover_x(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = _point(BASE_Y.to_bytes(32, "little"))


def ed25519(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (64 bytes) is of `public` (32 bytes) over `message`."""
    if len(public) != 32 or len(signature) != 64:  # noqa: PLR2004  (RFC 8032)
        return False
    a, r = _point(public), _point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % Q
    left, right = _multiply(s, BASE), _add(r, _multiply(h, a))
    same_x = (left[0] * right[2] - right[0] * left[2]) % P == 0
    return bool(same_x and (left[1] * right[2] - right[1] * left[2]) % P == 0)


# --- Headers, leaves, proofs ----------------------------------------------------------------------------------------
def _time(text: str) -> bytes:
    micros = (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)
    return micros.to_bytes(8, "big", signed=True)


def leaf_of(event: Any) -> bytes:
    """The leaf hash of an event of a bundle."""
    kind, connector, digest = event["kind"].encode(), event["connector"].encode(), bytes.fromhex(event["digest"])
    group, member = event["group_id"], event["member_id"]
    fixed = HEADER.pack(
        1, event["community_id"], event["seq"], bytes.fromhex(event["id"].replace("-", "")), group is not None,
        group or 0, member is not None, member or 0, _time(event["occurred_at"]), _time(event["received_at"]),
        event["historic"], len(kind), len(connector), len(digest),
    )  # fmt: skip
    return hashlib.sha256(b"\x00" + fixed + kind + connector + digest).digest()


def proved(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether `leaf` is leaf `index` of `size` under `root` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index >>= 1
        last >>= 1
    return last == 0 and node == root


def block_hash(block: Any) -> bytes:
    """The hash of a block's fields."""
    fixed = BLOCK.pack(
        block["community_id"], block["number"], block["first_seq"], block["last_seq"], bytes.fromhex(block["root"]),
        bytes.fromhex(block["previous_hash"]), _time(block["sealed_at"]),
    )  # fmt: skip
    return hashlib.sha256(b"qunzhu block 1\n" + fixed + block["key_id"].encode()).digest()


# --- The file -------------------------------------------------------------------------------------------------------
def _signature(path: str | Path, prefix: bytes, end: bytes) -> tuple[bytes, bytes]:
    """(SHA-256 of everything before the signature, the signature). Raises Wrong."""
    length = SIGNATURE_HEX + len(end)
    with open(path, "rb") as file:  # noqa: PTH123  (older Pythons)
        size = file.seek(0, 2)
        if size < length + len(prefix):
            raise Wrong("the file is cut off: it has no signature")
        file.seek(size - length - len(prefix))
        tail = file.read()
        shape = re.fullmatch(re.escape(prefix) + b"([0-9a-f]{128})" + re.escape(end), tail)
        if not shape:
            raise Wrong("the file's signature is missing or misshapen")
        file.seek(0)
        digest, left = hashlib.sha256(), size - length
        while left:
            data = file.read(min(left, 1 << 20))
            digest.update(data)
            left -= len(data)
    return digest.digest(), bytes.fromhex(shape.group(1).decode())


def _open(path: str | Path) -> tuple[Any, Iterable[Any], bytes, bytes]:
    """(meta, iterator of events, hash, signature). Raises Wrong."""
    with open(path, "rb") as file:  # noqa: PTH123
        start = file.read(4)
    if start == b"PK\x03\x04":
        digest, signature = _signature(path, ZIP_PREFIX, b"")
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            more = [n for n in names if n not in ZIP_FILES]
            known = all(ZIP_PAGE.fullmatch(n) or ZIP_PICTURE.fullmatch(n) for n in more)
            if len(set(names)) != len(names) or not known or not ZIP_FILES.issubset(names):
                raise Wrong("the archive does not hold the files of a bundle")
            meta = json.loads(archive.read("bundle.json"))
        return meta, _lines(path), digest, signature
    if start[:1] == b"{":
        digest, signature = _signature(path, JSON_PREFIX, JSON_END)
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            meta = json.load(file)
        return meta, iter(meta["events"]), digest, signature
    raise Wrong("the file is neither a ZIP nor a JSON bundle: its first bytes were changed")


def _is_zip(path: str | Path) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123
        return file.read(4) == b"PK\x03\x04"


def _lines(path: str | Path) -> Iterator[Any]:
    with zipfile.ZipFile(path) as archive, archive.open("events.jsonl") as lines:
        for line in lines:
            yield json.loads(line)


def check(path: str | Path, key: str | None = None) -> dict[str, Any]:
    """Check everything; returns a summary. Raises Wrong, naming the first thing that does not hold."""
    try:
        meta, events, digest, signature = _open(path)
        public = bytes.fromhex(meta["keys"][meta["signed_by"]])
        if not ed25519(public, signature, b"qunzhu bundle 1\n" + digest):
            raise Wrong("a byte of the file was changed after it was signed")
        fingerprints = {key_id: hashlib.sha256(bytes.fromhex(k)).hexdigest() for key_id, k in meta["keys"].items()}
        if any(not full.startswith(key_id) for key_id, full in fingerprints.items()):
            raise Wrong("a key in the bundle does not have the name it is given")
        if key and (not fingerprints[meta["signed_by"]].startswith(key) or len(key) < 16):  # noqa: PLR2004
            raise Wrong("the bundle is signed with another key than the one you gave")
        blocks = _check_blocks(meta)
        sealed: set[str] = set()
        counted = _check_events(events, blocks, sealed)
        pictures = _check_pictures(path, meta, sealed)
    except (
        ValueError,
        KeyError,
        TypeError,
        OSError,
        struct.error,
        zipfile.BadZipFile,
        OverflowError,
        zlib.error,
        NotImplementedError,
        EOFError,
    ) as error:
        raise Wrong(f"the bundle cannot be read: {type(error).__name__}: {error}") from error
    return {
        **counted,
        **pictures,
        "blocks": len(blocks),
        "fingerprints": sorted(fingerprints.values()),
        "about": meta["about"],
    }


def _check_blocks(meta: Any) -> dict[int, Any]:
    blocks: dict[int, Any] = {}
    previous: Any = None
    for block in meta["blocks"]:
        number = block["number"]
        if block_hash(block).hex() != block["block_hash"]:
            raise Wrong(f"block {number}: the block's fields do not have this hash")
        public = bytes.fromhex(meta["keys"][block["key_id"]])
        if not ed25519(public, bytes.fromhex(block["signature"]), bytes.fromhex(block["block_hash"])):
            raise Wrong(f"block {number}: the signature does not verify")
        if previous is not None and (
            number != previous["number"] + 1 or block["previous_hash"] != previous["block_hash"]
        ):
            raise Wrong(f"block {number}: it does not follow block {previous['number']}")
        blocks[number], previous = block, block
    return blocks


def _check_pictures(path: str | Path, meta: Any, sealed: set[str]) -> dict[str, Any]:
    """Every picture is what its name says; those whose digest stands in a sealed event are proved by it."""
    proved = unproved = 0
    if not _is_zip(path):
        return {"pictures": 0, "unproved_pictures": 0}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            named = ZIP_PICTURE.fullmatch(name)
            if not named:
                continue
            digest = hashlib.sha256()
            with archive.open(name) as content:
                for part in iter(lambda: content.read(1 << 20), b""):
                    digest.update(part)
            if digest.hexdigest() != named.group(1):
                raise Wrong(f"{name}: the picture is not the one that was posted")
            if named.group(1) in sealed:
                proved += 1
            elif named.group(1) in meta.get("unsealed_pictures", []):
                unproved += 1
            else:
                raise Wrong(f"{name}: no event of the bundle has this picture")
    return {"pictures": proved, "unproved_pictures": unproved}


def _picture_of(body: str) -> str:
    document = json.loads(body) if '"image"' in body else None
    image = document.get("image") if isinstance(document, dict) else None
    return str(image.get("sha256", "")) if isinstance(image, dict) else ""


def _check_events(events: Iterable[Any], blocks: dict[int, Any], pictures: set[str]) -> dict[str, Any]:
    count = erased = last = 0
    gaps = False
    for event in events:
        seq, block = event["seq"], blocks[event["block"]]
        if seq <= last:
            raise Wrong(f"event {seq}: it stands out of order")
        if event["community_id"] != block["community_id"]:
            raise Wrong(f"event {seq}: it is of another community than its block")
        path = [bytes.fromhex(h) for h in event["proof"]]
        size = block["last_seq"] - block["first_seq"] + 1
        if not proved(leaf_of(event), seq - block["first_seq"], size, path, bytes.fromhex(block["root"])):
            raise Wrong(f"event {seq}: its header is not what was sealed in block {event['block']}")
        if event["body"] is None and event["salt"] is None:
            erased += 1
        elif hashlib.sha256(bytes.fromhex(event["salt"]) + event["body"].encode()).hexdigest() != event["digest"]:
            raise Wrong(f"event {seq}: body or salt does not match the digest")
        else:
            pictures.add(_picture_of(event["body"]))
        gaps = gaps or (last > 0 and seq != last + 1)
        count, last = count + 1, seq
    return {"events": count, "erased": erased, "without_gaps": count > 0 and not gaps}


def main(arguments: list[str]) -> int:
    """Print the result; 0 when everything holds."""
    key = arguments[arguments.index("--key") + 1] if "--key" in arguments[:-1] else None
    paths = [a for a in arguments if not a.startswith("--") and a != key]
    if len(paths) != 1:
        sys.stderr.write("usage: check.py BUNDLE [--key FINGERPRINT]\n")
        return 2
    try:
        found = check(paths[0], key)
    except Wrong as wrong:
        sys.stdout.write(f"不通过 FAILED: {wrong}\n")
        return 1
    sys.stdout.write(
        f"通过 OK: {found['events']} events ({found['erased']} erased), {found['blocks']} blocks\n"
        f"图片 pictures: {found['pictures']} proved, {found['unproved_pictures']} not sealed with their message\n"
        f"内容 about: {found['about']}\n" + "".join(f"公钥指纹 key fingerprint: {f}\n" for f in found["fingerprints"])
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
