"""How a member stands: penalties that count, running mutes, cases already asked for. Part of a subject's state."""

import msgspec

MAX_MARKS = 50


class Mark(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A penalty that counts on the ladder until it expires: when (ms), for which event, by which rule."""

    at: int
    seq: int
    rule: str
    strike: bool


class Running(msgspec.Struct, array_like=True, gc=False):
    """A mute (`until` in ms) or a removal (`until` 0: until the member is let in again) in one group."""

    until: int
    seq: int
    rule: str
    repeated: bool = False  # a repeat was recorded once; further ones are silent


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

    def active_marks(self, at: int, lifetime: int) -> list[Mark]:
        """Marks that count at `at` (ms), not older than `lifetime` ms."""
        return [m for m in self.marks if at - m.at < lifetime]

    def running_in(self, group_id: int, at: int) -> Running | None:
        """The mute or removal that holds in a group at `at`."""
        running = self.running.get(group_id)
        return running if running and (running.until == 0 or at < running.until) else None

    def add_mark(self, mark: Mark, lifetime: int) -> None:
        self.marks = [m for m in self.marks if mark.at - m.at < lifetime][-(MAX_MARKS - 1) :]
        self.marks.append(mark)

    def reverse(self, seq: int) -> None:
        """Take back the penalty for event `seq`: its mark, and the mute or removal that came with it."""
        self.marks = [m for m in self.marks if m.seq != seq]
        self.running = {g: r for g, r in self.running.items() if r.seq != seq}
