"""What staff did, and what they were refused: one line per act, in the act's own transaction."""

from datetime import datetime
from typing import Any

from qunzhu.kernel.community.models import AuditEntry


def record(
    *,
    community_id: int | None,
    user: str,
    action: str,
    target: str = "",
    detail: dict[str, Any] | None = None,
    address: str = "",
    allowed: bool = True,
    now: datetime,
) -> AuditEntry:
    """Note that `user` did (or, with `allowed` false, tried to do) `action`, e.g. "case.mute" on target "case:17"."""
    return AuditEntry.objects.create(
        community_id=community_id,
        at=now,
        user=user,
        action=action,
        target=target,
        detail=detail or {},
        address=address,
        allowed=allowed,
    )
