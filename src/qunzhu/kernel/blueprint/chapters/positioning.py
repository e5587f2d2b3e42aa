"""Chapter 1 目标定位: whom the groups are for, questionnaire and admission."""

from typing import Literal

from msgspec import field

from qunzhu.kernel.blueprint.fields import Age, Count, Key, Name, Percent, Section, Text, TimeOfDay, Weight


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
    options: list[Name] = field(default_factory=list)
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
    questionnaire: list[Question] = field(default_factory=list)
    admission: Admission = field(default_factory=Admission)
    value_proposition: Text
    content: list[Name] = field(default_factory=lambda: ["早报", "深度解读", "案例研讨"])
    rhythm: Rhythm = field(default_factory=Rhythm)
    benchmarks: PositioningBenchmarks = field(default_factory=PositioningBenchmarks)
