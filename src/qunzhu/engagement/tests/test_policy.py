"""Streaks and bonuses without a database."""

from datetime import date, timedelta

import pytest

from qunzhu.engagement import policy
from qunzhu.engagement.policy import CheckedIn, CheckInSettings, check_in
from qunzhu.engagement.streaks import Streaks

SETTINGS = CheckInSettings(points=2, streaks=((3, 10), (5, 50)))


def test_a_streak_grows_by_the_day_before_and_pays_its_bonus_once():
    made: dict[date, CheckedIn] = {}
    first = date(2028, 2, 27)  # over the end of a leap February
    streaks = Streaks(first)
    for n in (0, 1, 2, 3, 4, 5, 7):
        day = first + timedelta(days=n)
        made[day] = check_in(day, streaks, SETTINGS)
    assert [(str(c.day), c.streak, c.points) for c in made.values()] == [
        ("2028-02-27", 1, 2),
        ("2028-02-28", 2, 2),
        ("2028-02-29", 3, 12),
        ("2028-03-01", 4, 2),
        ("2028-03-02", 5, 52),
        ("2028-03-03", 6, 2),
        ("2028-03-05", 1, 2),
    ]


def test_settings_come_from_the_blueprint_or_their_defaults():
    assert policy.settings_from({}) == CheckInSettings(2, ((7, 10), (30, 50)))
    given = {"engagement": {"checkin": {"points": 3, "streaks": [{"days": 2, "bonus": 1}]}}}
    assert policy.settings_from(given) == CheckInSettings(3, ((2, 1),))
    assert policy.settings_from({"engagement": {"checkin": {"streaks": []}}}) == CheckInSettings(2, ())


@pytest.mark.parametrize(("streak", "expected"), [(0, (3, 10)), (2, (1, 10)), (3, (2, 50)), (4, (1, 50)), (5, None)])
def test_the_next_bonus(streak, expected):
    assert policy.next_bonus(streak, SETTINGS) == expected
