"""A community with a group and members, for tests of red packets."""

from typing import Any

from qunzhu.engagement.mall.policy import Refused as Stopped
from qunzhu.engagement.redpacket import services
from qunzhu.engagement.redpacket.consumer import CONSUMER
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import Refused, Terms
from qunzhu.engagement.redpacket.selectors import check_packets, proves
from qunzhu.kernel.community.models import Member, Membership
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account


class Rain:
    def __init__(self, **settings: Any) -> None:
        blueprint = {"engagement": {"red_packet_rain": {"per_month": 1_000, **settings}}}
        self.community = make_community(blueprint)
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.made = 0

    def members(self, n: int, **membership: Any) -> list[int]:
        people = Member.objects.bulk_create(
            [Member(community=self.community, display_name=f"成员{i}", created_at=NOW) for i in range(n)]
        )
        Membership.objects.bulk_create(
            [
                Membership(
                    community_id=self.id, group_id=self.group.pk, member_id=m.pk, joined_at=NOW,
                    **{"state": "active", **membership},
                )
                for m in people
            ]
        )  # fmt: skip
        return [m.pk for m in people]

    def plan(self, budget: int = 10, shares: int = 3, **more: Any) -> RedPacket:
        self.made += 1
        terms = Terms(budget, shares, more.pop("least", 1), more.pop("unit", "PTS"), 30, more.pop("greeting", ""))
        fields = {"opens_at": NOW, "key": f"k{self.made}", "by": "owner", "now": NOW, **more}
        return services.plan(community_id=self.id, group_id=self.group.pk, terms=terms, **fields)

    def open(self, budget: int = 10, shares: int = 3, **more: Any) -> RedPacket:
        packet = self.plan(budget, shares, **more)
        assert services.open_packet(community_id=self.id, packet_id=packet.pk, now=NOW)
        return self.again(packet)

    def again(self, packet: RedPacket) -> RedPacket:
        return RedPacket.objects.get(pk=packet.pk)

    def grab(self, packet: RedPacket, member: int, **more: Any) -> services.Got:
        return services.grab(community_id=self.id, packet_id=packet.pk, member_id=member, **{"now": NOW, **more})

    def deed(self, packet: RedPacket, member: int) -> None:
        """A grab whose refusal the mall's harness of threads knows."""
        try:
            self.grab(packet, member)
        except Refused as reason:
            raise Stopped(reason.code, str(reason)) from reason

    def say(self, *members: int) -> None:
        for member in members:
            write(self.community, "command.posted", group=self.group, member=Member.objects.get(pk=member),
                  text="抢", command="grab", args="")  # fmt: skip

    def consume(self, now: Any = NOW) -> None:
        run(CONSUMER, now=now)

    def amounts(self, packet: RedPacket) -> list[tuple[int, int]]:
        rows = RedPacketShare.objects.filter(packet_id=packet.pk).order_by("position")
        return list(rows.values_list("member_id", "amount"))

    def points(self, member: int) -> int:
        return balance(self.id, member_account(member))

    def kinds(self) -> list[str]:
        every = events_of(
            self.community, "redpacket.planned", "redpacket.opened", "redpacket.grabbed", "redpacket.closed",
            "redpacket.cancelled", "redpacket.month", "points.posted",
        )  # fmt: skip
        return [e.kind for e in every]

    def texts(self) -> list[tuple[str, str]]:
        rows = Effect.objects.filter(community_id=self.id).order_by("number")
        return [(e.kind, e.payload["text"]) for e in rows]

    def check(self) -> None:
        """What always holds, of packets and ledger."""
        assert check_packets(self.id) == []
        assert check_ledger(self.id) == []
        for packet in RedPacket.objects.filter(community_id=self.id, state="closed"):
            assert proves(packet) == []
