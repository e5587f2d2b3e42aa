"""A file as numbered lines of text: gzip, encodings, absurd lines and decompression bombs are dealt with here."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

MAX_LINE_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 18
CHUNK_BYTES = 1 << 18
MAX_RATIO = 200  # text compresses 5 to 50 times; a bomb a thousand times
RATIO_FROM = 64 << 20
_GZIP = b"\x1f\x8b"
_SHOWN = 500


class Unreadable(ValueError):
    """The file as a whole cannot be imported; the message says why, in Chinese."""


class Line(NamedTuple):
    """One line without its end; `problem` says why its text cannot be trusted (then `text` is only for showing)."""

    number: int
    text: str
    problem: str = ""


class Source:
    """An export file. `position` is how many bytes of the file itself have been read, for progress."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self._decoded = 0
        self.compressed = raw.read(2) == _GZIP
        self._rewind()
        self.encoding, self.mark = _encoding(self.sample_bytes())

    @classmethod
    def open(cls, path: Path) -> "Source":
        return cls(path.open("rb"))

    def close(self) -> None:
        self._raw.close()

    @property
    def position(self) -> int:
        return self._raw.tell()

    def sample_bytes(self) -> bytes:
        """The first bytes, decompressed; reading goes on from the start."""
        try:
            sample: bytes = self._rewind().read(SAMPLE_BYTES)
        except (OSError, EOFError, zlib.error):
            sample = b""
        self._rewind()
        return sample

    def sample(self) -> str:
        """The first characters as text; broken ones are replaced."""
        return self.sample_bytes()[self.mark :].decode(self.encoding, "replace")

    def _rewind(self) -> Any:  # GzipFile is no IO[bytes] for the type checker
        self._raw.seek(0)
        self._decoded = 0
        stream: Any = gzip.GzipFile(fileobj=self._raw) if self.compressed else self._raw
        self._stream: IO[bytes] = stream
        return self._stream

    def _chunk(self) -> bytes:
        try:
            data: bytes = self._stream.read(CHUNK_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise Unreadable(f"压缩文件已损坏: {error}") from error
        self._decoded += len(data)
        if self.compressed and self._decoded > max(RATIO_FROM, self._raw.tell() * MAX_RATIO):
            raise Unreadable(f"压缩比超过 {MAX_RATIO} 倍,不像聊天记录,已停止读取")
        return data

    def chunks(self) -> Iterator[bytes]:
        """The content as UTF-8 bytes where the encoding is UTF-16, else as it is; without byte order mark."""
        self._rewind()
        first = True
        utf16 = self.encoding.startswith("utf-16")
        decoder = codecs.getincrementaldecoder(self.encoding)("replace") if utf16 else None
        while data := self._chunk():
            if first:
                data, first = data[self.mark :], False
            yield decoder.decode(data).encode() if decoder else data
        if decoder:
            yield decoder.decode(b"", final=True).encode()

    def lines(self) -> Iterator[Line]:
        """Every line. One longer than 1 MB comes with a problem and shortened, and memory stays flat."""
        encoding = "utf-8" if self.encoding.startswith("utf-16") else self.encoding
        number = 0
        for data, cut in _split(self.chunks()):
            number += 1
            if cut:
                yield Line(number, data[:_SHOWN].decode(encoding, "replace"), "这一行超过 1 MB")
                continue
            try:
                yield Line(number, data.decode(encoding))
            except UnicodeDecodeError:
                yield Line(number, data.decode(encoding, "replace"), f"不是有效的 {encoding} 文字")

    def text(self) -> Iterator[str]:
        """The content as text in pieces, for formats that are one document; broken characters are replaced."""
        encoding = "utf-8" if self.encoding.startswith("utf-16") else self.encoding
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        for data in self.chunks():
            yield decoder.decode(data)
        yield decoder.decode(b"", final=True)


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines of a stream of bytes, without their ends (LF or CR LF), and whether they were cut."""
    rest, skipped, skipping = b"", b"", False
    for chunk in chunks:
        parts = (rest + chunk).split(b"\n")
        rest = parts.pop()
        for part in parts:
            if skipping:
                yield skipped, True
                skipping = False
            elif len(part) > MAX_LINE_BYTES:
                yield part[:_SHOWN], True
            else:
                yield part.removesuffix(b"\r"), False
        if len(rest) > MAX_LINE_BYTES:
            if not skipping:
                skipped, skipping = rest[:_SHOWN], True
            rest = b""
    if skipping:
        yield skipped, True
    elif rest:
        yield rest.removesuffix(b"\r"), False


def _encoding(sample: bytes) -> tuple[str, int]:
    """(encoding, length of the byte order mark). Without a mark: UTF-16 by its zero bytes, else UTF-8 or GB18030."""
    if sample.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    if sample.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if sample.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    half = len(sample) // 2
    if half > 1 and sample[1::2].count(0) > 0.3 * half and sample[::2].count(0) < 0.05 * half:
        return "utf-16-le", 0
    if half > 1 and sample[::2].count(0) > 0.3 * half and sample[1::2].count(0) < 0.05 * half:
        return "utf-16-be", 0
    return ("utf-8" if _mostly(sample, "utf-8") >= _mostly(sample, "gb18030") else "gb18030"), 0


def _mostly(sample: bytes, encoding: str) -> int:
    """How many lines with other than ASCII letters are valid in `encoding`; a last line may be cut."""
    good = 0
    for line in sample.split(b"\n")[:-1] or [sample]:
        if line.isascii():
            continue
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            continue
        good += 1
    return good


def of_bytes(data: bytes) -> Source:
    """A source over bytes in memory."""
    return Source(io.BytesIO(data))
