"""A picture of a good: decoded for real, upright, cut to a square, encoded anew without anything that it carried."""

import hashlib
import io
import warnings

from PIL import Image, ImageOps

from qunzhu.engagement.mall.policy import Refused

SIDE = 640
MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 24_000_000
FORMATS = ("JPEG", "PNG", "WEBP")


def square(data: bytes) -> tuple[str, bytes]:
    """(digest, WebP of at most 640 × 640). Raises `Refused` for what is no picture, or too large a one."""
    if len(data) > MOST_BYTES:
        raise Refused("picture", "图片太大，最多 5 MB。")
    try:
        upright = _upright(data)
    except Refused:
        raise
    except Exception as error:
        raise Refused("picture", "这不是能用的图片，请用 JPG、PNG 或 WebP。") from error
    side = min(SIDE, *upright.size)
    out = io.BytesIO()
    ImageOps.fit(upright, (side, side)).save(out, "WEBP", quality=80)
    encoded = out.getvalue()
    return hashlib.sha256(encoded).hexdigest(), encoded


def _upright(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # decompression bombs are refused by size below
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise Refused("picture", "图片的像素太多，请缩小后再传。")
        return ImageOps.exif_transpose(image).convert("RGB")
