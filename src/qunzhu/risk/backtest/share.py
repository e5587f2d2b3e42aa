"""A share of a community's log, gone through under a rulebook: the events of some members, and what was found."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg

from qunzhu.kernel.engine.evaluate import Decision
from qunzhu.kernel.engine.rules import JUDGED_KINDS
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.backtest.compare import Hit, short_effects
from qunzhu.risk.backtest.question import Question, Rulebook
from qunzhu.risk.backtest.replay import WORDS_KIND, Replay
from qunzhu.risk.policy import KINDS
from qunzhu.risk.state import WORLD_KINDS
from qunzhu.risk.watch import LastRead

BATCH = 5_000
REPORT_KIND = "report.filed"  # about its target, not about the member who sent it
_WHOLE = frozenset({*WORLD_KINDS, REPORT_KIND})  # what every share reads


class Share(msgspec.Struct, frozen=True):
    """The members whose id modulo `of` is `number`; what belongs to nobody is with share 0.

    Where members are kept together because their groups count something, `groups` and `members` are those of this
    share and `others` the members of the other shares; the modulo then decides about members of no group.
    """

    number: int
    of: int
    groups: frozenset[int] | None = None
    members: frozenset[int] = frozenset()
    others: frozenset[int] = frozenset()

    def has(self, event: Event) -> bool:
        if event.kind in WORLD_KINDS:
            return True
        member = event.body.get("target") if event.kind == REPORT_KIND else event.member_id
        if member is None and self.groups is not None and event.group_id is not None:
            return event.group_id in self.groups
        if member in self.members:
            return True
        return member not in self.others and (member or 0) % self.of == self.number

    def read(
        self, conn: psycopg.Connection[Any], community_id: int, *, after: int, upto: int, kinds: Iterable[str]
    ) -> list[Event]:
        """Its events with after < seq ≤ upto, in order."""
        if self.of == 1:
            return log.read(conn, community_id, after=after, upto=upto, kinds=kinds)
        others = None if self.groups is None else self.others
        whose = log.Whose(_WHOLE, self.number, self.of, others)
        events = log.read(conn, community_id, after=after, upto=upto, kinds=kinds, whose=whose)
        return [event for event in events if self.has(event)]


ALL = Share(0, 1)


class Found(msgspec.Struct):
    """What a replay found: hits, events of the stretch, of them of erased members, who spoke, events put aside."""

    hits: list[Hit] = msgspec.field(default_factory=list)
    events: int = 0
    erased: int = 0
    people: set[int] = msgspec.field(default_factory=set)
    skipped: set[int] = msgspec.field(default_factory=set)

    def count(self, event: Event) -> None:
        self.events += 1
        self.erased += not event.body
        if event.member_id is not None:
            self.people.add(event.member_id)

    def take(self, other: "Found") -> None:
        self.hits += other.hits
        self.events += other.events
        self.erased += other.erased
        self.people |= other.people
        self.skipped |= other.skipped


def replay(
    conn: psycopg.Connection[Any],
    question: Question,
    books: Sequence[Rulebook],
    end: int,
    founds: Sequence[Found],
    share: Share = ALL,
) -> Iterator[int]:
    """Replay a share of the log under each of `books`, adding to its part of `founds`; yields how far it is."""
    last_read = LastRead() if len(books) > 1 else None
    as_if_live = question.against != "recorded"
    runs = [
        (Replay(book.compile(), question.stretch, as_if_live=as_if_live, last_read=last_read), found)
        for book, found in zip(books, founds, strict=True)
    ]
    if question.words_of_today:
        for event in log.read(conn, question.community_id, after=0, upto=question.upto, kinds=[WORDS_KIND]):
            for run, _ in runs:
                run.hear(event)
    aside = _put_aside(conn, question.community_id)
    kinds = KINDS - {WORDS_KIND} if question.words_of_today else KINDS
    holds, group = question.stretch.holds, question.group_id
    for after in range(0, end, BATCH):
        with _no_collection():
            # not kept under a name: the batch must be gone before collection is on again, or all of it is walked
            upto = min(end, after + BATCH)
            for event in share.read(conn, question.community_id, after=after, upto=upto, kinds=kinds):
                if event.seq in aside:
                    continue
                counts = event.kind in JUDGED_KINDS and holds(event.occurred_at) and group in {None, event.group_id}
                for run, found in runs:
                    decisions = run.hear(event)
                    if counts:
                        found.count(event)
                        found.hits.extend(map(_hit, decisions))
            for run, _ in runs:
                run.rest()
        yield min(end, after + BATCH)
    for run, found in runs:
        found.skipped.update(run.skipped)


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
