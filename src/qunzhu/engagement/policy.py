"""Check-ins in pure code: what is a day, a streak, a bonus; and what is said. Settings are declared here, once."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from qunzhu.engagement.streaks import Streaks

POINTS = 2  # per check-in
STREAKS = ((7, 10), (30, 50))  # on the day a streak reaches (days), (bonus) on top


class MakeUpSettings(msgspec.Struct, frozen=True):
    """A missed day costs a card, or `price` points (0: cards only); `per_month` days of a month, `back` days ago."""

    price: int = 30
    per_month: int = 2
    back: int = 7


class CheckInSettings(msgspec.Struct, frozen=True):
    """`points` a day; `streaks` maps the length of a streak to the bonus on the day it is reached."""

    points: int = POINTS
    streaks: tuple[tuple[int, int], ...] = STREAKS
    makeup: MakeUpSettings = MakeUpSettings()


class CheckedIn(msgspec.Struct, frozen=True):
    """A day's check-in: the streak it makes, the points it gives."""

    day: date
    streak: int
    points: int


def settings_from(blueprint: Mapping[str, Any]) -> CheckInSettings:
    """The settings of the blueprint's section `engagement.checkin`, with defaults for what it leaves out."""
    given = blueprint.get("engagement", {}).get("checkin", {})
    streaks = given.get("streaks")
    return CheckInSettings(
        points=int(given.get("points", POINTS)),
        streaks=STREAKS if streaks is None else tuple((int(s["days"]), int(s["bonus"])) for s in streaks),
        makeup=msgspec.convert(given.get("makeup", {}), MakeUpSettings),
    )


def check_in(day: date, streaks: Streaks, settings: CheckInSettings) -> CheckedIn:
    """The check-in of `day`, which is noted in `streaks`."""
    reached = streaks.add(day)
    return CheckedIn(day, reached.streak, settings.points + bonus_between(reached.settled, reached.run, settings))


def bonus_for(streak: int, settings: CheckInSettings) -> int:
    """What reaching exactly `streak` days gives on top."""
    return sum(bonus for days, bonus in settings.streaks if days == streak)


def bonus_between(settled: int, run: int, settings: CheckInSettings) -> int:
    """What a run gives on top that grew from at most `settled` days to `run`."""
    return sum(bonus for days, bonus in settings.streaks if settled < days <= run)


def next_bonus(streak: int, settings: CheckInSettings) -> tuple[int, int] | None:
    """(days still to go, bonus) of the next streak bonus; None when there is no further one."""
    ahead = sorted((days - streak, bonus) for days, bonus in settings.streaks if days > streak)
    return ahead[0] if ahead else None


def say_done(done: CheckedIn, balance: int, settings: CheckInSettings) -> str:
    """The answer to a check-in."""
    text = f"签到成功，已连续 {done.streak} 天，+{done.points} 积分，现有 {balance} 积分。"
    if ahead := next_bonus(done.streak, settings):
        text += f"再签 {ahead[0]} 天多得 {ahead[1]} 积分。"
    return text


def say_again(streak: int, balance: int) -> str:
    """The answer to a second check-in of a day."""
    return f"今天已经签到过了，连续 {streak} 天，现有 {balance} 积分，明天再来。"


def say_points(balance: int, streak: int, left_today: int) -> str:
    """The answer to 积分. `left_today`: what today's check-in would still give (0: done), `streak` as it stands."""
    if left_today:
        return f"你有 {balance} 积分。今天还没签到，发送“签到”可得 {left_today} 积分。"
    return f"你有 {balance} 积分。今天已签到，连续 {streak} 天。"
