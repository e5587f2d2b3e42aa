"""Pictures that the product itself made for a room: kept like those of members, under member 0."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings

from qunzhu.kernel.events.schema import event_id

NOBODY = 0


def keep_made(
    conn: psycopg.Connection[Any], data: bytes, size: tuple[int, int], *, community_id: int, group_id: int,
    now: datetime,
) -> dict[str, Any]:  # fmt: skip
    """Keep a PNG for a group; returns it as a message tells it. The same picture is kept once."""
    digest = hashlib.sha256(data).hexdigest()
    path = Path(settings.HOME) / "uploads" / digest[:2] / digest
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{digest}.{uuid4().hex}")
        draft.write_bytes(data)
        draft.replace(path)
    upload = event_id("made", community_id, group_id, digest)
    conn.execute(
        "INSERT INTO local_upload (id, community_id, group_id, member_id, media_type, width, height, size, sha256, at,"
        " codes) VALUES (%s, %s, %s, %s, 'image/png', %s, %s, %s, %s, %s, '{}') ON CONFLICT DO NOTHING",
        [upload, community_id, group_id, NOBODY, *size, len(data), digest, now],
    )
    return {"upload": str(upload), "width": size[0], "height": size[1], "media_type": "image/png", "sha256": digest}
