"""Take a penalty back: in the log, on the platform, in the audit."""

from datetime import datetime

from django.db import transaction

from qunzhu.governance.locks import lock_penalty
from qunzhu.governance.models import Penalty
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.selectors import muted_now
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class AlreadyReversed(ValueError):
    """The penalty was taken back before; the message says by whom."""


@transaction.atomic
def reverse_penalty(*, community_id: int, seq: int, by: str, note: str = "", now: datetime) -> int:
    """Reverse the penalty for event `seq`; its strike no longer counts, and a mute that still runs is ended.

    Returns the seq of `penalty.reversed`. Raises Penalty.DoesNotExist or `AlreadyReversed`.
    """
    penalty = lock_penalty(community_id, seq)
    if penalty.reversed_at is not None:
        raise AlreadyReversed(f"{penalty.reversed_by} 已经撤销了这次处罚")
    taken_back = NewEvent(
        community_id,
        event_id("penalty.reversed", community_id, penalty.seq, penalty.rule),
        "penalty.reversed",
        now,
        {"cause_seq": penalty.seq, "rule": penalty.rule, "by": by},
        group_id=penalty.group_id,
        member_id=penalty.member_id,
    )
    if penalty.step == Penalty.Step.MUTE and penalty.ends_at is not None and penalty.ends_at > now:
        _end_mute(penalty, by, now)
    audit.record(
        community_id=community_id,
        user=by,
        action="penalty.reverse",
        target=f"penalty:{seq}",
        detail={"note": note} if note else {},
        now=now,
    )
    appended = log.append(raw_connection(), [taken_back], now=now)[0]
    if appended.duplicate:
        raise AlreadyReversed("这次处罚刚刚已被撤销")
    return appended.seq


def _end_mute(penalty: Penalty, by: str, now: datetime) -> None:
    """Ask for an unmute where the member is muted; in the penalty's group also when the mute is still on its way."""
    groups = {m.group_id for m in muted_now(penalty.community_id, penalty.member_id, now=now)}
    wanted = {penalty.group_id} if penalty.group_id is not None else groups
    requests = [
        EffectRequest(
            kind="unmute",
            key=f"penalty:{penalty.community_id}:{penalty.seq}:unmute:{group}",
            group_id=group,
            member_id=penalty.member_id,
            cause_seq=penalty.seq,
            rule=penalty.rule,
            requested_by=by,
        )
        for group in sorted(wanted)
    ]
    outbox.request(raw_connection(), penalty.community_id, requests, now=now)
