"""When a group is being raided. Pure: events in, `Raid` out; no database, no clock.

Only what newcomers write counts, and only of those who came in a wave: regular members who repeat each other, however
busy the evening, are never compared. What newcomers say anyway (`ordinary.py`), commands, and what a regular member
has just asked them to write are not counted either.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from qunzhu.kernel.events.schema import Event
from qunzhu.risk.breaker import saying
from qunzhu.risk.breaker.saying import Saying

ROOMS_KEPT = 500  # groups of a community in which people came in lately
NEWCOMERS_KEPT = 1_000  # per group; the oldest are forgotten first
TEXTS_KEPT = 200  # per group; more newcomers' messages in seconds tell nothing new
TEXTS_OF_ONE = 5  # so that no newcomer pushes out what the others said
ALIKE_KEPT = 50  # per message
ASKED_KEPT = 10  # per group
ASKED_LENGTH = 500  # letters of one of them
HAMMERED = 3  # times `short_people`: so many of the very same, however short, from people who each repeat themselves
BEATS_KEPT = 300  # per group
KINDS = frozenset({"member.joined", "message.posted", "message.sent"})
_PUBLIC_PURPOSES = frozenset({"say", "announce", "answer"})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """`people` newcomers post nearly the same within `texts_within` after `joins` came in within `joins_within`.

    joins          people who make a wave when they come in
    joins_within   seconds in which they come in
    newcomers_for  seconds for which somebody who came in a wave is watched: raiders wait, too
    people         newcomers who post a text, link, picture, number or contact that is nearly the same
    short_people   newcomers, where only a short text or the host of their links is the same
    texts_within   seconds in which they post
    text_length    letters; a text with fewer is short
    shortest       letters; a text with fewer is never compared (ordinary greetings are taken off before)
    alike          percent of the shorter text's letters that two have in common, in order, to be nearly the same
    asked_within   seconds for which newcomers may write what somebody else asked them to write
    """

    joins: int = 10
    joins_within: int = 120
    newcomers_for: int = 600
    people: int = 5
    short_people: int = 8
    texts_within: int = 30
    text_length: int = 10
    shortest: int = 4
    alike: int = 60
    asked_within: int = 300


class Raid(msgspec.Struct, frozen=True, kw_only=True):
    """What tripped the breaker, by the message that completed it; `more`: it goes on after it tripped already."""

    group_id: int
    seq: int
    at: datetime
    members: list[int]
    seqs: list[int]
    joins: int
    same: str  # text, link, image, number, contact
    more: bool = False


class _Text(msgspec.Struct):
    at: datetime
    member: int
    seq: int
    says: Saying
    alike: dict[int, bool]  # seq of another message → whether it is close
    told: bool = False  # part of a raid that was told


class _Beat(msgspec.Struct, frozen=True):
    """A message that says nothing by itself (a sign, a word), as it was typed."""

    at: datetime
    member: int
    seq: int
    typed: str


class _Room:
    __slots__ = ("asked", "beats", "hammered", "newcomers", "now", "recent", "texts", "wave")

    def __init__(self, joins: int, now: datetime) -> None:
        self.now = now
        self.newcomers: dict[int, datetime] = {}  # member → when, oldest first
        self.recent: deque[tuple[datetime, int]] = deque(maxlen=joins)
        self.wave: set[int] = set()  # of the newcomers
        self.texts: dict[int, _Text] = {}  # by seq
        self.asked: deque[tuple[datetime, str]] = deque(maxlen=ASKED_KEPT)
        self.beats: deque[_Beat] = deque(maxlen=BEATS_KEPT)
        self.hammered = ""  # what was told as hammering last


class Watcher:
    """The newcomers of a community's groups, while a stretch of its log is heard."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._joins_within = timedelta(seconds=limits.joins_within)
        self._newcomers_for = timedelta(seconds=limits.newcomers_for)
        self._texts_within = timedelta(seconds=limits.texts_within)
        self._asked_within = timedelta(seconds=limits.asked_within)
        self._rooms: dict[int, _Room] = {}

    def hear(self, event: Event) -> Raid | None:
        """Fold one event; the raid that it completed or carries on, if it did."""
        group, member = event.group_id, event.member_id
        if event.historic or group is None:
            return None
        if event.kind == "member.joined":
            return self._came(group, member, event.occurred_at) if member is not None else None
        room = self._rooms.get(group)
        if room is None or event.kind not in KINDS:
            return None
        if not self._keep_up(group, room, event.occurred_at):
            return None
        if member is None or member not in room.newcomers:
            self._hear_others(room, event)
            return None
        return self._said(room, event, group, member) if event.kind == "message.posted" else None

    def kept(self) -> dict[str, int]:
        """How much is remembered, for those who watch over memory."""
        rooms = self._rooms.values()
        return {
            "rooms": len(rooms),
            "newcomers": sum(len(r.newcomers) + len(r.wave) for r in rooms),
            "texts": sum(len(r.texts) for r in rooms),
            "pairs": sum(len(t.alike) for r in rooms for t in r.texts.values()),
            "asked": sum(len(r.asked) for r in rooms),
            "beats": sum(len(r.beats) for r in rooms),
        }

    def _came(self, group: int, member: int, at: datetime) -> Raid | None:
        room = self._rooms.pop(group, None) or _Room(self.limits.joins, at)
        self._rooms[group] = room  # the latest at the end
        while len(self._rooms) > ROOMS_KEPT:
            del self._rooms[next(iter(self._rooms))]
        if room.newcomers.pop(member, None) is not None:  # in again: one person is one
            others = [(when, other) for when, other in room.recent if other != member]
            room.recent.clear()
            room.recent.extend(others)
        room.newcomers[member] = at
        room.recent.append((at, member))
        self._forget(room, at)
        if len(room.recent) < self.limits.joins or not self._is_wave(room):
            return None
        known = len(room.wave)
        room.wave.update(m for _, m in room.recent if m in room.newcomers)
        if len(room.wave) == known or not room.texts:
            return None
        return self._judge(group, room, list(room.texts.values()))

    def _is_wave(self, room: _Room) -> bool:
        times = [at for at, _ in room.recent]
        return max(times) - min(times) <= self._joins_within

    def _keep_up(self, group: int, room: _Room, at: datetime) -> bool:
        """Whether anybody there is still new; a group without newcomers is forgotten."""
        self._forget(room, at)
        if room.newcomers:
            return True
        del self._rooms[group]
        return False

    def _forget(self, room: _Room, at: datetime) -> None:
        room.now = max(room.now, at)
        oldest = room.now - self._newcomers_for
        while room.newcomers:
            member, came = next(iter(room.newcomers.items()))
            if came >= oldest and len(room.newcomers) <= NEWCOMERS_KEPT:
                break
            del room.newcomers[member]
            room.wave.discard(member)
        since = room.now - self._texts_within
        while room.texts:
            text = next(iter(room.texts.values()))
            if text.at >= since and len(room.texts) <= TEXTS_KEPT:
                break
            del room.texts[text.seq]

    def _hear_others(self, room: _Room, event: Event) -> None:
        body = event.body
        if event.kind == "message.sent" and (body.get("to") or body.get("purpose") not in _PUBLIC_PURPOSES):
            return
        if asked := saying.asks(str(body.get("text") or "")):
            room.asked.append((event.occurred_at, asked[:ASKED_LENGTH]))

    def _said(self, room: _Room, event: Event, group: int, member: int) -> Raid | None:
        says = saying.read(event.body)
        if self._was_asked(room, says):
            return None
        if says.empty or (not says.marks and len(says.words) < self.limits.shortest):
            hammered = self._hammered(
                group, room, _Beat(event.occurred_at, member, event.seq, saying.typed(event.body))
            )
            if hammered is not None or says.empty:
                return hammered
        text = _Text(event.occurred_at, member, event.seq, says, {})
        self._make_place(room, member)
        found = [(other, close) for other in room.texts.values() if (close := self._alike(other, text)) is not None]
        room.texts[text.seq] = text
        if member in room.wave and any(other.told for other, _ in found):
            text.told = True
            return self._raid(group, room, [text], more=True)
        for other, close in found[-ALIKE_KEPT:]:
            text.alike[other.seq] = close
            if len(other.alike) < ALIKE_KEPT:
                other.alike[text.seq] = close
        if member not in room.wave:
            return None
        return self._judge(group, room, [text, *(other for other, _ in found)])

    def _hammered(self, group: int, room: _Room, beat: _Beat) -> Raid | None:
        """Signs and single words, which nobody compares: a wave in which everybody says the very same again and again.

        People who come in greet once; those who hammer repeat themselves.
        """
        if not beat.typed or beat.member not in room.wave:
            return None
        since = room.now - self._texts_within
        while room.beats and room.beats[0].at < since:
            room.beats.popleft()
        room.beats.append(beat)
        if beat.typed == room.hammered:
            return self._told_beats(group, room, [beat], more=True)
        same = [other for other in room.beats if other.typed == beat.typed]
        people = len({other.member for other in same})
        enough = max(self.limits.short_people, self.limits.people)
        if people < enough or len(same) < max(HAMMERED * enough, 2 * people):
            return None
        room.hammered = beat.typed
        return self._told_beats(group, room, same)

    def _told_beats(self, group: int, room: _Room, beats: list[_Beat], *, more: bool = False) -> Raid:
        return Raid(
            group_id=group, seq=max(b.seq for b in beats), at=room.now, members=sorted({b.member for b in beats}),
            seqs=sorted(b.seq for b in beats), joins=len(room.wave), same="text", more=more,
        )  # fmt: skip

    def _alike(self, one: _Text, other: _Text) -> bool | None:
        """True: close, False: loose, None: not alike at all."""
        limits = self.limits
        near = saying.alike(
            one.says, other.says, share=limits.alike / 100, long_from=limits.text_length, short_from=limits.shortest
        )
        return None if not near else near == "close"

    def _was_asked(self, room: _Room, says: Saying) -> bool:
        since = room.now - self._asked_within
        return any(at >= since and saying.answers(says, asked) for at, asked in room.asked)

    def _make_place(self, room: _Room, member: int) -> None:
        own = [seq for seq, text in room.texts.items() if text.member == member]
        for seq in own[: len(own) + 1 - TEXTS_OF_ONE]:
            del room.texts[seq]
        while len(room.texts) >= TEXTS_KEPT:
            del room.texts[next(iter(room.texts))]

    def _judge(self, group: int, room: _Room, centres: Iterable[_Text]) -> Raid | None:
        """The raid around any of these messages: around each, so that the order in which they came does not matter."""
        for centre in centres:
            if centre.told or centre.member not in room.wave:
                continue
            around = [(room.texts[seq], close) for seq, close in centre.alike.items() if seq in room.texts]
            around = [(text, close) for text, close in around if text.member in room.wave and not text.told]
            close_ones = [centre, *(text for text, close in around if close)]
            if len({text.member for text in close_ones}) >= self.limits.people:
                return self._raid(group, room, close_ones)
            all_ones = [centre, *(text for text, _ in around)]
            if len({text.member for text in all_ones}) >= max(self.limits.short_people, self.limits.people):
                return self._raid(group, room, all_ones)
        return None

    def _raid(self, group: int, room: _Room, texts: list[_Text], *, more: bool = False) -> Raid:
        for text in texts:
            text.told = True
        last = max(texts, key=lambda text: text.seq)
        return Raid(
            group_id=group,
            seq=last.seq,
            at=room.now,
            members=sorted({text.member for text in texts}),
            seqs=sorted(text.seq for text in texts),
            joins=len(room.wave),
            same=saying.kind_of([text.says for text in texts]),
            more=more,
        )
