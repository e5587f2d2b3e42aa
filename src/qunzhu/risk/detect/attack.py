"""Personal attack: hostile words, who they are meant for, and whether somebody only speaks about them.

An insult by itself may be a joke about oneself or a quotation; thrown at "you" or at a named person it is an attack.
Words that condemn hostility count against an attack, and what is quoted, denied or reported weighs little.
"""

import re

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect.lexicon import sections
from qunzhu.risk.detect.squeeze import squeezed

BEFORE, AFTER = 8, 5  # how far from an insult the person it is meant for may stand
ALONE = {"insult": 0.35, "curse": 0.65, "threat": 0.7}
AIMED = {"insult": 0.8, "curse": 0.88, "threat": 0.85}
_REPORTED_WEIGHT = 0.3
ABOUT_MARGIN, ABOUT_MOST = 0.2, 2
SHORT = 20  # characters: in so short a text one condemning word says what all of it is about
SHORT_ABOUT, REPORTED_MARGIN = 0.6, 1.0


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
_REPORTED = _any_of(_WORDS["reported"])
ABOUT = {squeezed(normalise(word)) for word in _WORDS["about"]}
_LATIN = re.compile("[a-z]")
_QUOTED = re.compile(r"[“\"「『‘]([^”\"」』’]{1,30})[”\"」』’]")
_LETTERS = re.compile(r"(?<![a-z0-9])(" + "|".join(sorted(_BY_LETTERS, key=lambda w: (-len(w), w))) + r")(?![a-z0-9])")
_MENTION = re.compile(r"@\S")


def hostility(normal: str, tight: str, hits: list[tuple[int, int, str]], *, to_someone: bool) -> dict[str, float]:
    """Reasons with their weights. `hits` are (start, end, kind) in `tight`; `to_someone` a reply or a mention."""
    reasons: dict[str, float] = {}
    harmless = [(start, end) for start, end, kind in hits if kind == "harmless"]
    if harmless:
        hits = [h for h in hits if h[2] != "harmless" and not any(s <= h[0] and h[1] <= e for s, e in harmless)]
    quoted = [squeezed(part) for part in _QUOTED.findall(normal)] if hits else []
    named = to_someone or ("@" in normal and _MENTION.search(normal) is not None)
    short = len(tight) <= 12  # noqa: PLR2004  (nothing else is said: in a reply it can only mean the other one)
    for start, end, kind in hits:
        before = tight[max(0, start - BEFORE) : start]
        told = _REPORTED.search(before) is not None or any(tight[start:end] in part for part in quoted)
        aimed = _ADDRESS.search(before) is not None or _AFTER.search(tight[end : end + AFTER]) is not None
        aimed = aimed or (named and short) or (kind == "threat" and "你" in tight[start:end])
        _note(reasons, kind, aimed=aimed, told=told)
    for match in _LETTERS.finditer(normal) if _LATIN.search(normal) else ():
        before = squeezed(normal[: match.start()])[-BEFORE:]
        after = squeezed(normal[match.end() :])[:AFTER]
        kind = _BY_LETTERS[match.group()]
        aimed = _ADDRESS.search(before) is not None or _AFTER.search(after) is not None
        _note(reasons, kind, aimed=aimed or (named and short), told=_REPORTED.search(before) is not None)
    return reasons


def _note(reasons: dict[str, float], kind: str, *, aimed: bool, told: bool) -> None:
    weight = (AIMED if aimed else ALONE)[kind]
    if told:
        name, weight = "reported_words", weight * _REPORTED_WEIGHT
    else:
        name = f"{kind}_at_person" if aimed else kind
    reasons[name] = max(weight, reasons.get(name, 0.0))
