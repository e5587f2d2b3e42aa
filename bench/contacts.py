"""How many messages hold a link or a way to reach somebody outside the group: ads, and ordinary talk.

Measured on labelled data that is not part of the repository (`QUNZHU_REAL_DATA`).

usage: QUNZHU_REAL_DATA=FOLDER python bench/contacts.py [--rows FILE]   (FILE: every row with what was found, to read)
"""

import argparse
import csv
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from qunzhu.kernel.text.reading import Reading, library_of

SETS = (
    ("spam_telegram_cn", "1"), ("spam_qq_group_mc", "1"), ("spam_sms80w_10k", "1"),
    ("ham_nus_sms_zh", ""), ("spam_telegram_cn", "0"), ("spam_qq_group_mc", "0"), ("spam_sms80w_10k", "0"),
)  # fmt: skip


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rows", type=Path)
    rows_to = options.parse_args().rows
    folder = Path(os.environ.get("QUNZHU_REAL_DATA", ""))
    if not (folder / "spam_telegram_cn.tsv").exists():
        sys.exit("set QUNZHU_REAL_DATA to the folder of the labelled data (spam_telegram_cn.tsv and its neighbours)")
    lines = []
    print("| set | label | rows | link | contact | either |\n|---|---|---|---|---|---|")
    for name, label in SETS:
        found = [of(text) for text in texts(folder / f"{name}.tsv", label)]
        shares = [share(bool(link) for link, _ in found), share(bool(contact) for _, contact in found)]
        shares.append(share(bool(link or contact) for link, contact in found))
        print(f"| {name} | {label or 'none'} | {len(found):,} | {' | '.join(f'{s:.2%}' for s in shares)} |")
        lines += [f"{name}\t{label}\t{n}\t{' '.join(a)}\t{' '.join(b)}" for n, (a, b) in enumerate(found)]
    if rows_to:
        rows_to.write_text("\n".join(lines), encoding="utf-8")


def texts(path: Path, label: str) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [row["text"].replace("\\n", "\n") for row in rows if not label or row["label"] == label]


NOBODY = library_of(())


def of(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The canonical links of a text, and its contacts as kind=value."""
    reading = Reading(text, NOBODY)
    return reading.links, tuple(f"{c.kind}={c.value}" for c in reading.contacts)


def share(flags: Iterable[bool]) -> float:
    seen = list(flags)
    return sum(seen) / len(seen)


if __name__ == "__main__":
    main()
