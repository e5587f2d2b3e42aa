"""Images: decoded for real, stripped, posted once, seen by the room only."""

import hashlib
import io
import struct
import zlib

import pytest
from PIL import Image

from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.tests.rooms_made import make_scene
from qunzhu.kernel.connectors.local.tokens import MemberToken, console_token, session_token
from qunzhu.receive.tests.served import cookie, post, serve
from qunzhu.receive.upload import MOST_FRAMES, MOST_MOVING_PIXELS, UPLOAD_LIMIT, read_picture

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
    members = [(other.community.pk, other.people[0].member.pk), (scene.community.pk, two.member.pk)]
    both = {"cookie": f"qz_member={session_token([MemberToken(*m) for m in members])}"}

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
            (await client.get(kept["url"], headers=both)).status_code,
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
    assert others == [403, 403, 200, 200, 403, 404]


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


def test_transparency_survives():
    out = io.BytesIO()
    Image.new("RGBA", (3, 3), (1, 2, 3, 0)).save(out, "PNG")
    clear = Image.open(io.BytesIO(read_picture(out.getvalue()).data))
    assert (clear.mode, clear.getpixel((0, 0))) == ("RGBA", (1, 2, 3, 0))


COLOURS = ((255, 0, 0, 255), (0, 255, 0, 255), (0, 0, 255, 255))


def animation(kind: str, *, size=(16, 8), colours=COLOURS, durations=(40, 200, 0), **more) -> bytes:
    frames = [Image.new("RGBA", size, colour) for colour in colours]
    out = io.BytesIO()
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=list(durations), **more)
    return out.getvalue()


def nearest(image: Image.Image) -> tuple[int, int, int]:
    return tuple(round(c / 255) * 255 for c in image.convert("RGB").getpixel((8, 4)))


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("GIF", {"loop": 2, "comment": b"secret place"}),
        ("WEBP", {"loop": 2, "lossless": True, "exif": b"Exif\x00\x00secret place"}),
        ("PNG", {"loop": 2}),
    ],
)
def test_an_animation_goes_on_moving_as_a_webp_without_what_came_with_it(kind, more):
    kept = read_picture(animation(kind, **more))
    assert (kept.media_type, kept.width, kept.height) == ("image/webp", 16, 8)
    assert b"secret place" not in kept.data
    image = Image.open(io.BytesIO(kept.data))
    assert (image.format, image.n_frames, image.info["loop"]) == ("WEBP", 3, 2)
    seen = []
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        seen.append((nearest(image), image.info["duration"]))
    assert seen == [((255, 0, 0), 40), ((0, 255, 0), 200), ((0, 0, 255), 100)]  # no time at all is the usual one


def test_one_frame_is_a_still_picture_and_the_parts_of_a_double_photo_are_no_frames():
    still = read_picture(animation("GIF", colours=COLOURS[:1], durations=(40,)))
    assert (still.media_type, getattr(Image.open(io.BytesIO(still.data)), "n_frames", 1)) == ("image/png", 1)
    out = io.BytesIO()
    photos = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    photos[0].save(out, "MPO", save_all=True, append_images=photos[1:])
    double = read_picture(out.getvalue())
    assert (double.media_type, Image.open(io.BytesIO(double.data)).format) == ("image/jpeg", "JPEG")


def test_an_animation_that_is_too_long_or_too_large_is_refused_and_nothing_is_kept():
    scene = make_scene()
    shades = [(n % 256, n // 256, 0, 255) for n in range(MOST_FRAMES + 1)]
    long = animation("GIF", size=(1, 1), colours=shades, durations=[40] * len(shades))
    side = 3_700  # three of these are more pixels than all frames may have; one is not
    large = animation("WEBP", size=(side, side), lossless=True)

    async def work(client, app):
        answers = [await send(client, scene.people[0], scene.group.pk, data, "image/gif") for data in (long, large)]
        return [(a.status_code, a.json()) for a in answers]

    refusal = {"error": "animation_too_large", "message": "动图太大或太长了,请剪短后再发"}
    assert 3 * side * side > MOST_MOVING_PIXELS > side * side
    assert serve(work) == [(413, refusal)] * 2
    assert Upload.objects.count() == 0


def test_an_animation_that_breaks_off_is_no_picture():
    whole = animation("WEBP", size=(64, 64), lossless=True)
    with pytest.raises(Refusal) as refused:
        read_picture(whole[: len(whole) // 2])
    assert (refused.value.status, refused.value.code) == (415, "not_an_image")
