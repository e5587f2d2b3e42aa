"""Consumer `breaker`: freezes a raided group first and asks a human after.

Hears who came in and what was posted. Writes breaker.tripped, the freezing and the case. What it remembers are the
last minutes of the log, read again from it whenever another process has worked on the community.
"""

import threading
from datetime import timedelta

from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.risk.breaker.policy import Limits, Raid, Watcher

NAME = "breaker"
KINDS = frozenset({"member.joined", "message.posted"})
LOOK_BACK = 2_000  # events that are read again, at most
COMMUNITIES_KEPT = 256


class _Memory(threading.local):
    def __init__(self) -> None:
        self.watchers: dict[int, tuple[int, Watcher]] = {}  # community → (cursor, watcher)


_memory = _Memory()


def forget(community_id: int) -> None:
    """Drop what this thread remembers of a community."""
    _memory.watchers.pop(community_id, None)


def handle(batch: Batch) -> None:
    """Watch the batch; nothing here is a projection."""
    if batch.rebuilding:
        return
    at, watcher = _memory.watchers.pop(batch.community_id, (0, None))
    if watcher is None or at != batch.after:
        watcher = _load(batch)
    for event in batch.events:
        raid = watcher.hear(event) if watcher is not None else None
        if raid is not None:
            _trip(batch, raid)
    if watcher is not None:
        _memory.watchers[batch.community_id] = (batch.upto, watcher)
    while len(_memory.watchers) > COMMUNITIES_KEPT:
        _memory.watchers.pop(next(iter(_memory.watchers)))


def _load(batch: Batch) -> Watcher | None:
    """A watcher that has heard the minutes before this batch; None where the setting turns the breaker off."""
    plan = dict(blueprint_of(batch.community_id).get("risk", {}).get("breaker", {}))
    if not plan.pop("on", True):
        return None
    limits = Limits(**plan)
    watcher = Watcher(limits)
    if not batch.events:
        return watcher
    since = batch.events[0].occurred_at - timedelta(seconds=limits.joins_within)
    before = log.read(
        batch.connection, batch.community_id, after=max(0, batch.after - LOOK_BACK), upto=batch.after, kinds=KINDS
    )
    for event in before:
        if event.occurred_at >= since:
            watcher.hear(event)
    return watcher


def _trip(batch: Batch, raid: Raid) -> None:
    people = len(raid.members)
    said = f"{people} 位新成员在几秒内发了几乎相同的内容,疑似炸群,本群先冻结"
    freeze = EffectRequest(
        kind="freeze",
        key=f"{NAME}:{raid.group_id}:{raid.seq}",
        group_id=raid.group_id,
        payload={"text": "短时间内涌入大量相同内容,本群先冻结,请等待管理员处理。"},
        cause_seq=raid.seq,
        rule=NAME,
    )
    request(batch.connection, batch.community_id, [freeze], now=batch.now)
    opened = open_case(
        community_id=batch.community_id,
        kind="raid",
        key=f"raid:{raid.group_id}",
        title="疑似炸群:群已冻结",
        summary=said,
        urgency="red",
        group_id=raid.group_id,
        event_seq=raid.seq,
        evidence=raid.seqs,
        payload={"rule": NAME, "members": raid.members},
        now=batch.now,
    )
    fact = event_id(NAME, batch.community_id, raid.seq)
    body = {"members": raid.members, "joins": raid.joins, "evidence": raid.seqs, "cause_seq": raid.seq}
    batch.append(NewEvent(batch.community_id, fact, "breaker.tripped", raid.at, body, group_id=raid.group_id))
    if opened.event is not None:
        batch.append(opened.event)


CONSUMER = Consumer(NAME, handle, kinds=KINDS, forget=forget)
