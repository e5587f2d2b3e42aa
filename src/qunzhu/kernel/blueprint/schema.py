"""What a blueprint may say: every setting of all eight chapters, typed, bounded, with unit and default.

Figures are of two kinds: settings (what the system does) and `benchmarks` (what others report; the product measures
the same figure and shows both). Chapters that are not built yet keep their section here, so a blueprint stays whole.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, field

from qunzhu.kernel.blueprint.chapters.analytics import Analytics
from qunzhu.kernel.blueprint.chapters.commerce import Commerce
from qunzhu.kernel.blueprint.chapters.content import Content
from qunzhu.kernel.blueprint.chapters.engagement import Engagement
from qunzhu.kernel.blueprint.chapters.governance import Governance
from qunzhu.kernel.blueprint.chapters.positioning import Positioning
from qunzhu.kernel.blueprint.chapters.recruitment import Recruitment
from qunzhu.kernel.blueprint.chapters.risk import Risk
from qunzhu.kernel.blueprint.fields import Name, Section, Slug, Text, unit


class GroupPlan(Section, frozen=True, kw_only=True):
    """A group that is opened with the community."""

    name: Name
    connector: Literal["local"] = "local"
    profile: Literal["full", "wecom-customer-group", "personal-wechat"] = "full"
    capacity: Annotated[int, Meta(ge=2, le=500, extra=unit("people"))] = 500
    observation: bool = False  # 观察群: where inactive members are moved to


class StaffPlan(Section, frozen=True, kw_only=True):
    """A console user that is created with the community; passwords are generated and shown once."""

    username: Annotated[str, Meta(pattern=r"^[\w.@+-]+$", max_length=150)]
    role: Literal["owner", "manager", "moderator", "analyst", "finance"]


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
    rules: list[dict[str, Any]] = field(default_factory=list)
