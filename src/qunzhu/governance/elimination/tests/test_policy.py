"""Days of silence against a model that walks through every day; leave as it is typed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.governance.elimination import policy
from qunzhu.governance.elimination.policy import Leave, Presence, Settings, judge, read_leave, settings_from, silence
from qunzhu.kernel.calendar import CHINA, Calendar, OwnYear
from qunzhu.kernel.clock import local_day

FIRST = date(2026, 9, 1)
DAYS = st.integers(0, 70).map(lambda n: FIRST + timedelta(days=n))
ZONES = ("Asia/Shanghai", "America/New_York", "Pacific/Apia", "Asia/Kathmandu", "UTC")
TODAY = date(2026, 11, 24)


def naive(joined, acts, leaves, fresh, today, settings):
    """Walk from the first day to yesterday with a counter: what a person with a paper calendar would do."""
    if joined is None and not acts and fresh is None and not any(first <= today for first, _ in leaves):
        return 0
    counter, day = 0, FIRST - timedelta(days=10)
    seen = joined is None
    started = False
    while day < today:
        if day == joined:
            counter, seen = 0, True
        on_leave = any(first <= day <= last for first, last in leaves)
        if day in acts or on_leave or day == fresh:
            counter, started = 0, True
        elif seen and (joined is not None or started):
            graced = joined is not None and joined <= day < joined + timedelta(days=settings.grace_for_new)
            kind = settings.calendar.kind(day)
            off = (kind == "holiday" and settings.respects_holidays) or (
                kind == "weekend" and settings.respects_weekends
            )
            if not graced and not off:
                counter += 1
        day += timedelta(days=1)
    # Whoever is away today is not silent today.
    return 0 if any(first <= today <= last for first, last in leaves) or today in acts or fresh == today else counter


@given(
    joined=DAYS,
    moments=st.lists(st.tuples(st.integers(0, 70 * 86_400), st.sampled_from(policy.INTERACTIONS)), max_size=12),
    leaves=st.lists(st.tuples(DAYS, st.integers(0, 10)), max_size=3),
    fresh=st.none() | DAYS,
    today=DAYS,
    zone=st.sampled_from(ZONES),
    grace=st.integers(1, 10),
    holidays=st.booleans(),
    weekends=st.booleans(),
    counts_as=st.sets(st.sampled_from(policy.INTERACTIONS), min_size=1),
)
def test_silence_is_what_a_walk_through_every_day_says(  # noqa: PLR0913, PLR0917  (what a day depends on)
    joined, moments, leaves, fresh, today, zone, grace, holidays, weekends, counts_as
):
    settings = Settings(
        grace_for_new=grace, respects_holidays=holidays, respects_weekends=weekends, counts_as=tuple(sorted(counts_as))
    )
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    # What happened after `today` began in the zone cannot be known on its morning.
    morning = datetime(today.year, today.month, today.day, tzinfo=ZoneInfo(zone))
    known = [(start + timedelta(seconds=s), kind) for s, kind in moments]
    known = [(at, kind) for at, kind in known if joined <= local_day(at, zone) and at < morning]
    if joined > today or (fresh is not None and fresh < joined):
        fresh = None
    days = [(local_day(at, zone), kind) for at, kind in known]
    last = {}
    for day, kind in days:
        last[kind] = max(last.get(kind, day), day)
    spans = tuple((first, first + timedelta(days=length)) for first, length in leaves)
    fresh = fresh if fresh is not None and fresh <= today else None
    presence = Presence(joined, last, spans, fresh)
    acts = {day for day, kind in days if kind in counts_as}
    expected = naive(joined, acts, spans, fresh, today, settings) if joined <= today else 0
    assert silence(presence, today, settings).days == expected


def test_the_figures_of_the_guide():
    settings = settings_from({})
    joined = date(2026, 9, 10)
    found = [silence(Presence(joined, {"message": TODAY - timedelta(days=n)}), TODAY, settings).days for n in range(6)]
    assert found == [0, 0, 1, 2, 3, 4]
    verdict = judge({n: Presence(joined, {"message": TODAY - timedelta(days=n)}) for n in range(6)}, TODAY, settings)
    assert list(verdict.silent) == [5, 4]  # three days in a row or more, the longest first
    assert (verdict.unknown, verdict.years) == ({}, ())


def test_what_counts_is_a_setting():
    presence = Presence(date(2026, 9, 1), {"message": TODAY - timedelta(days=9), "command": TODAY})
    assert silence(presence, TODAY, Settings()).days == 0
    assert silence(presence, TODAY, Settings(counts_as=("message",))).days == 8


def test_make_up_days_count_and_their_holiday_does_not():
    presence = Presence(date(2026, 9, 1), {"message": date(2026, 9, 30)})
    # 10月1–7日 is the holiday, Saturday the 10th is worked for it, Sunday the 11th is an ordinary one.
    days = [date(2026, 10, n) for n in (8, 9, 10, 11, 12)]
    assert [silence(presence, d, Settings()).days for d in days] == [0, 1, 2, 3, 4]
    weekends = Settings(respects_weekends=True)
    assert [silence(presence, d, weekends).days for d in days] == [0, 1, 2, 3, 3]
    assert [silence(presence, d, Settings(respects_holidays=False)).days for d in days] == [7, 8, 9, 10, 11]


def test_days_of_an_unknown_year_are_counted_apart():
    presence = Presence(date(2034, 1, 1), {"message": date(2035, 3, 1)})
    found = silence(presence, date(2035, 3, 6), Settings())
    assert (found.days, found.unknown, found.years) == (0, 4, (2035,))
    verdict = judge({7: presence}, date(2035, 3, 6), Settings())
    assert (verdict.silent, list(verdict.unknown), verdict.years) == ({}, [7], (2035,))
    own = Settings(calendar=Calendar({2035: OwnYear(off=frozenset({date(2035, 3, 2)}))}))
    assert silence(presence, date(2035, 3, 6), own).days == 3
    assert silence(presence, date(2035, 3, 6), Settings(respects_holidays=False)).days == 4


def test_of_whom_nothing_is_known_nothing_is_said():
    assert silence(Presence(None), TODAY, Settings()).days == 0
    assert silence(Presence(date(2020, 1, 1)), TODAY, Settings(respects_holidays=False)).days == policy.LOOK_BACK


def test_settings_come_from_the_blueprint():
    given_settings = settings_from({"governance": {"elimination": {
        "inactive_after": 5, "counts_as": ["checkin"], "run_at": "08:00", "at_most": 3, "grace_for_new": 2,
        "leave": {"longest": 5, "within_90_days": 9}, "calendar": [{"year": 2035, "off": ["2035-01-01"]}],
    }}})  # fmt: skip
    assert (given_settings.inactive_after, given_settings.counts_as, given_settings.at_most) == (5, ("checkin",), 3)
    assert (given_settings.longest_leave, given_settings.leave_within_90_days) == (5, 9)
    assert (given_settings.run_at.hour, given_settings.calendar.kind(date(2035, 1, 1))) == (8, "holiday")
    assert settings_from({}).calendar is CHINA


@pytest.mark.parametrize(
    ("typed", "leave"),
    [
        ("3天 出差", Leave(TODAY, date(2026, 11, 26), "出差")),
        ("三天", Leave(TODAY, date(2026, 11, 26))),
        ("1周", Leave(TODAY, date(2026, 11, 30))),
        ("2个星期 休假", Leave(TODAY, date(2026, 12, 7), "休假")),
        ("到11月30日", Leave(TODAY, date(2026, 11, 30))),
        ("11月28日-12月2日 回老家", Leave(date(2026, 11, 28), date(2026, 12, 2), "回老家")),
        ("12-01 至 12-03", Leave(date(2026, 12, 1), date(2026, 12, 3))),
        ("明天到后天", Leave(date(2026, 11, 25), date(2026, 11, 26))),
        ("明天", Leave(date(2026, 11, 25), date(2026, 11, 25))),
        ("到1月5日", Leave(TODAY, date(2027, 1, 5))),
        ("2027-01-03 到 2027-01-05", Leave(date(2027, 1, 3), date(2027, 1, 5))),
        ("", None),
        ("怎么请", None),
        ("0天", None),
        ("2月30日", None),
        ("12月2日-11月28日", None),
    ],
)
def test_leave_as_it_is_typed(typed, leave):
    assert read_leave(typed, TODAY) == leave


@given(st.text(alphabet="0123456789一三天日周月到至-年今明后. 请假a", max_size=20))
def test_whatever_is_typed_the_days_are_in_order(typed):
    leave = read_leave(typed, TODAY)
    assert leave is None or leave.first <= leave.last


@pytest.mark.parametrize(
    ("leave", "taken", "said"),
    [
        (Leave(TODAY, TODAY), (), ""),
        (Leave(TODAY - timedelta(days=1), TODAY), (), "过去的日子"),
        (Leave(TODAY, TODAY + timedelta(days=14)), (), "一次最多请 14 天假"),
        (Leave(TODAY, TODAY), ((TODAY - timedelta(days=3), TODAY),), "已经请好的假"),
        (Leave(TODAY, TODAY + timedelta(days=9)), ((date(2026, 10, 1), date(2026, 10, 20)),), ""),
        (Leave(TODAY, TODAY + timedelta(days=10)), ((date(2026, 10, 1), date(2026, 10, 20)),), "已经请了 20 天"),
    ],
)
def test_what_a_member_may_take(leave, taken, said):
    problem = policy.problem_of_leave(leave, taken, TODAY, Settings())
    assert (problem == "") if said == "" else (said in problem)
