"""When a case is late and when it is raised: pure arithmetic over the community's settings."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from qunzhu.kernel.blueprint.chapters.governance import CaseQueue
from qunzhu.kernel.cases.kinds import KINDS
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Community

# What the guide says for the two that must not wait (blueprint/chapters/risk.py: Red, Orange).
RED_HOURS, ORANGE_HOURS = 1, 4
HIGHER = {"grey": "yellow", "yellow": "orange", "orange": "red", "red": "red"}
NEXT_ROLE = {"": "manager", "manager": "owner", "owner": "owner"}


@dataclass(frozen=True)
class Clocks:
    """The settings of one community."""

    queue: CaseQueue
    red: int = RED_HOURS
    orange: int = ORANGE_HOURS

    def decide_within(self, kind: str, urgency: str) -> timedelta:
        """How long an answer may take."""
        own = KINDS[kind].deadline_hours
        hours = {
            "red": self.red,
            "orange": self.orange,
            "yellow": self.queue.yellow_within,
            "grey": self.queue.grey_within,
        }
        return timedelta(hours=(own or hours)[urgency])

    def take_within(self, urgency: str) -> timedelta:
        """How long a case may wait until somebody takes it."""
        return timedelta(minutes=getattr(self.queue.take_within, urgency))

    def escalate_at(self, urgency: str, deadline: datetime | None, now: datetime) -> datetime | None:
        """When a case that nobody holds is raised; None where the setting says never."""
        if self.queue.escalate == "off":
            return None
        untaken = now + self.take_within(urgency)
        return untaken if deadline is None or deadline <= now else min(untaken, deadline)

    def after_assigning(self, case: Case, now: datetime) -> datetime | None:
        """When a case is raised that was just taken, handed over or given back."""
        if not case.assigned_to:
            return self.escalate_at(case.urgency, case.deadline, now)
        if self.queue.escalate == "off":
            return None
        in_time = case.deadline is not None and case.deadline > now
        return case.deadline if in_time else now + self.decide_within(case.kind, case.urgency)

    def raised(self, case: Case, now: datetime) -> tuple[str, str, datetime | None]:
        """(urgency, role asked, when it is raised again) after one more step; None once nothing is left to raise."""
        up = self.queue.escalate
        urgency = HIGHER[case.urgency] if up in {"urgency", "both"} else case.urgency
        asked = NEXT_ROLE[case.asked] if up in {"role", "both"} else case.asked
        at_the_top = asked == "owner" if up in {"role", "both"} else urgency == "red"
        return urgency, asked, None if at_the_top else now + self.take_within(urgency)


def read_clocks(community_id: int) -> Clocks:
    """The settings as the community's blueprint has them now; without one, the usual ones."""
    blueprint: dict[str, Any] = (
        Community.objects.filter(pk=community_id).values_list("blueprint", flat=True).first() or {}
    )
    queue = msgspec.convert(blueprint.get("governance", {}).get("cases", {}), CaseQueue)
    risk = blueprint.get("risk", {})
    red, orange = (risk.get(level, {}).get("decide_within") for level in ("red", "orange"))
    return Clocks(queue, red or RED_HOURS, orange or ORANGE_HOURS)
