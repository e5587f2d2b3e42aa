"""Keyword libraries as CSV or Excel: word, category, level, allow, options; each bad line is named."""

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from openpyxl import load_workbook

from qunzhu.kernel.text.keywords import Word
from qunzhu.kernel.text.normalise import normalise
from qunzhu.kernel.text.options import BadOption, parse_options
from qunzhu.risk.models import Keyword
from qunzhu.risk.services import MAX_WORD

LEVELS = ("", "yellow", "orange", "red")
MAX_WORDS = 200_000
MAX_UNPACKED = 100_000_000
COLUMNS = ("word", "category", "level", "allow", "options")
_YES = {"1", "true", "yes", "y", "是", "白名单", "allow"}
_NO = {"", "0", "false", "no", "n", "否"}
_LEVEL_WORDS = {"黄色": "yellow", "橙色": "orange", "红色": "red"}
_CATEGORIES = tuple(Keyword.Category.values)  # once, and not for each of 50,000 lines
_NAMED = {str(label): value for value, label in Keyword.Category.choices}
_HEADERS = {"word", "关键词", "词"}


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be taken."""

    line: int
    text: str
    problem: str


def parse_words(raw: bytes) -> tuple[list[Word], list[BadLine]]:
    """Words and bad lines of an Excel sheet or a CSV in UTF-8 or GB 18030 (what Excel writes in China).

    A heading line is skipped.
    """
    words: dict[str, Word] = {}
    bad: list[BadLine] = []
    try:
        for line, row in _excel_rows(raw) if raw.startswith(b"PK") else _csv_rows(raw):
            if not any(cell.strip() for cell in row):
                continue
            if line == 1 and row[0].strip().lower() in _HEADERS:
                continue
            if len(words) >= MAX_WORDS:
                bad.append(BadLine(line, "", _("一次最多 %(n)d 个词") % {"n": MAX_WORDS}))
                break
            word = _word(row)
            if isinstance(word, str):
                bad.append(BadLine(line, ",".join(row)[:80], word))
            else:
                words[word.word] = word
    except _UnreadableError as reason:
        bad.append(BadLine(reason.line, "", str(reason)))
    return list(words.values()), bad


class _UnreadableError(ValueError):
    """The file ends here for us; the message says why."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


def _csv_rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    text = _decode(raw)
    if text is None:
        raise _UnreadableError(1, _("看不懂文件的编码:请另存为 CSV UTF-8 再上传"))
    if (at := text.find("\0")) >= 0:
        raise _UnreadableError(text.count("\n", 0, at) + 1, _("这一行有不可见的空字符,请删掉后再上传"))
    first = text.partition("\n")[0]
    # What Excel writes where commas are decimal marks, and what is copied out of a sheet.
    delimiter = next((mark for mark in ";\t" if mark in first and "," not in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise _UnreadableError(reader.line_num, _("这一行不是 CSV:%(error)s") % {"error": error}) from None


def _excel_rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    """The first sheet, as text; a workbook that unpacks to more than MAX_UNPACKED is not opened."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MAX_UNPACKED:
                raise _UnreadableError(1, _("Excel 文件展开后太大,请另存为 CSV 再上传"))
        sheet = load_workbook(io.BytesIO(raw), read_only=True, data_only=True).worksheets[0]
        for line, row in enumerate(sheet.iter_rows(max_col=len(COLUMNS), max_row=MAX_WORDS + 2, values_only=True), 1):
            yield line, ["" if value is None else _cell(value) for value in row]
    except (zipfile.BadZipFile, KeyError, ValueError, IndexError, OSError, SyntaxError) as error:
        if isinstance(error, _UnreadableError):
            raise
        raise _UnreadableError(1, _("这不是能读的 Excel 文件:请另存为 CSV 再上传")) from None


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _word(row: list[str]) -> Word | str:  # noqa: PLR0911  (one return for each thing that can be wrong)
    """The word of a line, or what is wrong with it."""
    cells = [cell.strip() for cell in row] + [""] * 5
    word, category, level, allow = cells[0].removeprefix("'") or cells[0], cells[1], cells[2], cells[3].lower()
    category = _NAMED.get(category, category.lower() or "other")
    level = _LEVEL_WORDS.get(level, level.lower())
    if not normalise(word).strip():
        return _("没有可见的字")
    if len(word) > MAX_WORD:
        return _("超过 %(n)d 字") % {"n": MAX_WORD}
    if category not in _CATEGORIES:
        return _("类别“%(name)s”不存在;可用:%(known)s") % {"name": category[:20], "known": "、".join(_CATEGORIES)}
    if level not in LEVELS:
        return _("级别“%(name)s”不存在;可用:yellow、orange、red 或留空") % {"name": level[:20]}
    if allow not in _YES | _NO:
        return _("白名单一栏写 1 或 0,不是“%(value)s”") % {"value": allow[:20]}
    try:
        options = parse_options(cells[4].removeprefix("'"))
    except BadOption as reason:
        return str(reason)
    return Word(word, category, level, allow in _YES, options)


def _decode(raw: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
