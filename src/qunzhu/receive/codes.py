"""QR codes inside a picture: what they say goes into the log beside the picture, where the rules can read it."""

import zxingcpp
from PIL import Image

MOST_CODES = 8
LONGEST_CODE = 1_000
LONGEST_SIDE = 1_600  # a code that a phone can read survives this; a larger picture only costs time


def read_codes(image: Image.Image) -> list[str]:
    """The texts of the codes in a picture, each once, in the order in which they were found; at most eight."""
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")  # most codes on nothing are black
        image = Image.alpha_composite(ground, image)
    grey = image.convert("L")
    grey.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    # Made for each call: an object of the library that outlives the interpreter is reported as leaked.
    square = zxingcpp.BarcodeFormats(
        [zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.DataMatrix, zxingcpp.BarcodeFormat.Aztec]
    )
    found = zxingcpp.read_barcodes(grey, formats=square)
    texts = [code.text.replace("\x00", "").strip()[:LONGEST_CODE] for code in found]
    return list(dict.fromkeys(text for text in texts if text))[:MOST_CODES]
