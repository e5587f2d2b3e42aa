"""CSV and TSV: a header, one record a line; columns are found by name or given with --map."""

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from qunzhu.kernel.connectors.imports.records import BadValue, Entry, Rejected, checked, time_reader
from qunzhu.kernel.connectors.imports.source import Line, Source, Unreadable

MAX_FIELD_LINES = 400  # a quoted field that spans more is a quote that was never closed
ALIASES: dict[str, tuple[str, ...]] = {
    "time": (
        "time", "timestamp", "datetime", "date", "ts", "ts_utc", "ts_bst", "created_at", "sent_at", "strtime",
        "createtime", "时间", "日期", "发送时间", "消息时间",
    ),
    "user": (
        "user", "name", "nickname", "author", "sender_name", "from", "发送人", "发送者", "昵称", "成员", "用户",
        "remark",
    ),
    "id": ("user_id", "userid", "author_id", "authorid", "wxid", "qq", "sender", "sender_id", "用户号"),
    "text": ("text", "content", "message", "msg", "body", "strcontent", "内容", "消息", "消息内容"),
    "kind": ("kind", "event", "action", "消息类型"),
}  # fmt: skip
# What the kinds are called in exports; anything else is rejected with its word.
KIND_WORDS = {
    "": "msg", "msg": "msg", "message": "msg", "text": "msg", "文本": "msg", "消息": "msg", "action": "action",
    "join": "join", "leave": "leave", "part": "leave", "quit": "leave",
    "nick": "nick", "other": "other", "system": "other", "入群": "join",
    "退群": "leave", "改名": "nick", "系统": "other",
}  # fmt: skip
# WeChat's message types as MemoTrace (留痕) exports them; what is no text is kept as a mark of what it was.
WECHAT_TYPES = {
    "1": ("", "text"), "3": ("[图片]", "image"), "34": ("[语音]", "text"), "43": ("[视频]", "text"),
    "47": ("[表情]", "image"), "48": ("[位置]", "text"), "49": ("[链接]", "link"), "42": ("[名片]", "text"),
    "50": ("[通话]", "text"),
}  # fmt: skip
MEMOTRACE_COLUMNS = {"strcontent", "strtime", "issender"}


class Columns(NamedTuple):
    """Where each field stands in a row; −1 when there is none."""

    time: int
    user: int
    id: int
    text: int
    kind: int


def columns_of(header: list[str], mapping: dict[str, str]) -> Columns:
    """The places of the fields. Raises Unreadable when time or text is not found, or a mapped column is absent."""
    names = [name.strip().strip('"').lower() for name in header]
    places: dict[str, int] = {}
    for field, aliases in ALIASES.items():
        wanted = (mapping[field].lower(),) if field in mapping else aliases
        places[field] = next((names.index(alias) for alias in wanted if alias in names), -1)
        if field in mapping and places[field] < 0:
            raise Unreadable(f"没有“{mapping[field]}”这一列,文件里有: {', '.join(header)[:300]}")
    for field in ("time", "text"):
        if places[field] < 0:
            raise Unreadable(f"找不到 {field} 列,请用 --map {field}=列名 指定;文件里有: {', '.join(header)[:300]}")
    if places["user"] < 0 and places["id"] < 0:
        raise Unreadable(f"找不到 user 列,请用 --map user=列名 指定;文件里有: {', '.join(header)[:300]}")
    return Columns(**places)


def parse_tsv(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:
    """Tab-separated without quoting; a backslash and an n inside a field are a line break."""
    return _parse(zone, mapping, _tsv_rows(source.lines()))


def parse_csv(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:
    """RFC 4180; the separator is the comma, or the semicolon where the header has more of those."""
    first = source.sample().split("\n", 1)[0]
    return _parse(zone, mapping, _csv_rows(source.lines(), ";" if first.count(";") > first.count(",") else ","))


Row = tuple[int, str, list[str] | None, str]  # first line, raw, fields, problem


def _tsv_rows(lines: Iterator[Line]) -> Iterator[Row]:
    for number, text, problem in lines:
        if problem:
            yield number, text, None, problem
        elif text.strip():
            yield number, text, text.split("\t"), ""


def _csv_rows(lines: Iterator[Line], separator: str) -> Iterator[Row]:
    waiting: list[Line] = []  # lines that were taken for a quoted field and were none
    while True:
        line = waiting.pop(0) if waiting else next(lines, None)
        if line is None:
            return
        number, text, problem = line
        if problem:
            yield number, text, None, problem
        elif '"' not in text:
            if text.strip():
                yield number, text, text.split(separator), ""
        else:
            joined, taken = _close_quotes(line, waiting, lines)
            if joined is None:
                waiting = taken + waiting
                yield number, text, None, "引号没有闭合"
            else:
                yield number, joined, *_fields(joined, separator)


def _close_quotes(line: Line, waiting: list[Line], lines: Iterator[Line]) -> tuple[str | None, list[Line]]:
    """The record that begins in `line`, over as many lines as its quotes ask for; None and the lines to give back."""
    parts, quotes = [line.text], line.text.count('"')
    taken: list[Line] = []
    while quotes % 2:
        following = waiting.pop(0) if waiting else next(lines, None)
        if following is not None:
            taken.append(following)
        if following is None or following.problem or len(taken) > MAX_FIELD_LINES:
            return None, taken
        parts.append(following.text)
        quotes += following.text.count('"')
    return "\n".join(parts), []


def _fields(joined: str, separator: str) -> tuple[list[str] | None, str]:
    try:
        rows = list(csv.reader(joined.splitlines(keepends=True), delimiter=separator, strict=True))
    except csv.Error as error:
        return None, f"不是有效的 CSV: {error}"
    return (rows[0], "") if len(rows) == 1 else (None, "不是有效的 CSV: 引号位置不对")


def _parse(zone: ZoneInfo, mapping: dict[str, str], rows: Iterator[Row]) -> Iterator[Entry]:
    header = next(rows, None)
    if header is None:
        raise Unreadable("文件是空的")
    if header[2] is None:
        raise Unreadable(f"第一行不能读作表头: {header[3]}")
    names = header[2]
    columns = columns_of(names, mapping)
    tabs = "\t" in header[1] and len(names) > 1
    memotrace = {n.strip().lower() for n in names} >= MEMOTRACE_COLUMNS
    if names[columns.time].strip().lower().endswith("_utc"):
        zone = ZoneInfo("UTC")
    read_time = time_reader(zone)
    types = [n.strip().lower() for n in names].index("type") if memotrace else -1
    for line, raw, fields, problem in rows:
        if fields is None:
            yield Rejected(line, raw, problem)
        elif len(fields) != len(names):
            yield Rejected(line, raw, f"有 {len(fields)} 列,表头有 {len(names)} 列")
        else:
            try:
                at = read_time(fields[columns.time])
            except BadValue as error:
                yield Rejected(line, raw, str(error))
                continue
            yield _entry(line, raw, at, fields, columns, types=types, tabs=tabs)


def _entry(line: int, raw: str, at: datetime, fields: list[str], columns: Columns, *, types: int, tabs: bool) -> Entry:
    text = fields[columns.text]
    if tabs and "\\n" in text:
        text = text.replace("\\n", "\n")
    user = fields[columns.user] if columns.user >= 0 else ""
    identity = fields[columns.id].strip() if columns.id >= 0 else ""
    kind, media = "msg", "text"
    if types >= 0:
        if fields[types] not in WECHAT_TYPES:
            return Rejected(line, raw, f"系统消息,没有对应的事件 (Type {fields[types][:20]})")
        mark, media = WECHAT_TYPES[fields[types]]
        text = mark or text
    elif columns.kind >= 0:
        word = fields[columns.kind].strip().lower()
        kind = KIND_WORDS.get(word, word)
    return checked(line, raw, at, kind, identity, user, text, media)
