"""What answers for each fact of the catalogue (`kernel/engine/facts.py`), from the event under judgement. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qunzhu.kernel.clock import local_hour
from qunzhu.kernel.engine.facts import BOUNDS, Facts, Provider
from qunzhu.kernel.engine.rules import Compiled, Window, window_key
from qunzhu.kernel.text.links import is_short
from qunzhu.kernel.text.reading import Reading
from qunzhu.risk.detect.names import NAMES
from qunzhu.risk.detect.verdicts import NOTHING, TEXT_CATEGORIES, Verdict

if TYPE_CHECKING:
    from qunzhu.risk.watch import Watch


def _of_text(read: Callable[[Reading], Any]) -> Provider:
    """A fact of the text: unknown for events that have none."""

    def provide(facts: Facts) -> Any:
        reading = facts["reading"]
        return None if reading is None else read(reading)

    return provide


def _verdict(category: str) -> Provider:
    """The score of a verdict: unknown for events that have no text."""

    def provide(facts: Facts) -> float | None:
        said = _said(facts, category)
        return None if said is None else round(said.score, 3)

    return provide


def _bounds(facts: Facts) -> Mapping[str, float] | None:
    """What the scores cannot exceed: unknown where the scores are."""
    look = facts["look"]
    return None if look is None else look.bounds()


def _reasons(category: str) -> Provider:
    def provide(facts: Facts) -> tuple[str, ...] | None:
        said = _said(facts, category)
        return None if said is None else said.reasons

    return provide


def _said(facts: Facts, category: str) -> Verdict | None:
    if category == "flooding":
        return facts.subject.flooding
    look = facts["look"]
    return None if look is None else look.verdict(category) if look.normal or look.shown else NOTHING


def _of_body(read: Callable[[dict[str, Any]], Any]) -> Provider:
    return lambda facts: read(facts.subject.event.body)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, values)))


def _local_hour(facts: Facts) -> int:
    watch = facts.subject
    return local_hour(watch.event.occurred_at, watch.compiled.settings.zone)


def _muted(facts: Facts) -> bool | None:
    watch = facts.subject
    if watch.member is None or watch.event.group_id is None:
        return None
    if not watch.member.standing.running:
        return False
    running = watch.member.standing.running_in(watch.event.group_id, watch.at_ms)
    return running is not None and running.until > 0


def _mute_tries(facts: Facts) -> int | None:
    watch = facts.subject
    if watch.member is None or watch.event.group_id is None:
        return None
    running = watch.member.standing.running_in(watch.event.group_id, watch.at_ms)
    return 0 if running is None else int(running.tries)


def _marks(facts: Facts, *, strikes: bool) -> int | None:
    watch = facts.subject
    if watch.member is None:
        return None
    marks = watch.member.standing.active_marks(watch.at_ms)
    return sum(m.strike for m in marks) if strikes else len(marks)


_PROVIDERS: dict[str, Provider] = {
    "event.kind": lambda facts: facts.subject.event.kind,
    "event.streams": lambda facts: [stream for stream, keys in facts.subject.keys.items() if keys],
    "message.type": _of_body(lambda body: body.get("type")),
    "message.length": _of_text(lambda reading: len(reading.text)),
    "message.lines": _of_text(lambda reading: reading.text.count("\n") + 1),
    "message.mentions": _of_body(lambda body: len(body.get("mentions") or ())),
    "message.is_reply": _of_body(lambda body: body.get("reply_to") is not None),
    "message.text": _of_text(lambda reading: reading.normal),
    "time.hour": _local_hour,
    "time.weekday": lambda facts: date.fromordinal(facts.subject.day).isoweekday(),
    "link.count": _of_text(lambda reading: len(reading.links)),
    "link.short": _of_text(lambda reading: any(map(is_short, reading.links))),
    "link.hosts": lambda facts: (
        None if facts["reading"] is None else _unique(urlsplit(link).netloc for link in facts.subject.links)
    ),
    "keyword.categories": _of_text(lambda reading: _unique(h.category for h in hits) if (hits := reading.hits) else ()),
    "keyword.levels": _of_text(lambda reading: _unique(h.level for h in reading.hits)),
    "keyword.words": _of_text(lambda reading: _unique(h.word for h in reading.hits)),
    "keyword.variants": _of_text(lambda reading: _unique(v for h in reading.hits for v in h.variants)),
    "keyword.allowed": _of_text(lambda reading: _unique(allowed for _, allowed in reading.passed)),
    "contact.kinds": _of_text(lambda reading: _unique(c.kind for c in found) if (found := reading.contacts) else ()),
    "contact.values": _of_text(lambda reading: _unique(c.value for c in reading.contacts)),
    "ad.reasons": _of_text(lambda reading: reading.ad_reasons),
    "ad.looks": _of_text(lambda reading: bool(reading.ad_reasons)),
    **{f"verdict.{category}": _verdict(category) for category in (*TEXT_CATEGORIES, "flooding")},
    "reading": lambda facts: facts.subject.reading,
    "look": lambda facts: facts.subject.look,
    BOUNDS: _bounds,
    **{f"reasons.{category}": _reasons(category) for category in (*TEXT_CATEGORIES, "flooding")},
    "member.muted": _muted,
    "member.mute_tries": _mute_tries,
    "member.strikes": partial(_marks, strikes=True),
    "member.penalties": partial(_marks, strikes=False),
    "member.level": lambda facts: None if facts.subject.member is None else facts.subject.member.standing.level,
    "member.staff": lambda facts: facts.subject.member_id in facts.subject.order.world.staff,
    "report.weight": _of_body(lambda body: body.get("total")),
    "report.reason": _of_body(lambda body: body.get("reason")),
    "command.name": _of_body(lambda body: body.get("command")),
}


def providers_for(compiled: Compiled) -> dict[str, Provider]:
    """The providers of all facts, the rulebook's windows included."""
    providers: dict[str, Provider] = {**_PROVIDERS, "reason.names": lambda _facts: NAMES}
    plans = {(plan.of, plan.per): plan for plan in compiled.plans}
    for index, window in enumerate(compiled.windows):
        plan = plans[window.of, window.per]
        providers[window_key(index)] = (
            _days_provider(window, plan.horizon_days) if window.days else _series_provider(window, plan.horizon_ms)
        )
    return providers


def _days_provider(window: Window, horizon: int) -> Provider:
    """The count of a window of days; unknown when it reaches back further than is remembered."""
    of, per, span = window.of, window.per, window.days

    def provide(facts: Facts) -> int | None:
        watch: Watch = facts.subject
        windows = watch.windows(per)
        if windows is None or not watch.keys.get(of):
            return None
        days = windows.days_of(of)
        return days.count(watch.day, span) if days.knows(watch.day, span, horizon) else None

    return provide


def _series_provider(window: Window, horizon: int) -> Provider:
    """The figure of a sliding window; unknown when it reaches back further than is remembered."""
    of, per, span, count = window.of, window.per, window.span_ms, window.count

    def provide(facts: Facts) -> int | None:
        watch: Watch = facts.subject
        windows = watch.windows(per)
        keys = watch.keys.get(of)
        if windows is None or not keys:
            return None
        series = windows.series_of(of)
        if not series.knows(watch.at_ms, span, horizon):
            return None
        if count == "equal":
            return series.equal(watch.at_ms, span, keys)
        return series.distinct(watch.at_ms, span) if count == "distinct" else series.count(watch.at_ms, span)

    return provide
