"""Lists as files: CSV for programs (streamed, any length), Excel for people."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import translation
from openpyxl import Workbook

# A cell that starts with one of these is run as a formula by spreadsheet programs (OWASP, "CSV injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
EXCEL_ROWS = 100_000
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def download(
    fmt: str, name: str, header: Sequence[object], rows: Iterable[Sequence[Any]], *, zone: str
) -> HttpResponseBase:
    """A file of `rows` under `header`; `fmt` is "csv" or "xlsx" (at most 100,000 rows). Times are written in `zone`."""
    local = ZoneInfo(zone)
    cells = ([_cell(value, local) for value in row] for row in _in_language(rows))
    titles = [str(title) for title in header]
    if fmt == "xlsx":
        return _excel(name, titles, cells)
    response = StreamingHttpResponse(_csv_lines(titles, cells), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{Path(name).name}.csv"'
    return response


def _in_language(rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Rows are made while the answer is sent, when the request's language is over: each is made in it again."""
    language = translation.get_language()
    source = iter(rows)

    def every() -> Iterator[Sequence[Any]]:
        while True:
            with translation.override(language):
                row = next(source, None)
            if row is None:
                return
            yield row

    return every()


def _cell(value: Any, zone: ZoneInfo) -> str | int | float:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_lines(header: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    yield "\ufeff"  # Excel reads a CSV as UTF-8 only with this mark
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(header)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 1 << 15:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _excel(name: str, header: list[str], rows: Iterable[list[Any]]) -> StreamingHttpResponse:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    sheet.freeze_panes = "A2"
    sheet.append(header)
    for number, row in enumerate(rows):
        if number >= EXCEL_ROWS:
            break
        sheet.append([_printable(cell) for cell in row])
    out = TemporaryFile()  # noqa: SIM115  (`_parts` closes it)
    book.save(out)
    response = StreamingHttpResponse(_parts(out), content_type=_XLSX)
    response["Content-Disposition"] = f'attachment; filename="{Path(name).name}.xlsx"'
    return response


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(1 << 16):
            yield part


def _printable(cell: Any) -> Any:
    """Without control characters, which the Excel format cannot hold."""
    if isinstance(cell, str):
        return "".join(c for c in cell if c >= " " or c in "\t\n")[:32_000]
    return cell
