"""Chapter 4 内容: the mix of 4-3-3 and the week."""

from typing import Literal

from msgspec import field

from qunzhu.kernel.blueprint.fields import Name, Percent, Section, TimeOfDay, Weekday


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
    forms: list[Name] = field(default_factory=list)


class ContentBenchmarks(Section, frozen=True, kw_only=True):
    knowledge_favourited: Percent = 89
    topic_participation: Percent = 76
    entertainment_opened: Percent = 93
    interaction_uplift: Percent = 47


class Content(Section, frozen=True, kw_only=True):
    mix: Mix = field(default_factory=Mix)
    slots: list[Slot]
    benchmarks: ContentBenchmarks = field(default_factory=ContentBenchmarks)
