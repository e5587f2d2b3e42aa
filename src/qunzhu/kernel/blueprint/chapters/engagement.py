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
    unit,
)


class DailyCap(Section, frozen=True, kw_only=True):
    """每日上限: a member earns at most so many points of these kinds together on one day."""

    kinds: Annotated[list[Annotated[str, Meta(pattern=r"^[a-z_.]+$", max_length=40)]], Meta(min_length=1)]
    per_day: Positive


class PointsSettings(Section, frozen=True, kw_only=True):
    """积分: daily caps, expiry by age, and what a human may give alone.

    `expire_after` 0: points never expire; what expires is told `notice` days before. A gift or deduction of more than
    `alone_up_to` points needs a second person; 0: any.
    """

    caps: list[DailyCap] = field(
        default_factory=lambda: [
            DailyCap(kinds=["quality"], per_day=100),
            DailyCap(kinds=["report.upheld"], per_day=50),
            DailyCap(kinds=["invitation"], per_day=60),
            DailyCap(kinds=["answered"], per_day=20),
        ]
    )
    expire_after: Annotated[int, Meta(ge=0, le=3_650, extra=unit("days"))] = 0
    notice: Days = 14
    alone_up_to: Points = 200


class Levels(Section, frozen=True, kw_only=True):
    """等级: a composite of message quality and active time; `thresholds` are the scores at which a level begins."""

    quality_weight: Weight = 0.6
    active_time_weight: Weight = 0.4
    names: list[Name] = field(default_factory=lambda: ["新芽", "常客", "骨干", "专家", "领航"])
    thresholds: list[Count] = field(default_factory=lambda: [0, 50, 200, 600, 1500])
    window_days: Days = 90
    half_life_days: Days = 30  # what was done so long ago counts half
    grace_days: Days = 14  # between the notice and the fall
    perks: list[Annotated[str, Meta(max_length=200)]] = field(default_factory=list)  # one for each name, in words


class Quality(Section, frozen=True, kw_only=True):
    """内容质量分: quality content from `threshold` on. `award`: its author then gets the points of 优质内容."""

    threshold: Percent = 30
    award: bool = False


class StreakBonus(Section, frozen=True, kw_only=True):
    days: Days
    bonus: Points


class MakeUp(Section, frozen=True, kw_only=True):
    """补签: a missed day costs a card or `price` points (0: cards only)."""

    price: Points = 30
    per_month: Count = 2
    back: Annotated[int, Meta(ge=1, le=60)] = 7  # days ago, at most


class CheckInSettings(Section, frozen=True, kw_only=True):
    points: Points = 2
    streaks: list[StreakBonus] = field(
        default_factory=lambda: [StreakBonus(days=7, bonus=10), StreakBonus(days=30, bonus=50)]
    )
    makeup: MakeUp = field(default_factory=MakeUp)


class Condition(Section, frozen=True, kw_only=True):
    """What has to happen how often. `distinct` counts people or days once; `per_day` is the cap of a day (0: none)."""

    on: Literal["message", "reply", "command", "checkin", "quality", "report", "consent", "invite", "page"] = "message"
    count: Positive = 1
    distinct: Literal["", "people", "days"] = ""
    per_day: Count = 0
    group: str = ""  # its name; empty: any
    command: str = ""  # of on: command
    page: Literal["", "points", "mall", "tasks"] = ""  # of on: page
    words: list[Name] = field(default_factory=list)  # one of them must be in the message
    min_length: Count = 0  # of the message
    points: Points = 0
    cards: Count = 0  # 补签卡


class TaskStep(Condition, frozen=True, kw_only=True):
    """A step of a newcomer path."""

    id: Key
    name: Name


class Task(Condition, frozen=True, kw_only=True):
    """任务. A path has `steps`, to be done within `within` days of joining; then `on` and `count` say nothing."""

    id: Key
    name: Name
    kind: Literal["daily", "weekly", "newcomer", "contribution"]
    about: Annotated[str, Meta(max_length=200)] = ""
    period: Literal["", "day", "week", "month", "once"] = ""  # empty: as the kind says
    within: Count = 0
    steps: list[TaskStep] = field(default_factory=list)
    announce: bool = False  # whether the group hears of it


def usual_tasks() -> list[Task]:
    """What a community begins with."""
    path = [
        TaskStep(id="rules", name="确认群规", on="consent", points=2),
        TaskStep(id="checkin", name="第一次签到", on="checkin", points=2),
        TaskStep(id="hello", name="介绍自己", words=["大家好", "我是", "新人", "自我介绍"], min_length=8, points=3),
        TaskStep(id="answer", name="第一次回复别人", on="reply", points=3),
        TaskStep(id="points", name="打开积分页", on="page", page="points", points=1),
    ]
    return [
        Task(id="newcomer", kind="newcomer", name="新人之路", within=7, points=10, cards=1, steps=path, announce=True),
        Task(id="talk", kind="daily", name="今天说三句", count=3, min_length=5, points=2),
        Task(id="week-checkin", kind="weekly", name="本周签到 5 天", on="checkin", count=5, points=10),
        Task(
            id="week-people", kind="weekly", name="回复 5 位群友", on="reply", count=5, distinct="people", per_day=3,
            min_length=5, points=10,
        ),
        Task(id="quality", kind="contribution", name="本月 3 条优质内容", on="quality", count=3, points=20, cards=1),
        Task(id="report", kind="contribution", name="本月 2 次举报属实", on="report", count=2, points=10),
    ]  # fmt: skip


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


class DebateTopic(Section, frozen=True, kw_only=True):
    """A question with two sides, as it is first put on the list; from then on the console keeps it."""

    title: Name
    pro: Name
    con: Name


class Debate(Section, frozen=True, kw_only=True):
    """每周辩论. Free: messages that begin with their side count; sign_up: all of whoever took a side."""

    day: Weekday = "sat"
    at: TimeOfDay = "20:00"
    minutes: Minutes = 60
    vote: Minutes = 15
    mode: Literal["free", "sign_up"] = "free"
    anonymous: bool = False
    skip_holidays: bool = True
    late: Minutes = 60  # that a machine which was off may still begin after the hour
    part_points: Points = 5
    best_points: Points = 10
    win_points: Points = 5
    length: Positive = 15  # letters that an argument has at least
    per_member: Positive = 10  # arguments of one member that count
    speakers: Count = 2  # with fewer there are no points
    voters: Count = 3  # with fewer nobody wins
    groups: list[Name] = field(default_factory=list)  # by name; none: all
    topics: list[DebateTopic] = field(default_factory=list)  # with none there are no debates


class RedPacketRain(Section, frozen=True, kw_only=True):
    """红包雨: exactly the budget is paid, one share a member; `at_random` of a month's packets come by lot."""

    budget: Points = 500
    shares: Positive = 50
    per_month: Count = 4
    least: Positive = 1  # the smallest share
    at_random: Count = 0  # so many of `per_month` open by themselves, at a moment inside the window
    window_from: TimeOfDay = "19:00"
    window_to: TimeOfDay = "22:00"
    minutes: Minutes = 30  # that a packet stays open
    muted_take_part: bool = False
    staff_take_part: bool = True


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
    points: PointsSettings = field(default_factory=PointsSettings)
    levels: Levels = field(default_factory=Levels)
    quality: Quality = field(default_factory=Quality)
    checkin: CheckInSettings = field(default_factory=CheckInSettings)
    honour: Honour = field(default_factory=Honour)
    badges: list[Badge] = field(default_factory=_badges)
    debate: Debate = field(default_factory=Debate)
    red_packet_rain: RedPacketRain = field(default_factory=RedPacketRain)
    challenge: CheckInChallenge = field(default_factory=CheckInChallenge)
    tasks: list[Task] = field(default_factory=usual_tasks)
    mall: list[Good] = field(default_factory=list)
    benchmarks: EngagementBenchmarks = field(default_factory=EngagementBenchmarks)
