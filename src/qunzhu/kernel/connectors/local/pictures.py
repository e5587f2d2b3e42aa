"""Pictures that the product itself posts in a room: file by digest, row of no member, as uploads are kept."""

import hashlib
import os
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg

from qunzhu.kernel.database import home
from qunzhu.kernel.events.schema import event_id

NOBODY = 0  # the author of what the product posts


def keep_own(
    conn: psycopg.Connection[Any], community_id: int, group_id: int, data: bytes, size: tuple[int, int], key: str, *,
    now: datetime, media_type: str = "image/png",
) -> dict[str, Any]:  # fmt: skip
    """Store file and row; returns what a message says of its `image`. The same key and picture are one upload."""
    digest = hashlib.sha256(data).hexdigest()
    upload = event_id("picture", community_id, group_id, key, digest)
    path = home() / "uploads" / digest[:2] / digest
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid4().hex}")
        with draft.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    conn.execute(
        "INSERT INTO local_upload (id, community_id, group_id, member_id, media_type, width, height, size, sha256, at,"
        " codes) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '{}') ON CONFLICT (id) DO NOTHING",
        [upload, community_id, group_id, NOBODY, media_type, *size, len(data), digest, now],
    )
    return {"upload": str(upload), "width": size[0], "height": size[1], "media_type": media_type, "sha256": digest}
