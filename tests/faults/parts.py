"""The product's parts as killable children, and the PostgreSQL below them.

Children are forked from a server that has imported everything already, so that a killed part is back within
milliseconds and two hundred kills fit into two minutes of load.
"""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.faults.preload"])


def consume() -> None:
    """What `qunzhu consume` runs."""
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.bootstrap import setup_django
    from qunzhu.kernel.events.runner import Runner

    setup_django()
    Runner(CONSUMERS).run_forever()


def deliver() -> None:
    """What `qunzhu deliver` runs."""
    from qunzhu.kernel.bootstrap import setup_django
    from qunzhu.kernel.effects.deliver import Deliverer

    setup_django()
    Deliverer().run_forever()


def receive(port: int) -> None:
    """What `qunzhu receive` serves, on one event loop in this process."""
    import asyncio

    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server.embed import Server

    from qunzhu.receive.app import create_app

    server = Server(
        create_app(), address="127.0.0.1", port=port, interface=Interfaces.ASGI, log_level=LogLevels.warning
    )
    asyncio.run(server.serve())


class Part:
    """One child that is started again whenever it was killed. `fell` are exit codes of ends that nobody caused."""

    def __init__(self, kind: str, target: Callable[..., None], *args: object) -> None:
        self.kind = kind
        self.target = target
        self.args = args
        self.fell: list[int | None] = []
        self.process: BaseProcess | None = None

    def ensure(self) -> None:
        """Start it unless it runs."""
        if self.process is not None:
            if self.process.is_alive():
                return
            self.fell.append(self.process.exitcode)
        self.process = CONTEXT.Process(target=self.target, args=self.args, daemon=True)
        self.process.start()

    def kill(self) -> bool:
        """SIGKILL, as the kernel's out-of-memory killer would: no clean-up of any kind runs."""
        process = self.process
        if process is None or process.pid is None or not process.is_alive():
            return False
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        self.process = None
        return True


class Database:
    """The embedded PostgreSQL of a home, as a thing to kill."""

    def __init__(self, home: Path) -> None:
        self.pid_file = home / "pg" / "postmaster.pid"

    def postmaster(self) -> psutil.Process | None:
        """The running postmaster; None while there is none."""
        try:
            process = psutil.Process(int(self.pid_file.read_text().split("\n")[0]))
            running = process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, psutil.NoSuchProcess):
            return None
        return process if running else None

    def kill(self) -> bool:
        """SIGKILL for the postmaster and every backend, as when the machine's power goes."""
        postmaster = self.postmaster()
        if postmaster is None:
            return False
        everyone = [postmaster, *postmaster.children(recursive=True)]
        for process in everyone:
            _kill(process)
        return True

    def kill_backend(self, choose: Callable[[list[psutil.Process]], psutil.Process]) -> bool:
        """SIGKILL for one backend: the postmaster then throws everybody out and recovers."""
        postmaster = self.postmaster()
        children = postmaster.children() if postmaster else []
        if not children:
            return False
        _kill(choose(children))
        return True


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
