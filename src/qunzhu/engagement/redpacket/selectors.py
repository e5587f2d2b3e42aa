"""What pages read of red packets, and what must always hold of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, QuerySet, Sum

from qunzhu.engagement.redpacket.facts import account_of
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import CLOSED, OPEN, digest_of, luckiest, verify
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.schema import event_id
from qunzhu.kernel.ledger.models import Account

STEPS = ("redpacket.opened", "redpacket.closed")


@dataclass(frozen=True)
class ShareRow:
    """A share as pages show it."""

    position: int
    member_id: int
    name: str
    amount: int
    lucky: bool


def packets(community_id: int, *, state: str = "") -> QuerySet[RedPacket]:
    """Packets, the latest first."""
    rows = RedPacket.objects.filter(community_id=community_id)
    return (rows.filter(state=state) if state else rows).order_by("-opens_at", "-pk")


def packet(community_id: int, packet_id: int) -> RedPacket | None:
    """One packet of this community."""
    return RedPacket.objects.filter(community_id=community_id, pk=packet_id).first()


def states(community_id: int) -> dict[str, int]:
    """State → how many."""
    rows = RedPacket.objects.filter(community_id=community_id).order_by("state")
    return dict(rows.values_list("state").annotate(n=Count("id")))


def shares(found: RedPacket) -> list[ShareRow]:
    """Who got what, in the order of grabbing; the luckiest is known only when it is over."""
    rows = list(
        RedPacketShare.objects.filter(packet_id=found.pk)
        .order_by("position")
        .values_list("position", "member_id", "amount")
    )
    names = names_of(found.community_id, [member for _, member, _ in rows])
    best = luckiest((position, amount) for position, _, amount in rows) if found.state == CLOSED else None
    return [
        ShareRow(position, member, names.get(member, ""), amount, position == best) for position, member, amount in rows
    ]


def own(found: RedPacket, member_id: int) -> int | None:
    """What the member got of it."""
    rows = RedPacketShare.objects.filter(packet_id=found.pk, member_id=member_id)
    return rows.values_list("amount", flat=True).first()


def own_of(member_id: int, packet_ids: Iterable[int]) -> dict[int, int]:
    """Packet → what the member got of it."""
    rows = RedPacketShare.objects.filter(member_id=member_id, packet_id__in=list(packet_ids))
    return dict(rows.values_list("packet_id", "amount"))


def proves(found: RedPacket) -> list[str]:
    """What does not fit of a closed packet, from the log alone; an empty list is the proof."""
    community = found.community_id
    steps = [event_id(kind, community, "packet", found.pk) for kind in STEPS]
    members = RedPacketShare.objects.filter(packet_id=found.pk).values_list("member_id", flat=True)
    grabs = [event_id("redpacket.grabbed", community, found.pk, member) for member in members]
    rows = Event.objects.filter(community_id=community, id__in=[*steps, *grabs]).values_list("kind", "body")
    told = [(kind, body or {}) for kind, body in rows]
    bodies = dict(told)
    if not set(STEPS) <= set(bodies):
        return ["the log does not hold its opening and its closing"]
    paid = {body["position"]: body["amount"] for kind, body in told if kind == "redpacket.grabbed"}
    problems = verify(bodies[STEPS[0]], bodies[STEPS[1]], paid)
    return problems if len(paid) == found.taken else [*problems, "a share is missing in the log"]


def check_packets(community_id: int) -> list[str]:
    """Every broken invariant as one sentence; an empty list is health."""
    problems = []
    rows = list(RedPacket.objects.filter(community_id=community_id).order_by("pk"))
    summed = {
        number: (count, paid)
        for number, count, paid in RedPacketShare.objects.filter(community_id=community_id)
        .order_by("packet_id")
        .values_list("packet_id")
        .annotate(Count("position"), Sum("amount"))
    }
    held = dict(
        Account.objects.filter(community_id=community_id, owner__startswith="sys:packet:", unit="PTS").values_list(
            "owner", "balance"
        )
    )
    for row in rows:
        if summed.get(row.pk, (0, 0)) != (row.taken, row.paid):
            problems.append(f"packet {row.pk} counts {row.taken} shares of {row.paid}, it has {summed.get(row.pk)}")
        due = row.budget - row.paid if row.state == OPEN else 0
        if held.get(account_of(row.pk), 0) != due:
            problems.append(f"packet {row.pk} should hold {due}, it holds {held.get(account_of(row.pk), 0)}")
        if row.seed and row.digest != digest_of(row.seed, row.pk, row.budget, row.shares, row.least):
            problems.append(f"packet {row.pk} has another seed than it promised")
    return problems
