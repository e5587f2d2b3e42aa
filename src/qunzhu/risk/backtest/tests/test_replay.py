"""A replay under the rulebook that was in force decides exactly what the live consumer decided."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.engine.evaluate import Decision
from qunzhu.kernel.engine.rules import compile_rulebook, load_rules, load_settings
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.backtest.replay import Replay, Stretch
from qunzhu.risk.policy import Order
from qunzhu.risk.state import World
from qunzhu.risk.tests.factories import GROUP, MEMBER, NOW

LONG = Stretch(NOW - timedelta(days=400), NOW + timedelta(days=400))
TEXTS = ("大家好", "限时优惠券 https://t.cn/abc", "看 https://t.cn/abc?utm_source=wx", "一起募集资金", "加 vx123456")


def compiled(rules: list[dict[str, Any]], version: int = 1) -> Any:
    return compile_rulebook(load_rules(rules), version=version, settings=load_settings(workplace()["settings"]))


class Log:
    """Events in order, and what a live order decided on each when it came."""

    def __init__(self) -> None:
        self.order = Order(World())
        self.events: list[Event] = []
        self.decided: list[Decision] = []
        self.tell("keywords.changed", {"added": [{"word": "募集资金", "category": "fundraising"}], "by": "t"})
        self.publish(workplace()["rules"], 1)

    def publish(self, rules: list[dict[str, Any]], version: int) -> None:
        held = workplace()["settings"]
        self.tell("rulebook.published", {"version": version, "by": "t", "rules": rules, "settings": held})

    def tell(self, kind: str, body: dict[str, Any], at: datetime = NOW, **more: Any) -> list[Decision]:
        seq = len(self.events) + 1
        event = Event(
            1, seq, event_id(seq), kind, more.get("group"), more.get("member"), at, at, "local",
            more.get("historic", False), body,
        )  # fmt: skip
        self.events.append(event)
        found = self.order.hear(event)
        self.decided += found
        return found

    def post(self, text: str, minutes: float, member: int = MEMBER, group: int = GROUP, **more: Any) -> list[Decision]:
        body = {"platform_id": "x", "text": text, "type": "text", "nickname": f"成员{member}"}
        return self.tell("message.posted", body, NOW + timedelta(minutes=minutes), member=member, group=group, **more)

    def replayed(self, trial: Any, stretch: Stretch = LONG, *, as_if_live: bool = False) -> list[Decision]:
        run = Replay(trial, stretch, as_if_live=as_if_live)
        found = [decision for event in self.events for decision in run.hear(event)]
        assert run.skipped == []
        return found


people, groups = st.integers(1, 3), st.integers(1, 2)
posts = st.tuples(st.just("post"), people, groups, st.sampled_from(TEXTS), st.booleans())
reports = st.tuples(st.just("report"), people, people)
others = st.tuples(st.sampled_from(("staff", "clear", "unmute", "reverse", "join", "word")), people, groups)
stories = st.lists(
    st.tuples(st.sampled_from((0, 0, 1, 5, 20, 90, 1500)), st.one_of(posts, posts, posts, reports, others)),
    min_size=5, max_size=60,
)  # fmt: skip


def live_through(log: Log, story: list[tuple[int, tuple[Any, ...]]]) -> None:
    minutes = 0.0
    for later, (kind, *what) in story:
        minutes += later
        at = NOW + timedelta(minutes=minutes)
        if kind == "post":
            member, group, text, historic = what
            log.post(text, minutes, member, group, historic=historic)
        elif kind == "report":
            log.tell("report.filed", {"target": what[1], "reason": "", "cause_seq": 1}, at, member=what[0], group=1)
        elif kind == "staff":
            log.tell("staff.changed", {"member": what[0], "role": (None, "moderator")[what[1] - 1], "by": "t"}, at)
        elif kind == "clear":
            until = (at + timedelta(hours=2)).isoformat()
            log.tell("clearance.granted", {"member": what[0], "until": until, "by": "t"}, at, member=what[0])
        elif kind == "reverse":
            cause = log.decided[-1].seq if log.decided else 1
            log.tell("penalty.reversed", {"cause_seq": cause, "rule": "x", "by": "t"}, at, member=what[0])
        elif kind == "word":
            log.tell("keywords.changed", {"added": [], "removed": ["募集资金"], "by": "t"}, at)
        else:
            body = {"by": "t", "nickname": "x", "via": "link", "platform_user_id": "u"}
            name = "member.unmuted" if kind == "unmute" else "member.joined"
            log.tell(name, body, at, member=what[0], group=what[1])


@settings(deadline=None)
@given(stories, st.integers(0, 3000))
def test_the_rulebook_in_force_decides_again_what_was_decided(story, begins):
    """From any moment on: what came before only warms up."""
    log = Log()
    live_through(log, story)
    trial = compiled(workplace()["rules"])
    assert log.replayed(trial) == log.decided
    since = NOW + timedelta(minutes=begins)
    later = Stretch(since, LONG.until)
    assert log.replayed(trial, later) == [d for d in log.decided if d.occurred_at >= since]


def test_a_draft_counts_from_before_its_stretch_and_older_versions_judge_before_it():
    log = Log()
    links = [r for r in workplace()["rules"] if r["id"] == "equal_links"]
    log.publish([], 2)  # nobody watches links any more
    for minute in range(5):
        log.post(TEXTS[2], minute)
    assert log.decided == []
    log.post(TEXTS[2], 6)
    stretch = Stretch(NOW + timedelta(minutes=6), LONG.until)
    (found,) = log.replayed(compiled(links, 0), stretch)
    assert (found.rule, found.outcome, found.facts["window.count"]) == ("equal_links", "live", 6)
    assert log.replayed(compiled(links, 0), Stretch(LONG.since, stretch.since)) == []


def test_imported_history_runs_as_if_it_had_been_live_when_asked():
    """A mute holds: the next equal links are silent instead of a strike each."""
    log = Log()
    for minute in range(9):
        log.post(TEXTS[2], minute, historic=True)
    links = compiled([r for r in workplace()["rules"] if r["id"] == "equal_links"])
    as_recorded = log.replayed(links)
    assert [(d.seq, d.outcome, d.step) for d in as_recorded] == [(8, "historic", "mute")]
    live = log.replayed(links, as_if_live=True)
    assert [(d.seq, d.outcome, d.step) for d in live] == [(8, "live", "mute"), (9, "yielded", "")]


def test_an_event_that_cannot_be_judged_is_put_aside_and_named():
    log = Log()
    log.post("大家好", 1)
    run = Replay(compiled(workplace()["rules"]), LONG, as_if_live=False)
    broken = Event(
        1, 3, event_id(3), "message.posted", GROUP, MEMBER, NOW, NOW, "local", False, {"text": 5, "type": "text"}
    )
    for event in [*log.events[:2], broken]:
        assert run.hear(event) == []
    assert run.skipped == [3]
