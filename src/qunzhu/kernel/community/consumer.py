"""Consumer `membership`: who is in which group, and in what state.

Hears joins, leaves, removals, mutes, renames, and the first message of somebody never seen (history and platforms
that report no joins). Each (group, member) has its own row: leaving one group says nothing about another.
A group's state and announcement are noted on the group itself, which is no projection and stays out of rebuilds.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

SPOKEN = frozenset({"message.posted", "command.posted"})
CHANGES = frozenset(
    {"member.joined", "member.left", "member.removed", "member.muted", "member.unmuted", "member.renamed"}
)
GROUP_CHANGES = frozenset({"group.frozen", "group.unfrozen", "group.closed", "group.reopened", "group.announced"})
GONE = frozenset({"left", "removed"})
# A message that was on its way while its author left must not bring them back.
ON_ITS_WAY = timedelta(minutes=1)

_COLUMNS = {
    "community_id": "int8",
    "group_id": "int8",
    "member_id": "int8",
    "state": "text",
    "joined_at": "timestamptz",
    "left_at": "timestamptz",
    "muted_until": "timestamptz",
    "nickname": "text",
    "state_at": "timestamptz",
    "last_seq": "int8",
}
_CONFLICT = "(community_id, group_id, member_id) DO UPDATE SET " + ", ".join(
    f"{column} = excluded.{column}" for column in list(_COLUMNS)[3:]
)


class Row:
    """A membership while a batch is folded into it. `state_at` is when the fact that set the state happened."""

    __slots__ = ("changed", "joined_at", "last_seq", "left_at", "muted_until", "nickname", "state", "state_at")

    def __init__(
        self,
        state: str = "",
        joined_at: datetime | None = None,
        left_at: datetime | None = None,
        muted_until: datetime | None = None,
        nickname: str = "",
        state_at: datetime | None = None,
        last_seq: int = 0,
    ) -> None:
        self.state, self.nickname, self.last_seq = state, nickname, last_seq
        self.joined_at, self.left_at, self.muted_until, self.state_at = joined_at, left_at, muted_until, state_at
        self.changed = False

    def fold(self, event: Event) -> None:
        """Take one event in. Imported history that is older than what is known only moves the first day back."""
        if event.historic and self.state_at is not None and event.occurred_at < self.state_at:
            self._older(event)
        elif event.kind in SPOKEN:
            self._spoke(event)
        else:
            _FOLDS[event.kind](self, event)
            self._touch(event)

    def _touch(self, event: Event) -> None:
        self.last_seq = event.seq
        self.changed = True

    def _older(self, event: Event) -> None:
        joined = event.kind == "member.joined" or event.kind in SPOKEN
        if joined and (self.joined_at is None or event.occurred_at < self.joined_at):
            self.joined_at = event.occurred_at
            self._touch(event)

    def _spoke(self, event: Event) -> None:
        if self.state == "active":
            return
        at = event.occurred_at
        if self.state == "muted" and self.muted_until is not None and at >= self.muted_until:
            self.state, self.muted_until = "active", None
        elif not self.state or (self.state in GONE and self.left_at is not None and at - self.left_at > ON_ITS_WAY):
            self.state, self.joined_at, self.left_at, self.muted_until = "active", at, None, None
            self.nickname = str(event.body.get("nickname") or self.nickname)[:120]
        else:
            return
        self.state_at = at
        self._touch(event)

    def joined(self, event: Event) -> None:
        self.state = "observed" if event.body.get("observed") else "active"
        self.joined_at, self.left_at, self.muted_until = event.occurred_at, None, None
        self.nickname = str(event.body.get("nickname") or self.nickname)[:120]
        self.state_at = event.occurred_at

    def left(self, event: Event) -> None:
        self._gone("left", event)

    def removed(self, event: Event) -> None:
        self._gone("removed", event)

    def _gone(self, state: str, event: Event) -> None:
        self.state, self.left_at, self.muted_until, self.state_at = state, event.occurred_at, None, event.occurred_at

    def muted(self, event: Event) -> None:
        if self.state not in GONE:
            self.state, self.muted_until = "muted", datetime.fromisoformat(event.body["until"])
            self.state_at = event.occurred_at

    def unmuted(self, event: Event) -> None:
        if self.state not in GONE:
            self.state, self.muted_until, self.state_at = "active", None, event.occurred_at

    def renamed(self, event: Event) -> None:
        self.state = self.state or "active"
        self.state_at = self.state_at or event.occurred_at
        self.nickname = str(event.body.get("nickname") or "")[:120]  # nothing is left of it once erased


_FOLDS = {
    "member.joined": Row.joined,
    "member.left": Row.left,
    "member.removed": Row.removed,
    "member.muted": Row.muted,
    "member.unmuted": Row.unmuted,
    "member.renamed": Row.renamed,
}
Key = tuple[int, int]
_settled: dict[int, set[Key]] = {}  # community → active memberships; what a message of theirs cannot change
_SETTLED_MAX = 1_000_000


def handle(batch: Batch) -> None:
    """Fold the batch into `membership`; groups' own state is written when it is not a rebuild."""
    settled = _settled.setdefault(batch.community_id, set())
    relevant: list[tuple[Key, Event]] = []
    for event in batch.events:
        if event.group_id is None or event.member_id is None:
            continue
        key = (event.group_id, event.member_id)
        if event.kind in SPOKEN and key in settled and not event.historic:
            continue
        if event.kind in SPOKEN or event.kind in CHANGES:
            relevant.append((key, event))
            if event.kind in CHANGES:
                settled.discard(key)
    rows = _load(batch, {key for key, _ in relevant})
    for key, event in relevant:
        rows[key].fold(event)
    _write(batch, rows)
    if len(settled) > _SETTLED_MAX:
        settled.clear()
    settled.update(key for key, row in rows.items() if row.state == "active")
    if not batch.rebuilding:
        _note_groups(batch)


def _load(batch: Batch, keys: set[Key]) -> dict[Key, Row]:
    rows: dict[Key, Row] = {key: Row() for key in keys}
    if not keys:
        return rows
    groups, members = zip(*sorted(keys), strict=True)
    found = psycopg.Cursor(batch.connection).execute(
        "SELECT m.group_id, m.member_id, state, joined_at, left_at, muted_until, nickname, state_at, last_seq"
        " FROM membership m JOIN unnest(%s::int8[], %s::int8[]) AS k(g, p) ON m.group_id = k.g AND m.member_id = k.p"
        " WHERE m.community_id = %s",
        [list(groups), list(members), batch.community_id],
        binary=True,
    )
    for group_id, member_id, *values in found.fetchall():
        rows[group_id, member_id] = Row(*values)
    return rows


def _write(batch: Batch, rows: dict[Key, Row]) -> None:
    written: list[tuple[Any, ...]] = [
        (
            batch.community_id, group_id, member_id, row.state, row.joined_at, row.left_at, row.muted_until,
            row.nickname, row.state_at, row.last_seq,
        )
        for (group_id, member_id), row in sorted(rows.items())
        if row.changed and row.state
    ]  # fmt: skip
    upsert(batch.connection, "membership", _COLUMNS, written, _CONFLICT)


def _note_groups(batch: Batch) -> None:
    for event in batch.events:
        if event.kind not in GROUP_CHANGES or event.historic or event.group_id is None:
            continue
        group = Group.objects.filter(community_id=batch.community_id, pk=event.group_id)
        if event.kind == "group.announced":
            group.update(announcement=str(event.body.get("text") or ""))
        elif event.kind == "group.frozen":
            group.filter(state=Group.State.ACTIVE).update(state=Group.State.FROZEN)
        elif event.kind == "group.unfrozen":
            group.filter(state=Group.State.FROZEN).update(state=Group.State.ACTIVE)
        elif event.kind == "group.closed":
            group.update(state=Group.State.CLOSED)
        else:
            group.filter(state=Group.State.CLOSED).update(state=Group.State.ACTIVE)


def forget(community_id: int) -> None:
    """Drop what this process remembers of a community."""
    _settled.pop(community_id, None)


CONSUMER = Consumer("membership", handle, kinds=SPOKEN | CHANGES | GROUP_CHANGES, tables=("membership",), forget=forget)
