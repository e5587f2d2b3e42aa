"""What counts, without a database."""

from datetime import UTC, date, datetime
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.tasks import policy
from qunzhu.engagement.tasks.policy import Counted, Ground, Standing, Unit, ground_of, index, period_of, units_from
from qunzhu.kernel.blueprint.chapters.engagement import usual_tasks
from qunzhu.kernel.events.schema import Event

AT = datetime(2026, 11, 24, 4, tzinfo=UTC)
TODAY = date(2026, 11, 24)


def event(kind: str, seq: int = 9, member: int | None = 1, group: int | None = 5, **body) -> Event:
    return Event(3, seq, UUID(int=seq), kind, group, member, AT, AT, "local", False, body)


def unit(**more) -> Unit:
    return Unit(
        **{"id": "t", "task": "t", "kind": "daily", "name": "T", "on": "message", "count": 1, "period": "day"} | more
    )


def test_the_usual_tasks_compile_to_units_a_path_after_its_steps():
    units = units_from({"engagement": {"tasks": msgspec.to_builtins(usual_tasks())}}, {})
    assert [(u.id, u.on, u.count, u.period) for u in units] == [
        ("newcomer.rules", "consent", 1, "once"),
        ("newcomer.checkin", "checkin", 1, "once"),
        ("newcomer.hello", "message", 1, "once"),
        ("newcomer.answer", "reply", 1, "once"),
        ("newcomer.points", "page", 1, "once"),
        ("newcomer", "step", 5, "once"),
        ("talk", "message", 3, "day"),
        ("week-checkin", "checkin", 5, "week"),
        ("week-people", "reply", 5, "week"),
        ("quality", "quality", 3, "month"),
        ("report", "report", 2, "month"),
    ]
    assert policy.decode(msgspec.to_builtins(units)) == units
    assert {kind: len(heard) for kind, heard in index(units).items()} == {
        "consent.given": 1, "checkin.done": 2, "message.posted": 4, "page.opened": 1, "task.completed": 1,
        "quality.marked": 1, "report.upheld": 1,
    }  # fmt: skip


def test_a_task_as_short_as_a_blueprint_may_have_it():
    (one,) = units_from({"engagement": {"tasks": [{"id": "t", "name": "T", "kind": "daily"}]}}, {})
    assert one == unit()
    assert units_from({}, {}) == []


def test_periods_have_names():
    assert [period_of(p, date(2027, 1, 2)) for p in ("day", "week", "month", "once")] == [
        "2027-01-02", "2026-W53", "2027-01", "once",
    ]  # fmt: skip


def test_what_counts_and_what_does_not():
    reply = unit(on="reply", distinct="people")
    assert ground_of(reply, event("message.posted", reply_to=4), {4: 2}) == Ground(1, "m:9", "2")
    assert ground_of(reply, event("message.posted", reply_to=4), {4: 1}) is None  # to oneself
    assert ground_of(reply, event("message.posted", reply_to=4), {}) is None
    hello = unit(words=("大家好",), min_length=5)
    assert ground_of(hello, event("message.posted", text="大家好，我是小林"), {}) == Ground(1, "m:9", "m:9")
    assert ground_of(hello, event("message.posted", text="大家好"), {}) is None
    assert ground_of(unit(group=6), event("message.posted", text="x"), {}) is None
    assert ground_of(unit(on="quality"), event("quality.marked", message=4), {}) == Ground(1, "q:4", "q:4")
    assert ground_of(unit(on="report"), event("report.upheld", report=4), {}) == Ground(1, "r:4", "r:4")
    assert ground_of(unit(on="invite"), event("member.joined", member=7, inviter=1), {}) == Ground(1, "j:7", "7")
    assert ground_of(unit(on="invite"), event("member.joined", member=7), {}) is None
    assert ground_of(unit(on="command", command="points"), event("command.posted", command="help"), {}) is None
    assert ground_of(unit(on="page", page="points"), event("page.opened", page="points"), {}) == Ground(
        1, "p:points", "p:points"
    )
    assert ground_of(unit(on="step"), event("task.completed", task="t", unit="t", period="once"), {}) is None


def test_what_takes_a_ground_back():
    assert policy.voided(event("message.recalled", target=4)) == ("m:4", "taken_back")
    assert policy.voided(event("quality.unmarked", message=4)) == ("q:4", "taken_back")
    assert policy.voided(event("report.overturned", report=4)) == ("r:4", "taken_back")
    assert policy.voided(event("penalty.reversed", cause_seq=4)) == ("m:4", "")
    live = {"outcome": "live", "cause_seq": 4, "effects": [{"kind": "warn"}]}
    assert policy.voided(event("decision.made", **live)) == ("m:4", "punished")
    assert policy.voided(event("decision.made", **live | {"outcome": "shadow"})) is None
    assert policy.voided(event("decision.made", **live | {"effects": [{"kind": "say"}]})) is None
    assert policy.voided(event("case.decided", step="mute", cause_seq=4)) == ("m:4", "punished")


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["add", "punish", "pardon", "recall"])), max_size=40))
def test_completed_is_what_stands_and_every_turn_ends_before_the_next(acts):
    standing, turns = Standing(goal=3), []
    for seq, (source, act) in enumerate(acts):
        if act == "add":
            standing.add(f"m:{source}", Counted(f"m:{source}", TODAY, seq))
        else:
            standing.void(f"m:{source}", {"punish": "punished", "pardon": "", "recall": "taken_back"}[act], seq)
        if what := standing.settle(AT):
            turns.append((what, standing.turn))
        assert (standing.completed_at is not None) == (standing.count >= 3)
    assert turns == [(("done", "back")[n % 2], n // 2 + 1) for n in range(len(turns))]


def test_distinct_people_and_the_cap_of_a_day():
    standing = Standing(goal=5, per_day=2)
    assert [standing.add(f"m:{n}", Counted(str(n % 3), TODAY, n)) for n in range(4)] == [True, True, False, False]
    assert standing.add("m:9", Counted("0", date(2026, 11, 25), 9))
    assert standing.count == 2
