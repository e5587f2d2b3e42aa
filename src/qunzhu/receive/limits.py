"""How fast one member may send: a token bucket each, in this process (docs/operations/running.md says what follows)."""

import time
from collections.abc import Callable

from qunzhu.kernel.connectors.local.parse import Refusal

MOST_BUCKETS = 100_000


class RateLimit:
    """`per_second` on average, `burst` at once, for each key."""

    def __init__(self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self.burst = float(burst)
        self.clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def check(self, key: int) -> None:
        """Take a token. Raises Refusal 429 when there is none, with the seconds to wait."""
        now = self.clock()
        tokens, at = self._buckets.get(key, (self.burst, now))
        tokens = min(self.burst, tokens + (now - at) * self.per_second)
        if tokens < 1.0:
            self._buckets[key] = (tokens, now)
            wait = max(1, round((1.0 - tokens) / self.per_second))
            raise Refusal(429, "too_fast", "发得太快了,歇一歇再发", retry_after=wait)
        self._buckets[key] = (tokens - 1.0, now)
        if len(self._buckets) > MOST_BUCKETS:
            self._forget_full(now)

    def _forget_full(self, now: float) -> None:
        """A bucket that is full again by now is the same as none."""
        full_after = self.burst / self.per_second
        self._buckets = {k: b for k, b in self._buckets.items() if now - b[1] < full_after}
