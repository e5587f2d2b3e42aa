"""Shares, rings, terms and proofs, in pure code."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.challenge.policy import (
    Refused,
    Terms,
    check_proof,
    check_terms,
    ring,
    say_opened,
    say_settled,
    settings_from,
    shares,
)

DAY = date(2026, 3, 2)
TERMS = Terms("早起", date(2026, 3, 3))


@given(st.integers(0, 10_000), st.lists(st.integers(1, 99), unique=True, max_size=30))
def test_the_pot_is_shared_to_the_last_point_and_nobody_gets_two_more_than_another(pot, members):
    got = shares(pot, members)
    assert list(got) == members
    if members:
        assert sum(got.values()) == pot
        assert max(got.values()) - min(got.values()) <= 1
        assert list(got.values()) == sorted(got.values(), reverse=True)


@given(st.lists(st.integers(1, 99), unique=True, min_size=2, max_size=30))
def test_everybody_has_one_buddy_and_is_one_buddy_of_somebody_else(members):
    buddies = ring(members)
    assert sorted(buddies) == sorted(buddies.values()) == sorted(members)
    assert all(member != buddy for member, buddy in buddies.items())


def test_one_alone_has_no_buddy():
    assert (ring([]), ring([5])) == ({}, {})


def test_the_days_of_a_challenge():
    assert (TERMS.last_day, TERMS.settles_on) == (date(2026, 3, 23), date(2026, 3, 25))
    assert Terms("早起", DAY, days=1, buddies=False).settles_on == date(2026, 3, 3)
    assert [TERMS.number_of(d) for d in (DAY, date(2026, 3, 3), TERMS.last_day)] == [0, 1, 21]
    assert settings_from({}) == (21, 20)
    assert settings_from({"engagement": {"challenge": {"days": 7, "stake": 5}}}) == (7, 5)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "长" * 41), ("days", 0), ("days", 101), ("need", 22), ("need", 0), ("stake", -1),
     ("stake", 10_001), ("proof", "video"), ("starts_on", DAY), ("about", "字" * 501)],
)  # fmt: skip
def test_terms_that_make_no_sense_name_the_field(field, value):
    wanted = {"name": "早起", "starts_on": date(2026, 3, 3), field: value}
    with pytest.raises(Refused) as refused:
        check_terms(Terms(**wanted), DAY)
    assert refused.value.code == field


def test_what_proves_a_day():
    check_proof(TERMS, words="今天六点起", picture=False)
    check_proof(TERMS, words="", picture=True)
    check_proof(Terms("早起", DAY, proof="picture"), words="", picture=True)
    for terms, words, picture in (
        (TERMS, "哈哈哈哈哈", False), (TERMS, "", False), (Terms("早起", DAY, proof="picture"), "今天六点起", False),
        (Terms("早起", DAY, proof="text"), " ", True),
    ):  # fmt: skip
        with pytest.raises(Refused):
            check_proof(terms, words=words, picture=picture)


def test_what_the_groups_read():
    assert say_opened(TERMS, "L") == (
        "新的打卡挑战“早起”，3月3日开始，21 天都要打卡，押 20 积分，完成的人退回押金并平分没完成的。"
        "发送“挑战 报名”参加。L"
    )
    assert say_opened(Terms("早起", DAY, days=7, need=5, stake=0), "") == (
        "新的打卡挑战“早起”，3月2日开始，7 天里完成 5 天打卡，不用押积分。发送“挑战 报名”参加。"
    )
    assert say_settled(TERMS, finished=2, people=5, pot=60) == (
        "打卡挑战“早起”结束，5 人参加，2 人完成，平分 60 积分。恭喜！"
    )
    assert say_settled(TERMS, finished=0, people=5, pot=100) == (
        "打卡挑战“早起”结束，5 人参加，这次没有人完成。下次再来！"
    )
