"""QQ's own text export: a line with time and sender, then the text until the next such line."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from qunzhu.kernel.connectors.imports.records import BadValue, Entry, Rejected, checked, time_reader
from qunzhu.kernel.connectors.imports.source import Source

# 2024-01-05 8:03:11 【群主】昵称(10001)   or   昵称<mail@example.com>   or   (10001)
HEAD = re.compile(
    r"(\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2}:\d{2}) (?:【[^】]{0,20}】)?(.*?)"
    r"\s*(?:\((\d{4,12})\)|<([^<>\s]+@[^<>\s]+)>)\s*"
)
PREAMBLE = re.compile(r"消息记录|消息分组[::]|消息对象[::]|={10,}\s*$|-{10,}\s*$|\s*$")
SYSTEM_ID = "10000"
MAX_LINES = 2_000


def parse_qq(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:  # noqa: ARG001  (one signature)
    """Messages of a QQ text export; lines before the first message that are no preamble are rejected."""
    read_time = time_reader(zone)
    head: tuple[int, str, re.Match[str]] | None = None
    lines: list[str] = []
    for number, text, problem in source.lines():
        found = None if problem else HEAD.fullmatch(text)
        if found:
            if head:
                yield _entry(head, lines, read_time)
            head, lines = (number, text, found), []
        elif problem:
            yield Rejected(number, text, problem)
        elif head is None or len(lines) >= MAX_LINES:
            if not PREAMBLE.match(text):
                yield Rejected(number, text, "不属于任何一条消息")
        else:
            lines.append(text)
    if head:
        yield _entry(head, lines, read_time)


def _entry(head: tuple[int, str, re.Match[str]], lines: list[str], read_time: Callable[[str], datetime]) -> Entry:
    number, first, found = head
    text = "\n".join(lines).strip("\n").rstrip()
    raw = "\n".join([first, *lines]).rstrip("\n")
    time, name, qq, mail = found.groups()
    try:
        at = read_time(time)
    except BadValue as error:
        return Rejected(number, raw, str(error))
    if qq == SYSTEM_ID:
        return Rejected(number, raw, "系统消息,没有对应的事件")
    media = "image" if text == "[图片]" else "text"
    return checked(number, raw, at, "msg", qq or mail, name, text, media)
