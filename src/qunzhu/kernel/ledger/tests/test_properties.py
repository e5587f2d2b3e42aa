"""Whatever is posted and undone, in whatever order: sums stay zero, members stay above zero, a model agrees."""

from typing import Any

import hypothesis.strategies as st
import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.ledger.selectors import balances, check_ledger
from qunzhu.kernel.ledger.services import Insufficient, KeyReused, Leg, NotReversible, post, reverse

OWNERS = ["m:1", "m:2", "m:3", "sys:issue", "sys:mall"]


class Ledger(RuleBasedStateMachine):
    community = 1000

    def __init__(self) -> None:
        super().__init__()
        type(self).community += 1
        self.model = dict.fromkeys(OWNERS, 0)
        self.posted: dict[str, tuple[Leg, ...]] = {}
        self.reversed: set[str] = set()
        self.number = 0

    def allowed(self, legs: tuple[Leg, ...]) -> bool:
        after = dict(self.model)
        for leg in legs:
            after[leg.owner] += leg.amount
        touched = {leg.owner for leg in legs}
        return all(after[o] >= 0 for o in touched if o.startswith("m:"))

    def apply(self, legs: tuple[Leg, ...]) -> None:
        for leg in legs:
            self.model[leg.owner] += leg.amount

    @rule(giver=st.sampled_from(OWNERS), taker=st.sampled_from(OWNERS), amount=st.integers(1, 20))
    def transfer(self, giver: str, taker: str, amount: int) -> None:
        self.number += 1
        key = f"k{self.number}"
        legs = (Leg(giver, "PTS", -amount), Leg(taker, "PTS", amount))
        values: dict[str, Any] = {"community_id": self.community, "key": key, "kind": "t", "legs": legs, "now": NOW}
        if self.allowed(legs):
            assert post(**values).duplicate is False
            self.apply(legs)
            self.posted[key] = legs
        else:
            with pytest.raises(Insufficient):
                post(**values)

    @precondition(lambda self: self.posted)
    @rule(data=st.data(), same=st.booleans())
    def repeat(self, data: st.DataObject, same: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.posted)))
        values: dict[str, Any] = {"community_id": self.community, "key": key, "legs": self.posted[key], "now": NOW}
        if same:
            assert post(kind="t", **values).duplicate is True
        else:
            with pytest.raises(KeyReused):
                post(kind="other", **values)

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.posted)))
        mirror = tuple(Leg(leg.owner, leg.unit, -leg.amount) for leg in self.posted[key])
        of = post(community_id=self.community, key=key, kind="t", legs=self.posted[key], now=NOW).id
        self.number += 1
        values: dict[str, Any] = {"community_id": self.community, "key": f"undo{self.number}", "of": of, "now": NOW}
        if key in self.reversed:
            with pytest.raises(NotReversible):
                reverse(**values)
        elif self.allowed(mirror):
            reverse(**values)
            self.apply(mirror)
            self.reversed.add(key)
        else:
            with pytest.raises(Insufficient):
                reverse(**values)

    @invariant()
    def agrees_with_the_model(self) -> None:
        assert balances(self.community, OWNERS) == self.model
        assert sum(self.model.values()) == 0
        assert check_ledger(self.community) == []


@pytest.mark.django_db
def test_the_ledger_behaves_like_its_model():
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    assert connection.in_atomic_block
