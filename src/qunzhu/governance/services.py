"""Give a penalty by hand, take one back: in the log, on the platform."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from qunzhu.governance.locks import lock_penalty
from qunzhu.governance.rows import HUMAN
from qunzhu.kernel.community import audit
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.effects.undo import Taken, take_back
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class AlreadyReversed(ValueError):
    """The penalty was taken back before; the message says by whom."""


@transaction.atomic
def give_penalty(
    *,
    group: Group,
    member_id: int,
    step: str,
    sentence: str,
    payload: Mapping[str, Any],
    key: str,
    by: str,
    now: datetime,
) -> int:
    """Warn, mute or remove a member by hand: the effect, and the penalty on the member's page, with its reason.

    `payload` is the effect's; of a mute it has `until`. The same `key` gives one penalty. Returns the seq of
    `penalty.given`.
    """
    body: dict[str, Any] = {"step": step, "sentence": sentence, "by": by}
    if step == "mute":
        body["until"] = payload["until"]
    fact = event_id("penalty.given", group.community_id, key)
    given = NewEvent(
        group.community_id, fact, "penalty.given", now, body, group_id=group.pk, member_id=member_id
    )  # fmt: skip
    seq = log.append(raw_connection(), [given], now=now)[0].seq
    wanted = EffectRequest(
        kind=step, key=key, group_id=group.pk, member_id=member_id, payload=dict(payload), cause_seq=seq, rule=HUMAN,
        requested_by=by,
    )  # fmt: skip
    request(raw_connection(), group.community_id, [wanted], now=now)
    return seq


@transaction.atomic
def reverse_penalty(*, community_id: int, seq: int, by: str, note: str = "", now: datetime) -> int:
    """Reverse the penalty for event `seq`: no strike, a running mute ends, who was removed may come in again.

    Points and an open appeal follow when the consumer hears of it.

    Returns the seq of `penalty.reversed`. Raises Penalty.DoesNotExist or `AlreadyReversed`.
    """
    penalty = lock_penalty(community_id, seq)
    if penalty.reversed_at is not None:
        raise AlreadyReversed(f"{penalty.reversed_by} 已经撤销了这次处罚")
    taken = Taken(
        community_id=community_id,
        seq=penalty.seq,
        rule=penalty.rule,
        rulebook_version=penalty.rulebook_version,
        member_id=penalty.member_id,
        group_id=penalty.group_id,
        step=penalty.step,
        at=penalty.at,
        until=penalty.ends_at,
        of_case=penalty.of_case,
    )
    taken_back = take_back(taken, by=by, now=now)
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
