"""The headline of a case is the decision that counted."""

from qunzhu.console.reading.cases import weightiest_first
from qunzhu.kernel.engine.models import Decision


def test_the_red_decision_leads_whatever_else_was_concluded():
    made = [
        Decision(seq=seq, rule=rule, level=level, outcome=outcome)
        for seq, rule, level, outcome in (
            (9, "ads", "yellow", "yielded"),
            (9, "clean", "red", "cleared"),
            (8, "links", "red", "live"),
            (9, "hint", "", "live"),
            (9, "red_keyword", "red", "live"),
            (9, "trial", "orange", "shadow"),
        )
    ]
    assert [d.rule for d in weightiest_first(made, 9)] == ["red_keyword", "hint", "links", "trial", "clean", "ads"]
