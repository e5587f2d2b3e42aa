"""Keyword libraries as CSV: word, category, level, allow; each bad line is named with its number and what is wrong."""

import csv
import io
from dataclasses import dataclass

from django.utils.translation import gettext as _

from qunzhu.kernel.text.keywords import Word
from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.models import Keyword
from qunzhu.risk.services import MAX_WORD

LEVELS = ("", "yellow", "orange", "red")
MAX_WORDS = 200_000
_YES = {"1", "true", "yes", "y", "是", "白名单", "allow"}
_NO = {"", "0", "false", "no", "n", "否"}
_LEVEL_WORDS = {"黄色": "yellow", "橙色": "orange", "红色": "red"}
_HEADERS = {"word", "关键词", "词"}


@dataclass(frozen=True)
class BadLine:
    """A line that cannot be taken."""

    line: int
    text: str
    problem: str


def parse_words(raw: bytes) -> tuple[list[Word], list[BadLine]]:
    """Words and bad lines of a CSV in UTF-8 or GB 18030 (what Excel writes in China). A heading line is skipped."""
    text = _decode(raw)
    if text is None:
        return [], [BadLine(1, "", _("看不懂文件的编码:请另存为 CSV UTF-8 再上传"))]
    words: dict[str, Word] = {}
    bad: list[BadLine] = []
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""))
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                continue
            if reader.line_num == 1 and row[0].strip().lower() in _HEADERS:
                continue
            if len(words) >= MAX_WORDS:
                bad.append(BadLine(reader.line_num, "", _("一次最多 %(n)d 个词") % {"n": MAX_WORDS}))
                break
            word = _word(row)
            if isinstance(word, str):
                bad.append(BadLine(reader.line_num, ",".join(row)[:80], word))
            else:
                words[word.word] = word
    except csv.Error as error:
        bad.append(BadLine(reader.line_num, "", _("这一行不是 CSV:%(error)s") % {"error": error}))
    return list(words.values()), bad


def _word(row: list[str]) -> Word | str:
    """The word of a line, or what is wrong with it."""
    cells = [cell.strip() for cell in row] + [""] * 4
    word, category, level, allow = cells[0].removeprefix("'") or cells[0], cells[1], cells[2], cells[3].lower()
    named = {str(label): value for value, label in Keyword.Category.choices}
    category = named.get(category, category.lower() or "other")
    level = _LEVEL_WORDS.get(level, level.lower())
    if not normalise(word).strip():
        return _("没有可见的字")
    if len(word) > MAX_WORD:
        return _("超过 %(n)d 字") % {"n": MAX_WORD}
    if category not in Keyword.Category.values:
        return _("类别“%(name)s”不存在;可用:%(known)s") % {"name": category[:20], "known": "、".join(named.values())}
    if level not in LEVELS:
        return _("级别“%(name)s”不存在;可用:yellow、orange、red 或留空") % {"name": level[:20]}
    if allow not in _YES | _NO:
        return _("白名单一栏写 1 或 0,不是“%(value)s”") % {"value": allow[:20]}
    return Word(word, category, level, allow in _YES)


def _decode(raw: bytes) -> str | None:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
