"""Two sets of hits against each other."""

from datetime import UTC, datetime, timedelta
from typing import Any

from qunzhu.risk.backtest.compare import Hit, Precision, compare, verdict_on

AT = datetime(2026, 11, 24, 4, tzinfo=UTC)


def hit(seq: int, rule: str = "cap", *, effects: tuple[str, ...] = ("warn",), **more: Any) -> Hit:
    fields = {"group": 3, "member": seq % 10, "outcome": "live", "strike": False, "sentence": "…"} | more
    return Hit(seq=seq, rule=rule, at=AT + timedelta(minutes=seq), effects=effects, **fields)


def test_hits_are_new_lost_changed_or_the_same():
    before = [hit(1), hit(2), hit(3), hit(4, outcome="historic")]
    after = [hit(2), hit(3, effects=("mute 60",)), hit(4), hit(5), hit(5, "links", outcome="shadow")]
    found = compare(before, after, names={"cap": "上限", "links": "链接"}, verdicts={})
    assert [(r.seq, r.rule, r.change) for r in found.rows] == [
        (1, "cap", "lost"), (2, "cap", "same"), (3, "cap", "changed"), (4, "cap", "same"), (5, "cap", "new"),
        (5, "links", "new"),
    ]  # fmt: skip
    totals = found.totals
    assert (totals.before, totals.after, totals.new, totals.lost, totals.changed, totals.same) == (4, 5, 2, 1, 1, 2)
    # 1 is spared, 5 is touched for the first time; the rule on trial touches nobody.
    assert (totals.people_before, totals.people_after, totals.touched_new, totals.spared) == (4, 4, 1, 1)
    assert [(p.step, p.before, p.after) for p in found.penalties if p.before or p.after] == [
        ("warn", 4, 3), ("mute", 0, 1),
    ]  # fmt: skip
    assert [(r.rule, r.name, r.figures.after) for r in found.rules] == [("cap", "上限", 4), ("links", "链接", 1)]
    assert found.unlisted == {}


def test_precision_counts_reviewed_hits_only_and_the_rules_own_verdict_first():
    verdicts = {1: {"cap": "wrong", "links": "right"}, 2: {"": "right"}, 3: {"other": "wrong", "": "right"}}
    assert [verdict_on(verdicts, s, r) for s, r in ((1, "cap"), (1, "links"), (2, "cap"), (3, "cap"), (4, "cap"))] == [
        "wrong", "right", "right", "wrong", "",
    ]  # fmt: skip
    found = compare([hit(1), hit(2)], [hit(2), hit(4)], names={}, verdicts=verdicts)
    assert (found.totals.precision_before, found.totals.precision_after) == (Precision(1, 1), Precision(1, 0))
    assert found.totals.precision_before.share == 0.5
    assert Precision().share is None


def test_what_does_not_fit_is_counted_and_differences_are_listed_first():
    before = [hit(n) for n in range(10)]
    after = [hit(n) for n in range(5, 15)]
    found = compare(before, after, names={}, verdicts={}, listed=12)
    assert [r.change for r in found.rows].count("same") == 2
    assert found.unlisted == {"same": 3}
    found = compare(before, after, names={}, verdicts={}, listed=7)
    assert (len(found.rows), found.unlisted) == (7, {"new": 3, "same": 5})
