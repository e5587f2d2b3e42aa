"""A history gone through by several processes at once: the members are shared out, and every share is exact.

What a rule counts "per member" happened to one member, so a share with all events of its members, and with everything
that changes the community, decides about them as the whole would. Where a rulebook counts something per group, whole
groups are shared out (see `together.py`). All processes read the same snapshot of the log, so the report does not
depend on their number.
"""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import psycopg

from qunzhu.kernel.engine.rules import Compiled, RulebookInvalid, compile_rulebook, load_rules
from qunzhu.kernel.events import log
from qunzhu.risk.backtest.question import Question, Rulebook
from qunzhu.risk.backtest.share import ALL, Found, Share, replay
from qunzhu.risk.backtest.together import together

WORTH_A_PROCESS = 50_000  # events; a process takes a second to start and to build the keyword library
MOST_PROCESSES = 8
NICENESS = 5  # live consumers go first
RULEBOOK_KIND = "rulebook.published"


class Task(msgspec.Struct, frozen=True):
    """What a process is told: the database and its snapshot, the question, the rulebooks, and which share."""

    database: dict[str, str]
    snapshot: str
    question: Question
    books: tuple[Rulebook, ...]
    end: int
    share: Share


def hits(
    conn: psycopg.Connection[Any],
    question: Question,
    books: tuple[Rulebook, ...],
    end: int,
    founds: Sequence[Found],
    processes: int | None,
) -> Iterator[int]:
    """What `replay` finds in the whole log, added to `founds`; yields how far it is. The first share is done here."""
    first, *others = shares_for(conn, question, books, end, processes)
    of = first.of
    helpers = [_Helper(_task(conn, question, books, end, share)) for share in others]
    try:
        for step in replay(conn, question, books, end, founds, first):
            yield (step + sum(helper.step for helper in helpers)) // of
        for helper in helpers:
            for _ in helper.steps():
                yield (end + sum(h.step for h in helpers)) // of
            theirs = helper.founds
            if theirs is None:  # killed, or out of memory: slower alone, but the same
                theirs = [Found() for _ in books]
                for step in replay(conn, question, books, end, theirs, helper.task.share):
                    yield (end * (of - 1) + step) // of
            for found, more in zip(founds, theirs, strict=True):
                found.take(more)
    finally:
        for helper in helpers:
            helper.stop()


def shares_for(
    conn: psycopg.Connection[Any], question: Question, books: Sequence[Rulebook], end: int, processes: int | None
) -> list[Share]:
    """How the log is shared out; one share where it is short, or where there is no snapshot to hand on."""
    wanted = min(_cores(), end // WORTH_A_PROCESS) if processes is None else processes
    if wanted < 2 or conn.info.transaction_status != psycopg.pq.TransactionStatus.INTRANS:  # noqa: PLR2004
        return [ALL]
    of = min(wanted, MOST_PROCESSES)
    grouped = any(_counts_per_group(book.compile()) for book in books) or any(
        _counts_per_group(_lenient(event.body.get("rules")))
        for event in log.read(conn, question.community_id, after=0, upto=end, kinds=[RULEBOOK_KIND])
    )
    if grouped:
        return together(conn, question.community_id, end, of)
    return [Share(number, of) for number in range(of)]


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lenient(rules: Any) -> Compiled:
    """A recorded rulebook; one that no longer compiles judges nobody."""
    try:
        return compile_rulebook(load_rules(rules))
    except RulebookInvalid:
        return compile_rulebook(())


def _counts_per_group(compiled: Compiled) -> bool:
    return any(plan.per == "group" for plan in compiled.plans)


def _task(
    conn: psycopg.Connection[Any], question: Question, books: tuple[Rulebook, ...], end: int, share: Share
) -> Task:
    row = conn.execute("SELECT pg_export_snapshot()").fetchone()
    database = {**conn.info.get_parameters(), "password": conn.info.password}
    return Task(database, row[0] if row else "", question, books, end, share)


class _Helper:
    """A process that works off a share. `step` is how far it is; `founds` what it found, None if it failed."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.step = 0
        self.founds: list[Found] | None = None
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # Told on its standard input, because others can read the arguments of a process.
        self._process = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            [sys.executable, "-P", "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._listener = threading.Thread(target=self._listen, name=f"share {task.share.number}", daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        process = self._process
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018  (both are pipes)
        try:
            process.stdin.write(msgspec.msgpack.encode(self.task))
            process.stdin.close()
            while head := process.stdout.read(8):
                said = process.stdout.read(int.from_bytes(head, "big"))
                if len(said) == _STEP:
                    self.step = int.from_bytes(said, "big")
                self._said.put(said)
        except OSError:
            pass  # it is gone; what it did not find is looked for again
        self._said.put(b"")

    def steps(self) -> Iterator[int]:
        """How far it is, until it ends."""
        while said := self._said.get():
            if len(said) == _STEP:
                yield int.from_bytes(said, "big")
            else:
                self.founds = msgspec.msgpack.decode(said, type=list[Found])

    def stop(self) -> None:
        with self._process as process:  # which waits, and closes the pipes
            process.kill()
            self._listener.join()


_STEP = 8  # bytes of a message that says how far it is; what was found takes more


def _say(said: bytes) -> None:
    sys.stdout.buffer.write(len(said).to_bytes(8, "big") + said)
    sys.stdout.buffer.flush()


def main() -> None:
    """Work off the share told on standard input. Ends by itself when nobody listens any more."""
    os.nice(NICENESS)
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    founds = [Found() for _ in task.books]
    with psycopg.connect(**task.database) as conn:  # type: ignore[arg-type]
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        conn.execute(psycopg.sql.SQL("SET TRANSACTION SNAPSHOT {}").format(task.snapshot))
        conn.execute("SET LOCAL TIME ZONE 'UTC'")
        for step in replay(conn, task.question, task.books, task.end, founds, task.share):
            _say(step.to_bytes(_STEP, "big"))
    _say(msgspec.msgpack.encode(founds))


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        os._exit(1)
