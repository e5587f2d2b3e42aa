"""What a text is taken for: a score in [0, 1] for each category, with named reasons. Never a bare yes.

Each reason has a weight; together they make 1 − Π(1 − weight), so that two doubts are more than one. The learned score
is one reason among them. From `FLAGGED` on a verdict is meant as a yes; rules may ask for more or less.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from ahocorasick_rs import AhoCorasick, Implementation

from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk.detect import about as telling
from qunzhu.risk.detect import aimed, attack
from qunzhu.risk.detect.grams import gram_set
from qunzhu.risk.detect.lessons import FAR, Taught
from qunzhu.risk.detect.lexicon import CATEGORIES, CUES, WARNINGS
from qunzhu.risk.detect.linear import Panel
from qunzhu.risk.detect.model import panels
from qunzhu.risk.detect.patterns import WEIGHTS, signs
from qunzhu.risk.detect.squeeze import squeezed

FLAGGED = 0.6
TEXT_CATEGORIES = tuple(c for c in CATEGORIES if c != "flooding")
KEYWORD_WEIGHT = 0.6  # what a word of the community's own library says about its category
_LEARNED_AT_ZERO, _LEARNED_SLOPE, _LEARNED_MOST = 0.35, 1.0, 0.95
_ATTACK_SLOPE = 0.25
# What the learned score may say alone, without a word or sign that can be named.
_UNSAID_ATTACK, _UNSAID = 0.75, 0.55
_SPEAKS_ALONE = frozenset({"ad", "attack"})  # the learned score may go further in these
_WARNS = 0.55  # what is left of a score where somebody warns of it
_CHINESE = re.compile("[\u4e00-\u9fff]")  # the scores learned from Chinese; of other languages they know nothing
_LEARNED_ONLY = ("learned",)
_TOO_LITTLE = -0.5  # from this margin on a score is near enough to a yes for a closer look
_HINT = 0.2  # a weaker reason is not worth naming
_MORE_WORDS = 3  # further words of a group count half, up to so many


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """How much a text looks like a case of a category, and why; the strongest reason first."""

    score: float
    reasons: tuple[str, ...] = ()


NOTHING = Verdict(0.0)


def _patterns() -> dict[str, list[tuple[str, Mapping[str, float]]]]:
    found: dict[str, list[tuple[str, Mapping[str, float]]]] = {}
    for cue in CUES:
        for word in cue.words:
            found.setdefault(squeezed(normalise(word)), []).append((cue.reason, cue.weights))
    for word, kind in attack.HOSTILE.items():
        found.setdefault(word, []).append((f"!{kind}", {}))
    for word in WARNINGS:
        found.setdefault(squeezed(normalise(word)), []).append(("warns", {}))
    for word in attack.ABOUT:
        found.setdefault(word, []).append(("?", {}))
    for word in aimed.ANCHORS:
        found.setdefault(squeezed(normalise(word)), []).append(("~", {}))
    found.pop("", None)
    return found


_PATTERNS = _patterns()
_WORDS = tuple(_PATTERNS)
_MEANT = tuple(_PATTERNS.values())
_FIND = AhoCorasick(list(_WORDS), implementation=Implementation.ContiguousNFA).find_matches_as_indexes


class Senses:
    """How a community sees: the shipped scores, what its moderators taught, and its allow-list. Immutable."""

    def __init__(self, taught: Mapping[str, Taught] | None = None, allowed: Iterable[str] = ()) -> None:
        self.learned: Mapping[str, Panel] = panels()
        self.taught: Mapping[str, Taught] = taught or {}
        learned = {c: _UNSAID if c in self.learned else 0.0 for c in TEXT_CATEGORIES}
        self.bounds = {**learned, **dict.fromkeys((*_SPEAKS_ALONE, *self.taught), 1.0)}  # where nothing else speaks
        words = sorted({squeezed(normalise(word)) for word in allowed} - {""})
        self._allowed = AhoCorasick(words).find_matches_as_indexes if words else None

    def without_allowed(self, tight: str) -> str:
        """`tight` with a break in the place of each allowed stretch, so that nothing is found inside it."""
        if self._allowed is None:
            return tight
        found = self._allowed(tight, overlapping=True)
        if not found:
            return tight
        letters = list(tight)
        for _, start, end in found:
            letters[start:end] = "\x00" * (end - start)
        return "".join(letters)


class Look:
    """One text being judged: each part is worked out when first asked for, and once."""

    __slots__ = (
        "_about",
        "_anchored",
        "_cues",
        "_grams",
        "_hostile",
        "_said",
        "_signs",
        "_tight",
        "_totals",
        "_warns",
        "hits",
        "links",
        "normal",
        "senses",
        "shown",
        "to_someone",
    )  # fmt: skip

    def __init__(
        self,
        normal: str,
        senses: Senses,
        *,
        links: Sequence[str] = (),
        hits: Sequence[str] = (),
        to_someone: bool = False,
        shown: Sequence[str] = (),
    ) -> None:
        """`hits` are the categories of the community's own keywords found; `to_someone`: a reply or a mention.

        `shown` are signs of what stands beside the text: "contact_code" in a picture, "mini_program".
        """
        self.shown = shown
        self.normal, self.senses, self.links, self.hits, self.to_someone = normal, senses, links, hits, to_someone
        self._tight: str | None = None
        self._grams: set[int] | None = None
        self._totals: dict[Panel, int] = {}
        self._signs: list[str] | None = None
        self._cues: dict[str, tuple[Mapping[str, float], set[str]]] = {}
        self._hostile: list[tuple[int, int, str]] = []
        self._warns = False  # of what others do to people
        self._anchored = False  # a turn of phrase thrown at somebody may be there
        self._about: set[int] = set()  # words that condemn or discuss hostility
        self._said: dict[str, Verdict] = {}

    def verdict(self, category: str) -> Verdict:
        """The verdict on one category of TEXT_CATEGORIES."""
        said = self._said.get(category)
        if said is None:
            said = self._attack_known() if category == "attack" else self._known(category)
            if category in self.senses.taught:
                said = self._taught(category, said)
            self._said[category] = said
        return said

    def bounds(self) -> Mapping[str, float]:
        """What the score of each category cannot exceed; cheap, because no learned score is worked out."""
        self._search()
        signs_found = self._signs_found()
        if not (self.hits or self._cues or signs_found):
            return self.senses.bounds
        speaking = {*self.hits}
        for weights, _ in self._cues.values():
            speaking.update(weights)
        for sign in signs_found:
            speaking.update(WEIGHTS[sign])
        return {**self.senses.bounds, **dict.fromkeys(speaking, 1.0)}

    def known(self, category: str) -> float:
        """The margin of the score without what was taught here: what a lesson is told against."""
        return margin_of((self._attack_known() if category == "attack" else self._known(category)).score)

    def verdicts(self) -> dict[str, Verdict]:
        """All of them."""
        return {category: self.verdict(category) for category in TEXT_CATEGORIES}

    @property
    def grams(self) -> set[int]:
        if self._grams is None:
            self._grams = gram_set(self.normal)
        return self._grams

    def _margin(self, category: str) -> float | None:
        """What the learned score says; None where there is none, or nothing to look at."""
        panel = self.senses.learned.get(category)
        if panel is None or not (grams := self.grams):
            return None
        total = self._totals.get(panel)
        if total is None:
            total = self._totals[panel] = panel.total(grams)
        return panel.margin(category, total, len(grams))

    def _search(self) -> str:
        """Squeeze the text and find the words of the lexicon in it, once."""
        if self._tight is None:
            tight = squeezed(self.normal)
            matches = _FIND(tight, overlapping=True) if tight else []
            if matches and (bare := self.senses.without_allowed(tight)) is not tight:
                tight, matches = bare, _FIND(bare, overlapping=True)
            for index, start, end in matches:
                for reason, weights in _MEANT[index]:
                    if reason == "?":
                        self._about.add(index)
                    elif reason == "~":
                        self._anchored = True
                    elif reason == "warns":
                        self._warns = True
                    elif reason[0] == "!":
                        self._hostile.append((start, end, reason[1:]))
                    else:
                        self._cues.setdefault(reason, (weights, set()))[1].add(_WORDS[index])
            self._tight = tight
        return self._tight

    def _signs_found(self) -> list[str]:
        if self._signs is None:
            found = signs(self.normal, self._search(), self.links)
            self._signs = [*found, *(sign for sign in self.shown if sign not in found)]
        return self._signs

    def _known(self, category: str) -> Verdict:
        self._search()
        if not (self.hits or self._cues or self._warns or self._signs_found()):
            alone = self._learned(category, reasoned=False)
            return Verdict(alone, _LEARNED_ONLY) if alone > 0 else NOTHING
        reasons: list[tuple[float, str]] = []
        for reason, (weights, words) in self._cues.items():
            weight = weights.get(category)
            if weight:
                doubt = (1 - weight) * (1 - weight / 2) ** (min(len(words), _MORE_WORDS) - 1)
                reasons.append((1 - doubt, reason))
        reasons += [(weight, sign) for sign in self._signs_found() if (weight := WEIGHTS[sign].get(category))]
        if category in self.hits:
            reasons.append((KEYWORD_WEIGHT, "keyword"))
        learned = self._learned(category, reasoned=bool(reasons))
        if learned > 0:
            reasons.append((learned, "learned"))
        verdict = _together(reasons)
        if self._warns and verdict.score >= _HINT:
            return Verdict(verdict.score * _WARNS, ("speaks_about_it", *verdict.reasons))
        return verdict

    def _learned(self, category: str, *, reasoned: bool) -> float:
        """What the learned score weighs: without another reason not much, but for ads written in Chinese."""
        margin = self._margin(category)
        if margin is None:
            return 0.0
        weight = min(_LEARNED_MOST, _LEARNED_AT_ZERO + _LEARNED_SLOPE * margin)
        if weight > _UNSAID and not reasoned and not (category == "ad" and _CHINESE.search(self.normal)):
            return _UNSAID
        return weight

    def _attack_known(self) -> Verdict:
        tight = self._search()
        found = attack.hostility(self.normal, tight, self._hostile, to_someone=self.to_someone, anchored=self._anchored)
        reasons = [(weight, name) for name, weight in found.items()]
        worst = max(found.values(), default=0.0)
        if "attack" in self.hits:
            reasons.append((KEYWORD_WEIGHT, "keyword"))
        about = min(attack.ABOUT_MOST, len(self._about))
        learned = self._margin("attack")
        if learned is not None:
            margin = learned + worst - attack.ABOUT_MARGIN * about
            if about and len(tight) <= attack.SHORT:
                margin -= attack.SHORT_ABOUT
            margin -= self._told(tight, found, margin)
            if margin < 0:
                weight = max(0.0, FLAGGED * (1 + margin))
            elif worst >= _HINT:
                weight = min(_LEARNED_MOST, FLAGGED + _ATTACK_SLOPE * margin)
            else:
                weight = FLAGGED + (_UNSAID_ATTACK - FLAGGED) * margin / (1 + margin)
            reasons.append((weight, "learned"))
        reasons.sort(reverse=True)
        score = reasons[0][0] if reasons else 0.0  # the same words speak in each reason: no product here
        if about and not any(name.endswith("_at_person") for name in found):
            reasons.append((_HINT, "speaks_about_it"))
        return Verdict(score, tuple(n for w, n in reasons if w >= _HINT))

    def _told(self, tight: str, found: Mapping[str, float], margin: float) -> float:
        """How much less an attack it is because hostility is only told of; asked only where it can matter."""
        if margin < _TOO_LITTLE:
            return 0.0
        thrown = any(name.endswith("_at_person") for name in found)
        less = attack.REPORTED_MARGIN if found.keys() == {"reported_words"} else 0.0
        if not thrown and telling.talks(tight):
            less += attack.TALK_MARGIN
        if not thrown and telling.condemns(self.normal, tight):
            less += attack.CONDEMNED_MARGIN
        return less

    def _taught(self, category: str, verdict: Verdict) -> Verdict:
        taught = self.senses.taught.get(category)
        if taught is None or not self.grams:
            return verdict
        more = taught.margin(self.grams)
        score = score_of(taught.trust * margin_of(verdict.score) + more)
        reason = "taught_here" if more > 0 else "taught_harmless"
        return Verdict(score, (reason, *verdict.reasons) if abs(more) >= _HINT else verdict.reasons)


def _together(reasons: list[tuple[float, str]]) -> Verdict:
    if not reasons:
        return NOTHING
    doubt = 1.0
    for weight, _ in reasons:
        doubt *= 1 - weight
    reasons.sort(key=lambda r: (-r[0], r[1]))
    named = [name for weight, name in reasons if weight >= _HINT] or [reasons[0][1]]
    return Verdict(1 - doubt, tuple(named))


_LINEAR_DOWN_TO = -1.5


def margin_of(score: float) -> float:
    """A score as a margin: FLAGGED is 0, far below it is FAR."""
    if score >= FLAGGED:
        return (score - FLAGGED) / max(1e-6, 1 - score) * (1 - FLAGGED) / FLAGGED if score < 1 else 10.0
    return max(FAR, (score / FLAGGED - 1) * 2)


def score_of(margin: float) -> float:
    """A margin as a score; grows with the margin everywhere."""
    if margin >= 0:
        grown = margin * FLAGGED / (1 - FLAGGED)
        return FLAGGED + (1 - FLAGGED) * grown / (1 + grown)
    if margin > _LINEAR_DOWN_TO:
        return FLAGGED * (1 + margin / 2)
    return FLAGGED * (1 + _LINEAR_DOWN_TO / 2) * _LINEAR_DOWN_TO / margin
