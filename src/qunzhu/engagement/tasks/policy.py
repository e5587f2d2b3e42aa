"""Tasks in pure code: compiled to units, which are found by what they hear; what counts, and how it is counted."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from qunzhu.kernel.events.schema import Event

# What a task may be about → the kind of event that tells of it.
HEARD = {
    "message": "message.posted",
    "reply": "message.posted",
    "command": "command.posted",
    "checkin": "checkin.done",
    "quality": "quality.marked",
    "report": "report.upheld",
    "consent": "consent.given",
    "invite": "member.joined",
    "page": "page.opened",
    "step": "task.completed",
}
PERIODS = {"daily": "day", "weekly": "week", "newcomer": "once", "contribution": "month"}
VOIDING = frozenset(
    {"message.recalled", "decision.made", "case.decided", "penalty.reversed", "quality.unmarked", "report.overturned"}
    | {"task.reversed"}
)
PUNISHED, TAKEN_BACK = "punished", "taken_back"


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted: a task, a step of a path, or the path itself (its steps are what it counts)."""

    id: str
    task: str
    kind: str
    name: str
    on: str
    count: int
    period: str
    points: int = 0
    cards: int = 0
    about: str = ""
    distinct: str = ""  # people or days
    per_day: int = 0
    group: int | None = None
    command: str = ""
    page: str = ""
    words: tuple[str, ...] = ()
    min_length: int = 0
    within: int = 0
    announce: bool = False


Index = Mapping[str, tuple[Unit, ...]]


def units_from(blueprint: Mapping[str, Any], groups: Mapping[str, int]) -> list[Unit]:
    """The units of the blueprint's section `engagement.tasks`; `groups`: name → id."""
    return [unit for task in blueprint.get("engagement", {}).get("tasks") or () for unit in _units(task, groups)]


def _units(task: Mapping[str, Any], groups: Mapping[str, int]) -> list[Unit]:
    kind = task["kind"]
    shared = {"task": task["id"], "kind": kind, "period": task.get("period") or PERIODS[kind]}
    shared |= {"within": int(task.get("within", 0))}
    steps = task.get("steps") or ()
    if not steps:
        return [_unit(task, task["id"], shared, groups)]
    found = [_unit(step, f"{task['id']}.{step['id']}", shared, groups) for step in steps]
    path = {**task, "on": "step", "count": len(steps)}
    return [*found, _unit(path, task["id"], shared, groups)]


def _unit(given: Mapping[str, Any], name: str, shared: Mapping[str, Any], groups: Mapping[str, int]) -> Unit:
    fields = {f: given[f] for f in Unit.__struct_fields__ if f in given and f not in {"id", "group", "kind", *shared}}
    group = given.get("group")
    fields["words"] = tuple(given.get("words") or ())
    return Unit(
        id=name, group=groups.get(group, 0) if group else None, **{"on": "message", "count": 1, **shared, **fields}
    )


def decode(units: Iterable[Mapping[str, Any]]) -> list[Unit]:
    """Units as they stand in the log."""
    return msgspec.convert(list(units), list[Unit])


def index(units: Iterable[Unit]) -> Index:
    """Kind of event → the units that hear it."""
    found: dict[str, list[Unit]] = defaultdict(list)
    for unit in units:
        found[HEARD[unit.on]].append(unit)
    return {kind: tuple(heard) for kind, heard in found.items()}


def period_of(period: str, day: date) -> str:
    """The name of the period that `day` lies in."""
    if period == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return {"day": day.isoformat(), "month": f"{day:%Y-%m}"}.get(period, "once")


class Ground(msgspec.Struct, frozen=True):
    """Something that counts for a member's unit."""

    member_id: int
    source: str
    mark: str


def ground_of(unit: Unit, event: Event, authors: Mapping[int, int]) -> Ground | None:
    """What `event` counts for `unit`; None when it does not. `authors`: message → who wrote it."""
    body, member = event.body, event.member_id
    if unit.on == "invite":
        inviter = body.get("inviter")
        return None if inviter in {None, member} else Ground(int(inviter), f"j:{member}", str(member))
    if member is None or (unit.group is not None and event.group_id != unit.group) or not _fits(unit, event):
        return None
    source = _source(unit, event)
    mark = source
    if unit.on == "reply":
        author = authors.get(body.get("reply_to") or 0)
        if author is None or author == member:
            return None
        mark = str(author) if unit.distinct == "people" else source
    return Ground(member, source, mark)


def _fits(unit: Unit, event: Event) -> bool:
    body = event.body
    if unit.on in {"message", "reply"}:
        text = str(body.get("text") or "")
        return len(text) >= unit.min_length and (not unit.words or any(word in text for word in unit.words))
    if unit.on == "command":
        return bool(body.get("command") == unit.command)
    if unit.on == "page":
        return bool(body.get("page") == unit.page)
    return unit.on != "step" or (body.get("task") == unit.task and body.get("unit") != unit.id)


def _source(unit: Unit, event: Event) -> str:
    body = event.body
    return {
        "quality": lambda: f"q:{body.get('message')}",
        "report": lambda: f"r:{body.get('report')}",
        "checkin": lambda: f"c:{body.get('day')}",
        "step": lambda: f"t:{body.get('unit')}:{body.get('period')}:{event.member_id}",
        "page": lambda: f"p:{body.get('page')}",
    }.get(unit.on, lambda: f"m:{event.seq}")()


def voided(event: Event) -> tuple[str, str] | None:
    """(source, why) of what `event` takes back; an empty why gives it again. None when it takes nothing back."""
    body = event.body
    if event.kind == "quality.unmarked":
        return f"q:{body['message']}", TAKEN_BACK
    if event.kind == "report.overturned":
        return f"r:{body['report']}", TAKEN_BACK
    if event.kind == "task.reversed":
        return f"t:{body['unit']}:{body['period']}:{event.member_id}", TAKEN_BACK
    if event.kind == "message.recalled":
        return (f"m:{body['target']}", TAKEN_BACK) if isinstance(body.get("target"), int) else None
    if event.kind == "penalty.reversed":
        return f"m:{body['cause_seq']}", ""
    acts = {"warn", "mute", "remove", "recall"}
    punishes = (event.kind == "case.decided" and body.get("step")) or (
        event.kind == "decision.made"
        and body.get("outcome") == "live"
        and any(effect.get("kind") in acts for effect in body.get("effects") or ())
    )
    return (f"m:{body['cause_seq']}", PUNISHED) if punishes and body.get("cause_seq") else None


def in_time(unit: Unit, joined: date | None, day: date) -> bool:
    """Whether the newcomer path is still open on `day`; other units always are."""
    return not unit.within or (joined is not None and joined <= day < joined + timedelta(days=unit.within))


@dataclass
class Counted:
    """A ground as it is kept."""

    mark: str
    day: date
    seq: int
    void: str = ""


@dataclass
class Standing:
    """How a member stands with a unit in a period."""

    goal: int
    points: int = 0
    cards: int = 0
    per_day: int = 0
    grounds: dict[str, Counted] = field(default_factory=dict)
    turn: int = 0
    completed_at: datetime | None = None
    taken_back: bool = False
    seq: int = 0
    changed: bool = False

    @property
    def count(self) -> int:
        return len({g.mark for g in self.grounds.values() if not g.void})

    def add(self, source: str, counted: Counted) -> bool:
        """Count a ground; False where it does not count: done already, there already, or over the day's cap."""
        before = self.grounds.get(source)
        if self.completed_at is not None or (before is not None and before.void != TAKEN_BACK):
            return False
        days = Counter(g.day for g in self.grounds.values() if not g.void)
        if self.per_day and days[counted.day] >= self.per_day:
            return False
        self.grounds[source] = counted
        self.seq, self.changed = counted.seq, True
        return True

    def void(self, source: str, why: str, seq: int) -> bool:
        """Take a ground back, or give a punished one again; False where nothing changes."""
        ground = self.grounds.get(source)
        if ground is None or ground.void == why or (not why and ground.void != PUNISHED):
            return False
        ground.void = why
        self.seq, self.changed = seq, True
        return True

    def settle(self, at: datetime) -> str:
        """Say "done" when the goal is reached just now, "back" when it is reached no more, "" when neither."""
        if self.count >= self.goal and self.completed_at is None:
            self.completed_at, self.taken_back, self.turn = at, False, self.turn + 1
            return "done"
        if self.count < self.goal and self.completed_at is not None:
            self.completed_at, self.taken_back = None, True
            return "back"
        return ""


def award_key(unit: str, member_id: int, period: str, turn: int) -> str:
    """The ledger's key of a completion; a second one after the first was taken back is another."""
    return f"task:{unit}:{member_id}:{period}" + (f":{turn}" if turn > 1 else "")


def say_tasks(rows: Iterable[tuple[str, int, int, int]], link: str) -> str:
    """The answer to 任务: open tasks as (name, count, goal, points)."""
    listed = [f"{name} {count}/{goal}" + (f" +{points}" if points else "") for name, count, goal, points in rows]
    if not listed:
        return f"现在的任务都完成了。{link}"
    more = f" 等 {len(listed)} 个" if len(listed) > SHOWN else ""
    return f"{' · '.join(listed[:SHOWN])}{more}。全部任务：{link}"


SHOWN = 5
