"""Ranks, ties and the hour of closing."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.honours.policy import Place, Scored, Top, changes, ranked, settings_from, top_of, week_due
from qunzhu.kernel.blueprint.chapters.engagement import Badge, Honour


def scored(*points):
    return [Scored(number, one) for number, one in enumerate(points, 1)]


def test_equal_points_share_a_rank():
    assert [p.rank for p in ranked(scored(9, 7, 7, 3))] == [1, 2, 2, 4]


def test_all_who_tie_for_the_last_place_are_named_up_to_twice_as_many():
    assert top_of(scored(9, 7, 7, 3), 2) == Top((Place(1, 9, 1), Place(2, 7, 2), Place(3, 7, 2)))
    cut = top_of(scored(9, *[7] * 9), 2)
    assert ([p.member for p in cut.places], cut.more) == ([1, 2, 3, 4], 6)
    assert top_of([], 10) == Top(())


@given(st.lists(st.integers(1, 6), max_size=40), st.integers(1, 12))
def test_the_beginning_of_a_list_and_its_level_say_the_same_as_all_of_it(points, top):
    rows = scored(*sorted(points, reverse=True))
    whole, begun = top_of(rows, top), rows[: 2 * top]
    last = whole.places[-1].points if whole.places else 0
    assert top_of(begun, top, level=sum(r.points == last for r in rows)) == whole
    for place in whole.places:
        assert place.rank == 1 + sum(r.points > place.points for r in rows)


@pytest.mark.parametrize(
    ("now", "week"),
    [
        (datetime(2026, 11, 30, 0, 59, tzinfo=UTC), date(2026, 11, 16)),
        (datetime(2026, 11, 30, 1, 0, tzinfo=UTC), date(2026, 11, 23)),
        (datetime(2026, 12, 6, 15, 59, tzinfo=UTC), date(2026, 11, 23)),
    ],
)
def test_the_hour_of_closing_is_local(now, week):
    assert week_due(Honour(), "Asia/Shanghai", now) == week


def test_settings_come_from_the_blueprint():
    assert settings_from({}) == Honour()
    assert settings_from({"engagement": {"honour": {"top": 3}}}) == Honour(top=3)


def test_a_badge_is_due_once_and_goes_only_where_its_rule_says_so():
    stays, goes = Badge(id="a", name="A", counts="quality"), Badge(id="b", name="B", counts="quality", keeps=False)
    given = changes((stays, goes), {"quality": 1}, {})
    assert [(c.badge, c.turn, c.given) for c in given] == [("a", 1, True), ("b", 1, True)]
    held = {"a": (1, True), "b": (1, True)}
    assert changes((stays, goes), {"quality": 1}, held) == []
    assert [(c.badge, c.turn, c.given) for c in changes((stays, goes), {}, held)] == [("b", 1, False)]
    again = changes((stays, goes), {"quality": 1}, {"a": (1, True), "b": (1, False)})
    assert [(c.badge, c.turn, c.given) for c in again] == [("b", 2, True)]
