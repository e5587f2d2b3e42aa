"""What keeps a group in order: events and state in, decisions out. Pure: no database, no clock.

`Order.hear` folds one event. Messages, commands and reports are judged by the rulebook; all others change the state
by which the next ones are judged.
"""

from qunzhu.kernel.engine.evaluate import Decision, Tally, decide, match
from qunzhu.kernel.engine.facts import Facts, Provider
from qunzhu.kernel.engine.rules import JUDGED_KINDS, Compiled
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.providers import providers_for
from qunzhu.risk.state import MEMBER_KINDS, WORLD_KINDS, Subject, World, fold_member, tells_of_mute
from qunzhu.risk.watch import Counting, LastRead, Watch, countings, prefix_of

KINDS = JUDGED_KINDS | MEMBER_KINDS | WORLD_KINDS


def subjects_of(event: Event) -> tuple[str, ...]:
    """The subjects whose state is needed to hear `event`."""
    if event.kind in WORLD_KINDS:
        return ()
    if event.kind == "effect.done" and not tells_of_mute(event):
        return ()
    prefix = prefix_of(event)
    member = event.body.get("target") if event.kind == "report.filed" else event.member_id
    found = [] if member is None else [f"{prefix}m:{member}"]
    if event.group_id is not None and event.kind in JUDGED_KINDS:
        found.append(f"{prefix}g:{event.group_id}")
    return tuple(found)


class Order:
    """The state of one community while a stretch of its log is heard. `dirty` are the subjects to be saved.

    Orders that hear the same events in step share a `last_read`, so that each text is read once.
    """

    def __init__(
        self, world: World, subjects: dict[str, Subject] | None = None, *, last_read: LastRead | None = None
    ) -> None:
        self.world = world
        self.last_read = last_read
        self.subjects: dict[str, Subject] = {} if subjects is None else subjects
        self.dirty: set[str] = set()
        self.tally = Tally()
        self._compiled: Compiled | None = None
        self._providers: dict[str, Provider] = {}
        self._countings: dict[str, tuple[Counting, ...]] = {}

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
            self._providers = providers_for(self._compiled)
            self._countings = {kind: countings(self._compiled, kind) for kind in JUDGED_KINDS}
        compiled = self._compiled
        if event.kind not in compiled.by_kind:
            return []
        watch = Watch(self, compiled, event)
        watch.notice_try()
        facts = Facts(watch, self._providers)
        watch.observe(facts, self._countings[event.kind])
        matched = match(compiled, event.kind, facts, self.tally)
        if not matched or watch.member is None:
            return []
        self.dirty.add(watch.member_key)
        return decide(compiled, matched, facts, watch.occasion(), watch.member.standing)
