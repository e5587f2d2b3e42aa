"""What keeps a group in order: events and state in, decisions out. Pure: no database, no clock.

`Order.hear` folds one event. Messages, commands and reports are judged by the rulebook; all others change the state
by which the next ones are judged.
"""

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from qunzhu.kernel.clock import local_day, local_hour
from qunzhu.kernel.engine.clearances import Said, covers
from qunzhu.kernel.engine.evaluate import Decision, Occasion, Tally, decide, match
from qunzhu.kernel.engine.facts import Facts, Provider
from qunzhu.kernel.engine.rules import JUDGED_KINDS, Compiled, StreamPlan, Window, window_key
from qunzhu.kernel.engine.windows import Windows
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.text.links import is_short
from qunzhu.kernel.text.reading import Reading
from qunzhu.risk.detect.flooding import MINUTE_MS, SPAN_MS, Pace, flooding
from qunzhu.risk.detect.names import NAMES
from qunzhu.risk.detect.verdicts import NOTHING, TEXT_CATEGORIES, Look, Verdict
from qunzhu.risk.state import (
    MEMBER_KINDS,
    WORLD_KINDS,
    Subject,
    World,
    fold_member,
    milliseconds,
    tells_of_mute,
)

KINDS = JUDGED_KINDS | MEMBER_KINDS | WORLD_KINDS
_ONE = (0,)  # the key of a stream that has no keys
_DAY_MS = 86_400_000
_PRIVATE_ADD = re.compile(r"私加|私下加|[私乱狂]\s*加(?:好友|微信|人)|加(?:我|了我)?(?:好友|微信)")


def subjects_of(event: Event) -> tuple[str, ...]:
    """The subjects whose state is needed to hear `event`."""
    if event.kind in WORLD_KINDS:
        return ()
    if event.kind == "effect.done" and not tells_of_mute(event):
        return ()
    prefix = _prefix(event)
    member = event.body.get("target") if event.kind == "report.filed" else event.member_id
    found = [] if member is None else [f"{prefix}m:{member}"]
    if event.group_id is not None and event.kind in JUDGED_KINDS:
        found.append(f"{prefix}g:{event.group_id}")
    return tuple(found)


def _prefix(event: Event) -> str:
    """Imported history has subjects of its own and never moves live windows."""
    return "h:" if event.historic else ""


class Order:
    """The state of one community while a stretch of its log is heard. `dirty` are the subjects to be saved."""

    def __init__(self, world: World, subjects: dict[str, Subject] | None = None) -> None:
        self.world = world
        self.subjects: dict[str, Subject] = {} if subjects is None else subjects
        self.dirty: set[str] = set()
        self.tally = Tally()
        self._compiled: Compiled | None = None
        self._providers: dict[str, Provider] = {}

    def subject(self, key: str) -> Subject:
        subject = self.subjects.get(key)
        if subject is None:
            subject = self.subjects[key] = Subject()
        return subject

    def hear(self, event: Event) -> list[Decision]:
        """Fold one event; the decisions that the rulebook made on it, in its order."""
        if event.kind in JUDGED_KINDS:
            return self._judge(event)
        if event.kind in WORLD_KINDS:
            self.world.hear(event)
            self._compiled = None
        elif event.kind in MEMBER_KINDS:
            for key in subjects_of(event):
                if fold_member(self.subject(key).standing, event, self.world.compiled):
                    self.dirty.add(key)
        return []

    def _judge(self, event: Event) -> list[Decision]:
        if self._compiled is None:
            self._compiled = self.world.compiled
            self._providers = _providers_for(self._compiled)
        compiled = self._compiled
        if event.kind not in compiled.by_kind:
            return []
        watch = Watch(self, compiled, event)
        watch.notice_try()
        facts = Facts(watch, self._providers)
        watch.observe(facts)
        matched = match(compiled, event.kind, facts, self.tally)
        if not matched or watch.member is None:
            return []
        self.dirty.add(watch.member_key)
        return decide(compiled, matched, facts, watch.occasion(), watch.member.standing)


class Watch:
    """One event under judgement: what the facts read from. Costly parts are worked out when first asked for.

    (Written out instead of `cached_property`, whose lock costs more than most of what it would keep here.)
    """

    __slots__ = (
        "_cleared", "_day", "_flooding", "_group", "_look", "_reading", "at_ms", "compiled", "event", "group_key",
        "keys", "member", "member_id", "member_key", "order",
    )  # fmt: skip

    def __init__(self, order: Order, compiled: Compiled, event: Event) -> None:
        self.order, self.compiled, self.event = order, compiled, event
        self.at_ms = milliseconds(event.occurred_at)
        self.member_id = event.body.get("target") if event.kind == "report.filed" else event.member_id
        prefix = _prefix(event)
        self.member_key = f"{prefix}m:{self.member_id}" if self.member_id is not None else ""
        self.group_key = f"{prefix}g:{event.group_id}"
        self.member = order.subject(self.member_key) if self.member_key else None
        self.keys: dict[str, tuple[int, ...]] = {}
        self._day: int | None = None
        self._reading: Reading | None = None
        self._look: Look | None = None
        self._flooding: Verdict | None = None
        self._cleared: bool | None = None
        self._group: Subject | None = None

    @property
    def day(self) -> int:
        """The local day, as an ordinal."""
        if self._day is None:
            self._day = local_day(self.event.occurred_at, self.compiled.settings.zone).toordinal()
        return self._day

    @property
    def reading(self) -> Reading | None:
        """The text as the rules read it; None for a report."""
        if self._reading is None and self.event.kind != "report.filed":
            body = self.event.body
            codes = (body.get("image") or {}).get("codes") or ()
            self._reading = Reading(body.get("text") or "", self.order.world.library, body.get("links") or (), codes)
        return self._reading

    @property
    def look(self) -> Look | None:
        """The text as the detectors see it; None for a report."""
        reading = self.reading
        if self._look is None and reading is not None:
            body = self.event.body
            self._look = Look(
                reading.normal,
                self.order.world.senses,
                links=reading.links,
                hits=[hit.category for hit in reading.hits],
                to_someone=bool(body.get("mentions")) or body.get("reply_to") is not None,
            )
        return self._look

    @property
    def flooding(self) -> Verdict | None:
        """The verdict on the pace; None for what is not counted (a report, a command) and where it is not known."""
        if self._flooding is None and self.member is not None and self.keys.get("message"):
            windows, reading = self.member.windows, self.reading
            posted, texts = windows.series_of("message"), windows.series_of("text")
            if reading is None or not posted.knows(self.at_ms, SPAN_MS, SPAN_MS):
                return None
            in_ten = posted.count(self.at_ms, SPAN_MS)
            pace = Pace(
                posted.count(self.at_ms, MINUTE_MS) if in_ten > 1 else in_ten,
                in_ten,
                texts.equal(self.at_ms, SPAN_MS, self.keys.get("text", ())) if in_ten > 1 else in_ten,
            )
            self._flooding = flooding(pace, reading.text)
        return self._flooding

    @property
    def cleared(self) -> bool:
        """Whether an ad clearance covers this message."""
        if self._cleared is None:
            clearances = self.order.world.people.clearances
            said = self._said() if clearances else None
            self._cleared = said is not None and any(covers(c, said) for c in clearances)
        return self._cleared

    def _said(self) -> Said | None:
        reading, event = self.reading, self.event
        if reading is None:
            return None
        image = event.body.get("image")
        sha = str(image.get("sha256") or "?") if isinstance(image, dict) else ""
        return Said(self.at_ms, event.member_id, event.group_id, reading.text, reading.links, sha)

    def windows(self, per: str) -> Windows | None:
        """The windows of the member or group that the event is about."""
        if per == "member":
            return None if self.member is None else self.member.windows
        if self._group is None and self.event.group_id is not None:
            self._group = self.order.subject(self.group_key)
        return None if self._group is None else self._group.windows

    def notice_try(self) -> None:
        """Where the platform cannot mute, count what is said during the mute."""
        event = self.event
        if (
            self.member is not None
            and event.kind == "message.posted"
            and event.group_id is not None
            and self.member.standing.try_to_speak(event.group_id, self.at_ms)
        ):
            self.order.dirty.add(self.member_key)

    def observe(self, facts: Facts) -> None:
        """Count the event in every stream that it belongs to and that some rule watches."""
        reported = self.event.kind == "report.filed"
        for plan in self.compiled.plans:
            if (plan.of in _OF_REPORTS) is not reported:
                continue
            keys = self.keys.get(plan.of)
            if keys is None:
                keys = self.keys[plan.of] = _STREAM_KEYS[plan.of](self, facts)
            if keys:
                self._count(plan, keys)

    def _count(self, plan: StreamPlan, keys: tuple[int, ...]) -> None:
        windows = self.windows(plan.per)
        if windows is None:
            return
        if plan.horizon_ms:
            windows.series_of(plan.of).add(self.at_ms, self.event.seq, keys, plan.horizon_ms)
        if plan.horizon_days:
            windows.days_of(plan.of).add(self.day, self.event.seq, plan.horizon_days)
        self.order.dirty.add(self.member_key if plan.per == "member" else self.group_key)

    def evidence(self, index: int) -> list[int]:
        """The seqs behind window `index`, this event included."""
        window = self.compiled.windows[index]
        windows = self.windows(window.per)
        if windows is None:
            return []
        if window.days:
            return windows.days_of(window.of).evidence(self.day, window.days)
        keys = self.keys.get(window.of) if window.count == "equal" else None
        return windows.series_of(window.of).evidence(self.at_ms, window.span_ms, keys)

    def occasion(self) -> Occasion:
        event = self.event
        return Occasion(
            seq=event.seq,
            at=event.occurred_at,
            at_ms=self.at_ms,
            day=self.day,
            group_id=event.group_id,
            member_id=self.member_id,
            nickname=str(event.body.get("target_name" if event.kind == "report.filed" else "nickname") or ""),
            historic=event.historic,
            staff=self.member_id in self.order.world.staff,
            cleared=self.cleared,
            evidence=self.evidence,
        )


def _counted(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    event, left_out = watch.event, watch.compiled.settings.not_counted
    if event.kind in left_out or event.body.get("type") in left_out:
        return ()
    return _ONE


def _ad(watch: Watch, facts: Facts) -> tuple[int, ...]:
    return _ONE if facts["ad.looks"] and not watch.cleared else ()


def _links(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    reading = watch.reading
    return tuple(_hash(link) for link in reading.links) if reading is not None and reading.links else ()


def _text(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    if watch.event.kind != "message.posted":
        return ()  # a command is the same text each time
    reading = watch.reading
    return reading.keys if reading is not None else ()


def is_private_add(reason: str) -> bool:
    """Whether a report says that somebody keeps adding members as friends: 私加, 私下加我, 乱加好友 …"""
    return _PRIVATE_ADD.search(reason) is not None


def _report(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    """A report counts by its reporter; being added is counted apart."""
    return () if is_private_add(str(watch.event.body.get("reason") or "")) else _reporter(watch)


def _private_add(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    return _reporter(watch) if is_private_add(str(watch.event.body.get("reason") or "")) else ()


def _reporter(watch: Watch) -> tuple[int, ...]:
    """Who reports; nobody reports himself."""
    event = watch.event
    if event.member_id is None or event.member_id == watch.member_id:
        return ()
    return (event.member_id,)


def _hash(text: str) -> int:
    """A stable 63-bit key of a link or text."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 1


_STREAM_KEYS: dict[str, Callable[[Watch, Facts], tuple[int, ...]]] = {
    "message": _counted,
    "ad": _ad,
    "link": _links,
    "text": _text,
    "report": _report,
    "private_add": _private_add,
}


_OF_REPORTS = frozenset({"report", "private_add"})  # streams of reports; all others are of what is said


def _of_text(read: Callable[[Reading], Any]) -> Provider:
    """A fact of the text: unknown for events that have none."""

    def provide(facts: Facts) -> Any:
        reading = facts.subject.reading
        return None if reading is None else read(reading)

    return provide


def _verdict(category: str) -> Provider:
    """The score of a verdict: unknown for events that have no text."""

    def provide(facts: Facts) -> float | None:
        said = _said(facts, category)
        return None if said is None else round(said.score, 3)

    return provide


def _most(category: str) -> Provider:
    """What a score cannot exceed: unknown where the score is."""

    def provide(facts: Facts) -> float | None:
        look = facts.subject.look
        return None if look is None else look.most(category)

    return provide


def _reasons(category: str) -> Provider:
    def provide(facts: Facts) -> tuple[str, ...] | None:
        said = _said(facts, category)
        return None if said is None else said.reasons

    return provide


def _said(facts: Facts, category: str) -> Verdict | None:
    watch: Watch = facts.subject
    if category == "flooding":
        return watch.flooding
    look = watch.look
    return None if look is None else look.verdict(category) if look.normal else NOTHING


def _of_body(read: Callable[[dict[str, Any]], Any]) -> Provider:
    return lambda facts: read(facts.subject.event.body)


def _unique(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(v for v in values if v))


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
    "link.hosts": _of_text(lambda reading: _unique(urlsplit(link).netloc for link in reading.links)),
    "keyword.categories": _of_text(lambda reading: _unique(h.category for h in reading.hits)),
    "keyword.levels": _of_text(lambda reading: _unique(h.level for h in reading.hits)),
    "keyword.words": _of_text(lambda reading: _unique(h.word for h in reading.hits)),
    "keyword.variants": _of_text(lambda reading: _unique(v for h in reading.hits for v in h.variants)),
    "keyword.allowed": _of_text(lambda reading: _unique(allowed for _, allowed in reading.passed)),
    "contact.kinds": _of_text(lambda reading: _unique(c.kind for c in reading.contacts)),
    "contact.values": _of_text(lambda reading: _unique(c.value for c in reading.contacts)),
    "ad.reasons": _of_text(lambda reading: reading.ad_reasons),
    "ad.looks": _of_text(lambda reading: bool(reading.ad_reasons)),
    **{f"verdict.{category}": _verdict(category) for category in (*TEXT_CATEGORIES, "flooding")},
    **{f"most.{category}": _most(category) for category in TEXT_CATEGORIES},
    **{f"reasons.{category}": _reasons(category) for category in (*TEXT_CATEGORIES, "flooding")},
    "member.muted": _muted,
    "member.mute_tries": _mute_tries,
    "member.strikes": partial(_marks, strikes=True),
    "member.penalties": partial(_marks, strikes=False),
    "member.staff": lambda facts: facts.subject.member_id in facts.subject.order.world.staff,
    "report.weight": _of_body(lambda body: body.get("total")),
    "report.reason": _of_body(lambda body: body.get("reason")),
    "command.name": _of_body(lambda body: body.get("command")),
}


def _providers_for(compiled: Compiled) -> dict[str, Provider]:
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
