"""Chapter 2 群规: pact, caps, ladder, points, elimination, appeals, reports, the queue of cases, privacy."""

from typing import Annotated, Literal

from msgspec import Meta, field

from qunzhu.kernel.blueprint.fields import (
    Count,
    Days,
    Hours,
    IsoDate,
    Minutes,
    Name,
    Points,
    Positive,
    Section,
    Text,
    TimeOfDay,
    unit,
)


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
    campaigns: list[Campaign] = field(default_factory=list)


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

    longest: Annotated[int, Meta(ge=1, le=366, extra=unit("days"))] = 14  # one leave
    within_90_days: Annotated[int, Meta(ge=1, le=366, extra=unit("days"))] = 30  # all leaves that begin in 90 days


class OwnYear(Section, frozen=True, kw_only=True):
    """A year whose arrangement of holidays the installed data lacks: days off, and weekend days that are worked."""

    year: Annotated[int, Meta(ge=2000, le=2100)]
    off: list[IsoDate]
    work: list[IsoDate] = field(default_factory=list)


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
    returns_after: Annotated[int, Meta(ge=1, le=100, extra=unit("messages"))] = 1  # in the observation group
    leave: Leave = field(default_factory=Leave)
    calendar: list[OwnYear] = field(default_factory=list)


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
    bulk_at_most: Annotated[int, Meta(ge=1, le=200, extra=unit("cases"))] = 50
    undo_within: Minutes = 30


class Privacy(Section, frozen=True, kw_only=True):
    """What is kept of members' words, and how long a link to one's own data works."""

    # 0: for ever. Shorter than a month would take away what rules still look at.
    keep_messages: Annotated[int, Meta(ge=0, le=3_650, extra=unit("days"))] = 0
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
