"""A past stretch of days in the life of a group, day by day in order of time."""

import math
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate
from typing import Any
from zoneinfo import ZoneInfo

from qunzhu.simulation.people import WEEKEND_HOURS, WORKDAY_HOURS, Persona
from qunzhu.simulation.words import make_link, say

CONNECTOR = "simulation"
SATURDAY = 5
_WORKDAY = list(accumulate(WORKDAY_HOURS))
_WEEKEND = list(accumulate(WEEKEND_HOURS))
_LINK_BURST = 6  # one more than the guide allows in an hour
_FLOOD = 9


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person did: the kind of its event and the body, without ids of the database.

    `about` is the number of another person (a report's target).
    """

    at: datetime
    who: int
    kind: str
    body: dict[str, Any]
    about: int | None = None


def month(people: Sequence[Persona], *, seed: int, first: date, days: int, zone: str) -> Iterator[Act]:
    """Everything `people` do in `days` days from `first` on, in order of time; the same for the same arguments."""
    tz = ZoneInfo(zone)
    for day in range(days):
        dice = random.Random(f"day:{seed}:{day}")
        midnight = datetime.combine(first + timedelta(days=day), time(), tz)
        weekend = midnight.weekday() >= SATURDAY
        acts: list[Act] = []
        for person in people:
            if person.joins_on <= day and (person.leaves_on is None or day <= person.leaves_on):
                acts += _day_of(person, day, midnight, weekend, len(people), dice)
        acts.sort(key=lambda act: (act.at, act.who))
        for number, act in enumerate(acts):
            if act.kind in {"message.posted", "command.posted"}:
                act.body["platform_id"] = f"sim-{seed}-{day}-{number}"
                act.body["nickname"] = people[act.who].nickname
            yield act


def _day_of(
    person: Persona, day: int, midnight: datetime, weekend: bool, size: int, dice: random.Random
) -> Iterator[Act]:
    if day == person.joins_on:
        body = {"nickname": person.nickname, "via": "import", "platform_user_id": f"sim-{person.number}"}
        yield Act(midnight + timedelta(seconds=person.number % 3600), person.number, "member.joined", body)
    hours = _WEEKEND if weekend else _WORKDAY
    for _ in range(_poisson(person.habit.messages_a_day * (0.8 if weekend else 1.0), dice)):
        yield _message(person, _moment(midnight, hours, person, dice), dice)
    if dice.random() < person.habit.checks_in:
        yield _command(person, _moment(midnight, hours, person, dice), "checkin", "签到")
        if dice.random() < 0.15:
            yield _command(person, _moment(midnight, hours, person, dice), "points", "积分")
    yield from _mischief(person, midnight, hours, size, dice)
    if day == person.leaves_on:
        yield Act(midnight + timedelta(hours=23, minutes=59), person.number, "member.left", {})


def _message(person: Persona, at: datetime, dice: random.Random) -> Act:
    words = person.habit.words
    pick = dice.random() * sum(weight for _, weight in words)
    for family, weight in words:
        pick -= weight
        if pick < 0:
            break
    text, links = say(family, dice)
    body: dict[str, Any] = {"text": text, "type": "link" if links else "text"}
    if links:
        body["links"] = links
    return Act(at, person.number, "message.posted", body)


def _mischief(person: Persona, midnight: datetime, hours: list[int], size: int, dice: random.Random) -> Iterator[Act]:
    """Rule breakers break rules now and then, and others report them."""
    name = person.habit.name
    if name == "linker" and dice.random() < 0.12:
        at, link = _moment(midnight, hours, person, dice), make_link(dice)
        for n in range(_LINK_BURST):
            body = {"text": f"看看这个 {link}", "type": "link", "links": [link]}
            yield Act(at + timedelta(minutes=4 * n), person.number, "message.posted", body)
    if name == "flooder" and dice.random() < 0.10:
        at = _moment(midnight, hours, person, dice)
        for n in range(_FLOOD):
            text, _ = say("chat", dice)
            yield Act(at + timedelta(seconds=20 * n), person.number, "message.posted", {"text": text, "type": "text"})
    if name in {"seller", "quarreller"} and size > 1 and dice.random() < 0.06:
        at = _moment(midnight, hours, person, dice)
        reason = "发广告" if name == "seller" else "骂人"
        for n in range(1 + int(dice.random() * 3)):
            reporter = (person.number + 1 + int(dice.random() * (size - 1))) % size
            body = {"text": f"举报 {reason}", "type": "text", "command": "report", "args": reason}
            yield Act(at + timedelta(minutes=3 + n), reporter, "command.posted", body, about=person.number)


def _command(person: Persona, at: datetime, command: str, text: str) -> Act:
    return Act(at, person.number, "command.posted", {"text": text, "type": "text", "command": command, "args": ""})


def _moment(midnight: datetime, cumulated: list[int], person: Persona, dice: random.Random) -> datetime:
    """A time of that day by its rhythm, shifted by up to 40 minutes for early and late people, inside the day."""
    hour = bisect(cumulated, dice.random() * cumulated[-1])
    seconds = hour * 3600 + int(dice.random() * 3600) + int(person.waking * 2400)
    return midnight + timedelta(seconds=min(max(seconds, 60), 86_000))


def _poisson(mean: float, dice: random.Random) -> int:
    """Knuth's method; means here are small."""
    limit, product, count = math.exp(-mean), dice.random(), 0
    while product > limit:
        product *= dice.random()
        count += 1
    return count
