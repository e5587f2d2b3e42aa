"""How good the verdicts are on labelled data that is not part of the repository, all figures in one run.

    QUNZHU_REAL_DATA=FOLDER python bench/detection.py [part ...]

Parts: attack, sentences, fraud, classes, ham, spam. `qunzhu scan` gives the same figures set by set; its commands
stand in RESULTS.md. What the live rule on personal attack finds is told apart from what the score flags.
"""

import csv
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from qunzhu.kernel.text.links import canonical_links
from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect.measure import measure
from qunzhu.risk.detect.verdicts import FLAGGED, Look, Senses

FOLDER = Path(os.environ.get("QUNZHU_REAL_DATA", ""))
SENTENCES = Path(__file__).parent.parent / "src/qunzhu/risk/tests/attack_sentences.txt"
SENSES = Senses()
SOLICITATION = ("ad", "contact", "gambling", "porn", "fraud", "fundraising")
CONDEMNING = ["歧视", "偏见", "谴责", "尊重", "反对", "不应该", "平等", "刻板印象", "污名化", "以偏概全"]
RULE_FROM = 0.75  # what the blueprint's live rule `personal_attack` asks of the score; it wants a person besides
FRAUD_AIMED = ("fraud",)
Row = dict[str, str]


def rows(name: str, **where: str) -> Iterator[Row]:
    with (FOLDER / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if all(row[k] == v for k, v in where.items()):
                yield row | {"text": row["text"].replace("\\n", "\n")}


def look(text: str) -> Look:
    normal = normalise(text)
    return Look(normal, SENSES, links=canonical_links(normal) if "." in normal else ())


def struck(text: str) -> bool:
    """Whether the live rule on personal attack would act."""
    verdict = look(text).verdict("attack")
    return verdict.score >= RULE_FROM and any(r.endswith("_at_person") for r in verdict.reasons)


def flagged(text: str, categories: tuple[str, ...] = SOLICITATION) -> bool:
    seen = look(text)
    return any(seen.verdict(c).score >= FLAGGED for c in categories)


def share(name: str, found: list[bool]) -> None:
    print(f"  {name:<58} {sum(found):>6} of {len(found):>6}  {sum(found) / max(1, len(found)):.4f}")


def attack() -> None:
    dev = list(rows("abuse_cold", split="dev"))
    labels = [r["label"] == "1" for r in dev]
    scores = [look(r["text"]).verdict("attack").score for r in dev]
    found = measure(scores, labels, FLAGGED)
    print(f"  COLD dev, score from 0.6: F1 {found.f1:.4f}, recall {found.recall:.4f}, AUC {found.auc:.4f}")
    share("COLD dev, offensive: struck by the live rule", [struck(r["text"]) for r in dev if r["label"] == "1"])
    share("COLD dev, harmless: struck by the live rule", [struck(r["text"]) for r in dev if r["label"] == "0"])
    condemning = [s for r, s in zip(dev, scores, strict=True) if r["label"] == "0" and has(r["text"], CONDEMNING)]
    share("COLD dev, harmless with a word of condemnation: flagged", [s >= FLAGGED for s in condemning])
    toxi = list(rows("abuse_toxicn"))
    scores = [look(r["text"]).verdict("attack").score for r in toxi]
    print(f"  ToxiCN: F1 {measure(scores, [r['label'] == '1' for r in toxi], FLAGGED).f1:.4f}")
    share("ToxiCN, toxic: struck by the live rule", [struck(r["text"]) for r in toxi if r["label"] == "1"])
    share("ToxiCN, not toxic: struck by the live rule", [struck(r["text"]) for r in toxi if r["label"] == "0"])
    abuse = [r["text"] for r in rows("harm_tencent_6class", label="abuse")]
    share("six classes, abuse: flagged", [flagged(t, ("attack",)) for t in abuse])
    share("six classes, abuse: struck by the live rule", [struck(t) for t in abuse])
    for name, where in (
        ("ham_nus_sms_zh", {}),
        ("spam_qq_group_mc", {"label": "0"}),
        ("spam_telegram_cn", {"label": "0"}),
    ):
        texts = [r["text"] for r in rows(name, **where)]
        share(f"{name}, harmless: struck by the live rule", [struck(t) for t in texts])
        share(f"{name}, harmless: attack flagged", [flagged(t, ("attack",)) for t in texts])


def has(text: str, words: list[str]) -> bool:
    return any(word in text for word in words)


def sentences() -> None:
    for part in SENTENCES.read_text(encoding="utf-8").split("\n[")[1:]:
        heading, *lines = part.strip().splitlines()
        said = [line for line in lines if line]
        share(f"own sentences, {heading.strip(']')}: flagged", [flagged(t, ("attack",)) for t in said])
        share(f"own sentences, {heading.strip(']')}: struck by the live rule", [struck(t) for t in said])


def by(name: str, column: str, categories: tuple[str, ...], **where: str) -> None:
    total, found = Counter[str](), Counter[str]()
    for row in rows(name, **where):
        total[row[column]] += 1
        found[row[column]] += flagged(row["text"], categories)
    for value in sorted(total):
        print(f"  {name + ', ' + value:<58} {found[value]:>6} of {total[value]:>6}  {found[value] / total[value]:.4f}")


def fraud() -> None:
    by("fraud_telecom5", "label", FRAUD_AIMED)
    for kind in ("raw", "deepseek_rewrite"):
        print(f" {kind}")
        by("fraud_r1_zh", "category", FRAUD_AIMED, kind=kind)


def classes() -> None:
    for label, category in (("illicit_ad", "ad"), ("gambling", "gambling"), ("fraud", "fraud"), ("porn", "porn")):
        texts = [r["text"] for r in rows("harm_tencent_6class", label=label)]
        share(f"six classes, {label}: by {category}", [flagged(t, (category,)) for t in texts])
        share(f"six classes, {label}: by any", [flagged(t) for t in texts])
    share("six classes, ok: by any", [flagged(r["text"]) for r in rows("harm_tencent_6class", label="ok")])


def ham() -> None:
    names = ("ham_nus_sms_zh", "spam_telegram_cn", "spam_qq_group_mc", "spam_sms80w_10k", "spam_game_chat")
    for name in names:
        texts = [r["text"] for r in rows(name) if r.get("label", "0") == "0"]
        share(f"{name}, harmless", [flagged(t) for t in texts])
    share("fraud_telecom5, normal, by any", [flagged(r["text"]) for r in rows("fraud_telecom5", label="normal")])


def spam() -> None:
    for name in ("spam_telegram_cn", "spam_qq_group_mc", "spam_sms80w_10k", "spam_game_chat", "spam_sms80w_spam10k"):
        share(f"{name}, spam", [flagged(r["text"]) for r in rows(name, label="1")])
    for name in ("spam_taobao_review", "spam_telegram_ru_umputun"):
        by(name, "label", SOLICITATION)
    by("spam_sms80w_topics", "topic", SOLICITATION)


PARTS: dict[str, Callable[[], None]] = {
    "attack": attack, "sentences": sentences, "fraud": fraud, "classes": classes, "ham": ham, "spam": spam,
}  # fmt: skip


def main() -> None:
    if not (FOLDER / "abuse_cold.tsv").exists():
        sys.exit("set QUNZHU_REAL_DATA to the folder of the labelled data (abuse_cold.tsv and its neighbours)")
    for name in sys.argv[1:] or PARTS:
        print(name)
        PARTS[name]()


if __name__ == "__main__":
    main()
