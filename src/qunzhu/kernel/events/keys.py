"""The Ed25519 keys that sign sealed blocks. Private: one file or an environment variable; public: kept for ever.

QUNZHU_BLACKBOX_KEY holds the 32-byte seed in hex or base64; without it the seed is made once in
QUNZHU_HOME/blackbox/ed25519 (0600). Public keys, with the day they came into use, stand in blackbox/keys.jsonl.
"""

import base64
import binascii
import json
import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from qunzhu.kernel.database import home

ENVIRONMENT = "QUNZHU_BLACKBOX_KEY"
SEED_BYTES = 32


class BadKey(ValueError):
    """The signing key cannot be read; the message says where it was looked for."""


@dataclass(frozen=True)
class SigningKey:
    """A private key with its public half (32 bytes) and `key_id`, the first 16 hex digits of its SHA-256."""

    private: Ed25519PrivateKey
    public: bytes
    key_id: str

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


def folder() -> Path:
    """Where keys and witness lie, readable by this installation only."""
    place = home() / "blackbox"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def key_id_of(public: bytes) -> str:
    """The name of a public key."""
    return sha256(public).hexdigest()[:16]


def signing_key(*, now: datetime) -> SigningKey:
    """The key that signs now; its public half is on file afterwards. Raises BadKey."""
    given = os.environ.get(ENVIRONMENT)
    key = _from_seed(_decode(given)) if given else _from_file(folder() / "ed25519")
    if key.key_id not in public_keys():
        _note_public(key, now)
    return key


def rotate(*, now: datetime) -> SigningKey:
    """Sign with a new key from now on; the old private key is destroyed, its public half stays. Raises BadKey."""
    if os.environ.get(ENVIRONMENT):
        raise BadKey(f"the key comes from {ENVIRONMENT}: set another value there")
    file = folder() / "ed25519"
    draft = _write_seed(file)
    draft.replace(file)
    return signing_key(now=now)


def public_keys() -> dict[str, bytes]:
    """Every public key this installation ever signed with or was given, by key id."""
    file = folder() / "keys.jsonl"
    if not file.exists():
        return {}
    keys: dict[str, bytes] = {}
    for line in file.read_text().splitlines():
        try:
            public = bytes.fromhex(json.loads(line)["public"])
        except (ValueError, KeyError, TypeError):
            continue  # a torn last line; the key is noted again by its next use
        keys[key_id_of(public)] = public
    return keys


def signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is of that key over `message`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _from_seed(seed: bytes) -> SigningKey:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes_raw()
    return SigningKey(private, public, key_id_of(public))


def _from_file(file: Path) -> SigningKey:
    if not file.exists():
        draft = _write_seed(file)
        try:
            os.link(draft, file)  # atomic and never overwrites: of two first sealers one key wins, complete
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return _from_seed(_decode(file.read_text(), str(file)))


def _write_seed(file: Path) -> Path:
    draft = file.with_name(f"ed25519.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(secrets.token_bytes(SEED_BYTES).hex() + "\n")
        out.flush()
        os.fsync(out.fileno())
    return draft


def _decode(text: str, source: str = ENVIRONMENT) -> bytes:
    text = text.strip()
    try:
        seed = bytes.fromhex(text) if len(text) == SEED_BYTES * 2 else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        seed = b""
    if len(seed) != SEED_BYTES:
        raise BadKey(f"{source} does not hold a 32-byte seed in hex or base64")
    return seed


def _note_public(key: SigningKey, now: datetime) -> None:
    line = json.dumps({"key_id": key.key_id, "public": key.public.hex(), "since": now.isoformat()})
    append_line(folder() / "keys.jsonl", line)


def append_line(file: Path, line: str) -> None:
    """Append a line durably; a torn line left by a crash is closed first, so that it cannot swallow this one."""
    new = not file.exists()
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (b"\n" if torn else b"") + line.encode() + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        parent = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
