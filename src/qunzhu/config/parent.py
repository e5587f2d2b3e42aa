"""No orphans: a part ends when the process that started it is gone, however that one died."""

import ctypes
import os
import signal
import sys
import threading
import time

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 1.0


def die_with_parent(signum: int = signal.SIGTERM, *, parent: int | None = None) -> None:
    """Have the kernel send `signum` to this process when its parent ends (Linux); elsewhere a thread watches.

    `parent` is who started us, when known: if it is gone already, this process ends at once.
    """
    expected = parent or os.getppid()
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signum, 0, 0, 0) == 0:
            if os.getppid() != expected:
                os.kill(os.getpid(), signum)
            return
    threading.Thread(target=_watch, args=(expected, signum), daemon=True, name="parent-watch").start()


def _watch(expected: int, signum: int) -> None:
    while os.getppid() == expected:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signum)
