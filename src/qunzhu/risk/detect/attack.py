"""Personal attack: hostile words, who they are meant for, and whether somebody only speaks about them.

An insult by itself may be a joke about oneself or a quotation; thrown at "you" or at a named person it is an attack.
Words that condemn hostility count against an attack, and what is quoted, denied or reported weighs little.
"""

import re

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect.about import Telling
from qunzhu.risk.detect.aimed import thrown
from qunzhu.risk.detect.lexicon import sections
from qunzhu.risk.detect.squeeze import squeezed

BEFORE, AFTER = 8, 5  # how far from an insult the person it is meant for may stand
ALONE = {"insult": 0.35, "curse": 0.65, "threat": 0.7}
AIMED = {"insult": 0.8, "curse": 0.88, "threat": 0.85}
_REPORTED_WEIGHT = 0.3
ABOUT_MARGIN, ABOUT_MOST = 0.2, 2
SHORT = 20  # characters: in so short a text one condemning word says what all of it is about
SHORT_ABOUT, REPORTED_MARGIN = 0.6, 1.2
TALK_MARGIN, CONDEMNED_MARGIN = 0.85, 0.5


_WORDS = dict(sections("insults.txt"))
_KINDS = {"insults": "insult", "threats": "threat", "curses": "curse", "harmless": "harmless"}
_BY_LETTERS = {letters: kind for kind in ("insult", "curse") for letters in _WORDS[f"letters_{kind}"]}


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    known = {squeezed(normalise(word)) for word in words} - {""}
    return re.compile("|".join(map(re.escape, sorted(known, key=lambda w: (-len(w), w)))))


HOSTILE = {squeezed(normalise(word)): kind for name, kind in _KINDS.items() for word in _WORDS[name]}
_ADDRESS = _any_of(_WORDS["address"])
_AFTER = re.compile(
    r"^(?:吧|啊|呀|吗|嘛|东西|玩意|货|一样|似的)?(?:你|楼主|楼上|群主)(?!说|是|看|知道|觉得|认为|懂|好|的|们)"
)
ABOUT = {squeezed(normalise(word)) for word in _WORDS["about"]}
_LATIN = re.compile("[a-z]")
_LETTERS = re.compile(r"(?<![a-z0-9])(" + "|".join(sorted(_BY_LETTERS, key=lambda w: (-len(w), w))) + r")(?![a-z0-9])")
_MENTION = re.compile(r"@\S")
_MEANT = re.compile(r"(?<!不是)(?<!没)说(?:的就是)?你(?:呢|$)|就是说你")
ONLY = 12  # characters: nothing else is said, so in a reply it can only mean the other one


def hostility(
    normal: str, tight: str, hits: list[tuple[int, int, str]], *, to_someone: bool, anchored: bool
) -> dict[str, float]:
    """Reasons with their weights. `hits` are (start, end, kind) in `tight`; `to_someone` a reply or a mention."""
    letters = _LETTERS.finditer(normal) if _LATIN.search(normal) else ()
    found = [(*_place(normal, m), _BY_LETTERS[m.group()]) for m in letters]
    if not hits and not found and not anchored:
        return {}
    reasons: dict[str, float] = {}
    harmless = [(start, end) for start, end, kind in hits if kind == "harmless"]
    found += [h for h in hits if h[2] != "harmless" and not any(s <= h[0] and h[1] <= e for s, e in harmless)]
    telling = Telling(normal, tight)
    named = to_someone or ("@" in normal and _MENTION.search(normal) is not None)
    meant = (named and len(tight) <= ONLY) or _MEANT.search(tight) is not None
    for start, end, kind in found:
        before = tight[max(0, start - BEFORE) : start]
        aimed = _ADDRESS.search(before) is not None or _AFTER.search(tight[end : end + AFTER]) is not None
        aimed = aimed or meant or (kind == "threat" and "你" in tight[start:end])
        _note(reasons, kind, aimed=aimed, told=telling.tells(start, end))
    for start, end, kind in thrown(tight, telling.breaks) if anchored else ():
        if not any(s < end and start < e for s, e in harmless):
            _note(reasons, kind, aimed=True, told=telling.tells(start, end))
    return reasons


def _place(normal: str, match: re.Match[str]) -> tuple[int, int]:
    start = len(squeezed(normal[: match.start()]))
    return start, start + len(match.group())


def _note(reasons: dict[str, float], kind: str, *, aimed: bool, told: bool) -> None:
    weight = (AIMED if aimed else ALONE)[kind]
    if told:
        name, weight = "reported_words", weight * _REPORTED_WEIGHT
    else:
        name = f"{kind}_at_person" if aimed else kind
    reasons[name] = max(weight, reasons.get(name, 0.0))
