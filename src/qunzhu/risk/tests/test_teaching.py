"""Which events are verdicts on which rule, and what a verdict teaches."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from qunzhu.kernel.events.schema import Event
from qunzhu.risk.teaching import Judged, by_a_human, categories_of, judged

AT = datetime(2026, 3, 2, tzinfo=UTC)


def event(kind, seq=9, /, **body):
    return Event(1, seq, UUID(int=seq), kind, 3, 4, AT, AT, "qunzhu", False, body)


def decision(action, kind="rule_review", seq=9):
    return event("case.decided", seq, kind=kind, action=action, rule="ads", cause_seq=5, by="mod")


@pytest.mark.parametrize(
    ("told", "right"),
    [
        (decision("warn"), True),
        (decision("rebuild", "red_keyword"), True),
        (decision("remove_raiders", "raid"), True),
        (decision("dismiss"), False),
        (decision("unfreeze", "raid"), False),
        (decision("unfreeze", "red_keyword"), None),
        (decision("announce"), None),
        (event("appeal.rejected", penalty=5, rule="ads", by="mod"), True),
        (event("appeal.rejected", penalty=5, rule="human", by="mod"), None),
        (event("penalty.reversed", cause_seq=5, rule="ads", by="mod"), False),
        (event("case.decided", kind="effect_task", action="mark_done", by="mod"), None),
    ],
)
def test_what_says_something_of_a_rule(told, right):
    assert judged(told, {}) == (None if right is None else Judged(5, "ads", right, "mod"))


def test_a_human_s_penalty_taken_back_takes_back_what_it_said_of_the_rule():
    taken = event("penalty.reversed", 12, cause_seq=9, rule="human", by="boss", of_case=2)
    assert by_a_human(taken) == 9
    assert judged(taken, {9: decision("mute")}) == Judged(5, "ads", False, "boss")
    assert judged(taken, {9: event("penalty.given")}) is None  # by hand: no rule was meant
    assert judged(taken, {}) is None
    assert by_a_human(event("penalty.reversed", cause_seq=5, rule="ads", by="x")) is None


def test_only_what_was_found_is_taught():
    facts = {
        "verdict.fraud": 0.785, "reasons.fraud": ["借款"], "verdict.porn": 0.045, "reasons.porn": None,
        "verdict.gambling": 0.35, "reasons.gambling": [],
    }  # fmt: skip
    assert categories_of(facts) == ("fraud",)
    assert categories_of({"ad.looks": True, "verdict.contact": 0.2, "reasons.contact": None}) == ("ad",)
    assert categories_of({"verdict.ad": 0.7, "verdict.porn": 0.6, "verdict.fraud": 0.1}) == ("ad", "porn")
    assert categories_of({"verdict.ad": 0.2, "verdict.porn": 0.3}) == ("porn",)
    assert categories_of({"messages": 6}) == ()
