"""`qunzhu up`: the whole product on one machine, as a few child processes of a supervisor."""

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import httpx

from qunzhu.config.problems import Problem
from qunzhu.config.processes import HOST, PORT, check_port
from qunzhu.config.supervisor import Part, Supervisor, say
from qunzhu.kernel.database import home, postmaster_runs, start_embedded, stop_embedded

READY_SECONDS = 60
POLL_SECONDS = 0.1


@click.command()
@click.option("--host", default=HOST, envvar="QUNZHU_HOST", show_default=True, help="address to listen on")
@click.option("--port", default=PORT, envvar="QUNZHU_PORT", show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--consumers", default=1, envvar="QUNZHU_CONSUMERS", show_default=True, type=click.IntRange(1, 64), help="processes"
)
def command(host: str, port: int, consumers: int) -> None:
    """Run every part on one port, with readable logs; ends cleanly on Ctrl-C."""
    raise SystemExit(run_up(host=host, port=port, consumers=consumers, on_ready=lambda url: say("up", f"ready: {url}")))


def run_up(
    *,
    host: str,
    port: int,
    consumers: int,
    on_ready: Callable[[str], None],
    prepare: Callable[[], None] = lambda: None,
) -> int:
    """Migrate, `prepare`, start every part, stay until told to stop; returns the exit code.

    `on_ready` is told the address once everything answers. Raises Problem when this home or port is in use.
    """
    with only_one(home() / "up.lock") as lock:
        check_port(host, port)
        with database(lock):
            from qunzhu.config.migrate import do_migrate

            say("up", "checking the database")
            if applied := do_migrate():
                say("up", f"{applied} migrations applied")
            prepare()
            _let_go_of_the_database()
            supervisor = Supervisor(parts(host, port, consumers))
            url = f"http://{'127.0.0.1' if host in {'0.0.0.0', '::'} else host}:{port}"  # noqa: S104  (compared, not bound)
            threading.Thread(target=_announce, args=(url, on_ready, supervisor), daemon=True).start()
            return supervisor.run()


def parts(host: str, port: int, consumers: int) -> list[Part]:
    """The parts in the order in which they are stopped: first nothing comes in, then what is in hand is finished."""
    return [
        Part("web", ("web", "--host", host, "--port", str(port))),
        Part("schedule", ("schedule",)),
        *(Part("consume" if consumers == 1 else f"consume{n + 1}", ("consume",)) for n in range(consumers)),
        Part("deliver", ("deliver",)),
    ]


class Lock:
    """The lock file of a home: who runs here, and whether it started the PostgreSQL of this home."""

    def __init__(self, file: Path, descriptor: int) -> None:
        self.file = file
        self._descriptor = descriptor
        # Left behind only by a supervisor that was killed: the PostgreSQL it started is then ours to stop.
        self.inherited_database = os.pread(descriptor, 200, 0).endswith(b"postgresql\n")

    def write(self, *, owns_database: bool) -> None:
        text = f"{os.getpid()}\n{'postgresql' if owns_database else ''}\n"
        self.clear()
        os.pwrite(self._descriptor, text.encode(), 0)

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)


@contextlib.contextmanager
def only_one(file: Path) -> Iterator[Lock]:
    """Hold the lock of this home; raises Problem when another `up` holds it. The system frees it at any death."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 200, 0).split(b"\n")[0].decode() or "?"
            raise Problem(
                f"Qunzhu already runs in {file.parent} (process {pid})",
                f"use that one, stop it with `kill {pid}`, or set QUNZHU_HOME to another folder",
            ) from None
        lock = Lock(file, descriptor)
        yield lock
        lock.clear()
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def database(lock: Lock) -> Iterator[None]:
    """The database runs inside this block; an embedded one that we started is stopped after it."""
    if os.environ.get("DATABASE_URL"):
        lock.write(owns_database=False)
        yield
        return
    folder = home() / "pg"
    ours = lock.inherited_database or not embedded_runs(folder)
    lock.write(owns_database=ours)
    say("up", f"PostgreSQL in {folder}")
    try:
        start_embedded(folder)
        yield
    finally:
        if ours:
            _let_go_of_the_database()
            say("up", "stopping PostgreSQL")
            stop_embedded(folder)


def embedded_runs(folder: Path) -> bool:
    """Whether the embedded PostgreSQL of `folder` is alive."""
    return postmaster_runs(folder)


def _let_go_of_the_database() -> None:
    """The supervisor holds no connection: it would delay PostgreSQL's stop and die with its restart."""
    if "django" in sys.modules:
        from django.db import connections

        connections.close_all()


def _announce(url: str, on_ready: Callable[[str], None], supervisor: Supervisor) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not supervisor.stopping:
        try:
            if httpx.get(f"{url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK:
                on_ready(url)
                return
        except httpx.HTTPError:
            pass
        time.sleep(POLL_SECONDS)
    if not supervisor.stopping:
        say("up", f"not ready after {READY_SECONDS} seconds; `qunzhu doctor` says why")
