"""`make train`: fit the shipped scores anew. Reads only data whose licence lets learned weights ship.

    QUNZHU_REAL_DATA=<folder> python -m qunzhu.risk.detect.train

The same data gives the same file, byte for byte. docs/models/learned-score.md lists data, licences and splits.
"""

import csv
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect import made, ordinary
from qunzhu.risk.detect.grams import grams
from qunzhu.risk.detect.linear import Example, Linear, fit, pack, quantised
from qunzhu.risk.detect.model import FILE

COLD, QQ_GROUP, TELEGRAM_RU = "abuse_cold.tsv", "spam_qq_group_mc.tsv", "spam_telegram_ru_umputun.tsv"
COMPOSED = {"ad": 11, "gambling": 12, "porn": 13, "fraud": 14, "fundraising": 15}  # category → seed
COMPOSED_EACH = 4_000
BACKGROUND = 12_000  # texts of COLD that stand for "everything else"
EPOCHS = 10
REAL_CHAT, ORDINARY = 3.0, 5.0  # what one such text counts against one of the background


def training_half(text: str) -> bool:
    """Whether a text belongs to the half that is learned from; by digest of its normal form, so twins stay together."""
    folded = "".join(normalise(text).split())
    return hashlib.sha256(folded.encode("utf-8", "replace")).digest()[0] % 2 == 0


def rows(folder: Path, name: str) -> Iterator[dict[str, str]]:
    """The rows of one tab-separated file."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row | {"text": row["text"].replace("\\n", "\n")}


def example(text: str, *, positive: bool, cost: float = 1.0) -> Example:
    return Example(tuple(grams(normalise(text))), positive, cost)


def attack(folder: Path) -> Linear:
    """COLD's training part (Apache-2.0), ordinary talk and half of a real group's chat as harmless."""
    found = [example(r["text"], positive=r["label"] == "1") for r in rows(folder, COLD) if r["split"] == "train"]
    found += _harmless(folder)
    return quantised(*fit(found, epochs=EPOCHS))


def solicitation(folder: Path, category: str) -> Linear:
    """Composed messages against COLD's texts and ordinary talk; for `ad` also what real groups called spam."""
    background = [r["text"] for r in rows(folder, COLD) if r["split"] == "train"][:BACKGROUND]
    found = [example(text, positive=False) for text in background]
    found += _harmless(folder)
    if category == "ad":
        real = [r for r in rows(folder, QQ_GROUP) if training_half(r["text"]) and r["label"] == "1"]
        found += [example(r["text"], positive=True, cost=REAL_CHAT) for r in real]
        found += [example(r["text"], positive=r["label"] == "1") for r in rows(folder, TELEGRAM_RU)]
    seed = COMPOSED[category]
    found += [example(text, positive=True) for text in made.messages(category, COMPOSED_EACH, seed)]
    return quantised(*fit(found, epochs=EPOCHS))


def _harmless(folder: Path) -> list[Example]:
    chat = [r["text"] for r in rows(folder, QQ_GROUP) if r["label"] == "0" and training_half(r["text"])]
    return [example(text, positive=False, cost=REAL_CHAT) for text in chat] + [
        example(text, positive=False, cost=ORDINARY) for text in ordinary.SENTENCES
    ]


def main() -> None:
    """Train, and write the file where the package reads it (or where the first argument says)."""
    folder = Path(os.environ.get("QUNZHU_REAL_DATA", ""))
    missing = [name for name in (COLD, QQ_GROUP, TELEGRAM_RU) if not (folder / name).is_file()]
    if missing:
        sys.exit(f"QUNZHU_REAL_DATA={folder}: {', '.join(missing)} not found there; see docs/models/learned-score.md")
    models = {"attack": attack(folder)} | {category: solicitation(folder, category) for category in COMPOSED}
    blob = pack(models)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    target.write_bytes(blob)
    print(f"{target}: {len(blob):,} bytes, sha256 {hashlib.sha256(blob).hexdigest()}")  # noqa: T201  (a command)


if __name__ == "__main__":
    main()
