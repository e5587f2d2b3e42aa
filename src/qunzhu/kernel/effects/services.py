"""What staff do with effects outside of a case."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from qunzhu.kernel.effects.locks import lock_failed
from qunzhu.kernel.effects.outbox import CHANNEL
from qunzhu.kernel.events.runner import raw_connection


class NotFailed(ValueError):
    """The effect is no dead letter (any more): somebody was faster."""


@transaction.atomic
def retry_effect(*, community_id: int, effect_id: UUID, now: datetime) -> None:
    """Take a failed effect out of the dead letters and try it again at once. Raises NotFailed."""
    raw = raw_connection()
    if not lock_failed(raw, community_id, effect_id):
        raise NotFailed(f"effect {effect_id} is not a dead letter")
    raw.execute(
        "UPDATE effect SET status = 'pending', attempts = 0, next_attempt_at = %s, finished_at = NULL, case_id = NULL"
        " WHERE community_id = %s AND id = %s",
        [now, community_id, effect_id],
    )
    raw.execute("SELECT pg_notify(%s, '')", [CHANNEL])
