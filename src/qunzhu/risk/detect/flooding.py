"""Flooding (刷屏): many messages in a moment, the same one again and again, or one that fills the screen.

A lively talk is not flooding: people who answer each other send ten short lines a minute. What counts is more.
"""

import msgspec

from qunzhu.risk.detect.verdicts import NOTHING, Verdict

MINUTE_MS = 60_000
SPAN_MS = 10 * MINUTE_MS
# How many → how much it weighs; between two steps it grows evenly.
_BURST = ((9, 0.0), (12, 0.3), (18, 0.65), (30, 0.95))
_STREAM = ((40, 0.0), (60, 0.3), (90, 0.65), (150, 0.95))
_REPEATS = ((3, 0.0), (5, 0.45), (6, 0.55), (7, 0.65), (10, 0.9), (15, 0.95))
_WALL = ((1_000, 0.0), (2_000, 0.4), (4_000, 0.7))
_LINES = ((25, 0.0), (50, 0.45), (100, 0.7))
_SHORT_TEXT = 4  # "哈哈", "+1": said again without harm; counts half
_MONOTONE_FROM, _MONOTONE_KINDS, _MONOTONE_WEIGHT = 60, 0.06, 0.65
_NAMED_FROM = 0.2


class Pace(msgspec.Struct, frozen=True, gc=False):
    """What a member did up to and with this message: in the last minute, and in the last ten."""

    in_minute: int
    in_ten: int
    equal_in_ten: int


CALM = _REPEATS[0][0]  # up to so many messages in ten minutes neither the pace nor repeats weigh anything
SLOW = Pace(0, 0, 0)


def _grown(steps: tuple[tuple[int, float], ...], value: float) -> float:
    low, weight = steps[0]
    if value <= low:
        return weight
    for high, more in steps[1:]:
        if value <= high:
            return weight + (more - weight) * (value - low) / (high - low)
        low, weight = high, more
    return weight


def flooding(pace: Pace, text: str) -> Verdict:
    """The verdict on a message in its place."""
    calm = pace.in_minute <= _BURST[0][0] and pace.in_ten <= _STREAM[0][0] and pace.equal_in_ten <= _REPEATS[0][0]
    if calm and len(text) < _MONOTONE_FROM and text.count("\n") <= _LINES[0][0]:
        return NOTHING
    repeats = _grown(_REPEATS, pace.equal_in_ten)
    if len(text.strip()) < _SHORT_TEXT:
        repeats /= 2
    weights = {
        "burst": _grown(_BURST, pace.in_minute),
        "stream": _grown(_STREAM, pace.in_ten),
        "repeats": repeats,
        "wall": max(_grown(_WALL, len(text)), _grown(_LINES, text.count("\n") + 1)),
        "monotone": _MONOTONE_WEIGHT if _monotone(text) else 0.0,
    }
    doubt = 1.0
    for weight in weights.values():
        doubt *= 1 - weight
    named = sorted((n for n, w in weights.items() if w >= _NAMED_FROM), key=lambda n: (-weights[n], n))
    return Verdict(1 - doubt, tuple(named)) if doubt < 1 else NOTHING


def _monotone(text: str) -> bool:
    """Whether a long text is made of hardly any different characters."""
    shown = text.split()
    length = sum(map(len, shown))
    return length >= _MONOTONE_FROM and len(set().union(*shown)) <= _MONOTONE_KINDS * length
