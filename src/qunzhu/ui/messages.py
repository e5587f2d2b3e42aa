"""Compile the translations: every `locale/*/LC_MESSAGES/*.po` of the package becomes a `.mo` beside it.

usage: python -m qunzhu.ui.messages [--check]
Django's own `compilemessages` needs GNU gettext installed; this needs nothing but the package.
"""

import ast
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
_MAGIC = 0x950412DE
_HEADER = struct.Struct("<7I")
_PAIR = struct.Struct("<2I")
_LINE = re.compile(r'(?:(msgctxt|msgid_plural|msgid|msgstr)(?:\[(\d+)\])?\s+)?(".*")$')


class BadCatalogue(ValueError):
    """A .po file that cannot be read; the message names file and line."""


def main(arguments: list[str]) -> int:
    """Compile what is out of date; with `--check` only say what is. Returns the exit code."""
    stale = [po for po in catalogues() if is_stale(po)]
    if "--check" in arguments:
        for po in stale:
            print(f"{po}: not compiled; run `make messages`")  # noqa: T201
        return 1 if stale else 0
    for po in stale:
        try:
            compile_catalogue(po)
        except BadCatalogue as error:
            print(error, file=sys.stderr)  # noqa: T201
            return 1
    return 0


def catalogues() -> Iterator[Path]:
    """Every .po file of the package."""
    yield from sorted(PACKAGE.rglob("locale/*/LC_MESSAGES/*.po"))


def is_stale(po: Path) -> bool:
    mo = po.with_suffix(".mo")
    return not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime


def compile_catalogue(po: Path) -> Path:
    """Write `po` as the binary catalogue that gettext reads."""
    mo = po.with_suffix(".mo")
    draft = mo.with_name(f"{mo.name}.new")
    draft.write_bytes(encode(parse(po.read_text(encoding="utf-8"), str(po))))
    draft.replace(mo)  # a running server never sees half a file
    return mo


def parse(text: str, name: str = "") -> dict[str, str]:
    """The translated entries of a .po file: key as gettext keeps it (context, plurals joined by its marks) → text.

    Fuzzy and untranslated entries are left out, as GNU msgfmt does. Raises BadCatalogue.
    """
    entries: dict[str, str] = {}
    for number, block in _blocks(text):
        fields = _fields(block, number, name)
        if fields is None:
            continue
        key = fields["msgid"]
        if "msgctxt" in fields:
            key = f"{fields['msgctxt']}\x04{key}"
        plurals = [fields[k] for k in sorted(k for k in fields if k.startswith("msgstr"))]
        if "msgid_plural" in fields:
            key = f"{key}\0{fields['msgid_plural']}"
        if all(plurals):
            if key in entries:
                raise BadCatalogue(f"{name}:{number}: {fields['msgid']!r} is translated twice")
            entries[key] = "\0".join(plurals)
    return entries


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Entries with the number of their first line."""
    block: list[str] = []
    start = 1
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            if not block:
                start = number
            block.append(line.strip())
        elif block:
            yield start, block
            block = []
    if block:
        yield start, block


def _fields(block: list[str], start: int, name: str) -> dict[str, str] | None:
    fields: dict[str, str] = {}
    current = ""
    for offset, line in enumerate(block):
        if line.startswith("#,") and "fuzzy" in line:
            return None
        if line.startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None or not (match[1] or current):
            raise BadCatalogue(f"{name}:{start + offset}: cannot read {line!r}")
        if match[1]:
            current = f"{match[1]}[{match[2]}]" if match[2] else match[1]
            fields[current] = ""
        fields[current] += ast.literal_eval(match[3])
    return fields if "msgid" in fields else None


def encode(entries: dict[str, str]) -> bytes:
    """The .mo file format: header, table of originals, table of translations, then both, NUL-terminated, sorted."""
    pairs = sorted((key.encode(), value.encode()) for key, value in entries.items())
    count = len(pairs)
    originals_at = _HEADER.size
    translations_at = originals_at + count * _PAIR.size
    position = translations_at + count * _PAIR.size
    tables = b""
    data = b""
    for side in range(2):
        for pair in pairs:
            tables += _PAIR.pack(len(pair[side]), position + len(data))
            data += pair[side] + b"\0"
    return _HEADER.pack(_MAGIC, 0, count, originals_at, translations_at, 0, 0) + tables + data


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
