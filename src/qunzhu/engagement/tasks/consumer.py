"""Consumer `tasks`: counts what happens for the units that hear it, rewards, takes back, serves 任务."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from django.conf import settings

from qunzhu.engagement.answers import Said, collect
from qunzhu.engagement.tasks import policy, rewards, selectors, tables
from qunzhu.engagement.tasks.models import TaskBook
from qunzhu.engagement.tasks.policy import HEARD, VOIDING, Counted, Ground, Index, Standing, Unit
from qunzhu.engagement.tasks.rewards import Turn
from qunzhu.engagement.tasks.services import authors_of, book_event
from qunzhu.engagement.tasks.tables import Key
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

COMMAND = "tasks"
BOOK = "tasks.changed"
_NEWCOMER = {"community_id": "int8", "member_id": "int8", "joined_at": "timestamptz", "seq": "int8"}


@dataclass(frozen=True)
class Step:
    """What one event means for progress: grounds that it adds, or one that it takes back or gives again."""

    event: Event
    adds: tuple[tuple[Unit, Ground, Key, date], ...] = ()
    voids: tuple[str, str] | None = None


def handle(batch: Batch) -> None:
    """Count by the book that held; outside a rebuild, also reward and answer."""
    zone = zone_of(batch.community_id)
    held = TaskBook.objects.filter(community_id=batch.community_id).order_by("-seq").first()
    units = policy.decode(held.units) if held else []
    turns: list[Turn] = []
    part: list[Event] = []
    for event in batch.events:
        if event.kind == BOOK:  # what comes after it counts by the new one
            turns += _count(batch, part, units, zone)
            units, part = _turn_page(batch, event), []
        else:
            part.append(event)
    turns += _count(batch, part, units, zone)
    if batch.rebuilding:
        return
    rewards.carry_out(batch, turns)
    _announce(batch, turns, units)
    _serve(batch, units, zone)
    published = [event.seq for event in batch.events if event.kind == "rulebook.published"]
    if published and (book := book_event(batch.community_id, published[-1], batch.now)):
        batch.append(book)


def _turn_page(batch: Batch, event: Event) -> list[Unit]:
    TaskBook.objects.create(community_id=batch.community_id, seq=event.seq, units=event.body["units"])
    return policy.decode(event.body["units"])


def _count(batch: Batch, events: Sequence[Event], units: Sequence[Unit], zone: str) -> list[Turn]:
    """Project one stretch of the log under one book; returns what was completed and what was taken back."""
    joined = _newcomers(batch, events)
    steps = _steps(batch, events, policy.index(units), zone, joined)
    keys = {key for step in steps for _, _, key, _ in step.adds}
    voids = {step.voids[0] for step in steps if step.voids}
    if voids:
        keys |= tables.keys_of(batch.connection, batch.community_id, voids)
    if not keys:
        return []
    standings = tables.load(batch.connection, batch.community_id, keys)
    by_source: dict[str, list[Key]] = {}
    for key, standing in standings.items():
        for source in standing.grounds:
            by_source.setdefault(source, []).append(key)
    named = {unit.id: unit for unit in units}
    turns: list[Turn] = []
    for step in steps:
        for key in _apply(step, standings, by_source):
            standing = standings[key]
            at = step.event.occurred_at
            if what := standing.settle(at):
                turns.append(_turn(key, standing, named.get(key[1]), step.event, back=what == "back"))
    tables.save(batch.connection, batch.community_id, standings)
    return turns


def _newcomers(batch: Batch, events: Sequence[Event]) -> dict[int, tuple[int, datetime]]:
    """Member → (seq, time) of the first join, of everybody in these events who joined."""
    rows = [(batch.community_id, e.member_id, e.occurred_at, e.seq) for e in events if e.kind == "member.joined"]
    firsts = {row[1]: row for row in reversed(rows)}
    upsert(batch.connection, "task_newcomer", _NEWCOMER, list(firsts.values()), "(community_id, member_id) DO NOTHING")
    members = list({e.member_id for e in events if e.member_id is not None})
    found = psycopg.Cursor(batch.connection).execute(
        "SELECT member_id, seq, joined_at FROM task_newcomer WHERE community_id = %s AND member_id = ANY(%s)",
        [batch.community_id, members],
    )
    return {member: (seq, at) for member, seq, at in found.fetchall()} if members else {}


def _steps(
    batch: Batch, events: Sequence[Event], heard: Index, zone: str, joined: dict[int, tuple[int, datetime]]
) -> list[Step]:
    wants_authors = any(unit.on == "reply" for unit in heard.get("message.posted", ()))
    quoted = {e.body["reply_to"] for e in events if e.kind == "message.posted" and e.body.get("reply_to")}
    authors = authors_of(batch.connection, batch.community_id, sorted(quoted)) if wants_authors and quoted else {}
    steps = []
    for event in events:
        if event.historic or not event.body:
            continue
        if event.kind in VOIDING:
            if taken := policy.voided(event):
                steps.append(Step(event, voids=taken))
            continue
        wanted = heard.get(event.kind)
        if not wanted:
            continue
        day = local_day(event.occurred_at, zone)
        adds = []
        for unit in wanted:
            ground = policy.ground_of(unit, event, authors)
            if ground is None or (unit.within and not _new(unit, ground, event, day, zone, joined)):
                continue
            if unit.distinct == "days":
                ground = Ground(ground.member_id, ground.source, day.isoformat())
            adds.append((unit, ground, (ground.member_id, unit.id, policy.period_of(unit.period, day)), day))
        if adds:
            steps.append(Step(event, tuple(adds)))
    return steps


def _new(
    unit: Unit, ground: Ground, event: Event, day: date, zone: str, joined: dict[int, tuple[int, datetime]]
) -> bool:
    seq, at = joined.get(ground.member_id, (0, None))
    return at is not None and seq < event.seq and policy.in_time(unit, local_day(at, zone), day)


def _apply(step: Step, standings: dict[Key, Standing], by_source: dict[str, list[Key]]) -> list[Key]:
    """Count what the step adds or takes back; the keys that changed."""
    if step.voids:
        source, why = step.voids
        return [k for k in by_source.get(source, ()) if standings[k].void(source, why, step.event.seq)]
    changed = []
    for unit, ground, key, day in step.adds:
        standing = standings.setdefault(key, Standing(unit.count, unit.points, unit.cards))
        standing.per_day = unit.per_day
        if standing.add(ground.source, Counted(ground.mark, day, step.event.seq)):
            by_source.setdefault(ground.source, []).append(key)
            changed.append(key)
    return changed


def _turn(key: Key, standing: Standing, unit: Unit | None, event: Event, *, back: bool) -> Turn:
    member, name, period = key
    return Turn(
        member, name, unit.task if unit else name.split(".")[0], unit.kind if unit else "", unit.name if unit else name,
        period, standing.turn, standing.points, standing.cards, event.group_id, event.seq, back,
    )  # fmt: skip


def _announce(batch: Batch, turns: Sequence[Turn], units: Sequence[Unit]) -> None:
    """What the group hears: completions of the tasks that say so, all of a batch in one message."""
    loud = {unit.id for unit in units if unit.announce}
    told: dict[int, list[Turn]] = {}
    for turn in turns:
        if turn.unit in loud and not turn.back and turn.group_id is not None:
            told.setdefault(turn.group_id, []).append(turn)
    names = selectors.names(batch.community_id, [t.member_id for rows in told.values() for t in rows]) if told else {}
    wanted = [
        EffectRequest(
            "say", f"tasks:done:{batch.community_id}:{rows[0].cause}", group, None,
            {"text": selectors.say_done([(names.get(t.member_id, ""), t.name, t.points) for t in rows])},
            rows[0].cause, "tasks",
        )
        for group, rows in told.items()
    ]  # fmt: skip
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _serve(batch: Batch, units: Sequence[Unit], zone: str) -> None:
    commands = [
        event
        for event in batch.events
        if event.kind == "command.posted"
        and not event.historic
        and event.member_id is not None
        and event.group_id is not None
        and event.body.get("command") == COMMAND
    ]
    if not commands:
        return
    link = f"{settings.PUBLIC_URL}/me/tasks/"
    people = {event.member_id: local_day(event.occurred_at, zone) for event in commands if event.member_id}
    lists = selectors.open_tasks(batch.community_id, people, units, zone)
    said = []
    for event in commands:
        member = event.member_id or 0
        rows = [(card.name, card.count, card.goal, card.points) for card in lists[member]]
        line = f"还有 {len(rows)} 个任务" if rows else "任务都完成了"
        name, group = str(event.body.get("nickname") or ""), event.group_id or 0
        said.append(Said(event.seq, group, member, name, COMMAND, policy.say_tasks(rows, link), line, line))
    wanted = collect(said, part="tasks", community_id=batch.community_id, more=f"全部任务：{link}")
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


_KINDS: frozenset[Any] = frozenset(HEARD.values()) | VOIDING | {BOOK, "member.joined", "rulebook.published"}
CONSUMER = Consumer(
    "tasks", handle, kinds=_KINDS, tables=("task_book", "task_newcomer", "task_ground", "task_progress")
)
