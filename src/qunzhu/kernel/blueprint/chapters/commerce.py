"""Chapter 8 变现: stages, gates and shares."""

from typing import Literal

from msgspec import field

from qunzhu.kernel.blueprint.fields import Count, Name, Percent, Section


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
