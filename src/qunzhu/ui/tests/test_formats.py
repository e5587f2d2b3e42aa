"""Every figure as people say it, in both languages."""

from datetime import UTC, date, datetime, timedelta

import pytest

from qunzhu.ui import formats

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # noon in Shanghai
ZONE = "Asia/Shanghai"


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        (None, "–", "–"),
        (0, "0", "0"),
        (9_999, "9,999", "9,999"),
        (10_000, "1万", "10k"),
        (12_345, "1.2万", "12.3k"),
        (99_999, "9.9万", "99.9k"),
        (-12_345, "-1.2万", "-12.3k"),
        (1_234_567, "123.4万", "1.2M"),
        (340_000_000, "3.4亿", "340M"),
        (2.9, "2.9", "2.9"),
    ],
)
def test_number(value, chinese, english):
    assert formats.number(value) == chinese
    assert formats.number(value, "en") == english


def test_exact_money_percent_and_delta():
    assert formats.exact(1_234_567) == "1,234,567"
    assert [formats.money(f) for f in (860, -5, 120_000, 0, None)] == ["¥8.60", "-¥0.05", "¥1,200.00", "¥0.00", "–"]
    assert [formats.percent(r) for r in (0.38, 1, 0, None)] == ["38.0%", "100.0%", "0.0%", "–"]
    assert formats.delta(112, 100, "上周") == "较上周 +12%"
    assert formats.delta(88, 100, "last week", "en") == "-12% vs last week"
    assert formats.delta(5, 0, "上周") == formats.delta(None, 5, "上周") == ""


@pytest.mark.parametrize(
    ("at", "chinese", "english"),
    [
        (datetime(2026, 11, 24, 12, 0, tzinfo=UTC), "今天 20:00", "today 20:00"),
        (datetime(2026, 11, 23, 16, 30, tzinfo=UTC), "今天 00:30", "today 00:30"),  # a new day in Shanghai
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), "昨天 20:00", "yesterday 20:00"),
        (datetime(2026, 11, 25, 1, 5, tzinfo=UTC), "明天 09:05", "tomorrow 09:05"),
        (datetime(2026, 11, 3, 1, 5, tzinfo=UTC), "11月3日 09:05", "3 Nov 09:05"),
        (datetime(2025, 3, 1, 1, 5, tzinfo=UTC), "2025年3月1日 09:05", "1 Mar 2025 09:05"),
        (None, "–", "–"),
    ],
)
def test_when(at, chinese, english):
    assert formats.when(at, NOW, ZONE) == chinese
    assert formats.when(at, NOW, ZONE, "en") == english


def test_day_and_full():
    assert formats.day(date(2026, 11, 23), date(2026, 11, 23)) == "今天"
    assert formats.full(NOW, ZONE) == "2026-11-24 12:00:00"


@pytest.mark.parametrize(
    ("seconds", "chinese", "english"),
    [
        (None, "–", "–"),
        (0, "0秒", "0 s"),
        (-5, "0秒", "0 s"),
        (45, "45秒", "45 s"),
        (60, "1分钟", "1 min"),
        (3_600, "1小时", "1 h"),
        (3_601, "1小时", "1 h"),
        (5_400, "1小时30分钟", "1 h 30 min"),
        (86_400, "1天", "1 d"),
        (90_061, "1天1小时", "1 d 1 h"),
        (timedelta(days=7), "7天", "7 d"),
    ],
)
def test_duration(seconds, chinese, english):
    assert formats.duration(seconds) == chinese
    assert formats.duration(seconds, "en") == english


def test_ago_and_clock():
    def ago(**past):
        return formats.ago(NOW - timedelta(**past), NOW, ZONE)

    assert [ago(seconds=3), ago(minutes=3, seconds=9), ago(hours=2, minutes=50), ago(hours=13)] == [
        "刚刚", "3分钟前", "2小时前", "昨天 23:00",
    ]  # fmt: skip
    assert formats.ago(NOW - timedelta(hours=2), NOW, ZONE, "en") == "2 h ago"
    assert formats.clock(None, NOW) == ""
    assert formats.clock(NOW + timedelta(hours=2), NOW) == "还剩 2小时"
    assert formats.clock(NOW - timedelta(minutes=10), NOW) == "已超时 10分钟"
    assert formats.clock(NOW - timedelta(minutes=10), NOW, "en") == "10 min overdue"
