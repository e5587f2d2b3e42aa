"""The checklist's order, who is asked, who is left out."""

from datetime import UTC, datetime, timedelta

import pytest

from qunzhu.risk.incident.policy import (
    STEPS,
    Checklist,
    Position,
    Seat,
    Step,
    invitees,
    offenders,
    outcome_of,
    position,
)

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def upto(step, **more):
    """A checklist on which everything before `step` is done."""
    return Checklist(steps={name: Step("done") for name in STEPS[: STEPS.index(step)]}, **more)


def test_freeze_and_evidence_run_at_once_and_closing_asks():
    assert position(upto("freeze"), NOW) == Position("freeze", "run")
    assert position(upto("evidence"), NOW) == Position("evidence", "run")
    assert position(upto("close"), NOW) == Position("close", "ask")
    assert position(upto("close", confirmed=True), NOW) == Position("close", "run")


@pytest.mark.parametrize("step", ["rebuild", "invite", "announce", "finish"])
def test_what_the_setting_allows_runs_without_a_human(step):
    assert position(upto(step, allowed=frozenset({"close"})), NOW) == Position(step, "ask")
    assert position(upto(step, allowed=frozenset({"rebuild"})), NOW) == Position(step, "run")


@pytest.mark.parametrize("state", ["running", "waiting", "failed"])
def test_no_step_overtakes_another(state):
    checklist = upto("close", confirmed=True)
    checklist.steps["close"] = Step(state)
    assert position(checklist, NOW) == Position("close", "wait")


def test_a_skipped_step_is_passed_and_a_due_one_waits():
    checklist = upto("evidence", confirmed=True)
    checklist.steps["evidence"] = Step("skipped")
    assert position(checklist, NOW) == Position("close", "run")
    checklist = upto("invite", confirmed=True)
    checklist.steps["invite"] = Step("todo", due=NOW)
    assert position(checklist, NOW - timedelta(seconds=1)) == Position("invite", "wait")
    assert position(checklist, NOW) == Position("invite", "run")


def test_nothing_comes_after_the_end():
    checklist = Checklist(steps={name: Step("done") for name in STEPS}, confirmed=True)
    assert position(checklist, NOW).do == "nothing"
    assert position(upto("close", confirmed=True, ended=True), NOW).do == "nothing"


@pytest.mark.parametrize(
    ("results", "state"),
    [
        (["done", "emulated"], "done"),
        (["done", ""], "running"),
        (["task_created", "done"], "waiting"),
        (["failed", ""], "failed"),
        (["unsupported"], "failed"),
    ],
)
def test_a_step_stands_as_its_acts_do(results, state):
    assert outcome_of(dict(enumerate(results))) == state


def test_offenders_are_left_out_unless_their_penalty_was_taken_back():
    out = offenders([1], [(2, 20), (3, 30), (3, 31), (4, 40)], [20, 30])
    assert out == {1, 3, 4}
    seats = [Seat(n, f"m{n}") for n in (5, 3, 2, 1)]
    assert [s.member_id for s in invitees(seats, out)] == [2, 5]
