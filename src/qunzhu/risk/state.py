"""What the consumer `order` remembers, all of it folded from the log: the community's settings and each subject.

Stored in `engine_state`: "m:<id>" a member, "g:<id>" a group ("h:…" the same for imported history), "c:people",
"c:rules", "c:words" and "c:lessons" the community. The last three are large and rarely change:
they are found by digest.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.clock import local_day
from qunzhu.kernel.engine.clearances import Clearance, clearance_from
from qunzhu.kernel.engine.evaluate import MANUAL
from qunzhu.kernel.engine.rules import Compiled, compile_rulebook, load_rules, load_settings
from qunzhu.kernel.engine.standing import Running, Standing
from qunzhu.kernel.engine.windows import Windows
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.text.keywords import KeywordLibrary, Word
from qunzhu.kernel.text.reading import library_of
from qunzhu.risk.detect import lessons as lessons_of
from qunzhu.risk.detect.lessons import Lesson, Lessons, Taught
from qunzhu.risk.detect.verdicts import Senses

PEOPLE, RULES, WORDS, LESSONS = "c:people", "c:rules", "c:words", "c:lessons"
_LED_KEPT = 500  # short links whose targets are known; older ones are not posted any more
_KEPT = 64  # compiled rulebooks and automata kept in a process, by digest

T = TypeVar("T")
encode = msgspec.msgpack.Encoder().encode


class Subject(msgspec.Struct, array_like=True, gc=False):
    """A member or a group: what happened lately and, for members, how they stand."""

    windows: Windows = msgspec.field(default_factory=Windows)
    standing: Standing = msgspec.field(default_factory=Standing)


class People(msgspec.Struct, array_like=True, gc=False):
    """Staff (member ids), clearances, and the digests under which rules and words are found."""

    staff: list[int] = msgspec.field(default_factory=list)
    clearances: list[Clearance] = msgspec.field(default_factory=list)
    rules_digest: bytes = b""
    words_digest: bytes = b""
    lessons_digest: bytes = b""
    led: list[tuple[str, str]] = msgspec.field(default_factory=list)  # short links and where they lead, oldest first


decode_subject = msgspec.msgpack.Decoder(Subject).decode
decode_people = msgspec.msgpack.Decoder(People).decode
_decode_words = msgspec.msgpack.Decoder(list[tuple[Any, ...]]).decode  # fields of a Word, fewer in older states

_compiled: dict[bytes, Compiled] = {}
_libraries: dict[bytes, tuple[dict[str, Word], KeywordLibrary]] = {}
_taught: dict[bytes, dict[str, Taught]] = {}
_seeing: dict[bytes, Senses] = {}


def _keep(cache: dict[bytes, T], digest: bytes, make: Callable[[], T]) -> T:
    found = cache.get(digest)
    if found is None:
        found = make()
        while len(cache) >= _KEPT:
            cache.pop(next(iter(cache)), None)
        cache[digest] = found
    return found


def digest_of(blob: bytes) -> bytes:
    return hashlib.blake2b(blob, digest_size=16).digest()


class World:
    """The community's side of the state. Words become an automaton only when a message has to be read."""

    def __init__(self, people: People | None = None) -> None:
        self.people = people or People()
        self.staff = frozenset(self.people.staff)
        self.leads = dict(self.people.led)  # short link → where it leads
        self.changed: set[str] = set()
        # What the digests stand for; held here, because the shared caches may let go of it.
        self._compiled = _compiled.get(self.people.rules_digest)
        self._library = _libraries.get(self.people.words_digest)
        self._rules_blob = self._words_blob = b""  # only what is to be saved
        self._draft: dict[str, Word] | None = None  # words changed since they were last an automaton
        self._lessons: Lessons | None = None
        self._senses: Senses | None = None

    def needs(self) -> list[str]:
        """Large parts that this process does not have; hand them in with `give`."""
        wanted = {RULES: self.people.rules_digest and not self._compiled}
        wanted[WORDS] = self.people.words_digest and not self._library
        wanted[LESSONS] = self.people.lessons_digest and self._lessons is None
        return [part for part, missing in wanted.items() if missing]

    def give(self, part: str, blob: bytes) -> None:
        if part == RULES:
            self._compiled = _keep(_compiled, digest_of(blob), lambda: _compile(blob))
        elif part == LESSONS:
            self._lessons = lessons_of.unpack(blob)
        else:
            self._library = _keep(_libraries, digest_of(blob), lambda: _build(blob))

    @property
    def compiled(self) -> Compiled:
        if self._compiled is None:
            self._compiled = compile_rulebook(())
        return self._compiled

    @property
    def library(self) -> KeywordLibrary:
        if self._draft is not None:
            blob = self._pack_words(self._draft)
            self._library = _keep(_libraries, self.people.words_digest, lambda: _build(blob))
            self._draft = None
        if self._library is None:
            self._library = _build(b"")
        return self._library[1]

    @property
    def senses(self) -> Senses:
        """How this community sees: what its moderators taught, and its allow-list."""
        if self._senses is None:
            known = self._lessons
            digest = b"" if known is None else digest_of(lessons_of.pack(known))
            taught = {} if known is None else _keep(_taught, digest, known.taught)
            words = self._library[0] if self.library and self._library else {}
            allowed = [word.word for word in words.values() if word.allow]
            seeing = digest + digest_of(encode(sorted(allowed)))
            self._senses = _keep(_seeing, seeing, lambda: Senses(taught, allowed))
        return self._senses

    def _pack_words(self, draft: dict[str, Word]) -> bytes:
        """The words as they are saved, and their digest; no automaton: the next message may be another process's."""
        blob = encode([(w.word, w.category, w.level, w.allow, w.options) for _, w in sorted(draft.items())])
        self._words_blob, self.people.words_digest = blob, digest_of(blob)
        return blob

    def rows(self) -> list[tuple[str, bytes]]:
        """What has to be saved, as (subject, data); forgets that it had changed."""
        if not self.changed:
            return []
        if self._draft is not None and WORDS in self.changed:
            self._pack_words(self._draft)
        parts = {RULES: self._rules_blob, WORDS: self._words_blob}
        if LESSONS in self.changed and self._lessons is not None:
            parts[LESSONS] = lessons_of.pack(self._lessons)
            self.people.lessons_digest = digest_of(parts[LESSONS])
        rows = [(part, blob) for part, blob in parts.items() if part in self.changed]
        self.changed = set()
        self._rules_blob = self._words_blob = b""
        return [*rows, (PEOPLE, encode(self.people))]

    def hear(self, event: Event) -> None:
        """Fold an event that changes rules, words, staff or clearances."""
        _FOLDS[event.kind](self, event)
        self.staff = frozenset(self.people.staff)

    def _rulebook(self, event: Event) -> None:
        body = event.body
        blob = encode({"version": body["version"], "rules": body["rules"], "settings": body.get("settings")})
        self._rules_blob, self.people.rules_digest = blob, digest_of(blob)
        self.give(RULES, blob)
        self.changed.add(RULES)

    def _keywords(self, event: Event) -> None:
        if self._draft is None:
            self._draft = dict(self._library[0]) if self._library else {}
        for word in event.body.get("removed", ()):
            self._draft.pop(word, None)
        for entry in event.body.get("added", ()):
            word = msgspec.convert(entry, Word)
            self._draft[word.word] = word
        self._senses = None
        self.changed.add(WORDS)

    def _led(self, event: Event) -> None:
        body = event.body
        if body.get("target") and body["target"] != body["link"]:
            kept = [pair for pair in self.people.led if pair[0] != body["link"]]
            self.people.led = [*kept, (body["link"], body["target"])][-_LED_KEPT:]
            self.leads = dict(self.people.led)
            self.changed.add(PEOPLE)

    def _staff(self, event: Event) -> None:
        member = event.body.get("member")
        if member is None:
            return
        self.people.staff = sorted({*self.people.staff} - {member} | ({member} if event.body.get("role") else set()))
        self.changed.add(PEOPLE)

    def _clearance(self, event: Event) -> None:
        body, now = event.body, milliseconds(event.occurred_at)
        if not body:
            return  # its member was erased, and nobody else could use it
        granted = clearance_from(event.seq, body)
        self.people.clearances = [c for c in self.people.clearances if c.until > now] + [granted]
        self.changed.add(PEOPLE)

    def _clearance_ended(self, event: Event) -> None:
        self.people.clearances = [c for c in self.people.clearances if c.seq != event.body["granted"]]
        self.changed.add(PEOPLE)

    def _learned(self, event: Event) -> None:
        body = event.body
        self._lessons = self._lessons or Lessons()
        if not body:
            self._relearn()  # its author was erased, and later on it was forgotten: the same state as then
            return
        lesson = Lesson(
            body["message"],
            body["category"],
            body["positive"],
            body["author"],
            body["by"],
            body["known"],
            tuple(body["grams"]),
        )
        self._lessons.learn(lesson)
        self._relearn()

    def _unlearned(self, event: Event) -> None:
        if self._lessons is not None and self._lessons.unlearn(event.body["message"], event.body["category"]):
            self._relearn()

    def _erased(self, event: Event) -> None:
        if self._lessons is not None and self._lessons.forget_author(event.body["member"]):
            self._relearn()

    def _relearn(self) -> None:
        self._senses = None
        self.changed.add(LESSONS)


_FOLDS: dict[str, Callable[[World, Event], None]] = {
    "rulebook.published": World._rulebook,  # noqa: SLF001  (the table of this very class)
    "keywords.changed": World._keywords,  # noqa: SLF001
    "staff.changed": World._staff,  # noqa: SLF001
    "clearance.granted": World._clearance,  # noqa: SLF001
    "clearance.ended": World._clearance_ended,  # noqa: SLF001
    "link.resolved": World._led,  # noqa: SLF001
    "lesson.learned": World._learned,  # noqa: SLF001
    "lesson.unlearned": World._unlearned,  # noqa: SLF001
    "member.erased": World._erased,  # noqa: SLF001
}
WORLD_KINDS = frozenset(_FOLDS)


def _compile(blob: bytes) -> Compiled:
    if not blob:
        return compile_rulebook(())
    raw: dict[str, Any] = msgspec.msgpack.decode(blob)
    return compile_rulebook(
        load_rules(raw["rules"]), version=raw["version"], settings=load_settings(raw.get("settings"))
    )


def _build(blob: bytes) -> tuple[dict[str, Word], KeywordLibrary]:
    words = {w[0]: Word(*w) for w in _decode_words(blob)} if blob else {}
    return words, library_of(words.values())


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def tells_of_mute(event: Event) -> bool:
    """Whether an `effect.done` tells of a mute in words only, said by the product or by a human, or of its end."""
    body = event.body
    if event.historic or not body:
        return False
    if body["kind"] == "unmute":
        return body["result"] in {"emulated", "unsupported"}
    in_words = body["result"] == "emulated" or (body["result"] == "done" and "case" in body)
    return body["kind"] == "mute" and in_words and bool(body.get("until"))


def fold_member(standing: Standing, event: Event, compiled: Compiled) -> bool:
    """Fold an event about a member's penalties into the standing; returns whether anything was to be changed."""
    return _MEMBER_FOLDS[event.kind](standing, event, compiled)


def _reversed(standing: Standing, event: Event, compiled: Compiled) -> bool:
    body = event.body
    standing.reverse(body["cause_seq"])
    standing.pardon(body["rule"], _pardoned_until(body["rule"], event, compiled), milliseconds(event.occurred_at))
    return True


def _pardoned_until(rule: str, event: Event, compiled: Compiled) -> int:
    """How long the judged events may still stand in the rule's window; 0 for a rule without one."""
    window = next((c.rule.window for c in compiled.rules if c.rule.id == rule), None)
    if window is None:
        return 0
    if not window.days:
        return milliseconds(event.occurred_at) + window.span_ms
    end = local_day(event.occurred_at, compiled.settings.zone) + timedelta(days=window.days)
    return milliseconds(datetime(end.year, end.month, end.day, tzinfo=ZoneInfo(compiled.settings.zone)))


def _muted(standing: Standing, event: Event, _compiled: Compiled) -> bool:
    body = event.body
    if str(body.get("by", "")).startswith("qunzhu") and not body.get("asked_by"):
        return False  # our own decision, known since it was made
    until = milliseconds(datetime.fromisoformat(body["until"]))
    standing.running[event.group_id or 0] = Running(until, event.seq, MANUAL)
    return True


def _mute_done(standing: Standing, event: Event, _compiled: Compiled) -> bool:
    body, group = event.body, event.group_id or 0
    if body["kind"] == "unmute":
        return _unmuted(standing, event, _compiled)
    until = milliseconds(datetime.fromisoformat(body["until"]))
    if body.get("asked_by"):
        standing.running[group] = Running(until, event.seq, MANUAL, emulated=True)
        return True
    running = standing.running.get(group)
    if running is None or running.seq != body.get("cause_seq") or not running.until:
        return False  # taken back meanwhile, or something severer came
    running.emulated = True
    return True


def _unmuted(standing: Standing, event: Event, _compiled: Compiled) -> bool:
    """A mute that a human lifted early is not put back for the same events."""
    running = standing.running.pop(event.group_id or 0, None)
    if running is not None and running.rule != MANUAL:
        standing.pardon(running.rule, running.until, milliseconds(event.occurred_at))
    return running is not None


def _let_in(standing: Standing, event: Event, _compiled: Compiled) -> bool:
    return standing.running.pop(event.group_id or 0, None) is not None


def _level(standing: Standing, event: Event, _compiled: Compiled) -> bool:
    standing.level = event.body["level"]
    return True


_MEMBER_FOLDS: dict[str, Callable[[Standing, Event, Compiled], bool]] = {
    "penalty.reversed": _reversed,
    "member.muted": _muted,
    "member.unmuted": _unmuted,
    "member.joined": _let_in,
    "effect.done": _mute_done,
    "level.changed": _level,
}
MEMBER_KINDS = frozenset(_MEMBER_FOLDS)
