"""What is typed after 报备, and whether it may be asked for."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.governance.clearance import policy
from qunzhu.governance.clearance.policy import Ask, Limits, Standing, limits_from, problem_of, read_window, window

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
ZONE = "Asia/Shanghai"


def shanghai(month, day, hour=0, minute=0, year=2026):
    return datetime(year, month, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@pytest.mark.parametrize(
    ("typed", "text", "since", "until"),
    [
        ("https://a.cn/x 明天 10:00-18:00", "https://a.cn/x", shanghai(11, 25, 10), shanghai(11, 25, 18)),
        ("新课 10点-12点半", "新课", shanghai(11, 24, 10), shanghai(11, 24, 12, 30)),
        ("新课 今天", "新课", shanghai(11, 24), shanghai(11, 25)),
        ("新课,11月28日", "新课", shanghai(11, 28), shanghai(11, 29)),
        ("新课 11月28日-11月30日", "新课", shanghai(11, 28), shanghai(12, 1)),
        ("新课 到11月30日 18:00", "新课", None, shanghai(11, 30, 18)),
        ("新课 至后天", "新课", None, shanghai(11, 27)),
        ("新课 24小时", "新课", None, shanghai(11, 25, 12)),
        ("新课 3天", "新课", None, shanghai(11, 27, 12)),
        ("新课 1月3日", "新课", shanghai(1, 3, year=2027), shanghai(1, 4, year=2027)),
        ("夜宵 22:00-02:00", "夜宵", shanghai(11, 24, 22), shanghai(11, 25, 2)),
        ("夜宵 22:00-24:00", "夜宵", shanghai(11, 24, 22), shanghai(11, 25)),
        ("明天 10:00-18:00", "", shanghai(11, 25, 10), shanghai(11, 25, 18)),
        ("7天无理由", "7天无理由", None, None),
        ("只要3天", "只要3天", None, None),  # runs into the words: content
        ("买一送一 2月30日", "买一送一 2月30日", None, None),
        ("新课 25:00-26:00", "新课 25:00-26:00", None, None),
        ("", "", None, None),
    ],
)
def test_a_time_at_the_end_is_taken_off(typed, text, since, until):
    found = read_window(typed, now=NOW, zone=ZONE)
    assert (found.text, found.since, found.until) == (text, since, until)


@given(st.text(alphabet="新课0123456789:：-到至月日天小时点半 今明后", max_size=24))
def test_whatever_is_typed_its_beginning_stays_and_the_end_is_later(typed):
    found = read_window(typed, now=NOW, zone=ZONE)
    assert typed.strip().startswith(found.text.strip())
    if found.since is not None and found.until is not None:
        assert found.until > found.since - timedelta(days=400)


@pytest.mark.parametrize(
    ("ask", "standing", "said"),
    [
        (Ask("新课"), Standing(), ""),
        (Ask(" "), Standing(), policy.SAY_EMPTY),
        (Ask("长" * 2001), Standing(), "一次报备最多"),
        (Ask("新课", until=NOW), Standing(), policy.SAY_PAST),
        (Ask("新课", since=NOW + timedelta(hours=3), until=NOW + timedelta(hours=2)), Standing(), policy.SAY_BACKWARDS),
        (Ask("新课", until=NOW + timedelta(hours=168)), Standing(), ""),
        (Ask("新课", until=NOW + timedelta(hours=168, seconds=1)), Standing(), "最长 7 天"),
        (Ask("新课上线了快来"), Standing((Ask("新课上线啦快来"),), 1), ""),
        (Ask("新课", links=("https://a.cn",)), Standing((Ask("别的", links=("https://a.cn",)),), 1), policy.SAY_SAME),
        (Ask("新课"), Standing((Ask("甲" * 9), Ask("乙" * 9)), 2), "还有 2 条"),
        (Ask("新课"), Standing((), 3), "已经提过 3 次"),
    ],
)
def test_what_may_be_asked_for(ask, standing, said):
    problem = problem_of(ask, standing, Limits(), now=NOW)
    assert (problem == "") if said == "" else (said in problem)


def test_limits_come_from_the_blueprint():
    given_limits = {"governance": {"ads": {"window": 48, "per_day": 9, "required": True, "campaigns": []}}}
    assert limits_from(given_limits) == Limits(48, 168, 2, 9)
    assert limits_from({}) == Limits()


def test_windows_as_people_say_them():
    assert window(None, NOW, ZONE) == "即日起到 11月24日 12:00"
    assert window(NOW, NOW + timedelta(hours=2), ZONE) == "11月24日 12:00–14:00"
    assert window(NOW, NOW + timedelta(hours=12), ZONE) == "11月24日 12:00 到 11月25日 00:00"
    assert window(None, None, ZONE) == ""
