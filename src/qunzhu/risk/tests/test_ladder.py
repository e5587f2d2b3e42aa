"""The ladder against a naive model: expiry, strikes over groups, reversal, no lengthening, by hand beats automatic."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.risk.tests.factories import MEMBER, NOW, Story

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAYS, LIMIT, MINUTES = 3, 3, 60
BOOK = [
    {"id": "ad", "word": "优惠券", "strike": True, "then": [{"ladder": True}]},
    {"id": "rude", "word": "笨蛋", "strike": False, "then": [{"ladder": {"upto": "mute"}}]},
    {"id": "flood", "word": "刷屏", "strike": True, "then": [{"mute": {"minutes": MINUTES}}]},
]
WORDS = {rule["id"]: rule["word"] for rule in BOOK}
GROUPS = (3, 4)


def story():
    told = Story("none")
    rules = [
        {
            "id": r["id"], "chapter": "governance", "name": r["id"], "on": ["message.posted"], "strike": r["strike"],
            "when": {"fact": "message.text", "contains": r["word"]}, "then": r["then"], "explain": "{consequence}",
        }
        for r in BOOK
    ]  # fmt: skip
    ladder = {"mute_minutes": MINUTES, "strikes_to_remove": LIMIT, "strike_days": DAYS}
    told.publish(rules, {"zone": "Asia/Shanghai", "ladder": ladder})
    return told


@dataclass
class Given:
    seq: int
    rule: str
    group: int
    step: str
    at: datetime
    strike: bool
    taken_back: bool = False
    over: bool = False  # ended by hand, or the member was let in again


@dataclass
class Naive:
    """Remembers every penalty and works everything out anew, from the sentences of docs/governance.md."""

    given: list[Given] = field(default_factory=list)
    by_hand: dict[int, datetime] = field(default_factory=dict)  # group → until when
    lifted: dict[str, datetime] = field(default_factory=dict)  # rule → until when it may not come again

    def counting(self, at):
        today = at.astimezone(SHANGHAI).date()
        alive = [g for g in self.given if not g.taken_back]
        return [g for g in alive if (today - g.at.astimezone(SHANGHAI).date()).days < DAYS]

    def holding(self, group, at):
        """The mute or removal that runs: (rule, whether a removal), by hand first."""
        if self.by_hand.get(group, at) > at:
            return "staff", False
        for one in reversed(self.given):
            if one.group != group or one.taken_back or one.over:
                continue
            if one.step == "remove":
                return one.rule, True
            if one.step == "mute" and at < one.at + timedelta(minutes=MINUTES):
                return one.rule, False
        return None

    def expect(self, rule, group, at):
        """The step that follows, "" for none."""
        counting = self.counting(at)
        strikes = sum(g.strike for g in counting)
        entry = next(r for r in BOOK if r["id"] == rule)
        position = len(counting) + 1
        step = "mute"
        if rule != "flood":
            step = "warn" if position == 1 else "remove" if position >= LIMIT and rule == "ad" else "mute"
        if entry["strike"] and strikes + 1 >= LIMIT:
            step = "remove"
        holds = self.holding(group, at)
        if holds is not None:
            name, removed = holds
            if name == "staff" or removed or name == rule or step != "remove":
                return ""
        return "" if self.lifted.get(rule, at) > at else step


acts = st.one_of(
    st.tuples(st.just("post"), st.sampled_from(sorted(WORDS)), st.sampled_from(GROUPS)),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 59, 60, 61, 600, 1439, 1440, 4000]), st.just(0)),
    st.tuples(st.just("reverse"), st.integers(0, 8), st.just(0)),
    st.tuples(st.just("mute"), st.sampled_from([10, 120]), st.sampled_from(GROUPS)),
    st.tuples(st.just("unmute"), st.just(0), st.sampled_from(GROUPS)),
    st.tuples(st.just("join"), st.just(0), st.sampled_from(GROUPS)),
)


class Pair:
    """The product and the model, told the same."""

    def __init__(self) -> None:
        self.story, self.model, self.at = story(), Naive(), NOW

    def post(self, rule, group) -> None:
        minutes = (self.at - NOW).total_seconds() / 60
        decided = [d for d in self.story.post(WORDS[rule], minutes=minutes, group=group) if d.outcome == "live"]
        expected = self.model.expect(rule, group, self.at)
        assert [(d.rule, d.step) for d in decided] == ([(rule, expected)] if expected else [])
        if not expected:
            return
        (decision,) = decided
        strike = next(r for r in BOOK if r["id"] == rule)["strike"]
        assert decision.strike is strike
        if strike:
            day = self.at.astimezone(SHANGHAI).date() + timedelta(days=DAYS)
            midnight = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)
            assert decision.strike_until == midnight.isoformat()
        self.model.given.append(Given(self.story.seq, rule, group, expected, self.at, strike))
        self.model.by_hand.pop(group, None)  # ended already, or it would have held

    def reverse(self, number) -> None:
        alive = [g for g in self.model.given if not g.taken_back]
        if number >= len(alive):
            return
        alive[number].taken_back = True
        body = {"cause_seq": alive[number].seq, "rule": alive[number].rule, "by": "owner"}
        self.story.tell("penalty.reversed", body, at=self.at, group_id=alive[number].group, member_id=MEMBER)

    def mute(self, minutes, group) -> None:
        until = self.at + timedelta(minutes=minutes)
        for one in self.model.given:
            one.over = one.over or one.group == group  # what people do takes the place of what the rules did
        self.model.by_hand[group] = until
        self.hand("member.muted", group, {"until": until.isoformat(), "by": "owner:1"})

    def unmute(self, group) -> None:
        holds = self.model.holding(group, self.at)
        runs = [g for g in self.model.given if g.group == group and not g.taken_back and not g.over]
        last = next((g for g in reversed(runs) if g.step in {"mute", "remove"}), None)
        if last is not None and holds == (last.rule, False):
            until = last.at + timedelta(minutes=MINUTES)
            self.model.lifted[last.rule] = max(until, self.model.lifted.get(last.rule, until))
        self.end(group)
        self.hand("member.unmuted", group, {"by": "owner:1"})

    def join(self, group) -> None:
        self.end(group)
        self.hand("member.joined", group, {"nickname": "小林", "via": "link", "platform_user_id": "x"})

    def end(self, group) -> None:
        for one in self.model.given:
            one.over = one.over or one.group == group
        self.model.by_hand.pop(group, None)

    def hand(self, kind, group, body) -> None:
        self.story.tell(kind, body, at=self.at, group_id=group, member_id=MEMBER)


@given(st.lists(acts, max_size=40))
@settings(max_examples=300, deadline=None)
def test_the_ladder_is_what_the_documents_say(script):
    pair = Pair()
    for act, value, group in script:
        if act == "wait":
            pair.at += timedelta(minutes=value)
        elif act == "post":
            pair.post(value, group)
        elif act == "reverse":
            pair.reverse(value)
        elif act == "mute":
            pair.mute(value, group)
        else:
            getattr(pair, act)(group)
    assert pair.story.order.tally.failed == {}


def test_a_strike_ends_with_its_last_day_to_the_minute():
    pair = Pair()
    pair.post("ad", 3)
    last = datetime(2026, 11, 26, 23, 59, tzinfo=SHANGHAI)
    pair.at = last
    assert pair.model.expect("ad", 3, last) == "mute"
    pair.post("ad", 3)
    pair = Pair()
    pair.post("ad", 3)
    pair.at = last + timedelta(minutes=1)
    assert pair.model.expect("ad", 3, pair.at) == "warn"
    pair.post("ad", 3)


def test_three_strikes_count_over_groups_whatever_order_they_come_in():
    for groups in ((3, 4, 4), (3, 4, 3), (4, 4, 3)):
        pair = Pair()
        for group in groups:
            pair.post("ad", group)
            pair.at += timedelta(hours=2)
        assert [(g.group, g.step) for g in pair.model.given] == list(
            zip(groups, ("warn", "mute", "remove"), strict=True)
        )


def test_a_reversal_gives_the_lower_step_back():
    pair = Pair()
    for _ in range(2):
        pair.post("ad", 3)
        pair.at += timedelta(hours=2)
    pair.reverse(0)
    pair.post("ad", 3)
    assert [g.step for g in pair.model.given] == ["warn", "mute", "mute"]


def test_what_yields_says_why():
    told = Story("daily_cap", "equal_links")
    for n in range(6):
        decided = told.post("看这个 https://example.com/a", minutes=n)
    assert [(d.rule, d.outcome, d.yield_reason) for d in decided] == [
        ("daily_cap", "yielded", "severer"), ("equal_links", "live", ""),
    ]  # fmt: skip
    decided = told.post("看这个 https://example.com/a", minutes=7)
    assert [(d.rule, d.yielded_to, d.yield_reason) for d in decided] == [("daily_cap", "equal_links", "running")]
    assert told.post("看这个 https://example.com/a", minutes=8) == []  # one more try says nothing new


def test_a_reversed_daily_cap_does_not_come_back_the_same_day():
    told = Story("daily_cap")
    for n in range(6):
        decided = told.post(minutes=n)
    body = {"cause_seq": decided[0].seq, "rule": "daily_cap", "by": "owner"}
    told.tell("penalty.reversed", body, at=NOW + timedelta(minutes=7), group_id=3, member_id=MEMBER)
    (again,) = told.post(minutes=8)
    assert (again.outcome, again.yielded_to, again.yield_reason) == ("yielded", "staff", "pardoned")
    assert again.sentence.startswith(
        "小林，今天已发 7 条（群规 2.1，上限 5 条），管理员已撤销过同一处理，系统不再重复。"
    )
    assert told.post(minutes=9) == []  # said once a day
    tomorrow = 24 * 60
    for n in range(5):
        assert told.post(minutes=tomorrow + n) == []
    assert [d.step for d in told.post(minutes=tomorrow + 5)] == ["warn"]


def test_a_persons_mute_is_not_overruled():
    told = Story("ad_without_clearance")
    until = (NOW + timedelta(hours=1)).isoformat()
    told.tell("member.muted", {"until": until, "by": "owner:1"}, group_id=3, member_id=MEMBER)
    (decided,) = told.post("限时优惠券 https://t.cn/abc", minutes=1)
    assert (decided.outcome, decided.yield_reason) == ("yielded", "manual")
    assert "管理员已亲自处理，系统不再加重" in decided.sentence
    assert told.order.subjects[f"m:{MEMBER}"].standing.marks == []


def test_a_rule_may_ask_for_the_weight_of_reports_besides():
    told = Story("none")
    rule = {
        "id": "member_reported", "chapter": "risk", "name": "多人举报", "on": ["report.filed"], "explain": "{count}",
        "window": {"of": "report", "count": "distinct", "per": "member", "hours": 24},
        "when": {"all": [{"fact": "window.count", "at_least": 2}, {"fact": "report.weight", "at_least": 1.5}]},
        "then": [{"case": {"kind": "member_reported", "urgency": "orange"}}],
    }  # fmt: skip
    told.publish([rule], {})
    found = []
    for number in (1, 2, 3, 4):
        body = {"target": MEMBER, "reason": "广告", "cause_seq": 1, "weight": 0.5, "total": number * 0.5}
        found.append(told.tell("report.filed", body, group_id=3, member_id=100 + number))
    assert [[d.facts["report.weight"] for d in decided] for decided in found] == [[], [], [1.5], [2.0]]
    assert told.report(200) == []  # a report of before there were weights says nothing of it
