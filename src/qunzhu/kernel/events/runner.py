"""The consumer loop: claim a (consumer, community), read a batch, let handlers work, move the cursor, commit.

Everything that a handler writes, and the cursor, are one transaction (decision 4). Any number of processes may run
this loop at once: a cursor row is claimed with SKIP LOCKED, so a community is in one pair of hands per consumer.
"""

import gc
import random
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import psycopg
import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db import connection as django_connection

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event, NewEvent

BATCH = 5_000
CURSORS_KEPT = 256  # whose state a process hopes to find in its memory
MAX_FAILURES = 3
MAX_POISONED = 3  # so many put aside in a row, and the consumer waits instead of skipping the whole log
# The database's fault (gone, deadlock), never an event's: Django wraps what psycopg raises.
LOST = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError, InterfaceError)
logger = structlog.get_logger("qunzhu.consume")


@dataclass
class Batch:
    """What a handler is given: events of one community in order, and the ways to write in this transaction.

    `connection` is the raw psycopg connection below Django's, in the same transaction: ORM and COPY mix freely.
    `after` is the cursor before this batch, `upto` the one after it. In a rebuild `rebuilding` is true: projections
    are written, but no effect, no ledger posting, no case and no event.
    """

    community_id: int
    consumer: str
    events: list[Event]
    after: int
    upto: int
    now: datetime
    connection: psycopg.Connection[Any]
    rebuilding: bool = False
    _queued: list[NewEvent] = field(default_factory=list)

    def append(self, event: NewEvent) -> None:
        """Queue an event; all queued ones are appended at the very end, so the log's lock is held briefly."""
        self._queued.append(event)

    def flush(self) -> None:
        """Append what was queued. Called by the runner, after the handlers."""
        if self._queued and not self.rebuilding:
            log.append(self.connection, self._queued, now=self.now)
        self._queued = []


class Handler(Protocol):
    """What a consumer does with a batch. Must be deterministic in the events and its own tables."""

    def __call__(self, batch: Batch) -> None: ...


@dataclass(frozen=True)
class Consumer:
    """A named reader of the log.

    `kinds` are the events it hears (None: all). `tables` are its projections: they may be truncated and rebuilt from
    the log and must come out equal (`qunzhu rebuild`). `forget` is called with the community when the cursor is
    not where this process left it (another process worked, or a transaction was rolled back): drop cached state.
    With `reads_events` False a batch carries no events: the handler reads after < seq ≤ upto in its own way.
    """

    name: str
    handle: Handler
    kinds: frozenset[str] | None = None
    tables: tuple[str, ...] = ()
    batch: int = BATCH
    forget: Callable[[int], None] | None = None
    reads_events: bool = True


class Runner:
    """Runs consumers in this process. `run_once` works off everything there is; `run_forever` waits for NOTIFY."""

    def __init__(self, consumers: Sequence[Consumer], *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.consumers = {c.name: c for c in consumers}
        self.clock = clock
        self._left_at: dict[tuple[str, int], int] = {}
        self.stopping = False
        heard = [c for c in consumers if c.reads_events]
        self._kinds = (
            None if any(c.kinds is None for c in heard) else frozenset().union(*(c.kinds or () for c in heard))
        )
        self._stretch = (0, 0, 0)
        self._events: list[Event] = []
        self._read_kinds: frozenset[str] = frozenset()

    def run_once(self) -> int:
        """Work until no consumer is behind; returns how many events were handed to handlers or skipped."""
        from qunzhu.kernel.events.aside import retry_put_aside

        self.ensure_cursors()
        done = retry_put_aside(self.consumers, now=self.clock.now())
        while not self.stopping:
            moved = self.step()
            if not moved:
                self._forget_read()
                return done
            done += moved
        return done

    def ensure_cursors(self) -> None:
        """Give every consumer a cursor in every community, so that a new chapter starts at the log's beginning."""
        with django_connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO consumer_cursor (consumer, community_id, seq, failures, last_error)"
                " SELECT name, community_id, 0, 0, '' FROM event_head CROSS JOIN unnest(%s::text[]) AS n(name)"
                " ON CONFLICT DO NOTHING",
                [list(self.consumers)],
            )

    def step(self) -> int:
        """One batch of the consumer that is furthest behind; 0 when there is none to claim."""
        with _uncollected():
            return self._step()

    def _step(self) -> int:
        with transaction.atomic():
            claimed = self._claim()
            if claimed is None:
                return 0
            name, community_id, after, head = claimed
            consumer = self.consumers[name]
            upto = self._end_of_batch(consumer, community_id, after, head)
            try:
                with transaction.atomic():
                    self._work(consumer, community_id, after, upto)
            except LOST:
                raise
            except Exception as error:  # noqa: BLE001  (whatever a handler raises must not stop the log)
                self._left_at.pop((name, community_id), None)
                return self._fail(consumer, community_id, after, upto, error)
        self._leave(name, community_id, upto)
        return upto - after

    def _end_of_batch(self, consumer: Consumer, community_id: int, after: int, head: int) -> int:
        """Where the batch ends: with the stretch that was read for another consumer, when it starts here too."""
        read_community, read_after, read_upto = self._stretch
        if (read_community, read_after) == (community_id, after) and read_upto - after <= consumer.batch:
            return read_upto
        return min(head, after + consumer.batch)

    def _leave(self, name: str, community_id: int, seq: int) -> None:
        """Note where this process left a cursor, the latest last; what was left long ago is let go."""
        self._left_at.pop((name, community_id), None)
        self._left_at[name, community_id] = seq
        if len(self._left_at) > CURSORS_KEPT:
            self._left_at.pop(next(iter(self._left_at)))

    def _claim(self) -> tuple[str, int, int, int] | None:
        """Lock the cursor that is furthest behind; (consumer, community, cursor, head) or None.

        Cursors that this process left where they are count as four times as far behind, because it still has their
        state in memory, and those at the start of the stretch just read as sixteen times: work stays where it is
        cheap, and nobody starves.
        """
        mine = [(name, community_id, seq) for (name, community_id), seq in self._left_at.items()]
        names, communities, seqs = (list(column) for column in zip(*mine, strict=True)) if mine else ([], [], [])
        with django_connection.cursor() as cursor:
            cursor.execute(
                "SELECT c.consumer, c.community_id, c.seq, h.seq FROM consumer_cursor c"
                " JOIN event_head h USING (community_id)"
                " WHERE c.consumer = ANY(%s) AND c.seq < h.seq AND (c.retry_at IS NULL OR c.retry_at <= %s)"
                " ORDER BY (h.seq - c.seq) * CASE WHEN c.community_id = %s AND c.seq = %s THEN 16"
                " WHEN (c.consumer, c.community_id, c.seq) IN"
                " (SELECT * FROM unnest(%s::text[], %s::int8[], %s::int8[])) THEN 4 ELSE 1 END DESC"
                " LIMIT 1 FOR UPDATE OF c SKIP LOCKED",
                [list(self.consumers), self.clock.now(), *self._stretch[:2], names, communities, seqs],
            )
            row = cursor.fetchone()
        return (row[0], row[1], row[2], row[3]) if row else None

    def _work(self, consumer: Consumer, community_id: int, after: int, upto: int) -> None:
        raw = raw_connection()
        if consumer.forget and self._left_at.get((consumer.name, community_id)) != after:
            consumer.forget(community_id)
        reads = consumer.reads_events
        events = self._read(raw, consumer, community_id, after, upto) if reads else []
        batch = Batch(community_id, consumer.name, events, after, upto, self.clock.now(), raw)
        if events or not reads:
            consumer.handle(batch)
            batch.flush()
        raw.execute(
            "UPDATE consumer_cursor SET seq = %s, failures = 0, last_error = '', retry_at = NULL, moved_at = %s"
            " WHERE consumer = %s AND community_id = %s",
            [upto, batch.now, consumer.name, community_id],
        )

    def _read(
        self, raw: psycopg.Connection[Any], consumer: Consumer, community_id: int, after: int, upto: int
    ) -> list[Event]:
        """The consumer's events of this stretch. Consumers that hear every message share one read of it."""
        stretch = (community_id, after, upto)
        if self._stretch != stretch:
            if not _hears(consumer, "message.posted"):
                return log.read(raw, community_id, after=after, upto=upto, kinds=consumer.kinds)
            self._events = log.read(raw, community_id, after=after, upto=upto, kinds=self._kinds)
            self._stretch = stretch
            self._read_kinds = frozenset(e.kind for e in self._events)
        kinds = consumer.kinds
        if kinds is None or self._read_kinds <= kinds:
            return self._events
        return [] if self._read_kinds.isdisjoint(kinds) else [e for e in self._events if e.kind in kinds]

    def _forget_read(self) -> None:
        """Let go of the shared read: what is erased meanwhile must not come back from memory."""
        self._stretch, self._events = (0, 0, 0), []

    def _fail(self, consumer: Consumer, community_id: int, after: int, upto: int, error: Exception) -> int:
        """Note the failure, wait a little longer each time; the third time narrow down to the poisoned event."""
        raw = raw_connection()
        if consumer.forget:
            consumer.forget(community_id)
        logger.error("consumer failed", consumer=consumer.name, community=community_id, after=after, error=repr(error))
        row = raw.execute(
            "UPDATE consumer_cursor SET failures = failures + 1, last_error = %s, retry_at = %s"
            " WHERE consumer = %s AND community_id = %s RETURNING failures",
            [
                "".join(traceback.format_exception(error))[-4000:],
                self.clock.now() + timedelta(milliseconds=200),
                consumer.name,
                community_id,
            ],
        ).fetchone()
        if row is None or row[0] < MAX_FAILURES:
            return 1
        if self._is_broken(consumer, community_id, after):
            self._pause(consumer, community_id, after, row[0], error)
            return 1
        return self._one_by_one(consumer, community_id, after, upto)

    def _one_by_one(self, consumer: Consumer, community_id: int, after: int, upto: int) -> int:
        """Hand events over singly; the first that still fails is put aside with a case, the rest goes on."""
        raw = raw_connection()
        for seq in range(after + 1, upto + 1):
            try:
                with transaction.atomic():
                    self._work(consumer, community_id, seq - 1, seq)
            except LOST:
                raise
            except Exception as error:  # noqa: BLE001
                self._put_aside(consumer, community_id, seq, error)
                raw.execute(
                    "UPDATE consumer_cursor SET seq = %s, failures = 0, retry_at = NULL"
                    " WHERE consumer = %s AND community_id = %s",
                    [seq, consumer.name, community_id],
                )
                return seq - after
            self._leave(consumer.name, community_id, seq)
        return upto - after

    def _is_broken(self, consumer: Consumer, community_id: int, after: int) -> bool:
        """Whether it is the consumer that is broken, not the events: the last few were all put aside."""
        row = (
            raw_connection()
            .execute(
                "SELECT count(*) FROM poisoned_event WHERE community_id = %s AND consumer = %s AND seq > %s",
                [community_id, consumer.name, after - 2 * MAX_POISONED],
            )
            .fetchone()
        )
        return row is not None and row[0] >= MAX_POISONED

    def _pause(self, consumer: Consumer, community_id: int, after: int, failures: int, error: Exception) -> None:
        """Leave the log where it is and try again ever more rarely; a case says that a human is needed."""
        wait = min(60.0, 0.2 * 2 ** min(failures, 10))
        raw_connection().execute(
            "UPDATE consumer_cursor SET retry_at = %s WHERE consumer = %s AND community_id = %s",
            [self.clock.now() + timedelta(seconds=wait), consumer.name, community_id],
        )
        self._open_case(
            community_id,
            consumer,
            after + 1,
            key=f"stopped:{consumer.name}:{after}",
            title=f"“{consumer.name}”连续无法处理事件,已暂停",
            error=error,
            urgency="red",
        )

    def _open_case(
        self, community_id: int, consumer: Consumer, seq: int, *, key: str, title: str, error: Exception, urgency: str
    ) -> None:
        from qunzhu.kernel.cases.services import open_case

        opened = open_case(
            community_id=community_id,
            kind="poisoned_event",
            key=key,
            title=title,
            summary=f"{type(error).__name__}: {error}"[:500],
            urgency=urgency,
            event_seq=seq,
            payload={"consumer": consumer.name},
            now=self.clock.now(),
        )
        if opened.event is not None:
            log.append(raw_connection(), [opened.event], now=self.clock.now())

    def _put_aside(self, consumer: Consumer, community_id: int, seq: int, error: Exception) -> None:
        if consumer.forget:
            consumer.forget(community_id)
        self._left_at.pop((consumer.name, community_id), None)
        raw_connection().execute(
            "INSERT INTO poisoned_event (community_id, consumer, seq, error, at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [community_id, consumer.name, seq, "".join(traceback.format_exception(error))[-4000:], self.clock.now()],
        )
        self._open_case(
            community_id,
            consumer,
            seq,
            key=f"poisoned:{consumer.name}:{seq}",
            title=f"事件 {seq} 无法处理({consumer.name})",
            error=error,
            urgency="orange",
        )

    def run_forever(self, *, poll_seconds: float = 1.0) -> None:
        """Work, wait for NOTIFY (or `poll_seconds`), work again, until `stopping`; survives the loss of PostgreSQL."""
        while not self.stopping:
            try:
                self._listen_and_work(poll_seconds)
            except LOST as error:
                self._left_at.clear()
                if _conflict(error):
                    logger.info("transaction conflict, doing it again", error=repr(error))
                    continue
                logger.warning("database connection lost, trying again", error=repr(error))
                django_connection.close()
                _wake_database()
                time.sleep(0.2 + random.random() * 0.3)  # noqa: S311  (jitter, not a secret)

    def _listen_and_work(self, poll_seconds: float) -> None:
        from qunzhu.kernel.database import database_url

        with psycopg.connect(database_url(), autocommit=True) as listener:
            listener.execute(f"LISTEN {log.CHANNEL}")
            while not self.stopping:
                self.run_once()
                for _ in listener.notifies(timeout=poll_seconds, stop_after=1):
                    pass


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection inside a batch: walking all that consumers remember, again and again while thousands of
    rows are built, took a third of their time. Between batches the young generation is collected as ever.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _hears(consumer: Consumer, kind: str) -> bool:
    return consumer.kinds is None or kind in consumer.kinds


def raw_connection() -> psycopg.Connection[Any]:
    """The psycopg connection below Django's, for COPY and `log.append`, in Django's current transaction."""
    django_connection.ensure_connection()
    raw: psycopg.Connection[Any] = django_connection.connection
    return raw


def _conflict(error: BaseException) -> bool:
    """A deadlock or serialisation failure: PostgreSQL undid the transaction, the same work simply goes again."""
    cause = error.__cause__ or error
    return isinstance(cause, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)


def _wake_database() -> None:
    """With the embedded server, a lookup starts it again; an unreachable DATABASE_URL is tried by the next round."""
    from qunzhu.kernel.database import database_url

    try:
        database_url()
    except Exception as error:  # noqa: BLE001  (the next round tries again)
        logger.warning("database cannot be started yet", error=repr(error))
