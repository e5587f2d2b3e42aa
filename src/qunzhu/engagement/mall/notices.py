"""Who is told what: humans by a case (a good runs low, orders wait), the member in private when an order moves."""

from datetime import datetime

from django.conf import settings

from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.policy import PLACED
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.community.models import Membership
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent

WAITING = "mall:waiting"


def low_key(number: int) -> str:
    """The case of a good that runs low."""
    return f"mall:low:{number}"


def after_order(good: MallGood, *, before: int, by_hand: bool, now: datetime) -> list[NewEvent]:
    """Events of the cases that an order opens: crossing the mark of low stock, and waiting for a human."""
    opened = []
    if good.low_stock and good.stock <= good.low_stock < before:
        opened.append(
            open_case(
                community_id=good.community_id,
                kind="mall_low_stock",
                key=low_key(good.number),
                title=f"“{good.name}”只剩 {good.stock} 件",
                summary="在积分商城里补货，或者下架。",
                urgency="grey",
                payload={"good": good.number},
                now=now,
            )
        )
    if by_hand and not _waits(good.community_id, WAITING):
        opened.append(
            open_case(
                community_id=good.community_id,
                kind="mall_orders",
                key=WAITING,
                title="积分商城有订单等待交付",
                summary="在积分商城的订单里发货或交付；全部处理后，这个工单自己关闭。",
                urgency="grey",
                now=now,
            )
        )
    return [found.event for found in opened if found.event is not None]


def restocked(good: MallGood, *, now: datetime) -> None:
    """The case of a good that has enough again is over."""
    if good.stock > good.low_stock:
        _close(good.community_id, low_key(good.number), "restocked", now)


def waiting_over(community_id: int, *, now: datetime) -> None:
    """Nothing waits for a human any more."""
    if not MallOrder.objects.filter(community_id=community_id, state=PLACED).exists():
        _close(community_id, WAITING, "delivered", now)


def tell(order: MallOrder, text: str, *, now: datetime) -> None:
    """Say in private what became of an order, where it was made or in the member's first group; it is on the page too.

    Nobody is told who is in no group any more.
    """
    inside = Membership.objects.filter(community_id=order.community_id, member_id=order.member_id)
    inside = inside.exclude(state__in=(Membership.State.LEFT, Membership.State.REMOVED))
    groups = list(inside.order_by("group_id").values_list("group_id", flat=True))
    if not groups:
        return
    wanted = EffectRequest(
        kind="answer",
        key=f"mall:{order.pk}:{order.state}",
        group_id=order.group_id if order.group_id in groups else groups[0],
        member_id=order.member_id,
        payload={
            "text": f"{text}{settings.PUBLIC_URL}/me/mall/orders/{order.pk}/", "to": order.member_id, "private": True,
        },
        rule="command.redeem",
    )  # fmt: skip
    outbox.request(raw_connection(), order.community_id, [wanted], now=now)


def _waits(community_id: int, key: str) -> bool:
    return Case.objects.filter(community_id=community_id, key=key, state=Case.State.OPEN).exists()


def _close(community_id: int, key: str, action: str, now: datetime) -> None:
    case = Case.objects.filter(community_id=community_id, key=key, state=Case.State.OPEN).first()
    if case is not None:
        decide_case(
            community_id=community_id, case_id=case.pk, action=action, user="qunzhu", role=None, version=case.version,
            now=now,
        )  # fmt: skip
