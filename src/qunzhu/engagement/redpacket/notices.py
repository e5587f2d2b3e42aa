"""What the group is told of a packet by itself: that it opened, who got what, that it is over."""

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings

from qunzhu.engagement.redpacket import sayings
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import luckiest
from qunzhu.kernel.community.selectors import names_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import raw_connection


def link_of(packet: RedPacket) -> str:
    """The packet's page for members."""
    return f"{settings.PUBLIC_URL}/me/redpackets/{packet.pk}/"


def tell_opened(packet: RedPacket, *, now: datetime) -> None:
    """Call the group."""
    text = sayings.say_opened(packet.budget, packet.shares, packet.greeting, link_of(packet))
    say(packet, "opened", text, now)


def tell_closed(packet: RedPacket, *, now: datetime, others: Sequence[str] = ()) -> None:
    """The end, with all that the group has not heard yet, in one message."""
    shares = list(RedPacketShare.objects.filter(packet_id=packet.pk).values_list("position", "member_id", "amount"))
    best = luckiest((position, amount) for position, _member, amount in shares)
    lucky = next(((member, amount) for position, member, amount in shares if position == best), None)
    names = names_of(packet.community_id, [lucky[0]] if lucky else [])
    named = (names.get(lucky[0], ""), lucky[1]) if lucky else None
    end = sayings.say_closed(packet.taken, packet.shares, packet.paid, named, link_of(packet))
    say(packet, "closed", "\n".join(filter(None, (untold(packet, others), end))), now)
    heard(packet, now)


def tell(packet: RedPacket, *, now: datetime, others: Sequence[str] = ()) -> None:
    """What the group has not heard yet, in one message."""
    if text := untold(packet, others):
        say(packet, f"told:{now.isoformat()}", text, now)
        heard(packet, now)


def untold(packet: RedPacket, others: Sequence[str] = ()) -> str:
    """Who got a share since the last message, and how many came too late."""
    rows = RedPacketShare.objects.filter(packet_id=packet.pk, position__gte=packet.told).order_by("position")
    fresh = list(rows.values_list("member_id", "amount"))
    names = names_of(packet.community_id, [member for member, _ in fresh[: sayings.NAMES]])
    return sayings.say_together([(names.get(member, ""), amount) for member, amount in fresh], packet.late, others)


def heard(packet: RedPacket, now: datetime) -> None:
    """The group knows everything up to here."""
    packet.told, packet.late, packet.said_at = packet.taken, 0, now
    packet.save(update_fields=["told", "late", "said_at"])


def say(packet: RedPacket, step: str, text: str, now: datetime) -> None:
    """One message in the packet's group."""
    wanted = EffectRequest(
        "say", f"redpacket:{packet.pk}:{step}", packet.group_id, None, {"text": text}, None, "command.grab"
    )
    outbox.request(raw_connection(), packet.community_id, [wanted], now=now)
