"""Starts parts as child processes, prefixes their logs, starts a crashed one again with back-off, stops all cleanly."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType

from qunzhu.config.problems import EXIT_CONFIGURATION
from qunzhu.config.processes import SUPERVISOR

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
HEALTHY_SECONDS = 60.0  # a part that ran this long starts anew at once
STOP_SECONDS = 15.0

_print_lock = threading.Lock()


@dataclass
class Part:
    """One child process: its name in the logs and its `qunzhu` arguments."""

    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    crashes: int = 0


class Supervisor:
    """Keeps `parts` running until SIGINT or SIGTERM; `run` returns the exit code."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.stopping = False
        self._events: queue.SimpleQueue[tuple[str, Part | None]] = queue.SimpleQueue()  # ended, start, stop
        self._restarts: list[threading.Timer] = []

    def run(self) -> int:
        """Start all, then wait for ends and signals."""
        for signum in (signal.SIGINT, signal.SIGTERM):
            signal.signal(signum, self._on_signal)
        for part in self.parts:
            self._start(part)
        try:
            return self._watch()
        finally:
            self._stop_all()

    def _watch(self) -> int:
        while True:
            what, part = self._events.get()
            if part is None:
                say("up", "stopping")
                return 0
            if what == "start":
                # Here and not in the timer: Linux counts the thread that made a child as the child's parent.
                self._start(part)
                continue
            code = part.process.returncode if part.process else 0
            if code == EXIT_CONFIGURATION:
                say("up", f"{part.name} cannot run with these settings (see above); stopping")
                return EXIT_CONFIGURATION
            self._restart_later(part, code)

    def _start(self, part: Part) -> None:
        if self.stopping:
            return
        environment = {**os.environ, SUPERVISOR: str(os.getpid()), "PYTHONUNBUFFERED": "1"}
        part.process = subprocess.Popen(  # noqa: S603  (our own interpreter and command)
            [sys.executable, "-m", "qunzhu.config.cli", *part.arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the parts in order
        )
        part.started = time.monotonic()
        threading.Thread(target=self._follow, args=(part, part.process), daemon=True).start()

    def _follow(self, part: Part, process: subprocess.Popen[bytes]) -> None:
        """Pass on a child's lines until it ends, then report the end."""
        if process.stdout is not None:
            for line in process.stdout:
                say(part.name, line.decode(errors="replace").rstrip())
        process.wait()
        if not self.stopping:
            self._events.put(("ended", part))

    def _restart_later(self, part: Part, code: int) -> None:
        ran = time.monotonic() - part.started
        part.crashes = 1 if ran >= HEALTHY_SECONDS else part.crashes + 1
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (part.crashes - 1))
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        say("up", f"{part.name} ended ({how}); starting it again in {wait:g} s")
        timer = threading.Timer(wait, self._events.put, [("start", part)])
        timer.daemon = True
        self._restarts.append(timer)
        timer.start()

    def _stop_all(self) -> None:
        """One after the other, so that nothing new comes in while the rest finishes what it has in hand."""
        self.stopping = True
        for timer in self._restarts:
            timer.cancel()
        for part in self.parts:
            if part.process is None or part.process.poll() is not None:
                continue
            part.process.terminate()
            try:
                part.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say("up", f"{part.name} did not stop within {STOP_SECONDS:g} s; killing it")
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(part.process.pid, signal.SIGKILL)
                part.process.wait()

    def _on_signal(self, _signum: int, _frame: FrameType | None) -> None:
        self._events.put(("stop", None))


def say(name: str, text: str) -> None:
    """One line with the name of who speaks; whole lines only, whoever writes at the same time."""
    with _print_lock, contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{name:<9}│ {text}\n")
        sys.stdout.flush()
