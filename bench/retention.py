"""How much of what is found is still found after somebody disguised it, and what that costs in false alarms.

Measured on labelled data that is not part of the repository (`QUNZHU_REAL_DATA`); the words are those that the data
names as toxic, with the options that words of their length have when nobody says anything.

usage: QUNZHU_REAL_DATA=FOLDER python bench/retention.py
"""

import csv
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from qunzhu.kernel.text.convert import to_traditional
from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.normalise import normalise

LIMITS = {
    "Traditional_transform": 0.95,
    "chaizi_transform": 0.80,
    "homo_toxi_transform": 0.80,
    "pinyin_full_transform": 0.80,
}
SHARE = 0.3  # of the characters of a clean text that are disguised
MOST_MORE_ALARMS = 0.02


def main() -> None:
    folder = Path(os.environ.get("QUNZHU_REAL_DATA", ""))
    if not (folder / "evade_cntp.tsv").exists():
        sys.exit("set QUNZHU_REAL_DATA to the folder of the labelled data (evade_cntp.tsv and its neighbours)")
    rows = read(folder / "evade_cntp.tsv")
    words = {w for row in rows for w in json.loads(row["toxic_entities"] or "[]") if row["perturbation"] == "base"}
    library = KeywordLibrary(Word(word) for word in sorted(words))
    exact = KeywordLibrary(Word(word, options="exact") for word in sorted(words))
    print(f"{len(words)} words\n")
    retention(rows, library, exact)
    alarms(folder, rows, library, exact)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def flagged(library: KeywordLibrary, text: str) -> bool:
    return bool(library.find(normalise(text), text))


def retention(rows: list[dict[str, str]], library: KeywordLibrary, exact: KeywordLibrary) -> None:
    """Of the toxic sentences that are flagged as they were written, the share that is flagged disguised."""
    found: dict[str, list[tuple[bool, bool, bool]]] = defaultdict(list)
    for row in rows:
        if row["perturbation"] == "base" or row["label"] != "1":
            continue
        text, own = row["text"], set(json.loads(row["toxic_entities"] or "[]"))
        if not flagged(library, row["original"]):
            continue
        hits = library.find(normalise(text), text)
        found[row["perturbation"]].append((bool(hits), any(h.word in own for h in hits), flagged(exact, text)))
    lines = []
    for name, seen in sorted(found.items()):
        any_word, own_word, letters = (sum(column) / len(seen) for column in zip(*seen, strict=True))
        limit = LIMITS.get(name)
        ratio = f"{any_word / limit:.2f}" if limit else "–"
        lines.append(
            [name, str(len(seen)), f"{any_word:.3f}", f"{own_word:.3f}", f"{letters:.3f}", str(limit or "–"), ratio]
        )
    print(
        table(
            ["perturbation", "sentences", "retention", "… by its own word", "letter by letter", "limit", "ratio"], lines
        )
    )


def alarms(folder: Path, rows: list[dict[str, str]], library: KeywordLibrary, exact: KeywordLibrary) -> None:
    """False alarms on clean sentences, as written and disguised by the published tables."""
    clean = [row["text"] for row in rows if row["perturbation"] == "base" and row["label"] == "0"]
    cloak = [row for row in read(folder / "evade_toxicloakcn.tsv") if row["label"] == "0"]
    lines = [alarm_line("CNTP as written", clean, clean, library, exact)]
    for name, disguise in disguises(folder).items():
        chance = random.Random(20)
        lines.append(alarm_line(f"CNTP {name}", clean, [disguise(text, chance) for text in clean], library, exact))
    base = [row["base"] for row in cloak]
    lines += [
        alarm_line(f"ToxiCloakCN {column}", base, [row[column] for row in cloak], library, exact)
        for column in ("base", "homo_keyword", "homo_full", "emoji_full")
    ]
    print()
    print(table(["clean text", "sentences", "letter by letter", "as written", "disguised", "more", "limit"], lines))


def alarm_line(
    name: str, before: list[str], after: list[str], library: KeywordLibrary, exact: KeywordLibrary
) -> list[str]:
    letters, plain, disguised = (
        rate(lib, texts) for lib, texts in ((exact, before), (library, before), (library, after))
    )
    return [
        name, str(len(after)), f"{letters:.3f}", f"{plain:.3f}", f"{disguised:.3f}", f"{disguised - plain:+.3f}",
        f"≤ +{MOST_MORE_ALARMS}",
    ]  # fmt: skip


def rate(library: KeywordLibrary, texts: Iterable[str]) -> float:
    seen = [flagged(library, text) for text in texts]
    return sum(seen) / len(seen)


def disguises(folder: Path) -> dict[str, Callable[[str, random.Random], str]]:
    splits = {r["char"]: r["splits"].split("|")[0].replace(" ", "") for r in read(folder / "evade_tbl_chaizi.tsv")}
    pinyin = {r["char"]: plain(r["pinyin"].split(",")[0]) for r in read(folder / "evade_tbl_pinyin.tsv")}
    alike = defaultdict(str)
    for row in read(folder / "evade_tbl_similar_chars.tsv"):
        if row["kind"].startswith("same_sound"):
            alike[row["char"]] += row["similar"]
    return {
        "traditional": lambda text, _: to_traditional(text),
        "split": lambda text, chance: swap(text, splits, chance),
        "homophone": lambda text, chance: swap(text, {c: chance.choice(s) for c, s in alike.items() if s}, chance),
        "full pinyin": lambda text, chance: swap(text, pinyin, chance),
    }


def swap(text: str, swaps: dict[str, str], chance: random.Random) -> str:
    return "".join(swaps.get(c, c) if chance.random() < SHARE else c for c in text)


def plain(reading: str) -> str:
    return normalise(reading.replace("ü", "v"))


def table(heading: list[str], lines: list[list[str]]) -> str:
    rule = ["---"] * len(heading)
    return "\n".join(f"| {' | '.join(line)} |" for line in [heading, rule, *lines])


if __name__ == "__main__":
    main()
