"""Run a backtest: read the log from one snapshot, replay it, compare, and hand out a report that is the same each time.

Cost: the log is read once from its beginning to the end of the stretch (twice when two rulebooks are compared);
memory grows with the members who spoke and with the hits, not with the messages. At most `LISTED` rows are listed.
"""

import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

import msgspec
import psycopg

from qunzhu.kernel.engine.evaluate import Decision
from qunzhu.kernel.engine.rules import JUDGED_KINDS, Compiled, compile_rulebook, load_rules, load_settings
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.backtest.compare import Compared, Hit, compare, short_effects
from qunzhu.risk.backtest.replay import WORDS_KIND, Replay, Stretch
from qunzhu.risk.backtest.verdicts import verdicts_of
from qunzhu.risk.policy import KINDS

BATCH = 5_000
FORMAT = 1
Against = Literal["recorded", "rulebook", "nothing"]


class Rulebook(msgspec.Struct, frozen=True):
    """A rulebook as plain data, with the number of its version (0: a draft)."""

    rules: Sequence[Mapping[str, Any]]
    settings: Mapping[str, Any]
    version: int = 0

    @property
    def digest(self) -> str:
        """What makes two rulebooks equal."""
        plain = msgspec.json.encode({"rules": self.rules, "settings": self.settings}, order="sorted")
        return hashlib.sha256(plain).hexdigest()

    def compile(self) -> Compiled:
        """Raises RulebookInvalid."""
        return compile_rulebook(load_rules(self.rules), version=self.version, settings=load_settings(self.settings))


class Question(msgspec.Struct, frozen=True):
    """What is asked. `upto` is the last event of the log that counts, so that the answer stays the same later.

    `against` "recorded" compares with what was decided at the time, "rulebook" with what `other` would have decided,
    "nothing" shows everything as new. The last two treat imported history as if it had been live.
    `words_of_today` judges by the keywords of `upto` instead of those of the time.
    """

    community_id: int
    rulebook: Rulebook
    stretch: Stretch
    upto: int
    group_id: int | None = None
    against: Against = "recorded"
    other: Rulebook | None = None
    words_of_today: bool = False


class Progress(msgspec.Struct, frozen=True):
    done: int
    total: int


class Judged(msgspec.Struct, frozen=True):
    """What the stretch held: events judged, people who spoke, events of erased members, events put aside."""

    events: int
    people: int
    erased: int
    skipped: int


class Report(msgspec.Struct, frozen=True):
    """The answer; `encode` gives the same bytes for the same question."""

    format: int
    rulebook: str
    version: int
    against: str
    other_version: int
    since: datetime
    until: datetime
    group: int | None
    upto: int
    words_of_today: bool
    judged: Judged
    compared: Compared


encode = msgspec.json.Encoder(order="sorted").encode
decode = msgspec.json.Decoder(Report).decode


def run(conn: psycopg.Connection[Any], question: Question) -> Iterator[Progress | Report]:
    """Yields progress, and the report last. `conn` should be in a REPEATABLE READ transaction of its own."""
    # Times in UTC come as `timezone.utc`, whose offset costs nothing to ask for; a zone's is looked up for each.
    conn.execute("SET LOCAL TIME ZONE 'UTC'")
    end = last_seq(conn, question)
    both = question.other is not None and question.against == "rulebook"
    total = end * (2 if both else 1)
    seen = _Seen()
    before: list[Hit] = []
    after: list[Hit] = []
    for step in _hits(conn, question, question.rulebook, end, after, seen):
        yield Progress(step, total)
    if question.against == "recorded":
        before = recorded(conn, question)
    elif both and question.other is not None:
        for step in _hits(conn, question, question.other, end, before, _Seen()):
            yield Progress(end + step, total)
    names = _names(question.rulebook, question.other)
    yield Report(
        format=FORMAT,
        rulebook=question.rulebook.digest,
        version=question.rulebook.version,
        against=question.against,
        other_version=question.other.version if both and question.other is not None else 0,
        since=question.stretch.since,
        until=question.stretch.until,
        group=question.group_id,
        upto=question.upto,
        words_of_today=question.words_of_today,
        judged=Judged(seen.events, len(seen.people), seen.erased, seen.skipped),
        compared=compare(
            before, after, names=names, verdicts=verdicts_of(conn, question.community_id, upto=question.upto)
        ),
    )


def _names(*books: Rulebook | None) -> dict[str, str]:
    return {str(r["id"]): str(r.get("name", r["id"])) for book in reversed(books) if book for r in book.rules}


class _Seen:
    """What the stretch held, while it is counted."""

    def __init__(self) -> None:
        self.events = self.erased = self.skipped = 0
        self.people: set[int] = set()

    def count(self, event: Event) -> None:
        self.events += 1
        self.erased += not event.body
        if event.member_id is not None:
            self.people.add(event.member_id)


def last_seq(conn: psycopg.Connection[Any], question: Question) -> int:
    """The last event of the log that matters: later ones happened after the stretch."""
    row = psycopg.Cursor(conn).execute(
        "SELECT max(seq) FROM event WHERE community_id = %s AND seq <= %s AND occurred_at < %s AND occurred_at >= %s",
        [question.community_id, question.upto, question.stretch.until, question.stretch.since],
    ).fetchone()  # fmt: skip
    return int(row[0] or 0) if row else 0


def _hits(
    conn: psycopg.Connection[Any], question: Question, book: Rulebook, end: int, hits: list[Hit], seen: _Seen
) -> Iterator[int]:
    """Replay the log under `book`, adding to `hits` and `seen`; yields how far it is."""
    trial = book.compile()
    run_ = Replay(trial, question.stretch, as_if_live=question.against != "recorded")
    if question.words_of_today:
        for event in log.read(conn, question.community_id, after=0, upto=question.upto, kinds=[WORDS_KIND]):
            run_.hear(event)
    aside = _put_aside(conn, question.community_id)
    kinds = KINDS - {WORDS_KIND} if question.words_of_today else KINDS
    holds, group = question.stretch.holds, question.group_id
    for after in range(0, end, BATCH):
        with _no_collection():
            # not kept under a name: the batch must be gone before collection is on again, or all of it is walked
            for event in log.read(conn, question.community_id, after=after, upto=min(end, after + BATCH), kinds=kinds):
                if event.seq in aside:
                    continue
                found = run_.hear(event)
                if event.kind in JUDGED_KINDS and holds(event.occurred_at) and group in {None, event.group_id}:
                    seen.count(event)
                    hits.extend(map(_hit, found))
            run_.rest()
        yield min(end, after + BATCH)
    seen.skipped = len(run_.skipped)


def _hit(decision: Decision) -> Hit:
    return Hit(
        seq=decision.seq,
        rule=decision.rule,
        at=decision.occurred_at,
        group=decision.group_id,
        member=decision.member_id,
        outcome=decision.outcome,
        strike=decision.strike,
        effects=short_effects(decision.effects),
        sentence=decision.sentence,
    )


def _put_aside(conn: psycopg.Connection[Any], community_id: int) -> set[int]:
    """Events that the live consumer could not digest: they changed nothing then, and do not now."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT seq FROM poisoned_event WHERE community_id = %s AND consumer = 'order'", [community_id]
    )
    return {row[0] for row in rows}


def recorded(conn: psycopg.Connection[Any], question: Question) -> list[Hit]:
    """What was decided at the time."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT seq, rule, occurred_at, group_id, member_id, outcome, strike, effects::text, sentence FROM decision"
        " WHERE community_id = %s AND occurred_at >= %s AND occurred_at < %s AND seq <= %s"
        " AND (%s::int8 IS NULL OR group_id = %s) ORDER BY seq, rule",
        [
            question.community_id, question.stretch.since, question.stretch.until, question.upto, question.group_id,
            question.group_id,
        ],
        binary=True,
    )  # fmt: skip
    return [
        Hit(seq, rule, at, group, member, outcome, strike, short_effects(msgspec.json.decode(effects)), sentence)
        for seq, rule, at, group, member, outcome, strike, effects, sentence in rows
    ]


@contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage collection inside a batch, as in the runner: it would walk all members again and again."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
