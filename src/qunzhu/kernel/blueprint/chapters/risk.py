"""Chapter 6 风险: the three levels, the breaker, keywords, learning, the black box."""

from typing import Annotated, Literal

from msgspec import Meta, field

from qunzhu.kernel.blueprint.fields import Count, Hours, Key, Minutes, Name, Percent, Positive, Section


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
    """红色: categories that close a group at once; what may run without a human is listed, the rest asks one.

    `close` closes the group of a swindler, `rebuild` besides makes the new one, invites and announces. Neither holds
    for a raid (`breaker`): there only freeze and recall run by themselves, and a human decides about the rest.
    """

    categories: list[Key] = field(default_factory=lambda: ["fraud", "fundraising"])
    without_a_human: list[Literal["freeze", "recall", "close", "rebuild"]] = field(
        default_factory=lambda: ["freeze", "recall"]
    )
    decide_within: Hours = 1
    invite_after: Count = 5  # minutes between closing and the invitations: so long the group can be reopened


class Breaker(Section, frozen=True, kw_only=True):
    """熔断: so many newcomers within seconds, so many of whom post nearly the same → freeze first, ask after.

    What of it is taken back without a human is said by `red.without_a_human` (recall).
    """

    on: bool = True
    joins: Positive = 10  # people: a wave
    joins_within: Positive = 120  # seconds
    newcomers_for: Positive = 600  # seconds for which those of a wave are watched
    people: Positive = 5
    short_people: Positive = 8  # people, where only a short text or the host of a link is the same
    texts_within: Positive = 30  # seconds
    text_length: Positive = 10  # letters; shorter texts need short_people
    shortest: Positive = 4  # letters; shorter texts are never compared
    alike: Percent = 60  # of the letters, in order: nearly the same
    asked_within: Count = 300  # seconds for which newcomers may write what somebody asked them to


class BlackBox(Section, frozen=True, kw_only=True):
    """行为黑匣子: when a block of events is sealed although it is not full."""

    seal_after: Minutes = 10


class Keywords(Section, frozen=True, kw_only=True):
    """关键词库: files beside the blueprint, one word a line, named for their category; allow-list words beside."""

    files: list[Annotated[str, Meta(pattern=r"^[\w/.-]+\.txt$", max_length=200)]] = field(default_factory=list)
    allow: list[Name] = field(default_factory=list)


class Learning(Section, frozen=True, kw_only=True):
    """When people find a rule wrong too often, a case says so."""

    precision_at_least: Percent = 80  # of the latest verdicts on a rule
    verdicts: Positive = 10  # so many are needed before it is said


class Links(Section, frozen=True, kw_only=True):
    """Whether the product asks the net where short links (t.cn, url.cn …) lead; the rules then read the target too."""

    resolve_short: bool = False


class Risk(Section, frozen=True, kw_only=True):
    notice: Notice = field(default_factory=Notice)
    yellow: Yellow = field(default_factory=Yellow)
    orange: Orange = field(default_factory=Orange)
    red: Red = field(default_factory=Red)
    breaker: Breaker = field(default_factory=Breaker)
    black_box: BlackBox = field(default_factory=BlackBox)
    keywords: Keywords = field(default_factory=Keywords)
    learning: Learning = field(default_factory=Learning)
    links: Links = field(default_factory=Links)
