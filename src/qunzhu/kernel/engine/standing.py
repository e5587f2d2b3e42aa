"""How a member stands: penalties that count, running mutes, cases already asked for. Part of a subject's state."""

import msgspec

MAX_MARKS = 50


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A penalty that counts on the ladder: when (ms), for which event, by which rule, and until when (ms)."""

    at: int
    seq: int
    rule: str
    strike: bool
    until: int = 0


class Running(msgspec.Struct, array_like=True, gc=False):
    """A mute (`until` in ms) or a removal (`until` 0: until the member is let in again) in one group.

    `emulated`: the platform cannot mute, the member was asked to be quiet; `tries` are the messages since then.
    """

    until: int
    seq: int
    rule: str
    repeated: bool = False  # a repeat was recorded once; further ones are silent
    emulated: bool = False
    tries: int = 0


class Asked(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A case that a rule asked for: not again for a while."""

    at: int
    seq: int


class Standing(msgspec.Struct, array_like=True, gc=False):
    """What earlier decisions on a member left behind. Everything is in event time, so replay comes out equal."""

    marks: list[Mark] = msgspec.field(default_factory=list)
    running: dict[int, Running] = msgspec.field(default_factory=dict)  # by group
    asked: dict[str, Asked] = msgspec.field(default_factory=dict)  # by rule
    noted: dict[str, int] = msgspec.field(default_factory=dict)  # rule → local day of a decision without effect
    pardons: dict[str, int] = msgspec.field(default_factory=dict)  # rule → until when (ms) a human's mercy holds
    level: int = 0

    def active_marks(self, at: int) -> list[Mark]:
        """Marks that count at `at` (ms)."""
        return [m for m in self.marks if at < m.until]

    def running_in(self, group_id: int, at: int) -> Running | None:
        """The mute or removal that holds in a group at `at`."""
        running = self.running.get(group_id)
        return running if running and (running.until == 0 or at < running.until) else None

    def add_mark(self, mark: Mark) -> None:
        self.marks = [*self.active_marks(mark.at)[-(MAX_MARKS - 1) :], mark]

    def try_to_speak(self, group_id: int, at: int) -> bool:
        """Count a message against an emulated mute; whether there is one."""
        running = self.running_in(group_id, at) if self.running else None
        if running is None or not running.emulated or not running.until:
            return False
        running.tries += 1
        return True

    def pardon(self, rule: str, until: int, now: int) -> None:
        """A human took a penalty of `rule` back: the same events may not bring it again before `until` (ms)."""
        self.pardons = {r: t for r, t in self.pardons.items() if t > now}
        if until > now:
            self.pardons[rule] = max(until, self.pardons.get(rule, 0))

    def reverse(self, seq: int) -> None:
        """Take back the penalty for event `seq`: its mark, and the mute or removal that came with it."""
        self.marks = [m for m in self.marks if m.seq != seq]
        self.running = {g: r for g, r in self.running.items() if r.seq != seq}
