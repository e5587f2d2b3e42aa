"""When a group is being raided. Pure: events in, `Raid` out; no database, no clock.

Only what newcomers write counts, and only while many came in: regular members who repeat each other, however busy the
evening, are never read here.
"""

import unicodedata
from collections import deque
from datetime import datetime, timedelta

import msgspec

from qunzhu.kernel.events.schema import Event

TEXTS_KEPT = 200  # per group; more newcomers' messages in seconds tell nothing new
_RUN = 2
_ALIKE = 0.6  # share of common pairs from which two texts count as the same


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`people` newcomers post nearly the same within `texts_within` after `joins` came in within `joins_within` (s)."""

    joins: int = 10
    joins_within: int = 120
    people: int = 5
    texts_within: int = 30
    text_length: int = 10


class Raid(msgspec.Struct, frozen=True, kw_only=True):
    """What tripped the breaker, by the message that completed it."""

    group_id: int
    seq: int
    at: datetime
    members: list[int]
    seqs: list[int]
    joins: int


class _Text(msgspec.Struct):
    at: datetime
    member: int
    seq: int
    pairs: frozenset[str]


class _Room:
    __slots__ = ("joins", "texts")

    def __init__(self) -> None:
        self.joins: dict[int, datetime] = {}  # newcomer → when, oldest first
        self.texts: deque[_Text] = deque(maxlen=TEXTS_KEPT)


class Watcher:
    """The newcomers of a community's groups, while a stretch of its log is heard."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._rooms: dict[int, _Room] = {}

    def hear(self, event: Event) -> Raid | None:
        """Fold one event; the raid that it completed, if it did."""
        if event.historic or event.group_id is None or event.member_id is None:
            return None
        if event.kind == "member.joined":
            self._came(event.group_id, event.member_id, event.occurred_at)
            return None
        room = self._rooms.get(event.group_id)
        if room is None or event.member_id not in room.joins:
            return None
        return self._said(room, event)

    def _came(self, group_id: int, member_id: int, at: datetime) -> None:
        room = self._rooms.setdefault(group_id, _Room())
        room.joins.pop(member_id, None)
        room.joins[member_id] = at
        self._forget(room, at)

    def _forget(self, room: _Room, now: datetime) -> None:
        oldest = now - timedelta(seconds=self.limits.joins_within)
        for member in [m for m, at in room.joins.items() if at < oldest]:
            del room.joins[member]
        since = now - timedelta(seconds=self.limits.texts_within)
        while room.texts and room.texts[0].at < since:
            room.texts.popleft()

    def _said(self, room: _Room, event: Event) -> Raid | None:
        letters = form(str(event.body.get("text") or ""))
        self._forget(room, event.occurred_at)
        if len(letters) < self.limits.text_length or event.member_id not in room.joins:
            return None
        assert event.group_id is not None  # noqa: S101  (`hear` looked; for the type checker)
        text = _Text(event.occurred_at, event.member_id or 0, event.seq, pairs(letters))
        room.texts.append(text)
        if len(room.joins) < self.limits.joins:
            return None
        same = [t for t in room.texts if alike(t.pairs, text.pairs)]
        members = {t.member for t in same}
        if len(members) < self.limits.people:
            return None
        room.texts.clear()  # the next raid begins anew
        return Raid(
            group_id=event.group_id,
            seq=event.seq,
            at=event.occurred_at,
            members=sorted(members),
            seqs=sorted(t.seq for t in same),
            joins=len(room.joins),
        )


def form(text: str) -> str:
    """The letters of a text without width, case, digits, signs, spaces and emoji: what a raider varies."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalpha())


def pairs(letters: str) -> frozenset[str]:
    """All pairs of neighbouring letters."""
    return frozenset(letters[i : i + _RUN] for i in range(len(letters) - _RUN + 1))


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts are nearly the same."""
    common = len(one & other)
    return common >= _ALIKE * (len(one) + len(other) - common)
