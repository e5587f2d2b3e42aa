"""One array inside a JSON document, object by object, without holding the document.

Objects are cut out by counting brackets outside strings, then decoded by msgspec, so a broken object costs only itself
(docs/connectors/imports.md).
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from qunzhu.kernel.connectors.imports.source import Unreadable

MAX_OBJECT = 4 << 20
_TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*"', re.DOTALL)
_KEY = re.compile(r'\s*,?\s*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_SPACE = re.compile(r"[\s,]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_decode = msgspec.json.Decoder().decode


class Stream:
    """Text that grows at its end and is let go at its start; knows the line it stands in."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.buffer = ""
        self.at = 0
        self.line = 1
        self.ended = False

    def more(self) -> bool:
        """Read another piece, dropping what is behind; False at the end."""
        piece = next((p for p in self._pieces if p), None)
        if piece is None:
            self.ended = True
            return False
        self.line += self.buffer.count("\n", 0, self.at)
        self.buffer = self.buffer[self.at :] + piece
        self.at = 0
        return True

    def line_here(self) -> int:
        return self.line + self.buffer.count("\n", 0, self.at)

    def skip(self, pattern: re.Pattern[str]) -> str:
        """Step over a pattern of spaces and separators; returns the character that stands there, "" at the end."""
        while True:
            found = pattern.match(self.buffer, self.at)
            self.at = found.end() if found else self.at
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def value(self) -> str | None:
        """Cut the value that begins here and step over it; None when it is larger than 4 MB or never ends."""
        if self.buffer[self.at] not in '{["':
            return self._scalar()
        depth, place = 0, self.at
        while True:
            found = _TOKEN.search(self.buffer, place)
            if found and not self._open_quote_before(place, found.start()):
                place = found.end()
                mark = found.group()[0]
                depth += (mark in "{[") - (mark in "}]")
                if depth <= 0:
                    cut, self.at = self.buffer[self.at : place], place
                    return cut
                continue
            if len(self.buffer) - self.at > MAX_OBJECT:
                return None
            place -= self.at
            if not self.more():
                return None
            place += self.at

    def _open_quote_before(self, start: int, end: int) -> bool:
        return self.buffer.find('"', start, end) >= 0

    def _scalar(self) -> str | None:
        while True:
            found = _SCALAR.match(self.buffer, self.at)
            if found is None:
                return None
            if found.end() < len(self.buffer) or not self.more():
                found = _SCALAR.match(self.buffer, self.at)
                cut = found.group() if found else ""
                self.at += len(cut)
                return cut if len(cut) < MAX_OBJECT else None


def objects(pieces: Iterator[str], name: str) -> Iterator[tuple[int, str, Any, str]]:
    """(line, raw, decoded, problem) for each element of the top-level array `name`. Raises Unreadable without one."""
    stream = Stream(pieces)
    if stream.skip(_SPACE) != "{":
        raise Unreadable("这不是一个 JSON 对象")
    stream.at += 1
    while True:
        mark = stream.skip(_SPACE)
        if mark != '"':
            raise Unreadable(f"JSON 里没有“{name}”列表")
        key = stream.value()
        if stream.skip(_SPACE) != ":" or key is None:
            raise Unreadable("JSON 不完整或已损坏")
        stream.at += 1
        mark = stream.skip(_SPACE)
        if key == f'"{name}"' and mark == "[":
            stream.at += 1
            yield from _elements(stream)
            return
        if not mark or (not _skip_array(stream) if mark == "[" else stream.value() is None):
            raise Unreadable("JSON 不完整或已损坏")


def _skip_array(stream: Stream) -> bool:
    """Step over an array of any size, element by element (member lists carry pictures)."""
    stream.at += 1
    while (mark := stream.skip(_SPACE)) != "]":
        if not mark or stream.value() is None:
            return False
    stream.at += 1
    return True


def _elements(stream: Stream) -> Iterator[tuple[int, str, Any, str]]:
    while True:
        mark = stream.skip(_SPACE)
        if mark == "]":
            return
        line = stream.line_here()
        if not mark:
            yield line, "", None, "文件在这里中断,列表没有结束"
            return
        raw = stream.value()
        if raw is None:
            rest = stream.buffer[stream.at : stream.at + 500]
            yield line, rest, None, "从这里起 JSON 已损坏,后面的内容无法读取"
            return
        try:
            yield line, raw, _decode(raw), ""
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as error:
            yield line, raw, None, f"不是有效的 JSON: {str(error)[:200]}"
