"""Tables of messages, a row at a time: CSV, TSV and JSON lines, also gzipped. A bad line is told, never guessed at."""

import csv
import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
FORMATS = ("csv", "tsv", "jsonl")


class BadTable(ValueError):
    """A file that cannot be read as a table; the message says what to do."""


class BadLine(msgspec.Struct, frozen=True):
    """A line that was left out: its number, what is wrong, what to do."""

    line: int
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}; {self.remedy}"


class Row(msgspec.Struct, frozen=True):
    """One message with all its columns."""

    line: int
    fields: dict[str, str]


def format_of(path: Path) -> str:
    """csv, tsv or jsonl, by the name of the file. Raises BadTable."""
    name = path.name.removesuffix(".gz")
    ending = {"json": "jsonl", "ndjson": "jsonl", "txt": "tsv"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
    if ending not in FORMATS:
        raise BadTable(f"{path.name}: the name does not tell the format; say --format csv, tsv or jsonl")
    return ending


def rows(path: Path, form: str, needed: tuple[str, ...]) -> Iterator[Row | BadLine]:
    """The rows of a table in order. `needed` columns must be there. Raises BadTable, OSError."""
    with _open(path) as file:
        yield from _json_lines(file, needed) if form == "jsonl" else _separated(file, path, form, needed)


def _open(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path, "rb"), encoding="utf-8-sig", errors="surrogateescape", newline="")
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


_NOT_UTF8 = "is not UTF-8 text", "save the file as UTF-8"


def _is_text(value: str) -> bool:
    return not any("\udc80" <= character <= "\udcff" for character in value) if not value.isascii() else True


def _separated(file: IO[str], path: Path, form: str, needed: tuple[str, ...]) -> Iterator[Row | BadLine]:
    if form == "csv":
        reader = csv.reader(file)
    else:
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter="\t", quoting=csv.QUOTE_NONE)
    header = next(reader, None)
    if not header:
        raise BadTable(f"{path.name}: is empty; the first line must name the columns")
    if missing := [name for name in needed if name not in header]:
        raise BadTable(f"{path.name}: no column {', '.join(missing)}; there are {', '.join(header)}")
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield BadLine(line, str(error), "correct the quotes of this line")
            continue
        if cells is None:
            return
        if not cells:
            continue
        if len(cells) != len(header):
            yield BadLine(line, f"has {len(cells)} columns, the header {len(header)}", "quote or escape its separators")
        elif not all(map(_is_text, cells)):
            yield BadLine(line, *_NOT_UTF8)
        else:
            found = dict(zip(header, cells, strict=True))
            if form == "tsv":
                found = {name: value.replace("\\n", "\n") for name, value in found.items()}
            yield Row(line, found)


def _json_lines(file: IO[str], needed: tuple[str, ...]) -> Iterator[Row | BadLine]:
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        if not _is_text(line):
            yield BadLine(number, *_NOT_UTF8)
            continue
        try:
            found = decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            yield BadLine(number, f"is no JSON object: {error}", "write one object a line")
            continue
        if missing := [name for name in needed if found.get(name) is None]:
            yield BadLine(number, f"has no {', '.join(missing)}", "name the column that holds it, or fill it in")
            continue
        yield Row(number, {name: v if isinstance(v, str) else _plain(v) for name, v in found.items()})


def _plain(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode() if not isinstance(value, str) else value
