"""A small shop for tests: a community, members with points, goods of every kind."""

from typing import Any

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.consumer import CONSUMER
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.policy import Delivery
from qunzhu.engagement.mall.selectors import check_mall
from qunzhu.engagement.mall.services import Wish
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account
from qunzhu.kernel.ledger.services import award

HOME = Delivery("林小林", "138 0000 0000", "浙江省杭州市西湖区文三路 1 号")
KINDS = ("mall.changed", "mall.ordered", "mall.shipped", "mall.done", "mall.ended", "points.posted")
PLAIN: dict[str, Any] = {"name": "咖啡券", "kind": "virtual", "price": 30}


class Shop:
    def __init__(self, blueprint: dict[str, Any] | None = None) -> None:
        self.community = make_community(blueprint)
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.lin = self.member("小林", points=100)
        self.wishes = 0

    def member(self, name: str, *, points: int = 0) -> Member:
        made = make_member(self.community, name)
        if points:
            award(community_id=self.id, member_id=made.pk, amount=points, key=f"gift:{made.pk}", kind="adjust", now=NOW)
        return made

    def good(self, *, stock: int = 3, codes: list[str] | None = None, **fields: Any) -> MallGood:
        made = shelf.add_good(self.id, {**PLAIN, **fields}, stock=0 if codes else stock, by="owner", now=NOW)
        if codes:
            shelf.add_codes(community_id=self.id, number=made.number, codes=codes, by="owner", now=NOW)
        return self.again(made)

    def again(self, good: MallGood) -> MallGood:
        return MallGood.objects.get(community_id=self.id, number=good.number)

    def wish(self, good: MallGood, member: Member | None = None, **more: Any) -> Wish:
        self.wishes += 1
        return Wish((member or self.lin).pk, good.number, more.pop("key", f"k{self.wishes}"), **more)

    def redeem(self, good: MallGood, member: Member | None = None, **more: Any) -> MallOrder:
        return services.redeem(community_id=self.id, wish=self.wish(good, member, **more), now=NOW)

    def say(self, args: str = "", member: Member | None = None, nickname: str = "小林", **more: Any) -> int:
        return write(
            self.community, "command.posted", group=self.group, member=member or self.lin, text=f"兑换 {args}",
            command="redeem", args=args, nickname=nickname, **more,
        )  # fmt: skip

    def consume(self) -> None:
        run(CONSUMER)

    def points(self, member: Member | None = None) -> int:
        return balance(self.id, member_account((member or self.lin).pk))

    def states(self) -> list[tuple[str, str]]:
        return list(MallOrder.objects.filter(community_id=self.id).order_by("pk").values_list("name", "state"))

    def told(self) -> list[tuple[str, dict[str, Any]]]:
        """Events of the mall after the goods were made, with the points that moved."""
        return [(e.kind, e.body) for e in events_of(self.community, *KINDS) if e.kind != "mall.changed"]

    def answers(self) -> list[tuple[str, str]]:
        rows = Effect.objects.filter(community_id=self.id).order_by("created_at", "cause_seq")
        return [(e.kind, e.payload["text"]) for e in rows]

    def cases(self) -> list[tuple[str, str, str]]:
        rows = Case.objects.filter(community_id=self.id).order_by("pk")
        return list(rows.values_list("kind", "state", "title"))

    def check(self) -> None:
        """What always holds, of mall and ledger."""
        assert check_mall(self.id) == []
        assert check_ledger(self.id) == []
