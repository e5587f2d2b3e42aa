"""The formats there are, and which one a file has."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from qunzhu.kernel.connectors.imports.jsonfiles import parse_chatlab, parse_discord, parse_jsonl, parse_telegram
from qunzhu.kernel.connectors.imports.qq import HEAD, parse_qq
from qunzhu.kernel.connectors.imports.records import Entry, Parser
from qunzhu.kernel.connectors.imports.source import Source, Unreadable
from qunzhu.kernel.connectors.imports.tables import MEMOTRACE_COLUMNS, parse_csv, parse_tsv


class Format(NamedTuple):
    """A format: its parser and what it is called on the screen."""

    name: str
    title: str
    parse: Parser


FORMATS: dict[str, Format] = {
    f.name: f
    for f in (
        Format("csv", "CSV", parse_csv),
        Format("tsv", "TSV", parse_tsv),
        Format("jsonl", "JSON Lines", parse_jsonl),
        Format("chatlab", "ChatLab JSON / JSONL", parse_chatlab),
        Format("memotrace", "MemoTrace 留痕 CSV", parse_csv),
        Format("telegram", "Telegram JSON", parse_telegram),
        Format("qq", "QQ 文本", parse_qq),
        Format("discord", "Discord JSON", parse_discord),
    )
}
AUTO = "auto"


def detect(source: Source, name: str) -> str:
    """The format of a file by its first lines; its name only decides what content leaves open. Raises Unreadable."""
    sample = source.sample().lstrip()
    first = sample.split("\n", 1)[0].strip()
    if first.startswith("{"):
        return _detect_json(sample, first)
    if any(HEAD.fullmatch(line.rstrip("\r")) for line in sample.split("\n")[:200]):
        return "qq"
    columns = {c.strip().strip('"').lower() for c in first.split(",")}
    if columns >= MEMOTRACE_COLUMNS:
        return "memotrace"
    if "\t" in first:
        return "tsv"
    if len(columns) > 1 or ";" in first:
        return "csv"
    raise Unreadable(f"看不出“{Path(name).name}”是什么格式,请用 --format 指定: {', '.join(FORMATS)}")


def _detect_json(sample: str, first: str) -> str:
    if '"_type"' in first or '"chatlab"' in sample[:4000]:
        return "chatlab"
    if first.endswith("}") and len(first) > 2 and '"messages"' not in first:  # noqa: PLR2004  ({} alone opens a document)
        return "jsonl"
    return "discord" if '"guild"' in sample[:4000] or '"authorId"' in sample else "telegram"


def parse(source: Source, fmt: str, zone: ZoneInfo, mapping: dict[str, str]) -> Iterator[Entry]:
    """Every line or object of the file, each once: a record or why it was left aside. Raises Unreadable."""
    return FORMATS[fmt].parse(source, zone, mapping)
