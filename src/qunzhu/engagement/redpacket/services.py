"""Packets planned, opened, grabbed from, closed. Every step is one transaction, under the lock of the packet."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from qunzhu.engagement.redpacket import facts, notices
from qunzhu.engagement.redpacket.locks import lock_calendar, lock_packets
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import (
    CANCELLED,
    CLOSED,
    OPEN,
    PLANNED,
    Refused,
    Terms,
    check_terms,
    digest_of,
    luckiest,
    month_bounds,
    month_of,
    over,
    settings_from,
    split,
    taking_part,
)
from qunzhu.engagement.redpacket.standing import eligible
from qunzhu.kernel.blueprint.chapters.engagement import RedPacketRain
from qunzhu.kernel.community.models import Group, Membership, Staff
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import ISSUE

Append = Callable[[NewEvent], None]
_SPONSOR = re.compile(r"sys:sponsor:[a-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Wish:
    """Somebody grabs; the packets that it may mean, the first of them that has a share left is taken from."""

    member_id: int
    packets: tuple[int, ...]
    cause_seq: int | None = None


@dataclass(frozen=True)
class Got:
    """A share. `fresh`: it was got now, not before; `balance` (of fresh ones) is what the member has."""

    packet_id: int
    amount: int
    fresh: bool
    balance: int = 0


@transaction.atomic
def plan(
    *,
    community_id: int,
    group_id: int,
    terms: Terms,
    opens_at: datetime,
    key: str,
    how: str = "hand",
    by: str = "",
    source: str = ISSUE,
    now: datetime,
) -> RedPacket:
    """Put a packet into the calendar. The same key is the same packet. Raises `Refused`; then nothing was written."""
    check_terms(terms)
    if source != ISSUE and not _SPONSOR.fullmatch(source):
        raise Refused("source", "预算只能来自社群或赞助账户。")
    community = lock_calendar(community_id)
    if before := RedPacket.objects.filter(community_id=community_id, key=key).first():
        return before
    if not Group.objects.filter(community_id=community_id, pk=group_id).exclude(state=Group.State.CLOSED).exists():
        raise Refused("group", "没有这个群，或者群已经关闭。")
    if opens_at < now - timedelta(minutes=1):
        raise Refused("time", "这个时间已经过去了。")
    settings = settings_from(community.blueprint)
    if in_month(community_id, opens_at, community.timezone) >= settings.per_month:
        raise Refused("month", f"每月最多 {settings.per_month} 场红包雨，这个月已经排满。")
    packet = RedPacket.objects.create(
        community_id=community_id, group_id=group_id, key=key, unit=terms.unit, budget=terms.budget,
        shares=terms.shares, least=terms.least, minutes=terms.minutes, greeting=terms.greeting.strip(),
        source=source, how=how, made_by=by, made_at=now, opens_at=opens_at,
    )  # fmt: skip
    body = {
        "budget": packet.budget, "shares": packet.shares, "least": packet.least, "unit": packet.unit,
        "minutes": packet.minutes, "opens_at": opens_at.isoformat(), "how": how, "by": by,
    }  # fmt: skip
    _append([facts.fact(packet, "redpacket.planned", body, now)], now)
    return packet


def in_month(community_id: int, at: datetime, zone: str) -> int:
    """How many packets the month of `at` has, those called off not counted."""
    first, after = month_bounds(month_of(at, zone), zone)
    rows = RedPacket.objects.filter(community_id=community_id, opens_at__gte=first, opens_at__lt=after)
    return rows.exclude(state=CANCELLED).count()


@transaction.atomic
def cancel(*, community_id: int, packet_id: int, by: str, now: datetime) -> RedPacket:
    """Take a planned packet out of the calendar. Raises `Refused` once it was opened."""
    packet = _locked(community_id, packet_id)
    if packet.state == CANCELLED:
        return packet
    if packet.state != PLANNED:
        raise Refused("state", "红包已经开抢，不能取消，可以提前结束。")
    _call_off(packet, "staff", by, now)
    return packet


@transaction.atomic
def open_packet(*, community_id: int, packet_id: int, now: datetime) -> bool:
    """Set the budget aside, fix the cuts and call the group; False where it was not planned any more."""
    packet = _locked(community_id, packet_id)
    if packet.state != PLANNED:
        return False
    transferred = facts.set_aside(packet, now=now)
    if transferred is None:
        _call_off(packet, "budget", "", now)
        return False
    packet.state, packet.seed = OPEN, secrets.token_hex(32)
    packet.digest = digest_of(packet.seed, packet.pk, packet.budget, packet.shares, packet.least)
    packet.opens_at, packet.closes_at = now, now + timedelta(minutes=packet.minutes)
    packet.save()
    body = {
        "budget": packet.budget, "shares": packet.shares, "least": packet.least, "unit": packet.unit,
        "source": packet.source, "transaction": transferred, "digest": packet.digest,
        "closes_at": packet.closes_at.isoformat(),
    }  # fmt: skip
    notices.tell_opened(packet, now=now)
    _append([facts.fact(packet, "redpacket.opened", body, now)], now)
    return True


@transaction.atomic
def miss(*, community_id: int, packet_id: int, now: datetime) -> bool:
    """Call a packet off whose time passed while nothing ran."""
    packet = _locked(community_id, packet_id)
    if packet.state != PLANNED:
        return False
    _call_off(packet, "missed", "", now)
    return True


@transaction.atomic
def grab(*, community_id: int, packet_id: int, member_id: int, now: datetime) -> Got:
    """One member takes a share of one packet; who has one gets the same answer. Raises `Refused`."""
    packet = RedPacket.objects.filter(community_id=community_id, pk=packet_id).first()
    if packet is None or packet.state in {PLANNED, CANCELLED}:
        raise Refused("gone", "没有可以抢的红包。")
    wish = Wish(member_id, (packet_id,))
    # A crowd before an empty packet need not queue for its lock to hear so.
    locked = lock_packets(community_id, [packet_id]) if is_open(packet, now) else {packet_id: packet}
    (result,), closed, events = hand_out(community_id, locked, [wish], now=now)
    if isinstance(result, Refused):
        raise result
    for done in closed:
        notices.tell_closed(done, now=now)
    _append(events, now)
    return result


def is_open(packet: RedPacket, now: datetime) -> bool:
    """Whether there is something to take."""
    running = packet.state == OPEN and packet.closes_at is not None and now < packet.closes_at
    return running and packet.taken < packet.shares


def hand_out(
    community_id: int, packets: dict[int, RedPacket], wishes: Sequence[Wish], *, now: datetime
) -> tuple[list[Got | Refused], list[RedPacket], list[NewEvent]]:
    """Serve wishes in their order with a fixed number of statements: results, packets that ended, events to append.

    Packets that may still have shares must be locked by the caller; result i belongs to wish i.
    """
    work = _Work(packets, _had(packets, wishes), _hindrances(community_id, packets, wishes, now))
    results = [_serve(work, wish, now) for wish in wishes]
    if not work.fresh:
        return results, [], []
    RedPacketShare.objects.bulk_create(work.fresh)
    events, has = facts.pay(community_id, packets, work.fresh, work.causes, now)
    touched = [packets[number] for number in sorted({share.packet_id for share in work.fresh})]
    RedPacket.objects.bulk_update(touched, ["taken", "paid"])
    ended = [packet for packet in touched if packet.taken == packet.shares]
    for packet in ended:
        events += _close(packet, "taken", "", now)
    told = [
        Got(r.packet_id, r.amount, r.fresh, has[member_account(w.member_id)]) if isinstance(r, Got) and r.fresh else r
        for r, w in zip(results, wishes, strict=True)
    ]
    return told, ended, events


class _Work:
    """What a batch of grabs is worked with, and what came of it."""

    def __init__(
        self,
        packets: Mapping[int, RedPacket],
        had: dict[tuple[int, int], int],
        hindered: Mapping[tuple[int, int], Refused],
    ) -> None:
        self.packets, self.had, self.hindered = packets, had, hindered
        self.fresh: list[RedPacketShare] = []
        self.causes: list[int | None] = []
        self._cuts: dict[int, list[int]] = {}

    def cut(self, packet: RedPacket) -> int:
        """The next share."""
        if packet.pk not in self._cuts:
            self._cuts[packet.pk] = split(bytes.fromhex(packet.seed), packet.budget, packet.shares, packet.least)
        return self._cuts[packet.pk][packet.taken]


def _serve(work: _Work, wish: Wish, now: datetime) -> Got | Refused:
    before = next((p for p in wish.packets if (p, wish.member_id) in work.had), None)
    hindered = None
    for number in wish.packets:
        packet = work.packets[number]
        if (number, wish.member_id) in work.had or not is_open(packet, now):
            continue
        if hindered := work.hindered.get((packet.group_id, wish.member_id)):
            continue
        amount = work.cut(packet)
        work.fresh.append(
            RedPacketShare(
                community_id=packet.community_id, packet_id=number, position=packet.taken, member_id=wish.member_id,
                amount=amount, at=now,
            )
        )  # fmt: skip
        work.causes.append(wish.cause_seq)
        packet.taken, packet.paid = packet.taken + 1, packet.paid + amount
        work.had[number, wish.member_id] = amount
        return Got(number, amount, fresh=True)
    if before is not None:
        return Got(before, work.had[before, wish.member_id], fresh=False)
    return hindered or over()


def _had(packets: Mapping[int, RedPacket], wishes: Sequence[Wish]) -> dict[tuple[int, int], int]:
    rows = RedPacketShare.objects.filter(packet_id__in=list(packets), member_id__in={w.member_id for w in wishes})
    return {(packet, member): amount for packet, member, amount in rows.values_list("packet_id", "member_id", "amount")}


def _hindrances(
    community_id: int, packets: Mapping[int, RedPacket], wishes: Sequence[Wish], now: datetime
) -> dict[tuple[int, int], Refused]:
    """(group, member) → why they may not take part."""
    settings: RedPacketRain = settings_from(blueprint_of(community_id))
    members = {w.member_id for w in wishes}
    groups = {packet.group_id for packet in packets.values()}
    inside = {
        (group, member): (state, muted_until)
        for group, member, state, muted_until in Membership.objects.filter(
            community_id=community_id, group_id__in=groups, member_id__in=members
        ).values_list("group_id", "member_id", "state", "muted_until")
    }
    posts = Staff.objects.filter(community_id=community_id, member_id__in=members)
    staff = set(posts.values_list("member_id", flat=True))
    found = {}
    for group in groups:
        offered = eligible(community_id, members, group)
        for member in members:
            state, muted_until = inside.get((group, member), (None, None))
            muted = state == Membership.State.MUTED and (muted_until is None or muted_until > now)
            why = taking_part(state, muted=muted, staff=member in staff, settings=settings, eligible=member in offered)
            if why is not None:
                found[group, member] = why
    return found


@transaction.atomic
def close(*, community_id: int, packet_id: int, why: str, by: str = "", now: datetime) -> bool:
    """End an open packet: the rest goes back, the seed is revealed; False where it was over."""
    packet = _locked(community_id, packet_id)
    if packet.state != OPEN:
        return False
    events = _close(packet, why, by, now)
    notices.tell_closed(packet, now=now)
    _append(events, now)
    return True


def _close(packet: RedPacket, why: str, by: str, now: datetime) -> list[NewEvent]:
    packet.state, packet.ended_at, packet.why = CLOSED, now, why
    packet.save(update_fields=["state", "ended_at", "why"])
    body: dict[str, Any] = {"why": why, "seed": packet.seed, "taken": packet.taken, "paid": packet.paid, "by": by}
    body |= facts.give_back(packet, now=now)
    shares = RedPacketShare.objects.filter(packet_id=packet.pk).values_list("position", "amount")
    body["lucky"] = luckiest(shares)
    return [facts.fact(packet, "redpacket.closed", body, now)]


def _call_off(packet: RedPacket, why: str, by: str, now: datetime) -> None:
    packet.state, packet.ended_at, packet.why = CANCELLED, now, why
    packet.save(update_fields=["state", "ended_at", "why"])
    _append([facts.fact(packet, "redpacket.cancelled", {"why": why, "by": by}, now)], now)


def _locked(community_id: int, packet_id: int) -> RedPacket:
    packet = lock_packets(community_id, [packet_id]).get(packet_id)
    if packet is None:
        raise RedPacket.DoesNotExist
    return packet


def _append(events: Sequence[NewEvent], now: datetime) -> None:
    """Last in every step: the log's head is the lock that everybody shares."""
    if events:
        log.append(raw_connection(), list(events), now=now)
