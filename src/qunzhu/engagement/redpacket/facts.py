"""The events of red packets, and the points that go with them. Every id is derived, so that a step is one fact."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.ledger.services import ISSUE, Award, Entry, Leg, points_event, post, post_many

MEMO = "抢红包"


def account_of(packet_id: int) -> str:
    """Where the points of an open packet lie."""
    return f"sys:packet:{packet_id}"


def fact(packet: RedPacket, kind: str, body: dict[str, Any], now: datetime) -> NewEvent:
    """One step of a packet: the same step is the same event."""
    named = event_id(kind, packet.community_id, "packet", packet.pk)
    return NewEvent(packet.community_id, named, kind, now, {"packet": packet.pk, **body}, packet.group_id)


def set_aside(packet: RedPacket, *, now: datetime) -> str | None:
    """Move the budget to the packet; the transaction's id, or None where a sponsor has not that much."""
    accounts = [(packet.source, packet.unit), (account_of(packet.pk), packet.unit)]
    has = lock_accounts(raw_connection(), packet.community_id, accounts)
    if packet.source != ISSUE and has[packet.source, packet.unit][0] < packet.budget:
        return None
    return _move(packet, packet.source, account_of(packet.pk), packet.budget, "open", now)


def give_back(packet: RedPacket, *, now: datetime) -> dict[str, Any]:
    """Move what nobody took to where it came from; what the event says of it."""
    rest = packet.budget - packet.paid
    if not rest:
        return {"returned": 0}
    return {"returned": rest, "transaction": _move(packet, account_of(packet.pk), packet.source, rest, "rest", now)}


def _move(packet: RedPacket, giver: str, taker: str, amount: int, step: str, now: datetime) -> str:
    legs = (Leg(giver, packet.unit, -amount), Leg(taker, packet.unit, amount))
    key = f"packet:{packet.pk}:{step}"
    done = post(community_id=packet.community_id, key=key, kind=f"redpacket_{step}", legs=legs, now=now)
    return str(done.id)


def pay(
    community_id: int,
    packets: dict[int, RedPacket],
    shares: Sequence[RedPacketShare],
    causes: Sequence[int | None],
    now: datetime,
) -> tuple[list[NewEvent], dict[str, int]]:
    """Post all shares with a fixed number of statements: their events, and what each account has after all of them."""
    entries = []
    for share, cause in zip(shares, causes, strict=True):
        unit = packets[share.packet_id].unit
        legs = (
            Leg(member_account(share.member_id), unit, share.amount),
            Leg(account_of(share.packet_id), unit, -share.amount),
        )
        entries.append(Entry(f"packet:{share.packet_id}:{share.member_id}", "redpacket", legs, MEMO, cause))
    posted = post_many(community_id=community_id, entries=entries, now=now)
    has = balances(community_id, (member_account(s.member_id) for s in shares))
    events = []
    for share, entry, done in zip(shares, entries, posted, strict=True):
        packet, member = packets[share.packet_id], share.member_id
        body = {"packet": packet.pk, "position": share.position, "amount": share.amount, "transaction": str(done.id)}
        named = event_id("redpacket.grabbed", community_id, packet.pk, member)
        events.append(NewEvent(community_id, named, "redpacket.grabbed", now, body, packet.group_id, member))
        given = Award(member, share.amount, entry.key, "redpacket", MEMO, entry.cause_seq, packet.group_id)
        events.append(points_event(community_id, given, done.id, has[member_account(member)], now))
    return events, has
