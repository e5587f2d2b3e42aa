"""The files inside a bundle: a ZIP with pages, events, pictures and the checking program, or one JSON object."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from qunzhu.kernel.events import bundle_check
from qunzhu.kernel.events.bundle_pages import PAGE_EVENTS, Picture, Story

Events = Iterator[dict[str, Any]]


def write_zip(out: IO[bytes], meta: dict[str, Any], story: Story, events: Events) -> None:
    """Pages first, then what machines read, and a comment at the end that will hold the signature."""
    pictures: dict[str, Picture] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, TemporaryFile() as lines:

        def line(event: dict[str, Any]) -> None:
            lines.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")
            picture = story.picture_of(event)
            if picture is not None:
                pictures.setdefault(picture.name, picture)

        for number in range(1, story.pages + 1):
            with archive.open(_entry(story.page_name(number)), "w", force_zip64=True) as page:
                for piece in story.render(number, _some(events, line)):
                    page.write(piece.encode())
        lines.seek(0)
        with archive.open(_entry("events.jsonl"), "w", force_zip64=True) as stored:
            while data := lines.read(1 << 20):
                stored.write(data)
        for picture in pictures.values():
            archive.writestr(_entry(picture.name, zipfile.ZIP_STORED), picture.path.read_bytes())
        unsealed = sorted({p.sha256 for p in pictures.values() if not p.sealed})
        meta = {**meta, "unsealed_pictures": unsealed} if unsealed else meta
        archive.writestr(_entry("bundle.json"), json.dumps(meta, ensure_ascii=False, indent=1))
        archive.writestr(_entry("check.py"), _checker())
        archive.comment = bundle_check.ZIP_PREFIX + b"0" * bundle_check.SIGNATURE_HEX


def write_json(out: IO[bytes], meta: dict[str, Any], story: Story, events: Events) -> None:
    """One object: meta, events line by line, page and program as strings, the signature last. Without pictures."""
    out.write(json.dumps(meta, ensure_ascii=False).encode()[:-1] + b',\n"events":[')
    first = True

    def line(event: dict[str, Any]) -> None:
        nonlocal first
        out.write((b"\n" if first else b",\n") + json.dumps(event, ensure_ascii=False).encode())
        first = False

    story.without_pictures()
    page = "".join(
        piece for number in range(1, story.pages + 1) for piece in story.render(number, _some(events, line), whole=True)
    )
    extra = json.dumps({"html": page, "check_py": _checker()}, ensure_ascii=False)
    out.write(b"],\n" + extra.encode()[1:-1])
    out.write(bundle_check.JSON_PREFIX + b"0" * bundle_check.SIGNATURE_HEX + bundle_check.JSON_END)


def _some(events: Events, line: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """The next page's events, each also given to `line`."""
    part: list[dict[str, Any]] = []
    while len(part) < PAGE_EVENTS and (event := next(events, None)) is not None:
        line(event)
        part.append(event)
    return part


def _entry(name: str, how: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
    entry.compress_type = how
    return entry


def _checker() -> str:
    return Path(bundle_check.__file__).read_text(encoding="utf-8")
