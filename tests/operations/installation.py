"""A real installation in a folder of its own: its commands are real processes; waiting is polling with a deadline."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

DEADLINE = 120.0
POLL = 0.05
T = TypeVar("T")


def wait_for(what: str, get: Callable[[], T], *, seconds: float = DEADLINE) -> T:
    """The first true value of `get`; fails, naming `what`, when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := get():
            return value
        threading.Event().wait(POLL)
    raise AssertionError(f"not within {seconds} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Installation:
    """A home, its port, and the `qunzhu up` that may run in it."""

    def __init__(self) -> None:
        # Short: PostgreSQL's socket lies in it. Readable: PostgreSQL runs as another user when tests run as root.
        self.home = Path(tempfile.mkdtemp(prefix="qzo-", dir="/tmp"))
        self.home.chmod(0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self.reader = threading.Thread()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "QUNZHU_HOME"}}
        return {**kept, "QUNZHU_HOME": str(self.home), **more}

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "qunzhu.config.cli", *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    def console_token(self, community_id: int) -> str:
        """What the console's live page of a community carries, signed with this installation's key."""
        sign = f"from qunzhu.kernel.connectors.local import tokens; print(tokens.console_token({community_id}))"
        return subprocess.run(
            [sys.executable, "-c", sign], env=self.environment(), capture_output=True, text=True, timeout=60, check=True
        ).stdout.strip()

    def up(self, *arguments: str, command: str = "up", ready: str = "ready: http") -> None:
        """Start `command` and wait until it says `ready`."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qunzhu.config.cli", command, "--port", str(self.port), *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self.reader.start()
        wait_for("ready", lambda: any(ready in line for line in self.lines))

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip("\n"))

    def wait(self) -> int:
        """The exit code of `up`, once it ended and all it said has been read."""
        assert self.process is not None
        code = self.process.wait(DEADLINE)
        self.reader.join(DEADLINE)
        return code

    def parts(self) -> dict[str, psutil.Process]:
        """Child processes of the supervisor by their command."""
        assert self.process is not None
        found = {}
        for child in psutil.Process(self.process.pid).children():
            try:
                line = child.cmdline()
            except psutil.NoSuchProcess:
                continue
            if "qunzhu.config.cli" in line:
                found[line[line.index("qunzhu.config.cli") + 1]] = child
        return found

    def everyone(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def database_runs(self) -> bool:
        from qunzhu.config.up import embedded_runs

        return embedded_runs(self.home / "pg")

    def close(self) -> None:
        from qunzhu.kernel.database import stop_embedded

        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if self.process is not None:
            self.wait()
        if (self.home / "pg").exists():
            stop_embedded(self.home / "pg")
        shutil.rmtree(self.home, ignore_errors=True)
