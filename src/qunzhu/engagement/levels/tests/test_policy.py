"""Levels in pure code: the worked example of the docs, and what holds for every member and every day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from qunzhu.engagement.levels import policy, sayings
from qunzhu.engagement.levels.policy import Composite, LevelSettings, Missing, Reference, Verdict

SETTINGS = LevelSettings()
DAY = date(2026, 11, 24)
EXAMPLE = Reference(60_000, 6_000)


def test_the_worked_example_of_the_docs():
    found = policy.composite(20_000, 3_000, EXAMPLE, SETTINGS)
    assert found == Composite(200, 200)
    assert policy.level_for(found.score, SETTINGS.thresholds) == 2
    assert policy.progress(2, 400, SETTINGS.thresholds) == 50
    assert policy.missing(2, found, EXAMPLE, SETTINGS, message_score=30) == Missing(200, 7, 30)


def test_one_side_alone_is_capped_and_a_quiet_group_has_a_floor():
    assert policy.composite(0, 10**9, EXAMPLE, SETTINGS) == Composite(0, 800)
    assert policy.composite(10**9, 0, EXAMPLE, SETTINGS) == Composite(1_200, 0)
    assert policy.composite(3_000, 100, Reference(3_000, 100), SETTINGS) == Composite(90, 20)
    assert policy.missing(4, Composite(1, 1), EXAMPLE, SETTINGS, message_score=30) is None
    assert policy.missing(3, Composite(1_000, 0), EXAMPLE, SETTINGS, message_score=30) == Missing(500, 0, 75)


def judge(level, score, until=None, day=DAY):
    return policy.judge(level=level, until=until, score=score, day=day, settings=SETTINGS)


def test_up_at_once_down_by_one_after_notice_and_grace():
    end = DAY + timedelta(days=14)
    assert judge(0, 49) == Verdict("", 0)
    assert judge(0, 700) == Verdict("promoted", 3)
    assert judge(3, 540) == Verdict("", 3)  # 0.9 of the threshold keeps it
    assert judge(3, 539) == Verdict("warned", 3, end)
    assert judge(3, 0, end) == Verdict("", 3, end)
    assert judge(3, 560, end) == Verdict("kept", 3)
    assert judge(3, 0, end, day=end) == Verdict("demoted", 2)
    assert judge(9, 0) == Verdict("warned", 4, end)  # the blueprint has fewer levels by now


@given(st.lists(st.integers(0, 2_000), min_size=1, max_size=120))
def test_nobody_falls_without_a_notice_that_ran_its_time(scores):
    level, until, warned = 0, None, None
    for offset, score in enumerate(scores):
        day = DAY + timedelta(days=offset)
        verdict = judge(level, score, until, day)
        if verdict.change == "warned":
            warned = day
        if verdict.level < level:
            assert verdict.change == "demoted"
            assert verdict.level == level - 1
            assert warned is not None
            assert (day - warned).days >= SETTINGS.grace_days
        assert verdict.level >= policy.level_for(score, SETTINGS.thresholds)
        level, until = verdict.level, verdict.until


@given(st.integers(0, 10**7), st.integers(0, 10**6), st.integers(0, 10**7), st.integers(0, 10**6))
def test_more_never_gives_less(quality, active, more_quality, more_active):
    low = policy.composite(quality, active, EXAMPLE, SETTINGS)
    high = policy.composite(quality + more_quality, active + more_active, EXAMPLE, SETTINGS)
    assert high.score >= low.score
    assert high.score <= 2_000


def test_what_is_said():
    assert sayings.say_level(
        "骨干", number=2, score=400, following="专家", missing=Missing(200, 7, 30), until=None
    ) == "你现在是“骨干”（2 级），400 分。距“专家”还差 200 分，比如约 7 条优质内容，或 30 个活跃小时。"  # fmt: skip
    assert sayings.say_level(
        "骨干", number=2, score=9, following="专家", missing=None, until=date(2026, 12, 8)
    ) == "你现在是“骨干”（2 级），9 分。最近活跃少了，12月8日前补上来就能保住。"  # fmt: skip
    assert sayings.say_risen({"专家": ["甲"], "常客": ["乙", "丙"]}) == "恭喜升级：甲 升为“专家”；乙、丙 升为“常客”。"
    many = sayings.say_risen({"常客": [f"成员{i}" for i in range(30)]})
    assert many.count("、") == 19
    assert many.endswith("升为“常客”，共 30 位。")
