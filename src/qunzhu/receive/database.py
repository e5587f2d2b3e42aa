"""Database work of the receiver's rarer requests: short transactions on a few threads, tried again once when lost."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from qunzhu.kernel.database import database_url

LOST = (psycopg.OperationalError, psycopg.InterfaceError)
THREADS = 4
TRIES = 3
P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Runs functions in a transaction of their own, each thread on its own connection."""

    def __init__(self, threads: int = THREADS) -> None:
        self._local = threading.local()
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="receive-db")
        self._open: set[psycopg.Connection[Any]] = set()

    async def run(
        self, work: Callable[Concatenate[psycopg.Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`work(connection, …)` in one transaction. Raises what `work` raises; LOST when PostgreSQL stays away.

        `work` may run again after a lost connection, so its effects must be idempotent.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: self.call(work, *args, **kwargs))

    def call(self, work: Callable[Concatenate[psycopg.Connection[Any], P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, on the calling thread."""
        for attempt in range(TRIES):
            try:
                conn = self._connection()
                with conn.transaction():
                    return work(conn, *args, **kwargs)
            except LOST:
                self._drop()
                if attempt == TRIES - 1:
                    raise
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Wait for work in hand and close every connection."""
        self._executor.shutdown(wait=True)
        for conn in self._open:
            conn.close()
        self._open.clear()

    def _connection(self) -> psycopg.Connection[Any]:
        conn: psycopg.Connection[Any] | None = getattr(self._local, "conn", None)
        if conn is None or conn.closed:
            conn = psycopg.connect(database_url(), autocommit=True)
            self._local.conn = conn
            self._open.add(conn)
        return conn

    def _drop(self) -> None:
        conn: psycopg.Connection[Any] | None = getattr(self._local, "conn", None)
        if conn is not None:
            conn.close()
            self._open.discard(conn)
            self._local.conn = None
