"""Go through a log again under a rulebook on trial, with the `Order` of the live consumer.

Before the stretch the community is judged as it was, by the rulebooks that were in force; inside it by the one on
trial, as if it had been published at the stretch's first moment. Words, staff and clearances are those of the time.
Pure: events in, decisions out.
"""

from datetime import datetime

import msgspec

from qunzhu.kernel.engine.evaluate import Decision
from qunzhu.kernel.engine.rules import JUDGED_KINDS, Compiled, StreamPlan
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.policy import Order
from qunzhu.risk.state import WORLD_KINDS, Subject, World
from qunzhu.risk.watch import LastRead

WORDS_KIND = "keywords.changed"


class Stretch(msgspec.Struct, frozen=True):
    """since ≤ time of the event < until."""

    since: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.until


class _AsItWas(World):
    """The community under its own rulebooks, which also counts what the rulebook on trial will want to know."""

    def __init__(self, trial: Compiled) -> None:
        super().__init__()
        self._trial = trial
        self._counting: tuple[Compiled, Compiled] | None = None  # (recorded, the same with more counting)

    @property
    def compiled(self) -> Compiled:
        recorded = super().compiled
        if self._counting is None or self._counting[0] is not recorded:
            self._counting = (recorded, _counting_also(recorded, self._trial))
        return self._counting[1]


class _OnTrial(World):
    """The community under one rulebook that no event replaces."""

    def __init__(self, trial: Compiled) -> None:
        super().__init__()
        self._trial = trial

    @property
    def compiled(self) -> Compiled:
        return self._trial


def _counting_also(recorded: Compiled, trial: Compiled) -> Compiled:
    """`recorded`, with the streams of `trial` counted too and kept as long as the longer of the two wants."""
    spans: dict[tuple[str, str], tuple[int, int]] = {}
    for plan in (*recorded.plans, *trial.plans):
        ms, days = spans.get((plan.of, plan.per), (0, 0))
        spans[plan.of, plan.per] = (max(ms, plan.horizon_ms), max(days, plan.horizon_days))
    plans = tuple(StreamPlan(of, per, ms, days) for (of, per), (ms, days) in sorted(spans.items()))
    silent: dict[str, tuple[tuple[()], tuple[()]]] = dict.fromkeys(trial.by_kind, ((), ()))
    return msgspec.structs.replace(recorded, plans=plans, by_kind={**silent, **recorded.by_kind})


class Replay:
    """One community while its log is gone through; `skipped` are the events that could not be judged.

    `as_if_live` treats imported history as if it had happened under the eyes of the product: mutes and removals run,
    where the live consumer would have kept from touching anybody. Its subjects stay apart from live ones either way.
    Replays that hear the same events in step share a `last_read`.
    """

    def __init__(
        self, trial: Compiled, stretch: Stretch, *, as_if_live: bool, last_read: LastRead | None = None
    ) -> None:
        self.stretch = stretch
        self.skipped: list[int] = []
        self._live = _pair(trial, last_read)
        self._imported = _pair(trial, last_read) if as_if_live else self._live
        self._as_if_live = as_if_live

    def hear(self, event: Event) -> list[Decision]:
        """Fold one event; the decisions on it when it is inside the stretch."""
        try:
            return self._hear(event)
        except Exception:  # noqa: BLE001  (the live consumer puts such an event aside and goes on; so does a trial)
            self.skipped.append(event.seq)
            return []

    def _hear(self, event: Event) -> list[Decision]:
        if event.kind in WORLD_KINDS:
            for order in dict.fromkeys((*self._live, *self._imported)):
                order.hear(event)
            return []
        was, trial = self._imported if event.historic else self._live
        if event.historic and self._as_if_live:
            event = msgspec.structs.replace(event, historic=False)
        if event.kind not in JUDGED_KINDS or not self.stretch.holds(event.occurred_at):
            was.hear(event)
            return []
        return trial.hear(event)

    def rest(self) -> None:
        """Forget what only the live consumer needs (which subjects are to be saved); call it now and then."""
        for order in (*self._live, *self._imported):
            order.dirty.clear()


def _pair(trial: Compiled, last_read: LastRead | None) -> tuple[Order, Order]:
    """(by the community's own rulebooks, by the one on trial), over the same subjects."""
    subjects: dict[str, Subject] = {}
    return (
        Order(_AsItWas(trial), subjects, last_read=last_read),
        Order(_OnTrial(trial), subjects, last_read=last_read),
    )
