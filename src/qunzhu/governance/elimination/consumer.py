"""Consumer `elimination`: who was when here, leaves and observations as projections; 请假 and 销假; the moves."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import psycopg

from qunzhu.governance.elimination import following, spells
from qunzhu.governance.elimination.spells import UNDECIDED, Spell
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

NAME = "elimination"
# event → the column of the day that it moves
ACTIVITY = {"message.posted": "message_on", "command.posted": "command_on", "checkin.done": "checkin_on"}
SPOKEN = frozenset({"message.posted", "command.posted"})
DAYS_KEPT = 1_000_000

_COLUMNS = {
    "community_id": "int8",
    "member_id": "int8",
    "message_on": "date",
    "command_on": "date",
    "checkin_on": "date",
}
_LATER = "(community_id, member_id) DO UPDATE SET " + ", ".join(
    f"{column} = GREATEST(t.{column}, excluded.{column})" for column in ACTIVITY.values()
)
_zones: dict[int, str] = {}
# community → (member, column) → day as an ordinal: what a further message of that day cannot change
_known: dict[int, dict[tuple[int, str], int]] = {}


def handle(batch: Batch) -> None:
    """Fold the batch; outside a rebuild, also ask for what follows."""
    zone = _zones.get(batch.community_id) or _zones.setdefault(batch.community_id, zone_of(batch.community_id))
    _note_days(batch, zone)
    _note_leaves(batch)
    fold = Fold(batch)
    for event in batch.events:
        fold.hear(event)
    spells.save(batch, list(fold.changed.values()))
    if not batch.rebuilding:
        following.act(batch, zone, fold.wanted)


def forget(community_id: int) -> None:
    """Drop what this process remembers of a community."""
    _known.pop(community_id, None)


def _note_days(batch: Batch, zone: str) -> None:
    known = _known.setdefault(batch.community_id, {})
    if len(known) > DAYS_KEPT:
        known.clear()
    latest: dict[tuple[int, str], int] = {}
    for event in batch.events:
        column = ACTIVITY.get(event.kind)
        if column is None or event.member_id is None:
            continue
        key = (event.member_id, column)
        day = local_day(event.occurred_at, zone).toordinal()
        if day > known.get(key, 0):
            known[key] = latest[key] = day
    rows: dict[int, dict[str, date]] = {}
    for (member, column), day in latest.items():
        rows.setdefault(member, {})[column] = date.fromordinal(day)
    values: list[tuple[Any, ...]] = [
        (batch.community_id, member, *(days.get(column) for column in ACTIVITY.values()))
        for member, days in sorted(rows.items())
    ]
    upsert(batch.connection, "member_activity", _COLUMNS, values, _LATER)


def _note_leaves(batch: Batch) -> None:
    for event in batch.events:
        body = event.body
        if event.kind == "leave.taken" and body:
            psycopg.Cursor(batch.connection).execute(
                "INSERT INTO leave_taken (community_id, seq, member_id, first_day, last_day, reason, by, taken_at,"
                " ended_by, last_seq) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, '', %s) ON CONFLICT DO NOTHING",
                [
                    event.community_id, event.seq, event.member_id, date.fromisoformat(body["first"]),
                    date.fromisoformat(body["last"]), body.get("reason") or "", body["by"], event.occurred_at,
                    event.seq,
                ],
            )  # fmt: skip
        elif event.kind == "leave.ended" and body:
            psycopg.Cursor(batch.connection).execute(
                "UPDATE leave_taken SET last_day = LEAST(last_day, %s), ended_by = %s, ended_at = %s, last_seq = %s"
                " WHERE community_id = %s AND seq = %s",
                [
                    date.fromisoformat(body["last"]), body["by"], event.occurred_at, event.seq, event.community_id,
                    body["leave"],
                ],
            )  # fmt: skip


class Fold:
    """Open silences while a batch is heard: what changed, and what is wanted because of it."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.open = spells.load_open(batch)
        self.changed: dict[int, Spell] = {}
        self.wanted: list[following.Wanted] = []

    def hear(self, event: Event) -> None:
        if event.historic:
            return
        if event.kind in ACTIVITY:
            if event.member_id in self.open:
                self._interacted(self.open[event.member_id], event)
            if event.kind == "command.posted" and event.body.get("command") in following.COMMANDS:
                self._want("command", event)
        elif event.kind in _HEARS:
            _HEARS[event.kind](self, event)

    def _want(self, what: str, event: Event, spell: Spell | None = None) -> None:
        self.wanted.append(following.Wanted(what, event, spell))

    def _touch(self, spell: Spell) -> None:
        self.changed[spell.seq] = spell
        if spell.ended_at is not None:
            self.open.pop(spell.member_id, None)

    def _end(self, spell: Spell, state: str, event: Event, why: str = "") -> None:
        before = spell.state
        spell.end(state, event, why)
        self._touch(spell)
        self._want("untag", event, spell)
        if before == "review":
            self._want("reviewed", event, spell)

    def _interacted(self, spell: Spell, event: Event) -> None:
        if spell.state in UNDECIDED:
            if ACTIVITY[event.kind].removesuffix("_on") in spell.counts_as:
                self._end(spell, "spoke", event)
        elif event.kind not in SPOKEN:
            return
        elif spell.state == "moving":
            self._call_off(spell, event)
        elif spell.state == "observed" and event.group_id == spell.to_group:
            spell.said, spell.last_seq = spell.said + 1, event.seq
            self._touch(spell)
            self._want("activity", event, spell)

    def _call_off(self, spell: Spell, event: Event) -> None:
        """The move is not wanted any more; where it happens all the same, the way back follows at once."""
        spell.said, spell.last_seq = spell.said + 1, event.seq
        self._touch(spell)
        self._want("call_off", event, spell)

    def tagged(self, event: Event) -> None:
        if not event.body or event.member_id is None or event.member_id in self.open:
            return
        spell = self.open[event.member_id] = spells.tagged(event)
        self._touch(spell)
        self._want("tag", event, spell)

    def decided(self, event: Event) -> None:
        spell = self._of(event)
        if spell is None or not event.body:
            return
        if spell.decide(event):
            self._want("move", event, spell)
        self._touch(spell)
        if spell.ended_at is not None:
            self._want("untag", event, spell)

    def returned(self, event: Event) -> None:
        spell = self._of(event)
        if spell is not None and event.body and spell.send_back(event):
            self._touch(spell)
            self._want("send_back", event, spell)

    def effect_done(self, event: Event) -> None:
        spell = self._of(event)
        if spell is None or not event.body or event.body.get("kind") != "move":
            return
        spell.move_ended(event)
        self._touch(spell)
        if spell.ended_at is not None:
            self._want("untag", event, spell)
        elif spell.state == "observed" and spell.said:
            self._want("activity", event, spell)  # spoke while on the way

    def joined(self, event: Event) -> None:
        """Back in an old group by other ways than a move of ours."""
        spell = self._of(event)
        if spell is None or event.body.get("effect") or event.group_id not in spell.from_groups:
            return
        if spell.state in {"moving", "observed"}:
            self._end(spell, "returned", event, "joined")

    def left(self, event: Event) -> None:
        """Out of the observation group, or of an old one before the move, by own will or by hand."""
        spell = self._of(event)
        if spell is None or event.body.get("moved_to"):
            return
        out_of_observation = spell.state == "observed" and event.group_id == spell.to_group
        before_the_move = (
            spell.state == "moving" and event.kind == "member.left" and event.group_id in spell.from_groups
        )
        if out_of_observation or before_the_move:
            self._end(spell, "left", event)

    def leave_taken(self, event: Event) -> None:
        spell = self._of(event)
        if spell is not None and spell.state in UNDECIDED:
            self._end(spell, "leave", event)

    def staff_changed(self, event: Event) -> None:
        """Staff are never touched: whoever becomes one stays, or comes back."""
        spell = self.open.get(event.body.get("member") or 0)
        if spell is None or not event.body.get("role"):
            return
        if spell.state == "observed":
            self._want("post", event, spell)
        elif spell.state in UNDECIDED:
            self._end(spell, "kept", event, "post")
        elif spell.state == "moving":
            self._call_off(spell, event)

    def erased(self, event: Event) -> None:
        spell = self.open.get(event.body.get("member") or 0)
        if spell is not None:
            self._end(spell, "left", event)

    def confirmed(self, event: Event) -> None:
        self._want("confirmed", event)

    def _of(self, event: Event) -> Spell | None:
        return self.open.get(event.member_id or 0)


_HEARS = {
    "member.tagged": Fold.tagged,
    "observation.decided": Fold.decided,
    "observation.returned": Fold.returned,
    "effect.done": Fold.effect_done,
    "member.joined": Fold.joined,
    "member.left": Fold.left,
    "member.removed": Fold.left,
    "leave.taken": Fold.leave_taken,
    "staff.changed": Fold.staff_changed,
    "member.erased": Fold.erased,
    "inactive.confirmed": Fold.confirmed,
}
# What must have been heard before a run may look: else it would tag whom it has tagged already.
STATEFUL = frozenset(_HEARS) - {"effect.done"}


def kinds() -> Iterable[str]:
    return (*ACTIVITY, *_HEARS, "leave.ended")


CONSUMER = Consumer(
    NAME,
    handle,
    kinds=frozenset(kinds()),
    tables=("member_activity", "leave_taken", "observation"),
    forget=forget,
)
