"""QR codes in pictures: read where the picture is kept, and told to the log with its message."""

import io

import pytest
import segno
from PIL import Image

from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.connectors.local.tests.rooms_made import make_scene
from qunzhu.receive.codes import read_codes
from qunzhu.receive.tests.served import post, serve
from qunzhu.receive.tests.test_upload import send
from qunzhu.receive.upload import read_picture


def code(text: str, *, side: int = 0) -> bytes:
    out = io.BytesIO()
    segno.make(text).save(out, kind="png", scale=6, border=4)
    if side:
        ground = Image.new("RGB", (side, side), "white")
        ground.paste(Image.open(out).convert("RGB"), (side // 3, side // 3))
        out = io.BytesIO()
        ground.save(out, "JPEG", quality=80)
    return out.getvalue()


def test_codes_are_read_from_pictures():
    assert read_picture(code("https://u.wechat.com/abc")).codes == ["https://u.wechat.com/abc"]
    assert read_picture(code("加微信abc123", side=1_200)).codes == ["加微信abc123"]
    assert read_codes(Image.new("RGB", (300, 200), "red")) == []
    assert read_codes(Image.new("RGBA", (1, 1))) == []


@pytest.mark.django_db(transaction=True)
def test_what_a_code_says_stands_in_the_log_beside_the_picture():
    scene = make_scene()
    one = scene.people[0]

    async def work(client, app):
        kept = (await send(client, one, scene.group.pk, code("https://t.cn/abc"), "image/png")).json()
        await post(client, one, group=scene.group.pk, client_id="a", image=kept["upload"])
        return kept

    kept = serve(work)
    (event,) = scene.events()
    assert Upload.objects.get().codes == ["https://t.cn/abc"]
    assert event.body["image"] == {
        "upload": kept["upload"], "width": kept["width"], "height": kept["height"], "media_type": "image/png",
        "sha256": Upload.objects.get().sha256, "codes": ["https://t.cn/abc"],
    }  # fmt: skip
    assert event.body["links"] == ["https://t.cn/abc"]
