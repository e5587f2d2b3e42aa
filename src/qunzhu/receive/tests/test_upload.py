"""Images: decoded for real, stripped, posted once, seen by the room only."""

import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image

from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.connectors.local.tests.rooms_made import make_scene
from qunzhu.kernel.connectors.local.tokens import console_token
from qunzhu.receive.tests.served import cookie, post, serve
from qunzhu.receive.upload import UPLOAD_LIMIT

pytestmark = pytest.mark.django_db(transaction=True)


def jpeg_with_position() -> bytes:
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "secret place"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


async def send(client, who, group, data, media_type="image/jpeg", **headers):
    headers = {"content-type": media_type, "x-qunzhu": "1", **cookie(who), **headers}
    return await client.post(f"/in/local/upload?group={group}", content=data, headers=headers)


def test_an_image_is_cleaned_kept_posted_and_shown_to_the_room():
    scene = make_scene()
    other = make_scene(slug="other")
    one, two = scene.people

    async def work(client, app):
        group = scene.group.pk
        kept = (await send(client, one, group, jpeg_with_position())).json()
        stolen = await post(client, two, group=group, client_id="a", image=kept["upload"])
        posted = await post(client, one, group=group, client_id="a", image=kept["upload"])
        shown = await client.get(kept["url"], headers=cookie(two))
        token = console_token(scene.community.pk)
        others = [
            (await client.get(kept["url"])).status_code,
            (await client.get(kept["url"], headers=cookie(other.people[0]))).status_code,
            (await client.get(kept["url"], params={"token": token})).status_code,
            (await client.get(kept["url"], params={"token": console_token(other.community.pk)})).status_code,
            (await client.get("/in/local/upload/not-an-id", headers=cookie(one))).status_code,
        ]
        return kept, stolen, posted, shown, others

    kept, stolen, posted, shown, others = serve(work)
    assert (kept["width"], kept["height"], kept["media_type"]) == (20, 40, "image/jpeg")
    assert (stolen.status_code, stolen.json()["error"]) == (400, "unknown_image")
    assert posted.status_code == 200
    (event,) = scene.events()
    assert (event.body["type"], event.body["text"]) == ("image", "")
    digest = hashlib.sha256(shown.content).hexdigest()
    assert event.body["image"] == {
        "upload": kept["upload"], "width": 20, "height": 40, "media_type": "image/jpeg", "sha256": digest,
    }  # fmt: skip
    assert b"secret place" not in shown.content
    assert Image.open(io.BytesIO(shown.content)).size == (20, 40)
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-type"] == "image/jpeg"
    assert others == [403, 404, 200, 403, 404]


def test_what_is_no_image_or_too_big_is_refused_and_nothing_is_kept():
    scene = make_scene()
    one = scene.people[0]

    async def work(client, app):
        group = scene.group.pk
        png = io.BytesIO()
        Image.new("RGB", (4, 4)).save(png, "PNG")
        answers = [
            await send(client, one, group, b"<svg onload=alert(1)>", "image/svg+xml"),
            await send(client, one, group, b"<html><script>alert(1)</script>", "image/png"),
            await send(client, one, group, png.getvalue()[:30], "image/png"),
            await send(client, one, group, b"", "image/png"),
            await send(client, one, group, png_that_claims(60_000, 60_000), "image/png"),
            await send(client, one, group, b"x" * (UPLOAD_LIMIT + 1), "image/png"),
            await send(client, None, group, png.getvalue(), "image/png"),
            await send(client, one, 10**9, png.getvalue(), "image/png"),
            await client.post(
                f"/in/local/upload?group={group}",
                content=png.getvalue(),
                headers={"content-type": "image/png", **cookie(one)},
            ),
        ]
        return [(a.status_code, a.json()["error"]) for a in answers]

    assert serve(work) == [
        *[(415, "not_an_image")] * 4, (413, "too_many_pixels"), (413, "too_large"), (401, "no_member"),
        (404, "unknown_group"), (403, "forged"),
    ]  # fmt: skip
    assert Upload.objects.count() == 0


def test_transparency_survives_and_an_animation_keeps_its_first_frame():
    from qunzhu.receive.upload import read_picture

    out = io.BytesIO()
    Image.new("RGBA", (3, 3), (1, 2, 3, 0)).save(out, "PNG")
    clear = Image.open(io.BytesIO(read_picture(out.getvalue()).data))
    assert (clear.mode, clear.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 0))
    out = io.BytesIO()
    frames = [Image.new("P", (3, 3), n) for n in range(3)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    still = read_picture(out.getvalue())
    assert (still.media_type, getattr(Image.open(io.BytesIO(still.data)), "n_frames", 1)) == ("image/png", 1)
