"""The events of the mall, and the points that go with them. Every id is derived, so that a step is one fact."""

from datetime import datetime
from typing import Any

from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import POINTS, Award, Leg, points_event, post, reverse, transaction_id

INCOME = "sys:mall"  # what was paid for what was handed over


def account_of(order_id: int) -> str:
    """Where the points of an open order lie."""
    return f"sys:mall:{order_id}"


def fact(order: MallOrder, kind: str, body: dict[str, Any], now: datetime) -> NewEvent:
    """One step of an order: the same step is the same event."""
    named = event_id(kind, order.community_id, "order", order.pk)
    told = {"order": order.pk, "good": order.good, **body}
    return NewEvent(order.community_id, named, kind, now, told, order.group_id, order.member_id)


def changed(good: MallGood, what: dict[str, Any], by: str, key: str, now: datetime) -> NewEvent:
    """A good was put on the shelf, edited or restocked; `what` holds the fields that are new."""
    body = {"good": good.number, "what": what, "stock": good.stock, "by": by}
    named = event_id("mall.changed", good.community_id, good.number, key)
    return NewEvent(good.community_id, named, "mall.changed", now, body)


def hold(order: MallOrder, *, cause_seq: int | None, now: datetime) -> list[NewEvent]:
    """Take the price from the member and keep it with the order. Raises Insufficient."""
    if not order.price:
        return []
    key = f"mall:{order.pk}:hold"
    memo = f"兑换：{order.name}"
    owner = member_account(order.member_id)
    legs = (Leg(owner, POINTS, -order.price), Leg(account_of(order.pk), POINTS, order.price))
    posted = post(
        community_id=order.community_id, key=key, kind="mall", legs=legs, memo=memo, cause_seq=cause_seq, now=now
    )
    taken = Award(order.member_id, -order.price, key, "mall", memo, cause_seq, order.group_id)
    left = balance(order.community_id, owner)
    return [points_event(order.community_id, taken, posted.id, left, now)]


def settle(order: MallOrder, *, now: datetime) -> dict[str, Any]:
    """The mall has earned the points; returns what the event says of it."""
    if not order.price:
        return {}
    legs = (Leg(account_of(order.pk), POINTS, -order.price), Leg(INCOME, POINTS, order.price))
    posted = post(
        community_id=order.community_id, key=f"mall:{order.pk}:settle", kind="mall_settled", legs=legs, now=now
    )
    return {"transaction": str(posted.id), "amount": order.price}


def give_back(order: MallOrder, *, settled: bool, now: datetime) -> list[NewEvent]:
    """Undo by reversal what `settle` and `hold` did; the member has the points again."""
    if not order.price:
        return []
    community_id = order.community_id
    memo = f"退回：{order.name}"
    if settled:
        earned = transaction_id(community_id, f"mall:{order.pk}:settle")
        reverse(community_id=community_id, key=f"mall:{order.pk}:unsettle", of=earned, memo=memo, now=now)
    held = transaction_id(community_id, f"mall:{order.pk}:hold")
    key = f"mall:{order.pk}:return"
    posted = reverse(community_id=community_id, key=key, of=held, memo=memo, now=now)
    given = Award(order.member_id, order.price, key, "mall.reversed", memo, None, order.group_id)
    has = balance(community_id, member_account(order.member_id))
    return [points_event(community_id, given, posted.id, has, now)]
