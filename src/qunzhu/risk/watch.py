"""One event under judgement: what the facts read from, and the streams that it is counted in. Pure."""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from qunzhu.kernel.clock import local_day
from qunzhu.kernel.engine.clearances import Said, covers
from qunzhu.kernel.engine.evaluate import Occasion
from qunzhu.kernel.engine.facts import Facts
from qunzhu.kernel.engine.rules import Compiled, StreamPlan
from qunzhu.kernel.engine.windows import Windows
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.text.keywords import KeywordLibrary
from qunzhu.kernel.text.reading import Reading
from qunzhu.risk.detect.flooding import CALM, MINUTE_MS, SLOW, SPAN_MS, Pace, flooding
from qunzhu.risk.detect.patterns import leads_to_somebody
from qunzhu.risk.detect.verdicts import Look, Senses, Verdict
from qunzhu.risk.state import Subject, milliseconds

if TYPE_CHECKING:
    from qunzhu.risk.policy import Order

_ONE = (0,)  # the key of a stream that has no keys
_PRIVATE_ADD = re.compile(r"私加|私下加|[私乱狂]\s*加(?:好友|微信|人)|加(?:我|了我)?(?:好友|微信)")


def prefix_of(event: Event) -> str:
    """Imported history has subjects of its own and never moves live windows."""
    return "h:" if event.historic else ""


class LastRead:
    """The text of the event judged last, for several orders that judge the same events: it is read once for all."""

    __slots__ = ("library", "look", "reading", "senses", "seq")

    def __init__(self) -> None:
        self.seq = 0
        self.library: KeywordLibrary | None = None
        self.senses: Senses | None = None
        self.reading: Reading | None = None
        self.look: Look | None = None

    def read(self, seq: int, library: KeywordLibrary, make: Callable[[], Reading]) -> Reading:
        """The event's text as `library` reads it."""
        if self.reading is None or self.seq != seq or self.library is not library:
            self.seq, self.library, self.reading, self.look = seq, library, make(), None
        return self.reading

    def see(self, reading: Reading, senses: Senses, make: Callable[[], Look]) -> Look:
        """What `senses` see in that text; of another reading nothing is kept."""
        if reading is not self.reading:
            return make()
        if self.look is None or self.senses is not senses:
            self.senses, self.look = senses, make()
        return self.look


class Watch:
    """One event under judgement: what the facts read from. Costly parts are worked out when first asked for.

    (Written out instead of `cached_property`, whose lock costs more than most of what it would keep here.)
    """

    __slots__ = (
        "_cleared", "_day", "_flooding", "_group", "_look", "_reading", "at_ms", "compiled", "event", "group_key",
        "keys", "member", "member_id", "member_key", "order",
    )  # fmt: skip

    def __init__(self, order: "Order", compiled: Compiled, event: Event) -> None:
        self.order, self.compiled, self.event = order, compiled, event
        self.at_ms = milliseconds(event.occurred_at)
        self.member_id = event.body.get("target") if event.kind == "report.filed" else event.member_id
        prefix = prefix_of(event)
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
            last = self.order.last_read
            library = self.order.world.library
            if last is None:
                self._reading = self._read(library)
            else:
                self._reading = last.read(self.event.seq, library, lambda: self._read(library))
        return self._reading

    def _read(self, library: KeywordLibrary) -> Reading:
        body = self.event.body
        codes = (body.get("image") or {}).get("codes") or ()
        links = (*(body.get("links") or ()), *(code for code in codes if "://" in code))
        return Reading(body.get("text") or "", library, links, codes)

    @property
    def look(self) -> Look | None:
        """The text as the detectors see it; None for a report."""
        reading = self.reading
        if self._look is None and reading is not None:
            last = self.order.last_read
            senses = self.order.world.senses
            if last is None:
                self._look = self._see(reading, senses)
            else:
                self._look = last.see(reading, senses, lambda: self._see(reading, senses))
        return self._look

    @property
    def links(self) -> tuple[str, ...]:
        """The links of the text, short ones as what they lead to where that is known."""
        reading = self.reading
        if reading is None or not reading.links:
            return ()
        leads = self.order.world.leads
        return tuple(dict.fromkeys(leads.get(link, link) for link in reading.links)) if leads else reading.links

    def _see(self, reading: Reading, senses: Senses) -> Look:
        body = self.event.body
        return Look(
            reading.normal,
            senses,
            links=self.links,
            hits=[hit.category for hit in reading.hits],
            to_someone=bool(body.get("mentions")) or body.get("reply_to") is not None,
            shown=_shown(reading, body),
        )

    @property
    def flooding(self) -> Verdict | None:
        """The verdict on the pace; None for what is not counted (a report, a command) and where it is not known."""
        if self._flooding is None and self.member is not None and self.keys.get("message"):
            windows, reading = self.member.windows, self.reading
            posted = windows.series_of("message")
            if reading is None or not posted.knows(self.at_ms, SPAN_MS, SPAN_MS):
                return None
            if posted.few(CALM, self.at_ms, SPAN_MS):  # what is true of nearly every message is asked first
                pace = SLOW
            else:
                texts = windows.series_of("text")
                pace = Pace(
                    posted.count(self.at_ms, MINUTE_MS),
                    posted.count(self.at_ms, SPAN_MS),
                    texts.equal(self.at_ms, SPAN_MS, self.keys.get("text", ())),
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

    def observe(self, facts: Facts, counted: "tuple[Counting, ...]") -> None:
        """Count the event in the streams that it belongs to; `counted` are those that some rule watches."""
        known = self.keys
        for plan, of, keys_of in counted:
            keys = known.get(of)
            if keys is None:
                keys = known[of] = keys_of(self, facts)
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


def _shown(reading: Reading, body: dict[str, Any]) -> tuple[str, ...]:
    """What stands beside the text and leads out of the group."""
    codes = (body.get("image") or {}).get("codes") or ()
    shown = ["contact_code" if leads_to_somebody(code) else "page_code" for code in codes]
    shown += [_SIGN_OF[contact.kind] for contact in reading.contacts if contact.kind in _SIGN_OF]
    return tuple(dict.fromkeys(shown))


# Contacts as the detectors name them: these see through more disguises than patterns over the squeezed text.
_SIGN_OF = {
    "mini_program": "mini_program", "wechat": "account_to_add", "qq": "account_to_add", "group": "account_to_add",
    "phone": "phone_number",
}  # fmt: skip


def _counted(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    event, left_out = watch.event, watch.compiled.settings.not_counted
    if event.kind in left_out or event.body.get("type") in left_out:
        return ()
    return _ONE


def _ad(watch: Watch, facts: Facts) -> tuple[int, ...]:
    return _ONE if facts["ad.looks"] and not watch.cleared else ()


def _links(watch: Watch, _facts: Facts) -> tuple[int, ...]:
    return tuple(_hash(link) for link in watch.links)


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
Counting = tuple[
    StreamPlan, str, Callable[[Watch, Facts], tuple[int, ...]]
]  # a stream, its name and what gives its keys


def countings(compiled: Compiled, kind: str) -> tuple[Counting, ...]:
    """The streams of a rulebook that events of `kind` can belong to."""
    reported = kind == "report.filed"
    plans = [plan for plan in compiled.plans if (plan.of in _OF_REPORTS) is reported]
    return tuple((plan, plan.of, _STREAM_KEYS[plan.of]) for plan in plans)
