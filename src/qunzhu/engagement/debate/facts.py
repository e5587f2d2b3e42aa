"""The events of debates and polls. Every id is derived, so that a step is one fact."""

from datetime import datetime
from typing import Any

from qunzhu.kernel.events.schema import NewEvent, event_id


def fact(
    community_id: int, kind: str, key: tuple[object, ...], body: dict[str, Any], at: datetime, *,
    member_id: int | None = None, group_id: int | None = None,
) -> NewEvent:  # fmt: skip
    """One step: the same key is the same event."""
    return NewEvent(
        community_id, event_id(kind, community_id, *key), kind, at, body, group_id=group_id, member_id=member_id
    )


def asked(
    community_id: int, do: str, key: tuple[object, ...], body: dict[str, Any], at: datetime, *,
    member_id: int | None = None,
) -> NewEvent:  # fmt: skip
    """What the clock, staff or a member's page asks of the consumer."""
    return fact(community_id, "debate.asked", (do, *key), {"do": do, **body}, at, member_id=member_id)
