"""The calendar of mainland China: as published, with make-up days; a year nobody has published is unknown."""

from datetime import date

import pytest

from qunzhu.kernel.calendar import CHINA, calendar_of, published_years


@pytest.mark.parametrize(
    ("day", "kind", "name"),
    [
        (date(2026, 10, 1), "holiday", "国庆节"),
        (date(2026, 10, 4), "holiday", "国庆节"),  # a Sunday inside the holiday
        (date(2026, 10, 8), "work", ""),
        (date(2026, 10, 10), "work", ""),  # a Saturday that is worked (调休)
        (date(2026, 10, 11), "weekend", ""),
        (date(2026, 2, 17), "holiday", "春节"),
        (date(2026, 2, 14), "work", ""),
        (date(2026, 11, 24), "work", ""),
    ],
)
def test_days_of_a_published_year(day, kind, name):
    assert (CHINA.kind(day), CHINA.holiday(day)) == (kind, name)


def test_a_year_that_was_not_published_is_unknown():
    first = date(published_years()[-1] + 1, 1, 1)
    assert (CHINA.kind(first), CHINA.holiday(first)) == (None, "")
    assert CHINA.kind(date(1999, 10, 1)) is None
    assert 2026 in published_years()


def test_an_own_year_stands_before_the_published_ones():
    calendar = calendar_of([{"year": 2035, "off": ["2035-01-01"], "work": ["2035-01-06"]}])
    days = [calendar.kind(date(2035, 1, n)) for n in (1, 2, 6, 7)]
    assert days == ["holiday", "work", "work", "weekend"]
    assert calendar.holiday(date(2035, 1, 1)) == "假日"
    assert calendar.kind(date(2026, 10, 1)) == "holiday"
    assert calendar_of([]) is CHINA
