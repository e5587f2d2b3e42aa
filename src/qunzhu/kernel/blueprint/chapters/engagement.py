"""Chapter 5 活跃: levels, check-in, honours, debate, red packets, challenges, mall."""

from typing import Annotated, Literal

from msgspec import Meta, field

from qunzhu.kernel.blueprint.fields import (
    Count,
    Days,
    Key,
    Minutes,
    Name,
    Percent,
    Points,
    Positive,
    Section,
    TimeOfDay,
    Weekday,
    Weight,
)


class Levels(Section, frozen=True, kw_only=True):
    """等级: a composite of message quality and active time; `thresholds` are the scores at which a level begins."""

    quality_weight: Weight = 0.6
    active_time_weight: Weight = 0.4
    names: list[Name] = field(default_factory=lambda: ["新芽", "常客", "骨干", "专家", "领航"])
    thresholds: list[Count] = field(default_factory=lambda: [0, 50, 200, 600, 1500])


class StreakBonus(Section, frozen=True, kw_only=True):
    days: Days
    bonus: Points


class CheckInSettings(Section, frozen=True, kw_only=True):
    points: Points = 2
    streaks: list[StreakBonus] = field(
        default_factory=lambda: [StreakBonus(days=7, bonus=10), StreakBonus(days=30, bonus=50)]
    )


class Honour(Section, frozen=True, kw_only=True):
    """荣誉: the weekly contribution list."""

    top: Positive = 10
    day: Weekday = "mon"
    at: TimeOfDay = "09:00"
    kinds: list[Key] = field(  # of points that are earned; grants, refunds, transfers and stakes are none
        default_factory=lambda: ["checkin", "quality", "report.upheld", "task", "debate", "invitation"]
    )
    newcomer_days: Days = 30  # who is known for less is in the newcomers' list, too
    with_staff: bool = False
    with_punished: bool = False


class Badge(Section, frozen=True, kw_only=True):
    """徽章: `counts` is what is counted, `at` how much is asked; with `keeps` false it goes when its ground does."""

    id: Key
    name: Name
    counts: Literal["checkin", "streak", "quality", "report", "top", "days"]
    at: Positive = 1
    image: Annotated[str, Meta(max_length=16)] = ""  # an emoji
    keeps: bool = True


def _badges() -> list[Badge]:
    return [
        Badge(id="first-checkin", name="初来签到", counts="checkin", image="🌱"),
        Badge(id="streak-30", name="三十天不断", counts="streak", at=30, image="🔥"),
        Badge(id="first-quality", name="好文初现", counts="quality", image="✨", keeps=False),
        Badge(id="top", name="榜上有名", counts="top", image="🏆"),
        Badge(id="guardian", name="社群卫士", counts="report", at=10, image="🛡️", keeps=False),
        Badge(id="one-year", name="同行一年", counts="days", at=365, image="🎂"),
    ]


class Debate(Section, frozen=True, kw_only=True):
    day: Weekday = "sat"
    at: TimeOfDay = "20:00"
    minutes: Minutes = 60


class RedPacketRain(Section, frozen=True, kw_only=True):
    """红包雨: exactly the budget is paid, one share a member."""

    budget: Points = 500
    shares: Positive = 50
    per_month: Count = 4


class CheckInChallenge(Section, frozen=True, kw_only=True):
    days: Days = 21
    stake: Points = 20


class LevelLimit(Section, frozen=True, kw_only=True):
    """From this level on, so many pieces a member."""

    level: Positive
    limit: Positive


class Good(Section, frozen=True, kw_only=True):
    """A thing in the points mall, as it is first put on the shelf; from then on the console keeps it.

    `codes` are what buyers of a virtual good get, one each; `content` is the same for all; with neither, or for
    physical goods and ad slots, a human hands over. `stock` does not count where there are codes.
    """

    id: Key
    name: Name
    price: Points
    stock: Count
    kind: Literal["virtual", "physical", "perk", "ad_slot"] = "virtual"
    about: Annotated[str, Meta(max_length=1_000)] = ""
    image: Annotated[str, Meta(max_length=16)] = ""  # an emoji; pictures are uploaded in the console
    content: Annotated[str, Meta(max_length=2_000)] = ""
    codes: list[Annotated[str, Meta(min_length=1, max_length=200)]] = field(default_factory=list)
    low_stock: Count = 0  # 0: no notice
    per_member: Count = 0  # 0: any number
    min_level: Count = 0
    per_level: list[LevelLimit] = field(default_factory=list)
    perk: Annotated[str, Meta(max_length=60)] = ""  # the name that rules know it by; without one the id
    days: Days = 30  # that a perk or an ad slot holds


class EngagementBenchmarks(Section, frozen=True, kw_only=True):
    weekly_active_uplift: Percent = 35
    next_day_retention_points: Percent = 23
    monthly_retention_uplift: Percent = 28
    quality_content_factor: Count = 4


class Engagement(Section, frozen=True, kw_only=True):
    levels: Levels = field(default_factory=Levels)
    checkin: CheckInSettings = field(default_factory=CheckInSettings)
    honour: Honour = field(default_factory=Honour)
    badges: list[Badge] = field(default_factory=_badges)
    debate: Debate = field(default_factory=Debate)
    red_packet_rain: RedPacketRain = field(default_factory=RedPacketRain)
    challenge: CheckInChallenge = field(default_factory=CheckInChallenge)
    mall: list[Good] = field(default_factory=list)
    benchmarks: EngagementBenchmarks = field(default_factory=EngagementBenchmarks)
