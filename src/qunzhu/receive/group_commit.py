"""Group commit: waiting senders share one transaction, and each is answered only after its commit (decision 3)."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import psycopg
import structlog

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events.schema import Appended

MAX_BATCH = 1_000
MAX_WAITING = 20_000
TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = 0.2
LOST = (psycopg.OperationalError, psycopg.InterfaceError)
logger = structlog.get_logger("qunzhu.receive")

Result = Appended | Refusal
D = TypeVar("D")
D_contra = TypeVar("D_contra", contravariant=True)


class Say(Protocol[D_contra]):
    """Appends what may be said of a batch, in a transaction and a pipeline that are open; result i is of draft i."""

    def __call__(
        self, conn: psycopg.Connection[Any], drafts: Sequence[D_contra], *, now: datetime
    ) -> Sequence[Appended | Refusal]: ...


class _Waiting(Generic[D]):
    __slots__ = ("answer", "draft", "since")

    def __init__(self, draft: D, answer: asyncio.Future[Result], since: float) -> None:
        self.draft = draft
        self.answer = answer
        self.since = since


def unavailable() -> Refusal:
    """503: the database is away; the same client_id may be sent again safely."""
    return Refusal(503, "unavailable", "服务器正在恢复,请稍后再发一次", retry_after=2)


def internal() -> Refusal:
    """500: what the product did wrong, noted in its log."""
    return Refusal(500, "internal", "这条消息没能保存,我们已经记录下来")


class GroupCommit(Generic[D]):
    """One flusher per process: takes everything that waits, commits it, answers, and takes the next."""

    def __init__(
        self,
        say: Say[D],
        *,
        clock: Clock = SYSTEM_CLOCK,
        timeout: float = TIMEOUT_SECONDS,
        connect: Callable[[], psycopg.Connection[Any]] | None = None,
    ) -> None:
        self.say = say
        self.clock = clock
        self.timeout = timeout
        self.batches = 0
        self.messages = 0
        self._connect = connect or (lambda: psycopg.connect(database_url()))
        self._conn: psycopg.Connection[Any] | None = None
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="group-commit")
        self._waiting: list[_Waiting[D]] = []
        self._in_hand: list[_Waiting[D]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin flushing; call it inside the running loop."""
        self._tasks = [asyncio.create_task(self._flush_forever()), asyncio.create_task(self._sweep_forever())]

    async def stop(self) -> None:
        """Commit what waits, then end."""
        self._closing = True
        self._wake.set()
        if self._tasks:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._tasks[0]), self.timeout)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._fail(self._in_hand + self._waiting)
        self._executor.shutdown(wait=True)
        self._drop_connection()

    def submit(self, draft: D) -> asyncio.Future[Result]:
        """Hand a draft over; the future says where it stands in the log, or why it was refused."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        if self._closing or len(self._waiting) >= MAX_WAITING:
            answer.set_result(unavailable())
            return answer
        self._waiting.append(_Waiting(draft, answer, loop.time()))
        self._wake.set()
        return answer

    async def _flush_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting or not self._closing:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._in_hand, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            try:
                results = await loop.run_in_executor(self._executor, self._write, [w.draft for w in self._in_hand])
            except LOST as error:
                logger.warning("database connection lost, the batch waits", error=repr(error), size=len(self._in_hand))
                self._waiting = [w for w in self._in_hand if not w.answer.done()] + self._waiting
                self._in_hand = []
                await asyncio.sleep(RETRY_SECONDS)
                continue
            for waiting, result in zip(self._in_hand, results, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(result)
            self.batches += 1
            self.messages += len(results)
            self._in_hand = []

    async def _sweep_forever(self) -> None:
        """Senders do not wait longer than the time-out; what they sent may still be committed, and de-duplicated."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(0.5, self.timeout / 4))
            oldest = loop.time() - self.timeout
            self._fail([w for w in self._in_hand + self._waiting if w.since < oldest])
            self._waiting = [w for w in self._waiting if not w.answer.done()]

    def _fail(self, late: list[_Waiting[D]]) -> None:
        for waiting in late:
            if not waiting.answer.done():
                waiting.answer.set_result(unavailable())

    def _write(self, drafts: list[D]) -> list[Result]:
        """On the commit thread: one transaction for all; if one draft breaks it, each gets its own."""
        try:
            return self._commit(drafts)
        except LOST:
            self._drop_connection()
            raise
        except Exception as error:  # a draft that got past the checks must not take the others with it
            if len(drafts) == 1:
                logger.exception("message could not be stored", error=repr(error))
                return [internal()]
            return [result for draft in drafts for result in self._write([draft])]

    def _commit(self, drafts: list[D]) -> list[Result]:
        """Two trips for most batches: BEGIN goes with the first reads, COMMIT with the rows."""
        conn, now = self._connection(), self.clock.now()
        try:
            with conn.pipeline():
                conn.execute("BEGIN")
                results = self.say(conn, drafts, now=now)
                conn.execute("COMMIT")
        except LOST:
            raise
        except Exception:
            conn.rollback()
            raise
        return list(results)

    def _connection(self) -> psycopg.Connection[Any]:
        if self._conn is None:
            try:
                self._conn = self._connect()
                self._conn.autocommit = True  # the batch says itself where its transaction begins and ends
            except LOST:
                raise
            except Exception as error:  # no draft is to blame for what goes wrong before a connection exists
                raise psycopg.OperationalError(f"no connection: {error!r}") from error
        return self._conn

    def _drop_connection(self) -> None:
        if self._conn is not None:
            self._conn.close()
            self._conn = None
