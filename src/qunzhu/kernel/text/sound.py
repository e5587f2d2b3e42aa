"""How a text sounds: a syllable for each Chinese character, digit and stretch of pinyin; noise falls away."""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from qunzhu.kernel.text.facts import initial_letters, readings, syllables
from qunzhu.kernel.text.shape import is_numeral

_DIGITS = dict(zip("0123456789", ["ling", "yi", "er", "san", "si", "wu", "liu", "qi", "ba", "jiu"], strict=True))
# Pictures that people write for the sound or the meaning of one character.
_PICTURES = dict(
    zip(
        "🐔🐓🐦🐤🐴🐎🐮🐂🐷🐑🐏🐟🐠🐶🐕🐍🐻🐧🚗🚙🔥💧🌊🌲🌳🌹🌸💊💰💵🔪🗡👊👨👩👴👵👶👁🦷👂🦶🖐✋👑🏠🏫⛰🌙☀⭐🌧❄⚡🍺🍷🍵🍚🍜🍬🍉🍎🍑🍐🍌🥚🧱🎱♠♥✈🚢🚄📱📞💻📷✉📕🔑🔒💣🔫🎲🀄🎫🎁🧧🚪🛏👗👖👟👓💍💄🆗❤♂♀🐒🐅🐯🐰🐇🐉🐲🐭🐀🐜🦀🐢🌾🥬🧂🥩🍖🦴🈳🉐🈯",
        "鸡鸡鸟鸡马马牛牛猪羊羊鱼鱼狗狗蛇熊鹅车车火水浪树树花花药钱钱刀剑拳男女爷奶娃眼牙耳脚手手王家校山月日星雨雪电啤酒茶饭面糖瓜果桃梨蕉蛋砖八桃心飞船铁手话电拍信书匙锁弹枪骰中票礼红门床裙裤鞋镜戒唇好爱男女猴虎虎兔兔龙龙鼠鼠蚁蟹龟米菜盐肉肉骨空得指",
        strict=True,
    )
)
_NOISE = " "


class _Sounds(dict[int, str]):
    """Code point of the normal form → the character of its usual syllable, a space for noise, else itself."""

    def __missing__(self, code: int) -> str:
        sound = self[code] = _sound(chr(code))
        return sound


def _sound(character: str) -> str:
    if character in _DIGITS:
        return syllables()[_DIGITS[character]]
    character = _PICTURES.get(character, character)
    if character in readings():
        return readings()[character][0]
    category = unicodedata.category(character)
    return character if category[0] in "LN" else _NOISE


_SOUNDS = _Sounds()
_LATIN = re.compile(r"[a-z]+")
_LONGEST_RUN = 60  # a longer run of letters is no pinyin
_LONGEST_SYLLABLE = 6


@lru_cache(maxsize=16_384)
def parse_pinyin(run: str) -> str:
    """A run of letters as syllables, or the run itself when it is not made of them wholly.

    Of several ways the one that Chinese spelling means: a syllable that begins with a vowel would have an apostrophe
    before it inside a word, and fewer syllables are likelier.
    """
    if len(run) > _LONGEST_RUN or len(run) < 2:  # noqa: PLR2004  (a single letter is a letter)
        return run
    known = syllables()
    best: list[tuple[int, int, str] | None] = [None] * (len(run) + 1)
    best[0] = (0, 0, "")
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - _LONGEST_SYLLABLE), end):
            before, sound = best[start], known.get(run[start:end])
            if before is None or sound is None:
                continue
            way = (before[0] + (start > 0 and run[start] in "aoe"), before[1] + 1, before[2] + sound)
            here = best[end]
            if here is None or way[:2] < here[:2]:
                best[end] = way
    whole = best[len(run)]
    return run if whole is None else whole[2]


def has_pinyin(normal: str) -> bool:
    """Whether any run of letters is made of syllables."""
    return any(parse_pinyin(run) != run for run in _LATIN.findall(normal))


def sounds(normal: str) -> str:
    """The text as it sounds, without noise."""
    voiced = normal.translate(_SOUNDS)
    if _LATIN.search(voiced):
        voiced = _LATIN.sub(lambda run: parse_pinyin(run[0]), voiced)
    return voiced.replace(_NOISE, "")


class Places(NamedTuple):
    """Where each character of `sounds(normal)` stands in the normal form, and the run of letters it was read from.

    `runs` is empty where there are no letters; otherwise it has the start of the run, or -1.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    runs: Sequence[int]


def sound_places(normal: str) -> Places:
    voiced = normal.translate(_SOUNDS)
    if not _LATIN.search(voiced):
        if _NOISE not in voiced:
            return Places(range(len(voiced)), range(1, len(voiced) + 1), ())
        starts = [index for index, character in enumerate(voiced) if character != _NOISE]
        return Places(starts, [index + 1 for index in starts], [])
    starts, ends, runs = [], [], []
    at = 0
    for run in _LATIN.finditer(voiced):
        parsed = parse_pinyin(run[0])
        if parsed == run[0]:
            continue  # letters that are no pinyin stand for themselves
        kept = [index for index in range(at, run.start()) if voiced[index] != _NOISE]
        starts += kept
        ends += [index + 1 for index in kept]
        runs += [-1] * len(kept)
        at = run.start()
        for sound in parsed:
            starts.append(at)
            at += len(_names()[sound])
            ends.append(at)
            runs.append(run.start())
    kept = [index for index in range(at, len(voiced)) if voiced[index] != _NOISE]
    return Places(starts + kept, ends + [index + 1 for index in kept], [*runs, *[-1] * len(kept)])


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    return {sound: name for name, sound in syllables().items()}


MOST_READINGS = 4


def word_sounds(normal: str) -> list[str]:
    """The ways a word may sound: its characters' readings combined, the usual first, at most four."""
    choices = []
    for character in normal:
        if character in readings() and not is_numeral(character):
            choices.append(readings()[character])
        else:
            sound = _SOUNDS[ord(character)]
            if sound != _NOISE:
                choices.append((sound,))
    found = []
    for combination in product(*choices):
        found.append("".join(combination))
        if len(found) == MOST_READINGS:
            break
    return found


def voices(words: Sequence[str]) -> list[Sequence[str]]:
    """`word_sounds` of many words; only those with characters of several readings are looked at one by one."""
    voiced, several, at = "\n".join(words).translate(_SOUNDS), _several(), 0
    found: list[Sequence[str]] = []
    for word in words:
        if several.isdisjoint(word):
            found.append((voiced[at : at + len(word)].replace(_NOISE, ""),))
        else:
            found.append(word_sounds(word))
        at += len(word) + 1
    return found


@lru_cache(maxsize=1)
def _several() -> frozenset[str]:
    return frozenset(character for character, found in readings().items() if len(found) > 1)


def word_initials(normal: str) -> str:
    """The first letters of a word's syllables; letters and digits stay."""
    letters = initial_letters()
    found = []
    for character in normal:
        sound = readings().get(character)
        if sound:
            found.append(letters[sound[0]])
        elif character.isalnum():
            found.append(character)
    return "".join(found)
