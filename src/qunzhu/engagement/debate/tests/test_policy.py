"""Debates in pure code: sides, turns, days, and that points and votes never exceed what was said."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.debate import policy
from qunzhu.engagement.debate.policy import Ballot, Refused, Said, Settings, Topic
from qunzhu.kernel.calendar import CHINA

PEOPLE = st.integers(1, 8)


@pytest.mark.parametrize(
    ("text", "side"),
    [
        ("正方：先看薪资", "pro"), ("反方 先看成长", "con"), ("【反方】成长", "con"), ("  正方先拿钱", "pro"),
        ("我是正方", ""),
        ("", ""), ("正", ""),
    ],
)  # fmt: skip
def test_the_side_a_message_begins_with(text, side):
    assert policy.spoken_for(text) == side


def test_an_argument_is_long_and_says_something():
    assert policy.long_enough("正方：薪资是市场对能力最直接的定价先拿", 15)
    assert not policy.long_enough("正方：" + "哈" * 60, 15)
    assert not policy.long_enough("正方：钱。。。。。。。。。。。。。。。。。。", 15)


def test_the_stance_of_a_message():
    assert policy.stance("正方：好", "free", "", "") == "pro"
    assert policy.stance("正方：好", "free", "con", "") == ""
    assert policy.stance("同意", "free", "", "con") == "con"
    assert policy.stance("反驳", "free", "pro", "con") == "pro"
    assert policy.stance("闲聊", "free", "pro", "") == ""
    assert policy.stance("闲聊", "sign_up", "pro", "con") == "pro"


def test_days_in_the_community_s_own_zone():
    rules, noon = Settings(), datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    assert policy.last_slot(rules, noon, "Asia/Shanghai", CHINA) == (date(2026, 11, 28), noon)
    found = policy.last_slot(rules, noon, "America/New_York", CHINA)
    assert found is not None
    assert (found[0], found[1].astimezone(UTC)) == (date(2026, 11, 21), datetime(2026, 11, 22, 1, 0, tzinfo=UTC))
    assert [day for day, _ in policy.coming_slots(rules, noon, "Asia/Shanghai", CHINA, 2)] == [
        date(2026, 12, 5), date(2026, 12, 12),
    ]  # fmt: skip


BAD = (
    "问题",
    "问题 | 一",
    "问题 | 一 | 一",
    "问 | 1 | 2 | 3 | 4 | 5 | 6 | 7",
    "问 | 一 | 二 | 9999小时",
    "问" * 101 + "|一|二",
)


@pytest.mark.parametrize("words", BAD)
def test_questions_that_are_none(words):
    with pytest.raises(Refused):
        policy.read_question(words)


def test_a_question_on_one_line_or_on_several():
    wanted = policy.Question("聚会哪天", ("周六", "周日"), 120)
    assert policy.read_question(" 聚会哪天 | 周六｜周日 | 2小时") == wanted
    assert policy.read_question("聚会哪天\n周六\n周日\n2小时") == wanted


SPOKEN = st.lists(st.tuples(PEOPLE, st.sampled_from(["pro", "con"])), max_size=20)
VOTES = st.tuples(st.sampled_from(["", "pro", "con"]), st.none() | st.integers(1, 20))


@given(SPOKEN, st.dictionaries(PEOPLE, VOTES, max_size=8))
def test_prizes_are_once_a_member_and_reason_and_votes_add_up(spoken, votes):
    said = [Said(n, member, side) for n, (member, side) in enumerate(spoken, 1)]
    ballots = {member: Ballot(*ballot) for member, ballot in votes.items()}
    came = policy.outcome(said, ballots, Settings())
    given_ = policy.prizes(said, came, Settings())
    assert sum(came.votes.values()) == came.voters <= len(ballots)
    keys = [(member, why) for member, why, _ in given_]
    assert len(keys) == len(set(keys))
    assert {member for member, _ in keys} <= {a.member_id for a in said}
    assert sum(why == "best" for _, why in keys) <= 1


@given(st.permutations([Topic(n, last) for n, last in ((1, 4), (2, 0), (3, 2), (4, 0))]))
def test_turns_do_not_depend_on_the_order_of_rows(topics):
    assert [t.number for t in policy.in_turn(topics)] == [2, 4, 3, 1]
