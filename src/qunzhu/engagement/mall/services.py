"""Orders: placed, handed over, received, undone. Every step is one transaction, under the lock of the order's good."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from qunzhu.engagement.mall import facts, notices
from qunzhu.engagement.mall.locks import lock_free_code, lock_goods, lock_order, lock_points
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.policy import (
    CANCELLED,
    DONE,
    OPEN,
    PLACED,
    REASON_LENGTH,
    REFUNDED,
    SHIPPED,
    Delivery,
    Offer,
    Refused,
    by_itself,
    check_delivery,
    check_move,
    check_tracking,
    refusal,
)
from qunzhu.engagement.mall.standing import LevelOf, eligible, level_of
from qunzhu.kernel.engine.clearance_service import grant_clearance
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import Insufficient

KEY_LENGTH = 80
# Where a consumer's events go: it queues them, so that the log's lock is taken after every other.
Append = Callable[[NewEvent], None]
NO_DELIVERY = Delivery()


@dataclass(frozen=True)
class Wish:
    """What a member wants: the good's number; `key` makes it one order however often it is asked for."""

    member_id: int
    good: int
    key: str
    delivery: Delivery = NO_DELIVERY
    group_id: int | None = None
    cause_seq: int | None = None


def offer_of(good: MallGood) -> Offer:
    """The good as policies see it."""
    limits = tuple((int(level), int(limit)) for level, limit in good.level_limits)
    return Offer(
        good.number, good.name, good.kind, good.price, good.stock, good.on_sale, good.per_member, good.min_level, limits
    )


def goes_by_itself(good: MallGood) -> bool:
    """Whether its orders need no human."""
    return by_itself(good.kind, with_codes=good.with_codes, content=good.content)


def redeem(*, community_id: int, wish: Wish, now: datetime, level: LevelOf = level_of) -> MallOrder:
    """Place an order and hand over what needs no human: both steps of the saga. Raises `Refused`; then nothing was."""
    order = place(community_id=community_id, wish=wish, now=now, level=level)
    advance(community_id=community_id, order_id=order.pk, now=now)
    order.refresh_from_db()
    return order


@transaction.atomic
def place(
    *, community_id: int, wish: Wish, now: datetime, level: LevelOf = level_of, append: Append | None = None
) -> MallOrder:
    """Take one piece and hold the points. Raises `Refused`; then nothing was written. A key again is the same order."""
    before = MallOrder.objects.filter(community_id=community_id, key=wish.key).first()
    if before is None:
        good = MallGood.objects.filter(community_id=community_id, number=wish.good).first()
        if good is not None and good.stock:  # a crowd before an empty shelf need not queue to hear so
            good = lock_goods(community_id, [wish.good])[wish.good]
        # Who waited for the lock may have waited for the same tap.
        before = MallOrder.objects.filter(community_id=community_id, key=wish.key).first()
    if before is not None:
        if (before.member_id, before.good) != (wish.member_id, wish.good):
            raise Refused("state", "请刷新页面再试。")
        return before
    if good is None or not eligible(community_id, wish.member_id, wish.group_id):
        raise Refused("gone", "商城里没有这件商品。")
    owner = member_account(wish.member_id)
    had = _had(community_id, wish)
    why = refusal(
        offer_of(good), level=level(community_id, wish.member_id), had=had, balance=balance(community_id, owner)
    )
    if why is not None:
        raise why
    return _place(good, wish, check_delivery(good.kind, wish.delivery), now, append)


def _had(community_id: int, wish: Wish) -> int:
    """Orders of this good that the member has and that were not undone."""
    own = MallOrder.objects.filter(community_id=community_id, member_id=wish.member_id, good=wish.good)
    return own.exclude(state__in=(CANCELLED, REFUNDED)).count()


def _place(good: MallGood, wish: Wish, delivery: Delivery, now: datetime, append: Append | None) -> MallOrder:
    order = MallOrder.objects.create(
        community_id=good.community_id, member_id=wish.member_id, good=good.number, key=wish.key[:KEY_LENGTH],
        kind=good.kind, name=good.name, price=good.price, group_id=wish.group_id, placed_at=now,
        recipient=delivery.recipient, phone=delivery.phone, address=delivery.address, words=delivery.words,
    )  # fmt: skip
    try:
        paid = facts.hold(order, cause_seq=wish.cause_seq, now=now)
    except Insufficient as error:  # spent since the balance was read
        raise Refused("points", f"“{good.name}”要 {good.price} 积分，你的积分不够了。") from error
    stock = good.stock
    _set_stock(good, stock - 1)
    body = {"price": order.price, "kind": order.kind, "stock": good.stock}
    events = [facts.fact(order, "mall.ordered", body, now), *paid]
    events += notices.after_order(good, before=stock, by_hand=not goes_by_itself(good), now=now)
    _append(events, now, append)
    return order


@transaction.atomic
def advance(*, community_id: int, order_id: int, now: datetime, append: Append | None = None) -> bool:
    """Hand over a placed order that needs no human, or undo one that cannot be; False where nothing was to be done."""
    order, good = lock_order(community_id, order_id)
    # A good that became another kind meanwhile is handed over by a human, as what was ordered.
    if order.state != PLACED or order.kind != good.kind or not goes_by_itself(good):
        return False
    if order.kind == "perk":
        order.holds_until = now + timedelta(days=good.days)
        _finish(order, {"how": "perk", "perk": good.perk, "until": order.holds_until.isoformat()}, now, append)
        return True
    if not good.with_codes:
        order.delivery = good.content
        _finish(order, {"how": "content"}, now, append)
        return True
    code = lock_free_code(community_id, good.number)
    if code is None:  # the codes were lost; nobody pays for nothing
        _undo(order, good, to=CANCELLED, why="sold_out", restock=False, now=now, append=append)
        return True
    code.order_id, order.delivery = order.pk, code.code
    code.save(update_fields=["order_id"])
    _finish(order, {"how": "code"}, now, append)
    return True


@transaction.atomic
def ship(*, community_id: int, order_id: int, carrier: str, tracking: str, by: str, now: datetime) -> MallOrder:
    """A parcel is on its way; said again, the tracking number is corrected. Raises `Refused`."""
    order, _good = lock_order(community_id, order_id)
    order.carrier, order.tracking = carrier.strip()[:40], check_tracking(tracking)
    order.handled_by = by
    if order.state == SHIPPED:
        order.save(update_fields=["carrier", "tracking", "handled_by"])
        return order
    _check_kind(order, "physical")
    check_move(order.state, SHIPPED)
    order.state, order.shipped_at = SHIPPED, now
    order.save()
    _append([facts.fact(order, "mall.shipped", {"by": by}, now)], now)
    notices.waiting_over(community_id, now=now)
    notices.tell(order, f"你兑换的“{order.name}”已发货：{order.carrier} {order.tracking}。", now=now)
    return order


@transaction.atomic
def hand_over(*, community_id: int, order_id: int, words: str, by: str, now: datetime) -> MallOrder:
    """A human hands over: an ad slot is cleared for its days, of a virtual good the member reads `words`."""
    order, good = lock_order(community_id, order_id)
    check_move(order.state, DONE)
    order.handled_by = by
    body: dict[str, Any] = {"how": "hand", "by": by}
    if order.kind == "ad_slot":
        order.holds_until = now + timedelta(days=good.days)
        body |= {"how": "ad_slot", "until": order.holds_until.isoformat()}
        body["granted"] = _clear(order, order.holds_until, by, now)
    else:
        _check_kind(order, "virtual")
        order.delivery = words.strip()
        if not order.delivery:
            raise Refused("words", "请写下要交给成员的内容。")
    _finish(order, body, now)
    notices.waiting_over(community_id, now=now)
    notices.tell(order, f"你兑换的“{order.name}”已交付，在这里看：", now=now)
    return order


def _clear(order: MallOrder, until: datetime, by: str, now: datetime) -> int:
    try:
        return grant_clearance(
            community_id=order.community_id, member=order.member_id, until=until, by=by, text=order.words,
            name=f"{order.name} #{order.pk}", now=now,
        )  # fmt: skip
    except ValueError as error:
        raise Refused("words", str(error)) from error


@transaction.atomic
def receive(*, community_id: int, order_id: int, member_id: int | None, now: datetime) -> MallOrder:
    """The parcel has arrived: the member says so, or (None) enough days have passed. Raises `Refused`."""
    order, _good = lock_order(community_id, order_id)
    _check_own(order, member_id)
    if order.state == DONE:
        return order
    if order.state != SHIPPED:
        raise Refused("state", "这个订单还没有发货。")
    _finish(order, {"how": "time" if member_id is None else "received"}, now)
    return order


@transaction.atomic
def cancel(
    *,
    community_id: int,
    order_id: int,
    member_id: int | None,
    by: str = "",
    reason: str = "",
    now: datetime,
    append: Append | None = None,
) -> MallOrder:
    """Undo an order that was not handed over: by its member, or (None) by staff with a reason. Raises `Refused`."""
    order, good = lock_order(community_id, order_id)
    _check_own(order, member_id)
    if order.state == CANCELLED:
        return order
    if member_id is None:
        order.reason = _reason(reason)
    order.handled_by = "" if member_id is not None else by
    why = "staff" if member_id is None else "member"
    _undo(order, good, to=CANCELLED, why=why, restock=True, now=now, append=append)
    if append is None:
        notices.waiting_over(community_id, now=now)
    if member_id is None and append is None:
        notices.tell(order, f"“{order.name}”的订单已取消，{order.price} 积分已退回：{order.reason}。", now=now)
    return order


@transaction.atomic
def refund(
    *, community_id: int, order_id: int, by: str, reason: str, restock: bool = False, now: datetime
) -> MallOrder:
    """Take back what was handed over: the points return; a code was seen and never does. Raises `Refused`."""
    order, good = lock_order(community_id, order_id)
    if order.state == REFUNDED:
        return order
    order.reason, order.handled_by = _reason(reason), by
    _undo(order, good, to=REFUNDED, why="staff", restock=restock and not good.with_codes, now=now)
    notices.tell(order, f"“{order.name}”的 {order.price} 积分已退回：{order.reason}。", now=now)
    return order


def _reason(words: str) -> str:
    said = words.strip()[:REASON_LENGTH]
    if not said:
        raise Refused("reason", "请写一句理由，成员会看到。")
    return said


def _check_own(order: MallOrder, member_id: int | None) -> None:
    if member_id is not None and order.member_id != member_id:
        raise MallOrder.DoesNotExist


def _check_kind(order: MallOrder, kind: str) -> None:
    if order.kind != kind:
        raise Refused("state", "这类商品不是这样交付的。")


def _finish(order: MallOrder, body: dict[str, Any], now: datetime, append: Append | None = None) -> None:
    check_move(order.state, DONE)
    order.state, order.done_at = DONE, now
    order.save()
    earned = facts.settle(order, now=now)
    _append([facts.fact(order, "mall.done", {**body, **earned}, now)], now, append)


def _undo(
    order: MallOrder,
    good: MallGood,
    *,
    to: str,
    why: str,
    restock: bool,
    now: datetime,
    append: Append | None = None,
) -> None:
    check_move(order.state, to)
    settled = order.state not in OPEN
    order.state, order.ended_at = to, now
    order.save()
    lock_points(order)
    events = facts.give_back(order, settled=settled, now=now)
    if restock:
        _set_stock(good, good.stock + 1)
    body = {"how": to, "why": why, "amount": order.price, "stock": good.stock}
    _append([facts.fact(order, "mall.ended", body, now), *events], now, append)
    if restock and append is None:
        notices.restocked(good, now=now)


def _set_stock(good: MallGood, stock: int) -> None:
    good.stock = stock
    MallGood.objects.filter(community_id=good.community_id, number=good.number).update(stock=stock)


def _append(events: Sequence[NewEvent], now: datetime, append: Append | None = None) -> None:
    """Last in every step: the log's head is the lock that everybody shares."""
    if append is None:
        log.append(raw_connection(), list(events), now=now)
        return
    for event in events:
        append(event)
