"""What a blueprint may say: every setting of all eight chapters, typed, bounded, with unit and default.

Figures are of two kinds: settings (what the system does) and `benchmarks` (what others report; the product measures
the same figure and shows both). Chapters that are not built yet keep their section here, so a blueprint stays whole.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, field


def _unit(name: str) -> dict[str, str]:
    return {"unit": name}


# Field types with units. `extra["unit"]` is read by forms and documents.
Percent = Annotated[int, Meta(ge=0, le=100, extra=_unit("%"))]
Weight = Annotated[float, Meta(ge=0, le=1, extra=_unit("share"))]
Count = Annotated[int, Meta(ge=0, le=1_000_000, extra=_unit("count"))]
Positive = Annotated[int, Meta(ge=1, le=1_000_000, extra=_unit("count"))]
Points = Annotated[int, Meta(ge=0, le=1_000_000, extra=_unit("points"))]
Fen = Annotated[int, Meta(ge=0, le=10_000_000_000, extra=_unit("fen (1/100 yuan)"))]
Minutes = Annotated[int, Meta(ge=1, le=43_200, extra=_unit("minutes"))]
Hours = Annotated[int, Meta(ge=1, le=8_760, extra=_unit("hours"))]
Days = Annotated[int, Meta(ge=1, le=3_650, extra=_unit("days"))]
Age = Annotated[int, Meta(ge=0, le=120, extra=_unit("years"))]
TimeOfDay = Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", extra=_unit("HH:MM"))]
IsoDate = Annotated[str, Meta(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", extra=_unit("YYYY-MM-DD"))]
Slug = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
Key = Annotated[str, Meta(pattern=r"^[a-z0-9_.-]+$", max_length=60)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]
Text = Annotated[str, Meta(min_length=1, max_length=10_000)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "workday", "weekend"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of every part of a blueprint: an unknown key is an error, not a wish that nobody hears."""


# --- who and where ---------------------------------------------------------------------------------------------


class GroupPlan(Section, frozen=True, kw_only=True):
    """A group that is opened with the community."""

    name: Name
    connector: Literal["local"] = "local"
    profile: Literal["full", "wecom-customer-group", "personal-wechat"] = "full"
    capacity: Annotated[int, Meta(ge=2, le=500, extra=_unit("people"))] = 500
    observation: bool = False  # 观察群: where inactive members are moved to


class StaffPlan(Section, frozen=True, kw_only=True):
    """A console user that is created with the community; passwords are generated and shown once."""

    username: Annotated[str, Meta(pattern=r"^[\w.@+-]+$", max_length=150)]
    role: Literal["owner", "manager", "moderator", "analyst", "finance"]


# --- 1 目标定位 ------------------------------------------------------------------------------------------------


class AgeBand(Section, frozen=True, kw_only=True):
    youngest: Age = 25
    oldest: Age = 35
    weight: Weight = 0.3


class Trait(Section, frozen=True, kw_only=True):
    """One attribute of the persona: the values looked for, and how much it counts."""

    values: list[Name]
    weight: Weight


class Persona(Section, frozen=True, kw_only=True):
    age: AgeBand = field(default_factory=AgeBand)
    city: Trait
    occupation: Trait
    interests: Trait


class Question(Section, frozen=True, kw_only=True):
    """A question of the entry questionnaire; its answer tells `attribute` of the persona (empty: a need)."""

    id: Key
    text: Name
    kind: Literal["single", "multiple", "number", "text"]
    options: list[Name] = []
    attribute: Literal["", "age", "city", "occupation", "interests"] = ""
    required: bool = True


class Admission(Section, frozen=True, kw_only=True):
    """Match score: from `enter_from` on one enters at once, from `review_from` on a human looks, below is declined."""

    enter_from: Percent = 85
    review_from: Percent = 60
    declined_text: Text = "感谢你的申请,目前群内主题与你的情况不太匹配,我们先保留你的名额。"


class Rhythm(Section, frozen=True, kw_only=True):
    workday_pushes: list[TimeOfDay] = field(default_factory=lambda: ["08:00", "20:00"])
    weekend_topic: bool = True
    expert_live_per_week: Count = 1


class PositioningBenchmarks(Section, frozen=True, kw_only=True):
    match: Percent = 85
    daily_reads: Count = 2000
    open_rate: Percent = 68


class Positioning(Section, frozen=True, kw_only=True):
    """Who the community is for, what it promises, and when it speaks."""

    persona: Persona
    questionnaire: list[Question] = []
    admission: Admission = field(default_factory=Admission)
    value_proposition: Text
    content: list[Name] = field(default_factory=lambda: ["早报", "深度解读", "案例研讨"])
    rhythm: Rhythm = field(default_factory=Rhythm)
    benchmarks: PositioningBenchmarks = field(default_factory=PositioningBenchmarks)


# --- 2 群规 ----------------------------------------------------------------------------------------------------


class Clause(Section, frozen=True, kw_only=True):
    """A sentence of the rules as members read it; rules refer to it by `id`."""

    id: Annotated[str, Meta(pattern=r"^\d+(\.\d+)*$")]
    text: Text


class DailyMessages(Section, frozen=True, kw_only=True):
    limit: Positive = 5
    not_counted: list[Literal["command", "checkin", "vote"]] = field(
        default_factory=lambda: ["command", "checkin", "vote"]
    )


class Campaign(Section, frozen=True, kw_only=True):
    """自家活动: what the operator itself promotes (crowdfunding, courses); cleared for everybody from the first day."""

    name: Name
    link: Annotated[str, Meta(min_length=4, max_length=500)]
    days: Days = 365


class AdClearance(Section, frozen=True, kw_only=True):
    """报备: an ad may be posted after approval, within a window. The limits are per member, against abuse."""

    required: bool = True
    window: Hours = 24
    longest: Hours = 168  # the longest window that a member may ask for; staff may give more
    open_at_most: Positive = 2  # requests of one member that wait at a time
    per_day: Positive = 3  # requests of one member on one day
    campaigns: list[Campaign] = []


class Step(Section, frozen=True, kw_only=True):
    """A step of the ladder 警告 → 禁言 → 移出."""

    action: Literal["warn", "mute", "remove"]
    minutes: Minutes | None = None


class Strikes(Section, frozen=True, kw_only=True):
    limit: Positive = 3
    expire_after: Days = 30


class GovernancePoints(Section, frozen=True, kw_only=True):
    quality_content: Points = 10
    ad_report_upheld: Points = 5
    strike_cost: Points = 0  # what a strike takes; given back when the penalty is taken back


class Leave(Section, frozen=True, kw_only=True):
    """请假: days that do not count. What members may take themselves; staff may give more."""

    longest: Annotated[int, Meta(ge=1, le=366, extra=_unit("days"))] = 14  # one leave
    within_90_days: Annotated[int, Meta(ge=1, le=366, extra=_unit("days"))] = 30  # all leaves that begin in 90 days


class OwnYear(Section, frozen=True, kw_only=True):
    """A year whose arrangement of holidays the installed data lacks: days off, and weekend days that are worked."""

    year: Annotated[int, Meta(ge=2000, le=2100)]
    off: list[IsoDate]
    work: list[IsoDate] = []


class Elimination(Section, frozen=True, kw_only=True):
    """淘汰机制: days in a row without interaction → tag → human review → observation group → back."""

    inactive_after: Days = 3
    counts_as: Annotated[list[Literal["message", "command", "checkin"]], Meta(min_length=1)] = field(
        default_factory=lambda: ["message", "command", "checkin"]
    )  # what is an interaction
    tag: Name = "沉默"
    human_review: bool = True
    grace_for_new: Days = 7
    respects_holidays: bool = True
    respects_weekends: bool = False  # ordinary weekends do not count either; make-up days (调休) always do
    at_most: Positive = 20  # people of one run; with more, nothing happens before a human has confirmed
    run_at: TimeOfDay = "09:30"
    returns_after: Annotated[int, Meta(ge=1, le=100, extra=_unit("messages"))] = 1  # in the observation group
    leave: Leave = field(default_factory=Leave)
    calendar: list[OwnYear] = []


class Appeal(Section, frozen=True, kw_only=True):
    """申诉: how long after a penalty one may appeal, and by when it is answered."""

    within: Days = 7
    answer_within: Hours = 24


class Reports(Section, frozen=True, kw_only=True):
    """举报: accounts younger than `fresh_days` weigh half; who reports wrongly again and again may report less."""

    fresh_days: Days = 7
    per_day: Positive = 10
    dismissed_limit: Positive = 5
    dismissed_within: Days = 30
    per_day_when_abusing: Count = 1


class TakeWithin(Section, frozen=True, kw_only=True):
    """How long a case may wait until somebody takes it, by its urgency."""

    red: Minutes = 10
    orange: Minutes = 30
    yellow: Minutes = 240
    grey: Minutes = 1440


class CaseQueue(Section, frozen=True, kw_only=True):
    """工单: when an answer is late, what happens then, and how much one person may do at once.

    Red and orange cases are late after `risk.red.decide_within` and `risk.orange.decide_within`. What nobody took in
    time, and what is late, gets one degree more urgent, is asked of the next role up, or both.
    """

    yellow_within: Hours = 24
    grey_within: Hours = 72
    take_within: TakeWithin = field(default_factory=TakeWithin)
    escalate: Literal["off", "urgency", "role", "both"] = "both"
    bulk_at_most: Annotated[int, Meta(ge=1, le=200, extra=_unit("cases"))] = 50
    undo_within: Minutes = 30


class Privacy(Section, frozen=True, kw_only=True):
    """What is kept of members' words, and how long a link to one's own data works."""

    # 0: for ever. Shorter than a month would take away what rules still look at.
    keep_messages: Annotated[int, Meta(ge=0, le=3_650, extra=_unit("days"))] = 0
    data_link: Hours = 24

    def __post_init__(self) -> None:
        if 0 < self.keep_messages < 30:  # noqa: PLR2004  (days: the longest window of rules and strikes)
            raise ValueError("keep_messages must be 0 (for ever) or at least 30 days")


class Governance(Section, frozen=True, kw_only=True):
    """The rules as people read them; what the engine runs is `rules`."""

    pact: list[Clause]
    daily_messages: DailyMessages = field(default_factory=DailyMessages)
    ads: AdClearance = field(default_factory=AdClearance)
    ladder: list[Step] = field(
        default_factory=lambda: [Step(action="warn"), Step(action="mute", minutes=60), Step(action="remove")]
    )
    strikes: Strikes = field(default_factory=Strikes)
    points: GovernancePoints = field(default_factory=GovernancePoints)
    elimination: Elimination = field(default_factory=Elimination)
    appeal: Appeal = field(default_factory=Appeal)
    reports: Reports = field(default_factory=Reports)
    two_person_rule: list[Literal["remove_all", "rebuild_group", "erase_member"]] = field(
        default_factory=lambda: ["rebuild_group", "erase_member"]
    )
    second_person_within: Hours = 24  # how long a proposal waits for the second person
    cases: CaseQueue = field(default_factory=CaseQueue)
    privacy: Privacy = field(default_factory=Privacy)
    announcement: Text


# --- 3 招募 ----------------------------------------------------------------------------------------------------


class Channel(Section, frozen=True, kw_only=True):
    """Where members come from, and what one joined member costs."""

    id: Key
    name: Name
    how: Name
    cost_per_join: Fen = 0


class LiveQr(Section, frozen=True, kw_only=True):
    """活码: one printed code that moves on when a group's code is worn out."""

    scans_per_code: Annotated[int, Meta(ge=1, le=200, extra=_unit("scans"))] = 200
    seats: Annotated[int, Meta(ge=2, le=500, extra=_unit("people"))] = 500
    code_lives: Days = 7


class ReferralTier(Section, frozen=True, kw_only=True):
    invited: Positive
    reward: Points


class Referral(Section, frozen=True, kw_only=True):
    """Rewards for invitations; credited only after the invited person stayed."""

    tiers: list[ReferralTier] = field(
        default_factory=lambda: [
            ReferralTier(invited=1, reward=20),
            ReferralTier(invited=3, reward=80),
            ReferralTier(invited=10, reward=300),
        ]
    )
    credited_after: Days = 7
    clawback_within: Days = 7


class RecruitmentBenchmarks(Section, frozen=True, kw_only=True):
    invited_conversion: Percent = 32
    natural_conversion: Percent = 17


class Recruitment(Section, frozen=True, kw_only=True):
    channels: list[Channel]
    funnel: list[Key] = field(
        default_factory=lambda: ["seen", "scanned", "questionnaire", "approved", "joined", "retained_7d", "paid"]
    )
    live_qr: LiveQr = field(default_factory=LiveQr)
    referral: Referral = field(default_factory=Referral)
    benchmarks: RecruitmentBenchmarks = field(default_factory=RecruitmentBenchmarks)


# --- 4 内容 ----------------------------------------------------------------------------------------------------


class Mix(Section, frozen=True, kw_only=True):
    """433: shares of a week's content; they sum to 100."""

    knowledge: Percent = 40
    topic: Percent = 30
    entertainment: Percent = 30
    tolerance: Percent = 5

    def __post_init__(self) -> None:
        if self.knowledge + self.topic + self.entertainment != 100:  # noqa: PLR2004  (per cent)
            raise ValueError("knowledge + topic + entertainment must be 100")


class Slot(Section, frozen=True, kw_only=True):
    """When a kind of content goes out; `until` makes it a stretch of time."""

    kind: Literal["knowledge", "topic", "entertainment"]
    days: list[Weekday]
    at: TimeOfDay
    until: TimeOfDay | None = None
    forms: list[Name] = []


class ContentBenchmarks(Section, frozen=True, kw_only=True):
    knowledge_favourited: Percent = 89
    topic_participation: Percent = 76
    entertainment_opened: Percent = 93
    interaction_uplift: Percent = 47


class Content(Section, frozen=True, kw_only=True):
    mix: Mix = field(default_factory=Mix)
    slots: list[Slot]
    benchmarks: ContentBenchmarks = field(default_factory=ContentBenchmarks)


# --- 5 活跃 ----------------------------------------------------------------------------------------------------


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


class Good(Section, frozen=True, kw_only=True):
    """A thing in the points mall."""

    id: Key
    name: Name
    price: Points
    stock: Count


class EngagementBenchmarks(Section, frozen=True, kw_only=True):
    weekly_active_uplift: Percent = 35
    next_day_retention_points: Percent = 23
    monthly_retention_uplift: Percent = 28
    quality_content_factor: Count = 4


class Engagement(Section, frozen=True, kw_only=True):
    levels: Levels = field(default_factory=Levels)
    checkin: CheckInSettings = field(default_factory=CheckInSettings)
    honour: Honour = field(default_factory=Honour)
    debate: Debate = field(default_factory=Debate)
    red_packet_rain: RedPacketRain = field(default_factory=RedPacketRain)
    challenge: CheckInChallenge = field(default_factory=CheckInChallenge)
    mall: list[Good] = []
    benchmarks: EngagementBenchmarks = field(default_factory=EngagementBenchmarks)


# --- 6 风险 ----------------------------------------------------------------------------------------------------


class Notice(Section, frozen=True, kw_only=True):
    """初级: this many ads by one member in a day → the system warns."""

    ads_per_day: Positive = 3


class Yellow(Section, frozen=True, kw_only=True):
    """黄色: more than this many equal links in an hour → mute."""

    equal_links_per_hour: Positive = 5
    mute: Minutes = 60


class Orange(Section, frozen=True, kw_only=True):
    """橙色: this many different people report one member, or private adds pile up → a human steps in."""

    reporters: Positive = 3
    reports_within: Hours = 24
    private_adds_per_day: Positive = 5
    decide_within: Hours = 4


class Red(Section, frozen=True, kw_only=True):
    """红色: categories that close a group at once; what may run without a human is listed, the rest asks one."""

    categories: list[Key] = field(default_factory=lambda: ["fraud", "fundraising"])
    without_a_human: list[Literal["freeze", "recall", "close", "rebuild"]] = field(
        default_factory=lambda: ["freeze", "recall"]
    )
    decide_within: Hours = 1
    invite_after: Count = 5  # minutes between closing and the invitations: so long the group can be reopened


class Breaker(Section, frozen=True, kw_only=True):
    """熔断: so many newcomers within seconds, so many of whom post nearly the same → freeze first, ask after."""

    on: bool = True
    joins: Positive = 10
    joins_within: Positive = 120  # seconds
    people: Positive = 5
    texts_within: Positive = 30  # seconds
    text_length: Positive = 10  # shorter ones are greetings


class BlackBox(Section, frozen=True, kw_only=True):
    """行为黑匣子: when a block of events is sealed although it is not full."""

    seal_after: Minutes = 10


class Keywords(Section, frozen=True, kw_only=True):
    """关键词库: files beside the blueprint, one word a line, named for their category; allow-list words beside."""

    files: list[Annotated[str, Meta(pattern=r"^[\w/.-]+\.txt$", max_length=200)]] = []
    allow: list[Name] = []


class Learning(Section, frozen=True, kw_only=True):
    """When people find a rule wrong too often, a case says so."""

    precision_at_least: Percent = 80  # of the latest verdicts on a rule
    verdicts: Positive = 10  # so many are needed before it is said


class Risk(Section, frozen=True, kw_only=True):
    notice: Notice = field(default_factory=Notice)
    yellow: Yellow = field(default_factory=Yellow)
    orange: Orange = field(default_factory=Orange)
    red: Red = field(default_factory=Red)
    breaker: Breaker = field(default_factory=Breaker)
    black_box: BlackBox = field(default_factory=BlackBox)
    keywords: Keywords = field(default_factory=Keywords)
    learning: Learning = field(default_factory=Learning)


# --- 7 数据 ----------------------------------------------------------------------------------------------------


class AnalyticsBenchmarks(Section, frozen=True, kw_only=True):
    groups_reaching_messages: Percent = 81
    quality_share: Percent = 38
    funnel_reached: Percent = 67


class Analytics(Section, frozen=True, kw_only=True):
    """金字塔: thresholds of health; below them an alert is raised."""

    messages_per_day: Count = 120
    quality_share: Percent = 35
    funnel_layers: Positive = 4
    retention_days: Days = 7
    quiet_alarm: Minutes = 15  # no event at all for that long while a connector is up
    weekly_report_day: Weekday = "mon"
    weekly_report_at: TimeOfDay = "09:00"
    benchmarks: AnalyticsBenchmarks = field(default_factory=AnalyticsBenchmarks)


# --- 8 变现 ----------------------------------------------------------------------------------------------------


class Gate(Section, frozen=True, kw_only=True):
    """What the community's health must reach before a stage opens."""

    messages_per_day: Count = 0
    quality_share: Percent = 0
    retention_7d: Percent = 0


class Stage(Section, frozen=True, kw_only=True):
    id: Literal["trust", "membership", "cocreation"]
    name: Name
    products: list[Name]
    gate: Gate = field(default_factory=Gate)


class Commerce(Section, frozen=True, kw_only=True):
    stages: list[Stage]
    platform_share: Percent = 20
    commercial_messages_at_most: Percent = 10
    crowdfunding_all_or_nothing: bool = True


# --- the whole -------------------------------------------------------------------------------------------------


class Blueprint(Section, frozen=True, kw_only=True):
    """A whole community. `rules` is what `kernel/engine/rules.py` compiles."""

    format: Literal[1]
    slug: Slug
    name: Name
    summary: Text
    timezone: Annotated[str, Meta(min_length=1, max_length=40)] = "Asia/Shanghai"
    groups: Annotated[list[GroupPlan], Meta(min_length=1, max_length=1000)]
    staff: list[StaffPlan] = field(default_factory=lambda: [StaffPlan(username="owner", role="owner")])
    positioning: Positioning
    governance: Governance
    recruitment: Recruitment
    content: Content
    engagement: Engagement
    risk: Risk
    analytics: Analytics
    commerce: Commerce
    rules: list[dict[str, Any]] = []
