"""Streaks are those of the set of days, in whatever order the days came; bonuses are paid once."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.policy import CheckInSettings, bonus_between
from qunzhu.engagement.streaks import Streaks, all_streaks

FIRST = date(2028, 2, 20)
ORDERS = st.lists(st.integers(0, 40), unique=True, max_size=41)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def plainly(days: set[date], on: date) -> int:
    return 0 if on not in days else 1 + plainly(days, on - timedelta(days=1))


@given(ORDERS)
def test_any_order_of_days_gives_the_streaks_of_the_set(order):
    streaks = Streaks(FIRST)
    for n in order:
        streaks.add(day(n))
    days = {day(n) for n in order}
    expected = {one: plainly(days, one) for one in days}
    assert {one: streaks.upto(one) for one in days} == expected
    assert all_streaks(days, FIRST) == expected


@given(ORDERS, st.integers(1, 40))
def test_a_window_with_the_streak_before_it_says_the_same(order, start):
    days = {day(n) for n in order}
    window = {one for one in days if one >= day(start)}
    before = plainly(days, day(start - 1))
    known = Streaks(day(start), before, set(window))
    assert {one: known.upto(one) for one in window} == {one: plainly(days, one) for one in window}
    assert all_streaks(window, day(start), before) == {one: plainly(days, one) for one in window}


@given(ORDERS)
def test_a_length_is_paid_when_a_run_reaches_it_and_never_again_in_that_run(order):
    streaks = Streaks(FIRST)
    paid: dict[date, set[int]] = {}  # day → lengths that were paid in its run
    for n in order:
        reached = streaks.add(day(n))
        first = day(n) - timedelta(days=reached.streak - 1)
        run = [first + timedelta(days=k) for k in range(reached.run)]
        had = set().union(*(paid.get(one, set()) for one in run))
        new = set(range(reached.settled + 1, reached.run + 1))
        assert not had & new
        assert had | new == set(range(1, reached.run + 1))
        paid |= dict.fromkeys(run, had | new)


def test_bonuses_between_two_lengths():
    settings = CheckInSettings(streaks=((3, 10), (5, 50)))
    assert [bonus_between(a, b, settings) for a, b in ((2, 3), (3, 4), (2, 5), (3, 3), (0, 9))] == [10, 0, 60, 0, 60]


def test_the_latest_gap_has_a_check_in_before_it():
    streaks = Streaks(day(0), days={day(2), day(3), day(5), day(8)})
    assert streaks.gap(day(8), 7) == day(7)
    assert streaks.gap(day(6), 7) == day(4)
    assert streaks.gap(day(3), 7) is None  # nobody was here before
    assert Streaks(day(0)).gap(day(8), 7) is None
    assert Streaks(day(3), before=2).gap(day(4), 7) == day(3)
