"""Two sets of hits against each other: new, lost, changed, same; people touched; precision on reviewed messages. Pure.

The same hits give the same report, byte for byte: nothing here knows a clock, and everything listed has one order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

Change = Literal["new", "lost", "changed", "same"]
CHANGES: tuple[Change, ...] = ("new", "lost", "changed", "same")
LISTED = 10_000  # rows in a report; more are counted, not listed
STEPS = ("warn", "mute", "remove", "recall", "freeze", "case")
_ACTING = frozenset({"live", "historic"})


class Hit(msgspec.Struct, frozen=True, gc=False):
    """What one rule concluded on one event. `effects` in short ("mute 60", "case red_keyword")."""

    seq: int
    rule: str
    at: datetime
    group: int | None
    member: int | None
    outcome: str
    strike: bool
    effects: tuple[str, ...]
    sentence: str

    @property
    def touches(self) -> bool:
        """Whether something would have happened to somebody."""
        return self.outcome in _ACTING and bool(self.effects)

    @property
    def consequence(self) -> tuple[str, bool, tuple[str, ...]]:
        """What makes two hits of a rule on an event equal; imported history is judged, only not carried out."""
        return ("live" if self.outcome in _ACTING else self.outcome), self.strike, self.effects


class Side(msgspec.Struct, frozen=True, gc=False):
    """One of the two conclusions that a row compares."""

    outcome: str
    strike: bool
    effects: tuple[str, ...]
    sentence: str


class Row(msgspec.Struct, frozen=True, gc=False):
    """A message under a rule, before and after. `verdict`: right, wrong, or "" when nobody has reviewed it."""

    seq: int
    rule: str
    change: Change
    at: datetime
    group: int | None
    member: int | None
    verdict: str
    before: Side | None
    after: Side | None


class Precision(msgspec.Struct, frozen=True):
    """Of the hits that people have reviewed: how many they found right, how many wrong."""

    right: int = 0
    wrong: int = 0

    @property
    def share(self) -> float | None:
        reviewed = self.right + self.wrong
        return self.right / reviewed if reviewed else None


class Figures(msgspec.Struct, frozen=True):
    """Counts of hits and people. `spared` would no longer be touched, `touched_new` would be for the first time."""

    before: int
    after: int
    new: int
    lost: int
    changed: int
    same: int
    people_before: int
    people_after: int
    touched_new: int
    spared: int
    precision_before: Precision
    precision_after: Precision


class RuleFigures(msgspec.Struct, frozen=True):
    rule: str
    name: str
    figures: Figures


class Penalties(msgspec.Struct, frozen=True):
    """How often a kind of effect follows, before and after."""

    step: str
    before: int
    after: int


class Compared(msgspec.Struct, frozen=True):
    totals: Figures
    penalties: tuple[Penalties, ...]
    rules: tuple[RuleFigures, ...]
    rows: tuple[Row, ...]
    unlisted: dict[str, int]


Verdicts = Mapping[int, Mapping[str, str]]


def short_effects(effects: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Effects as the outbox takes them, without the words and times that differ between two runs of the same rule."""
    return tuple(_short(effect) for effect in effects)


def _short(effect: Mapping[str, Any]) -> str:
    kind = str(effect["kind"])
    if kind == "mute":
        return f"mute {effect.get('minutes', '')}"
    return f"case {effect.get('case', '')}" if kind == "case" else kind


def verdict_on(verdicts: Verdicts, seq: int, rule: str) -> str:
    """What people thought of this rule on this message; else of any rule on it ("" when nobody has looked)."""
    known = verdicts.get(seq)
    if not known:
        return ""
    if rule in known:
        return known[rule]
    return "wrong" if "wrong" in known.values() else "right"


def compare(
    before: Sequence[Hit], after: Sequence[Hit], *, names: Mapping[str, str], verdicts: Verdicts, listed: int = LISTED
) -> Compared:
    """Rows are in order of seq and rule; where there are too many, those without a difference go first."""
    old = {(hit.seq, hit.rule): hit for hit in before}
    new = {(hit.seq, hit.rule): hit for hit in after}
    changes = {key: _change(old.get(key), new.get(key)) for key in sorted({*old, *new})}
    rules = sorted({rule for _, rule in changes} | set(names))
    order = {name: place for place, name in enumerate(names)}
    rules.sort(key=lambda rule: (order.get(rule, len(order)), rule))
    by_rule: dict[str, list[tuple[int, str]]] = {rule: [] for rule in rules}
    for key in changes:
        by_rule[key[1]].append(key)
    rows, unlisted = _rows(changes, old, new, verdicts, listed)
    return Compared(
        totals=_figures(list(changes), changes, old, new, verdicts),
        penalties=_penalties(before, after),
        rules=tuple(
            RuleFigures(rule, names.get(rule, rule), _figures(by_rule[rule], changes, old, new, verdicts))
            for rule in rules
        ),
        rows=rows,
        unlisted=unlisted,
    )


def _change(old: Hit | None, new: Hit | None) -> Change:
    if old is None:
        return "new"
    if new is None:
        return "lost"
    return "same" if old.consequence == new.consequence else "changed"


def _figures(
    keys: list[tuple[int, str]],
    changes: Mapping[tuple[int, str], Change],
    old: Mapping[tuple[int, str], Hit],
    new: Mapping[tuple[int, str], Hit],
    verdicts: Verdicts,
) -> Figures:
    counted = Counter(changes[key] for key in keys)
    hits_old = [old[key] for key in keys if key in old]
    hits_new = [new[key] for key in keys if key in new]
    people_old = {hit.member for hit in hits_old if hit.touches and hit.member is not None}
    people_new = {hit.member for hit in hits_new if hit.touches and hit.member is not None}
    return Figures(
        before=len(hits_old),
        after=len(hits_new),
        new=counted["new"],
        lost=counted["lost"],
        changed=counted["changed"],
        same=counted["same"],
        people_before=len(people_old),
        people_after=len(people_new),
        touched_new=len(people_new - people_old),
        spared=len(people_old - people_new),
        precision_before=_precision(hits_old, verdicts),
        precision_after=_precision(hits_new, verdicts),
    )


def _precision(hits: Iterable[Hit], verdicts: Verdicts) -> Precision:
    if not verdicts:
        return Precision()
    found = Counter(verdict_on(verdicts, hit.seq, hit.rule) for hit in hits)
    return Precision(found["right"], found["wrong"])


def _penalties(before: Iterable[Hit], after: Iterable[Hit]) -> tuple[Penalties, ...]:
    old, new = (
        Counter(effect.partition(" ")[0] for hit in hits if hit.touches for effect in hit.effects)
        for hits in (before, after)
    )
    return tuple(Penalties(step, old[step], new[step]) for step in STEPS)


def _rows(
    changes: Mapping[tuple[int, str], Change],
    old: Mapping[tuple[int, str], Hit],
    new: Mapping[tuple[int, str], Hit],
    verdicts: Verdicts,
    listed: int,
) -> tuple[tuple[Row, ...], dict[str, int]]:
    telling = [key for key, change in changes.items() if change != "same"]
    plain = [key for key, change in changes.items() if change == "same"]
    kept = [*telling, *plain][:listed]
    left = Counter(changes[key] for key in [*telling, *plain][listed:])
    rows = tuple(_row(key, changes[key], old.get(key), new.get(key), verdicts) for key in sorted(kept))
    return rows, {change: left[change] for change in CHANGES if left[change]}


def _row(key: tuple[int, str], change: Change, old: Hit | None, new: Hit | None, verdicts: Verdicts) -> Row:
    hit = new or old
    assert hit is not None  # noqa: S101  (the key came from one of the two; for the type checker)
    return Row(
        seq=hit.seq,
        rule=hit.rule,
        change=change,
        at=hit.at,
        group=hit.group,
        member=hit.member,
        verdict=verdict_on(verdicts, *key),
        before=_side(old),
        after=_side(new),
    )


def _side(hit: Hit | None) -> Side | None:
    return None if hit is None else Side(hit.outcome, hit.strike, hit.effects, hit.sentence)
