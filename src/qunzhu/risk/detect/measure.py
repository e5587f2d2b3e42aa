"""How good scores are where the answer is known: precision, recall, F1, AUC, recall at fixed false-positive rates."""

import math
from bisect import bisect_left
from collections.abc import Sequence

import msgspec

RATES = (0.001, 0.005, 0.01, 0.02, 0.05)


class Measured(msgspec.Struct, frozen=True):
    """The figures at one threshold, and those that need none. A figure is None where a class is missing."""

    threshold: float
    positives: int
    negatives: int
    true_positives: int
    false_positives: int
    precision: float | None
    recall: float | None
    f1: float | None
    false_alarms: float | None
    auc: float | None
    recall_at: dict[str, float]


def measure(scores: Sequence[float], labels: Sequence[bool], threshold: float) -> Measured:
    """All figures; a score from `threshold` on is a yes."""
    yes = sorted(s for s, label in zip(scores, labels, strict=True) if label)
    no = sorted(s for s, label in zip(scores, labels, strict=True) if not label)
    hit, alarm = _from(yes, threshold), _from(no, threshold)
    precision = hit / (hit + alarm) if hit + alarm else None
    recall = hit / len(yes) if yes else None
    f1 = 2 * hit / (hit + alarm + len(yes)) if yes else None
    at = {f"{rate:g}": _from(yes, threshold_for(no, rate)) / len(yes) for rate in RATES} if yes and no else {}
    return Measured(
        threshold, len(yes), len(no), hit, alarm, precision, recall, f1, alarm / len(no) if no else None,
        _auc(yes, no), at,
    )  # fmt: skip


def _from(ordered: Sequence[float], threshold: float) -> int:
    return len(ordered) - bisect_left(ordered, threshold)


def threshold_for(negatives: Sequence[float], rate: float) -> float:
    """The lowest threshold at which at most `rate` of `negatives` (in ascending order) are called a yes."""
    allowed = int(rate * len(negatives))
    if allowed >= len(negatives):
        return 0.0
    worst = negatives[len(negatives) - 1 - allowed]  # the first that must not be called
    return _above(worst)


def _above(score: float) -> float:
    """The next number above: the threshold must exclude the score itself and everything equal to it."""
    return math.nextafter(score, math.inf)


def _auc(yes: Sequence[float], no: Sequence[float]) -> float | None:
    """How often a positive scores above a negative; a tie counts half."""
    if not yes or not no:
        return None
    won = 0.0
    for score in yes:
        below = bisect_left(no, score)
        won += below + (bisect_left(no, _above(score)) - below) / 2
    return won / (len(yes) * len(no))
