"""Two hands at once, in an order that the test decides: the first is held just before its commit."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection, connections, transaction

PATIENCE = 30.0  # seconds until a hang is a failure


class Hand(threading.Thread):
    """One act in a connection of its own; it commits when `go` is set."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.act, self.pid = act, 0
        self.result: Any = None
        self.error: Exception | None = None
        self.begun, self.acted, self.go = threading.Event(), threading.Event(), threading.Event()

    def run(self) -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    self.pid = cursor.fetchone()[0]
                self.begun.set()
                self.result = self.act()
                self.acted.set()
                self.go.wait(PATIENCE)
        except Exception as error:  # noqa: BLE001  (the test looks at it)
            self.error = error
        finally:
            self.begun.set()
            self.acted.set()
            connections.close_all()


def one_after_the_other(first: Callable[[], Any], second: Callable[[], Any]) -> tuple[Hand, Hand]:
    """`first` has done everything but commit when `second` begins; it commits once `second` waits for it or is done."""
    one, two = Hand(first), Hand(second)
    one.start()
    assert one.acted.wait(PATIENCE)
    two.start()
    assert two.begun.wait(PATIENCE)
    while not two.acted.is_set() and not _waits(two.pid):
        pass
    one.go.set()
    one.join(PATIENCE)
    two.go.set()
    two.join(PATIENCE)
    return one, two


def _waits(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
        return bool(cursor.fetchone()[0])
