"""Consumer `redpacket`: serves 抢. A batch of grabs is a fixed number of statements and few messages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from qunzhu.engagement.redpacket import notices, sayings, services
from qunzhu.engagement.redpacket.locks import lock_packets
from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.engagement.redpacket.policy import CLOSED, OPEN, Refused
from qunzhu.engagement.redpacket.services import Got, Wish
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

COMMAND = "grab"
REMEMBERED = timedelta(minutes=10)  # so long after the end one came too late, then there simply is no packet
Said = list[tuple[Event, Got | Refused | None]]


def handle(batch: Batch) -> None:
    """Grabs are no projection: a rebuild does nothing."""
    commands = [event for event in batch.events if _is_command(event)]
    if batch.rebuilding or not commands:
        return
    packets = lock_packets(batch.community_id, _concerned(batch.community_id, commands, batch.now))
    by_group: dict[int, list[RedPacket]] = defaultdict(list)
    for packet in packets.values():
        by_group[packet.group_id].append(packet)
    asked = [event for event in commands if event.group_id in by_group]
    wishes = [Wish(e.member_id or 0, _meant(e, by_group), e.seq) for e in asked]
    results, ended, events = services.hand_out(batch.community_id, packets, wishes, now=batch.now)
    outcome = {event.seq: result for event, result in zip(asked, results, strict=True)}
    said: dict[int, Said] = defaultdict(list)
    for event in commands:
        said[event.group_id or 0].append((event, outcome.get(event.seq)))
    for group, lines in said.items():
        _answer(batch, by_group.get(group, []), lines, ended)
    for made in events:
        batch.append(made)


def _is_command(event: Event) -> bool:
    here = event.kind == "command.posted" and not event.historic and event.body.get("command") == COMMAND
    return here and event.member_id is not None and event.group_id is not None


def _concerned(community_id: int, commands: Sequence[Event], now: datetime) -> list[int]:
    """The open packets of these groups, and those that were closed a moment ago."""
    rows = RedPacket.objects.filter(community_id=community_id, group_id__in={e.group_id for e in commands})
    recent = rows.filter(state=CLOSED, ended_at__gt=now - REMEMBERED)
    return [*rows.filter(state=OPEN).values_list("pk", flat=True), *recent.values_list("pk", flat=True)]


def _meant(event: Event, by_group: Mapping[int, list[RedPacket]]) -> tuple[int, ...]:
    """The packets that were open when it was said, the oldest first: nobody wins by having spoken before."""
    return tuple(
        packet.pk
        for packet in by_group[event.group_id or 0]
        if packet.closes_at and packet.opens_at <= event.received_at < packet.closes_at
    )


def _answer(batch: Batch, packets: Sequence[RedPacket], lines: Said, ended: Sequence[RedPacket]) -> None:
    """One answer each, or one message for many, or a note for the next message when the last is a moment ago."""
    over = sum(isinstance(result, Refused) and result.code == "over" for _, result in lines)
    others = [str(r) for _, r in lines if isinstance(r, Refused) and r.code != "over"]
    few = len(lines) < sayings.TOGETHER
    if not packets:
        _each(batch, lines) if few else _once(batch, lines)
        return
    newest = max(packets, key=lambda packet: packet.pk)
    finished = [packet for packet in packets if packet in ended]
    quiet = all(p.said_at is None or batch.now - p.said_at >= sayings.PAUSE for p in packets)
    fresh = sum(isinstance(result, Got) and result.fresh for _, result in lines)
    kept_back = sum(p.taken - p.told + p.late for p in packets) - fresh
    if few and quiet and not kept_back:
        _each(batch, lines)
        for packet in packets:
            notices.heard(packet, batch.now)
        over = 0
    if over:
        newest.late += over
        newest.save(update_fields=["late"])
    for packet in packets:
        more = others if packet is newest and not (few and quiet) else []
        if packet in finished:
            notices.tell_closed(packet, now=batch.now, others=more)
        elif quiet:
            notices.tell(packet, now=batch.now, others=more)


def _each(batch: Batch, lines: Said) -> None:
    wanted = [
        EffectRequest(
            "answer", f"redpacket:{batch.community_id}:{event.seq}", event.group_id or 0, event.member_id,
            {"text": _text(result), "to": event.member_id, "reply_to": event.seq}, event.seq, f"command.{COMMAND}",
        )
        for event, result in lines
    ]  # fmt: skip
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _once(batch: Batch, lines: Said) -> None:
    event = lines[0][0]
    wanted = EffectRequest(
        "say", f"redpacket:{batch.community_id}:{event.seq}", event.group_id or 0, None,
        {"text": sayings.NONE_OPEN}, event.seq, f"command.{COMMAND}",
    )  # fmt: skip
    outbox.request(batch.connection, batch.community_id, [wanted], now=batch.now)


def _text(result: Got | Refused | None) -> str:
    if result is None:
        return sayings.NONE_OPEN
    if isinstance(result, Refused):
        return str(result)
    return sayings.say_won(result.amount, result.balance) if result.fresh else sayings.say_had(result.amount)


CONSUMER = Consumer("redpacket", handle, kinds=frozenset({"command.posted"}))
