"""Levels in pure code: the composite, which level it makes, and when a level is lost."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Literal

import msgspec

NAMES = ("新芽", "常客", "骨干", "专家", "领航")
THRESHOLDS = (0, 50, 200, 600, 1500)
FULL = 1_000  # the score of who gives exactly as much as the reference
AT_MOST = 2.0  # times the reference; more of one thing does not make up for the other
KEEP = 0.9  # of its threshold; below, a level is at risk
BEST_OF_DAY = 3  # messages of a day that count
HOURS_OF_DAY = 4  # active hours of a day that count
# In hundredths. Where even the most active give less, they are measured by this: about one message of quality a week,
# and an hour on every second day.
QUALITY_FLOOR, ACTIVE_FLOOR = 20_000, 2_000

Change = Literal["", "promoted", "demoted", "warned", "kept"]


class LevelSettings(msgspec.Struct, frozen=True):
    names: tuple[str, ...] = NAMES
    thresholds: tuple[int, ...] = THRESHOLDS
    quality_weight: float = 0.6
    active_weight: float = 0.4
    window_days: int = 90
    half_life_days: int = 30
    grace_days: int = 14
    perks: tuple[str, ...] = ()


class Reference(msgspec.Struct, frozen=True):
    """What the most active tenth of the group gives on average, in hundredths."""

    quality: int
    active: int


class Composite(msgspec.Struct, frozen=True):
    """`score` is the sum of the two."""

    quality: int
    active: int

    @property
    def score(self) -> int:
        return self.quality + self.active


class Verdict(msgspec.Struct, frozen=True):
    """The level after a day; `until`: it is at risk, and falls on that day."""

    change: Change
    level: int
    until: date | None = None


class Missing(msgspec.Struct, frozen=True):
    """What leads to the next level: so much score, that is so many messages of quality, or so many active hours."""

    score: int
    messages: int
    hours: int


def settings_from(blueprint: Mapping[str, Any]) -> LevelSettings:
    """The section `engagement.levels`, with defaults for what it leaves out."""
    given, usual = blueprint.get("engagement", {}).get("levels", {}), LevelSettings()
    return LevelSettings(
        names=tuple(given.get("names", usual.names)),
        thresholds=tuple(int(t) for t in given.get("thresholds", usual.thresholds)),
        quality_weight=float(given.get("quality_weight", usual.quality_weight)),
        active_weight=float(given.get("active_time_weight", usual.active_weight)),
        window_days=int(given.get("window_days", usual.window_days)),
        half_life_days=int(given.get("half_life_days", usual.half_life_days)),
        grace_days=int(given.get("grace_days", usual.grace_days)),
        perks=tuple(given.get("perks", usual.perks)),
    )


def composite(quality: int, active: int, reference: Reference, settings: LevelSettings) -> Composite:
    """Both sides relative to the reference; figures in hundredths."""
    return Composite(
        _side(quality, reference.quality, QUALITY_FLOOR, settings.quality_weight),
        _side(active, reference.active, ACTIVE_FLOOR, settings.active_weight),
    )


def _side(figure: int, reference: int, floor: int, weight: float) -> int:
    return round(FULL * weight * min(AT_MOST, figure / max(reference, floor)))


def level_for(score: int, thresholds: Sequence[int]) -> int:
    """The highest level whose threshold is reached."""
    return max((level for level, least in enumerate(thresholds) if score >= least), default=0)


def judge(*, level: int, until: date | None, score: int, day: date, settings: LevelSettings) -> Verdict:
    """Up at once, as far as it goes; down by one, after a notice and the time of grace."""
    level = min(level, len(settings.thresholds) - 1)
    reached = level_for(score, settings.thresholds)
    if reached > level:
        return Verdict("promoted", reached)
    if level == 0 or score >= KEEP * settings.thresholds[level]:
        return Verdict("kept" if until else "", level)
    if until is None:
        return Verdict("warned", level, day + timedelta(days=settings.grace_days))
    return Verdict("demoted", level - 1) if day >= until else Verdict("", level, until)


def progress(level: int, score: int, thresholds: Sequence[int]) -> int:
    """How much of the way from this level to the next is done, in per cent; 100 on the highest."""
    if level + 1 >= len(thresholds):
        return 100
    first, last = thresholds[level], thresholds[level + 1]
    return max(0, min(100, 100 * (score - first) // max(1, last - first)))


def missing(
    level: int, found: Composite, reference: Reference, settings: LevelSettings, *, message_score: int
) -> Missing | None:
    """What the next level asks for beyond what is there; None on the highest.

    `messages` and `hours` are as if done today, each alone; 0 where that side alone no longer suffices.
    """
    if level + 1 >= len(settings.thresholds):
        return None
    gap = max(1, settings.thresholds[level + 1] - found.score)
    return Missing(
        gap,
        _steps(gap, found.quality, 100 * message_score, max(reference.quality, QUALITY_FLOOR), settings.quality_weight),
        _steps(gap, found.active, 100, max(reference.active, ACTIVE_FLOOR), settings.active_weight),
    )


def _steps(gap: int, there: int, one: int, reference: int, weight: float) -> int:
    most = FULL * weight * AT_MOST
    if not weight or there + gap > most:
        return 0
    return math.ceil(gap / (FULL * weight * one / reference))
