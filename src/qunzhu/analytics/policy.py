"""What the figures are held against. Settings of the blueprint's section `analytics`, each declared once, here."""

from collections.abc import Mapping
from typing import Any

MESSAGES_PER_DAY = 120  # per group (guide: 日均消息 ≥ 120 条)


def messages_per_day(blueprint: Mapping[str, Any]) -> int:
    """From how many messages a day a group counts as lively."""
    return int(blueprint.get("analytics", {}).get("messages_per_day", MESSAGES_PER_DAY))
