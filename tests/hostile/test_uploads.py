"""Files that are no pictures, or picture that are traps: refused, nothing kept, nothing written."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from django.conf import settings
from PIL import Image

from qunzhu.kernel.connectors.local.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)


def png_of(width, height):
    """A PNG that says it is that large, in a few bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\x00" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picture(kind="PNG", **options):
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, kind, **options)
    return out.getvalue()


SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
TRAPS = {
    "nothing": (b"", 415),
    "text": (b"hello", 415),
    "html": (b"<html><script>alert(1)</script>", 415),
    "svg": (SVG, 415),
    "zip": (b"PK\x03\x04" + b"\x00" * 100, 415),
    "elf": (b"\x7fELF" + b"\x00" * 100, 415),
    "half": (picture()[:40], 415),
    "bmp": (picture("BMP"), 415),
    "tiff": (picture("TIFF"), 415),
    "ico": (b"\x00\x00\x01\x00" * 10, 415),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n", 415),
    "pdf": (b"%PDF-1.4", 415),
    "bomb": (png_of(60_000, 60_000), 413),
    "wide": (png_of(2**31 - 1, 1), 413),
    "lying": (png_of(4000, 4000), 415),
    "huge": (b"\x89PNG\r\n\x1a\n" + b"\x00" * (5 * 1024 * 1024), 413),
}


def upload(world, content, **headers):
    return world.request(
        "POST",
        f"/in/local/upload?group={world.group.pk}",
        content=content,
        headers={
            "cookie": f"qz_member={world.people['小林'].token}",
            "content-type": "image/png",
            "x-qunzhu": "1",
            **headers,
        },
    )


def kept():
    folder = Path(settings.HOME) / "uploads"
    return {p for p in folder.rglob("*") if p.is_file()} if folder.exists() else set()


@pytest.mark.parametrize("trap", TRAPS)
def test_traps(world, trap):
    content, status = TRAPS[trap]
    before = kept()
    answer = upload(world, content)
    assert (answer.status_code, set(answer.json()) >= {"error", "message"}) == (status, True)
    assert (Upload.objects.count(), kept()) == (0, before)
    assert world.log() == []


def test_what_hides_in_a_picture_does_not_survive(world):
    """A real picture with a script in its metadata and behind its end, sent under a wrong name."""
    content = picture("JPEG", comment=b"<script>alert(1)</script>") + b"<script>alert(2)</script>"
    answer = upload(world, content, **{"content-type": "image/svg+xml"})
    assert answer.status_code == 200
    url = answer.json()["url"]
    cookie = {"cookie": f"qz_member={world.people['小美'].token}"}
    shown = world.request("GET", url, headers=cookie)
    assert b"script" not in shown.content
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert shown.headers["content-security-policy"] == "default-src 'none'"
    assert world.request("GET", url).status_code == 403
    for path in ("x", "../../secret", "%2e%2e%2fsecret", "8aaf83b2-f988-505e-8e3e-a16ac53376d6"):
        assert world.request("GET", f"/in/local/upload/{path}", headers=cookie).status_code == 404


def test_only_from_the_chat_page_and_only_by_members(world):
    assert upload(world, picture(), **{"x-qunzhu-gone": "1", "cookie": "qz_member=x"}).status_code == 401
    answer = world.request(
        "POST",
        f"/in/local/upload?group={world.group.pk}",
        content=picture(),
        headers={"cookie": f"qz_member={world.people['小林'].token}", "content-type": "image/png"},
    )
    assert answer.json()["error"] == "forged"
    assert Upload.objects.count() == 0
