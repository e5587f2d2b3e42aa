"""Consumer `breaker`: freezes a raided group first and asks a human after.

Hears who came in and what was posted. Writes breaker.tripped, the freezing and the case. What it remembers are the
last minutes of the log, read again from it whenever another process has worked on the community.
"""

import threading
from datetime import datetime, timedelta

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.risk.breaker.policy import KINDS, Limits, Raid, Watcher

NAME = "breaker"
LOOK_BACK = 10_000  # events that are read again, at most; messages only where people came in
COMMUNITIES_KEPT = 256
_SAME = {
    "text": "几乎相同的文字", "link": "同一个链接", "image": "同一张图片", "number": "同一个号码",
    "contact": "同一个联系方式或小程序",
}  # fmt: skip


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
    if not blueprint_of(batch.community_id).get("risk", {}).get("breaker", {}).get("on", True):
        return None
    limits = _limits(batch.community_id)
    watcher = Watcher(limits)
    if not batch.events:
        return watcher
    since = batch.events[0].occurred_at - timedelta(seconds=limits.newcomers_for)
    joins = _before(batch, max(0, batch.after - LOOK_BACK), frozenset({"member.joined"}), since)
    if joins:
        for event in _before(batch, joins[0].seq - 1, KINDS, since):
            watcher.hear(event)
    return watcher


def _limits(community_id: int) -> Limits:
    plan = blueprint_of(community_id).get("risk", {}).get("breaker", {})
    return Limits(**{name: value for name, value in plan.items() if name != "on"})


def _before(batch: Batch, after: int, kinds: frozenset[str], since: datetime) -> list[Event]:
    found = log.read(batch.connection, batch.community_id, after=after, upto=batch.after, kinds=kinds)
    return [event for event in found if event.occurred_at >= since]


def _trip(batch: Batch, raid: Raid) -> None:
    """Freeze and take back first, ask after; what follows while the case waits is added to it."""
    waiting = Case.objects.select_for_update().filter(
        community_id=batch.community_id, key=_key(raid), state=Case.State.OPEN
    )
    case = waiting.first()
    if case is None and (raid.more or _cleared(batch, raid)):
        return  # a human has looked at these people already
    if case is None:
        freeze = EffectRequest(
            kind="freeze",
            key=f"{NAME}:{raid.group_id}:{raid.seq}",
            group_id=raid.group_id,
            payload={"text": "短时间内涌入大量相同内容,本群先冻结,请等待管理员处理。"},
            cause_seq=raid.seq,
            rule=NAME,
        )
        request(batch.connection, batch.community_id, [freeze], now=batch.now)
    _recall(batch, raid)
    _ask(batch, raid, case)
    fact = event_id(NAME, batch.community_id, raid.seq)
    body = {
        "members": raid.members, "joins": raid.joins, "evidence": raid.seqs, "cause_seq": raid.seq, "same": raid.same,
    }  # fmt: skip
    batch.append(NewEvent(batch.community_id, fact, "breaker.tripped", raid.at, body, group_id=raid.group_id))


def _key(raid: Raid) -> str:
    return f"raid:{raid.group_id}"


def _cleared(batch: Batch, raid: Raid) -> bool:
    """Whether these people are those of whom a human said a moment ago that it was no raid."""
    since = batch.now - timedelta(seconds=_limits(batch.community_id).newcomers_for)
    decided = Case.objects.filter(
        community_id=batch.community_id, key=_key(raid), action="unfreeze", decided_at__gte=since
    )
    return any({*raid.members} <= {*payload["members"]} for payload in decided.values_list("payload", flat=True))


def _recall(batch: Batch, raid: Raid) -> None:
    """Take the messages back where the blueprint lets that happen without a human and the platform can do it itself.

    A task for each of two hundred messages would help nobody: where it takes a hand, the case says so.
    """
    red = blueprint_of(batch.community_id).get("risk", {}).get("red", {})
    if "recall" not in red.get("without_a_human", ("freeze", "recall")) or not _recalls_itself(batch, raid):
        return
    wanted = [
        EffectRequest(
            kind="recall",
            key=f"{NAME}:{raid.group_id}:recall:{seq}",
            group_id=raid.group_id,
            payload={"seq": seq},
            cause_seq=seq,
            rule=NAME,
        )
        for seq in raid.seqs
    ]
    request(batch.connection, batch.community_id, wanted, now=batch.now)


def _recalls_itself(batch: Batch, raid: Raid) -> bool:
    profile = Group.objects.values_list("profile", flat=True).get(community_id=batch.community_id, pk=raid.group_id)
    return capability(profile).how["recall"] in {"native", "emulated"}


def _ask(batch: Batch, raid: Raid, case: Case | None) -> None:
    people, joins = len(raid.members), raid.joins
    said = f"{joins} 位新成员涌入,其中 {people} 位在几秒内发了{_SAME[raid.same]},疑似炸群,本群先冻结"
    if not _recalls_itself(batch, raid):
        said += "。这个平台不能自动撤回,请在手机上撤回下面标出的消息"
    opened = open_case(
        community_id=batch.community_id,
        kind="raid",
        key=_key(raid),
        title="疑似炸群:群已冻结",
        summary=said,
        urgency="red",
        group_id=raid.group_id,
        event_seq=raid.seq,
        evidence=raid.seqs,
        payload={"rule": NAME, "members": raid.members},
        now=batch.now,
    )
    if opened.event is not None:
        batch.append(opened.event)
    elif case is not None:
        case.refresh_from_db()
        case.payload["members"] = sorted({*case.payload["members"], *raid.members})
        case.save(update_fields=["payload"])


CONSUMER = Consumer(NAME, handle, kinds=KINDS, forget=forget)
