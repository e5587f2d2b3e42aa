"""Exports in JSON: one object a line, ChatLab, Telegram Desktop, DiscordChatExporter."""

from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.connectors.imports import jsonstream
from qunzhu.kernel.connectors.imports.records import BadValue, Entry, Rejected, checked, time_reader
from qunzhu.kernel.connectors.imports.source import Source
from qunzhu.kernel.connectors.imports.tables import ALIASES, KIND_WORDS

ReadTime = Callable[[Any], Any]
Reader = Callable[[int, str, dict[str, Any], ReadTime], Entry]
_SYSTEM = "系统消息,没有对应的事件"
_decode = msgspec.json.Decoder().decode

# ChatLab's message types (specification 0.0.2) without a text of their own.
CHATLAB_MARKS = {
    1: ("[图片]", "image"), 2: ("[语音]", "text"), 3: ("[视频]", "text"), 4: ("[文件]", "text"),
    5: ("[表情]", "image"),
    7: ("[链接]", "link"), 8: ("[位置]", "text"), 20: ("[红包]", "text"), 21: ("[转账]", "text"),
    22: ("[拍一拍]", "text"),
    23: ("[通话]", "text"), 24: ("[分享]", "link"), 25: ("", "quote"), 26: ("[转发]", "text"), 27: ("[名片]", "text"),
}  # fmt: skip
CHATLAB_SYSTEM = frozenset({80, 81})
TELEGRAM_JOINS = frozenset({"join_group_by_link", "invite_members", "join_group_by_request"})
DISCORD_TEXTS = frozenset({"Default", "Reply", "ChatInputCommand", "ThreadStarterMessage", "0", "19"})


def parse_jsonl(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:
    """One object a line; fields are found by the names that columns of a CSV may have, or by --map."""
    names = {field: ((mapping[field],) if field in mapping else aliases) for field, aliases in ALIASES.items()}

    def read(line: int, raw: str, item: dict[str, Any], read_time: ReadTime) -> Entry:
        found = {field: next((item[a] for a in aliases if a in item), None) for field, aliases in names.items()}
        word = _text(found["kind"]).lower()
        return checked(
            line, raw, read_time(found["time"]), KIND_WORDS.get(word, word), _text(found["id"]), _text(found["user"]),
            _text(found["text"]),
        )  # fmt: skip

    return _each_line(source, zone, read)


def parse_chatlab(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:  # noqa: ARG001
    """ChatLab JSON, or JSONL whose first line is a header."""
    if '"_type"' in source.sample().lstrip().split("\n", 1)[0]:
        return _each_line(source, zone, _chatlab, skip=frozenset({"header", "member"}))
    return _each_object(source, zone, _chatlab)


def parse_telegram(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:  # noqa: ARG001
    """The result.json of one chat, exported by Telegram Desktop."""
    return _each_object(source, zone, _telegram)


def parse_discord(source: Source, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:  # noqa: ARG001
    """JSON of DiscordChatExporter."""
    return _each_object(source, zone, _discord)


def _each_line(source: Source, zone: ZoneInfo, read: Reader, skip: frozenset[str] = frozenset()) -> Iterator[Entry]:
    read_time = time_reader(zone)
    for number, text, problem in source.lines():
        if problem:
            yield Rejected(number, text, problem)
            continue
        if not text.strip() or (skip and text.lstrip().startswith("#")):
            continue
        try:
            item = _decode(text)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            yield Rejected(number, text, f"不是有效的 JSON: {str(error)[:200]}")
            continue
        if skip and isinstance(item, dict) and item.get("_type") in skip:
            continue
        yield _read(number, text, item, read, read_time)


def _each_object(source: Source, zone: ZoneInfo, read: Reader) -> Iterator[Entry]:
    read_time = time_reader(zone)
    for line, raw, item, problem in jsonstream.objects(source.text(), "messages"):
        yield Rejected(line, raw, problem) if problem else _read(line, raw, item, read, read_time)


def _read(line: int, raw: str, item: Any, read: Reader, read_time: ReadTime) -> Entry:
    if not isinstance(item, dict):
        return Rejected(line, raw, "不是一条消息")
    try:
        return read(line, raw, item, read_time)
    except BadValue as error:
        return Rejected(line, raw, str(error))


def _text(value: Any) -> str:
    """A field as text: names and ids come as strings or numbers."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _chatlab(line: int, raw: str, item: dict[str, Any], read_time: ReadTime) -> Entry:
    kind = item.get("type")
    if isinstance(kind, int) and kind in CHATLAB_SYSTEM:
        return Rejected(line, raw, _SYSTEM)
    mark, media = CHATLAB_MARKS.get(kind, ("", "text")) if isinstance(kind, int) else ("", "text")
    user = _text(item.get("groupNickname")) or _text(item.get("accountName"))
    return checked(
        line, raw, read_time(item.get("timestamp")), "msg", _text(item.get("sender")), user,
        _text(item.get("content")) or mark, media, _text(item.get("platformMessageId")),
    )  # fmt: skip


def _telegram(line: int, raw: str, item: dict[str, Any], read_time: ReadTime) -> Entry:
    at = read_time(item.get("date_unixtime") or item.get("date"))
    number = _text(item.get("id"))
    if item.get("type") == "service":
        kind = "join" if item.get("action") in TELEGRAM_JOINS else "leave"
        if kind == "leave" and item.get("action") != "remove_members":
            return Rejected(line, raw, _SYSTEM)
        user, identity = _text(item.get("actor")), _text(item.get("actor_id"))
        touched = item.get("members")
        if isinstance(touched, list) and touched and touched != [user]:
            if len(touched) > 1 or not isinstance(touched[0], str):
                return Rejected(line, raw, "一条系统消息涉及多人,只有名字没有编号")
            user, identity = touched[0], ""  # the export names people who were added, without their ids
        return checked(line, raw, at, kind, identity, user, "", number=number)
    text = item.get("text")
    if isinstance(text, list):
        text = "".join(_text(p.get("text")) if isinstance(p, dict) else _text(p) for p in text)
    media = "image" if "photo" in item or item.get("media_type") == "sticker" else "text"
    if not text and (media == "image" or item.get("media_type") or "file" in item):
        text = (
            "[图片]" if "photo" in item else f"[{_text(item.get('sticker_emoji') or item.get('media_type')) or '文件'}]"
        )
    return checked(
        line, raw, at, "msg", _text(item.get("from_id")), _text(item.get("from")), _text(text), media, number
    )


def _discord(line: int, raw: str, item: dict[str, Any], read_time: ReadTime) -> Entry:
    at = read_time(item.get("timestamp"))
    author = item.get("author")
    author = author if isinstance(author, dict) else {}
    identity, user = _text(author.get("id")), _text(author.get("nickname")) or _text(author.get("name"))
    number, kind = _text(item.get("id")), _text(item.get("type"))
    if kind == "GuildMemberJoin":
        return checked(line, raw, at, "join", identity, user, "", number=number)
    if kind and kind not in DISCORD_TEXTS:
        return Rejected(line, raw, _SYSTEM)
    attached = item.get("attachments")
    text = _text(item.get("content")) or ("[附件]" if isinstance(attached, list) and attached else "")
    media = "quote" if kind == "Reply" else "text"
    return checked(line, raw, at, "msg", identity, user, text, media, number)
