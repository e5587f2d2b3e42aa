"""Images: really decoded, turned upright, stripped of all metadata, kept by digest, shown to the room only."""

import hashlib
import io
import os
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from PIL import Image, ImageOps

from qunzhu.kernel.connectors.local.admission import check_may_speak
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.tokens import MemberToken, Session, in_community
from qunzhu.kernel.database import home
from qunzhu.receive.codes import read_codes
from qunzhu.receive.views import seat_of

UPLOAD_LIMIT = 5 * 1024 * 1024
MOST_PIXELS = 24_000_000
MOST_FRAMES = 300
MOST_MOVING_PIXELS = 40_000_000  # of all frames of an animation together: about two seconds of work
LEAST_MILLISECONDS, USUAL_MILLISECONDS, MOST_MILLISECONDS = 20, 100, 60_000  # of a frame; browsers do the same
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/png", "MPO": "image/jpeg"}


class Picture(msgspec.Struct, frozen=True):
    """A re-encoded image, ready to be kept."""

    media_type: str
    width: int
    height: int
    data: bytes
    sha256: str
    codes: list[str] = []  # what its QR codes say


def read_picture(data: bytes) -> Picture:
    """Decode and encode again: what is not an image does not survive. Animations become WebP, and go on moving.

    Raises Refusal 413 (too many pixels, or frames), 415 (not an image that is taken).
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # decompression bombs are refused by size below
            image = Image.open(io.BytesIO(data), formats=tuple(FORMATS))
            _check_pixels(image)
            media_type = FORMATS[image.format or ""]
            if image.format != "MPO" and _moves(image):  # the other pictures of an MPO are no frames
                return _encode_moving(image)
            return _encode(ImageOps.exif_transpose(image), media_type)
    except Refusal:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except Exception as error:
        # Pillow raises many kinds of errors for broken files; each means the same to the sender.
        raise Refusal(415, "not_an_image", "只能发 JPG、PNG、WebP 或 GIF 图片") from error


def _check_pixels(image: Image.Image) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()


def _too_many_pixels() -> Refusal:
    return Refusal(413, "too_many_pixels", "图片太大了,请缩小后再发")


def _moves(image: Image.Image) -> bool:
    """Whether it has frames; raises Refusal 413 for more than are taken, without counting them all."""
    if not getattr(image, "is_animated", False):
        return False
    try:
        image.seek(MOST_FRAMES)
    except EOFError:
        image.seek(0)
    else:
        raise _too_much_animation()
    if image.width * image.height * getattr(image, "n_frames", 1) > MOST_MOVING_PIXELS:
        raise _too_much_animation()
    return True


def _too_much_animation() -> Refusal:
    return Refusal(413, "animation_too_large", "动图太大或太长了,请剪短后再发")


def _encode_moving(image: Image.Image) -> Picture:
    """Frame by frame, so that never more than one is held; metadata are not handed on."""
    durations = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        image.load()  # a WebP says only then how long its frame stays
        durations.append(_milliseconds(image.info.get("duration")))
    image.seek(0)
    loop = image.info.get("loop", 0)
    out = io.BytesIO()
    image.save(
        out, "WEBP", save_all=True, duration=durations, loop=loop if 0 <= loop <= 65_535 else 0,  # noqa: PLR2004
        quality=80, background=(0, 0, 0, 0), exif=b"", xmp=b"", icc_profile=b"",
    )  # fmt: skip
    encoded = out.getvalue()
    return Picture("image/webp", image.width, image.height, encoded, hashlib.sha256(encoded).hexdigest())


def _milliseconds(duration: object) -> int:
    given = int(duration) if isinstance(duration, int | float) else 0
    return min(given, MOST_MILLISECONDS) if given >= LEAST_MILLISECONDS else USUAL_MILLISECONDS


def _encode(image: Image.Image, media_type: str) -> Picture:
    has_alpha = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    clean = image.convert("RGBA" if has_alpha and media_type != "image/jpeg" else "RGB")
    plain = Image.new(clean.mode, clean.size)  # a new image carries no metadata of the old one
    plain.paste(clean)
    out = io.BytesIO()
    match media_type:
        case "image/jpeg":
            plain.save(out, "JPEG", quality=85, optimize=True)
        case "image/webp":
            plain.save(out, "WEBP", quality=85)
        case _:
            plain.save(out, "PNG", optimize=False)
    encoded = out.getvalue()
    digest = hashlib.sha256(encoded).hexdigest()
    return Picture(media_type, plain.width, plain.height, encoded, digest, read_codes(plain))


def path_of(sha256: str) -> Path:
    """Where the file with this digest lies."""
    return home() / "uploads" / sha256[:2] / sha256


def check_may_upload(conn: psycopg.Connection[Any], sender: MemberToken, group_id: int, *, now: datetime) -> None:
    """Raise Refusal when the sender could not post the image anyway."""
    check_may_speak(seat_of(conn, sender, group_id), now)


def keep(
    conn: psycopg.Connection[Any], sender: MemberToken, group_id: int, picture: Picture, *, now: datetime
) -> dict[str, Any]:
    """Store file and row; answers what a post's `image` needs."""
    check_may_upload(conn, sender, group_id, now=now)
    _write_file(path_of(picture.sha256), picture.data)
    upload = uuid4()
    conn.execute(
        "INSERT INTO local_upload"
        " (id, community_id, group_id, member_id, media_type, width, height, size, sha256, at, codes)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            upload, sender.community_id, group_id, sender.member_id, picture.media_type, picture.width,
            picture.height, len(picture.data), picture.sha256, now, picture.codes,
        ],
    )  # fmt: skip
    return {
        "upload": str(upload), "width": picture.width, "height": picture.height, "media_type": picture.media_type,
        "url": f"/in/local/upload/{upload}",
    }  # fmt: skip


def _write_file(path: Path, data: bytes) -> None:
    """Complete or not at all; the same digest is the same content."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid4().hex}")
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def find(
    conn: psycopg.Connection[Any], upload: UUID, *, session: Session, community_id: int | None
) -> tuple[str, bytes]:
    """(media type, content) for a member of its group or the console of its community. Raises Refusal 404, 403."""
    row = conn.execute(
        "SELECT community_id, group_id, media_type, sha256 FROM local_upload WHERE id = %s", [upload]
    ).fetchone()
    if row is None:
        raise Refusal(404, "unknown_image", "没有找到这张图片")
    if community_id != row[0]:
        member = in_community(session, row[0])
        if member is None:
            raise Refusal(403, "not_member", "只有群成员能看这张图片")
        seat_of(conn, member, row[1])
    try:
        return row[2], path_of(row[3]).read_bytes()
    except FileNotFoundError:
        raise Refusal(404, "unknown_image", "这张图片已经删除") from None
