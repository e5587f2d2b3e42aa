"""The points mall on a phone: the shelf, a good with one-tap redeem, my orders."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext, pgettext
from django.views.decorators.http import require_GET, require_http_methods

from qunzhu.engagement.mall import policy, selectors, services
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.policy import Delivery, Refused
from qunzhu.engagement.mall.services import Wish
from qunzhu.engagement.mall.standing import eligible, level_of
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.portal.identity import Visitor, members_only

KEY_LENGTH = 64
FEW = 10  # from so many pieces on, the shelf says how many are left
INT, BIGINT = 1 << 31, 1 << 63
YEAR = 365 * 24 * 3600
# code of a refusal → what the page says; what is on the page already needs no figures here
SENTENCES: Mapping[str, str] = {
    "gone": gettext_noop("这件商品已经下架了。"),
    "sold_out": gettext_noop("刚刚被兑完了,积分没有动。"),
    "points": gettext_noop("积分不够,没有兑换。"),
    "limit": gettext_noop("每人能兑的件数已经用完了。"),
    "level": gettext_noop("等级还不够,升级后再来。"),
    "recipient": gettext_noop("请填收货人,最多 30 个字。"),
    "phone": gettext_noop("电话号码没有看懂,请只填数字。"),
    "address": gettext_noop("请填完整的收货地址,5 到 200 个字。"),
    "words": gettext_noop("请写下要发的内容,最多 1,000 个字。"),
    "state": gettext_noop("这个订单刚刚有变化,请看最新状态。"),
}
KINDS: Mapping[str, str] = {
    "virtual": gettext_noop("虚拟商品"),
    "physical": gettext_noop("实物"),
    "perk": gettext_noop("特权"),
    "ad_slot": gettext_noop("广告位"),
}


@dataclass(frozen=True)
class Card:
    """A good as this member meets it. `why` is the code of what stands in the way, "" for nothing."""

    good: MallGood
    kind: str
    why: str
    note: str
    left: str


@dataclass(frozen=True)
class OrderCard:
    """An order with the words for where it stands; `good` is for its picture."""

    order: MallOrder
    state: str
    good: MallGood | None
    running: bool


@require_GET
@members_only
def mall(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """The shelf, with what I have and can afford."""
    points = _balance(visitor)
    cards = _cards(visitor, selectors.goods(visitor.community.pk), points)
    can = request.GET.get("can") == "1"
    context = _shell(visitor) | {
        "balance": points,
        "cards": [card for card in cards if not can or not card.why],
        "can": can,
        "any": bool(cards),
        "affordable": sum(not card.why for card in cards),
    }
    return render(request, "portal/mall.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def good(request: HttpRequest, visitor: Visitor, number: int) -> HttpResponse:
    """One good; a POST redeems it."""
    found = selectors.good(visitor.community.pk, number) if number < INT else None
    if found is None or not eligible(visitor.community.pk, visitor.member.pk):
        raise Http404(_("商城里没有这件商品"))
    given = Delivery(*(request.POST.get(name, "") for name in ("recipient", "phone", "address", "words")))
    if request.method != "POST":
        return _good(request, visitor, found, selectors.last_address(visitor.community.pk, visitor.member.pk))
    key = request.POST.get("key", "")[:KEY_LENGTH] or uuid4().hex
    wish = Wish(visitor.member.pk, number, f"page:{visitor.member.pk}:{key}"[: services.KEY_LENGTH], given)
    try:
        order = services.redeem(community_id=visitor.community.pk, wish=wish, now=SYSTEM_CLOCK.now())
    except Refused as refused:
        found.refresh_from_db()
        return _good(request, visitor, found, given, problem=_said(refused), status=409)
    return redirect(reverse("portal:mall_order", args=[order.pk]) + "?new=1")


def _good(
    request: HttpRequest, visitor: Visitor, found: MallGood, given: Delivery, *, problem: str = "", status: int = 200
) -> HttpResponse:
    points = _balance(visitor)
    (card,) = _cards(visitor, [found], points)
    offer = services.offer_of(found)
    context = _shell(visitor) | {
        "card": card, "good": found, "given": given, "problem": problem, "balance": points,
        "after": points - found.price, "key": uuid4().hex, "by_itself": services.goes_by_itself(found),
        "limit": policy.limit_for(offer, level_of(visitor.community.pk, visitor.member.pk)),
        "lengths": {"name": policy.NAME_LENGTH, "phone": policy.PHONE_LENGTH, "address": policy.ADDRESS_LENGTH,
                    "words": policy.WORDS_LENGTH},
    }  # fmt: skip
    return render(request, "portal/mall_good.html", context, status=status)


@require_GET
@members_only
def orders(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """My orders, newest first."""
    raw = request.GET.get("before", "")
    before = int(raw) if raw.isascii() and raw.isdigit() and len(raw) <= 18 else None  # noqa: PLR2004
    rows = selectors.orders_of(visitor.community.pk, visitor.member.pk, before=before)
    shown = rows[: selectors.ORDERS_SHOWN]
    context = _shell(visitor) | {
        "orders": _order_cards(visitor.community.pk, shown),
        "older": shown[-1].pk if len(rows) > len(shown) else None,
        "paged": before is not None,
    }
    return render(request, "portal/mall_orders.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only
def order(request: HttpRequest, visitor: Visitor, order_id: int) -> HttpResponse:
    """One of my orders; a POST cancels it or says that the parcel has come."""
    found = _own(visitor, order_id)
    problem = ""
    if request.method == "POST":
        own: dict[str, Any] = {
            "community_id": visitor.community.pk, "order_id": order_id, "member_id": visitor.member.pk,
            "now": SYSTEM_CLOCK.now(),
        }  # fmt: skip
        try:
            if request.POST.get("do") == "receive":
                services.receive(**own)
            else:
                services.cancel(**own)
        except Refused as refused:
            problem, found = _said(refused), _own(visitor, order_id)
        else:
            return redirect("portal:mall_order", order_id)
    (card,) = _order_cards(visitor.community.pk, [found])
    context = _shell(visitor) | {
        "card": card, "order": found, "problem": problem,
        "new": "new" in request.GET and found.state in {policy.PLACED, policy.DONE},
        "steps": _steps(found), "balance": _balance(visitor),
    }  # fmt: skip
    return render(request, "portal/mall_order.html", context, status=409 if problem else 200)


@require_GET
@members_only
def picture(request: HttpRequest, visitor: Visitor, sha256: str) -> HttpResponse:  # noqa: ARG001
    """A picture of a good; its name is its digest, so that it never changes."""
    data = selectors.picture(visitor.community.pk, sha256)
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/webp")
    response.headers["Cache-Control"] = f"private, max-age={YEAR}, immutable"
    return response


def _own(visitor: Visitor, order_id: int) -> MallOrder:
    found = selectors.order_of(visitor.community.pk, visitor.member.pk, order_id) if order_id < BIGINT else None
    if found is None:
        raise Http404(_("没有这个订单"))
    return found


def _shell(visitor: Visitor) -> dict[str, Any]:
    return {"visitor": visitor, "tab": "mall", "now": SYSTEM_CLOCK.now(), "zone": visitor.community.timezone}


def _balance(visitor: Visitor) -> int:
    return balance(visitor.community.pk, member_account(visitor.member.pk))


def _said(refused: Refused) -> str:
    return _(SENTENCES.get(refused.code, SENTENCES["state"]))


def _cards(visitor: Visitor, goods: list[MallGood], points: int) -> list[Card]:
    level = level_of(visitor.community.pk, visitor.member.pk)
    had = selectors.had(visitor.community.pk, visitor.member.pk)
    cards = []
    for one in goods:
        why = policy.refusal(services.offer_of(one), level=level, had=had.get(one.number, 0), balance=points)
        code = why.code if why else ""
        cards.append(Card(one, _(KINDS[one.kind]), code, _note(one, code, points), _left(one)))
    return cards


def _note(one: MallGood, code: str, points: int) -> str:
    """In two words, why not now."""
    words = {
        "gone": _("已下架"), "sold_out": _("已兑完"), "limit": _("已兑过"),
        "level": _("%(n)s 级可兑") % {"n": one.min_level}, "points": _("还差 %(n)s") % {"n": f"{one.price - points:,}"},
    }  # fmt: skip
    return words.get(code, "")


def _left(one: MallGood) -> str:
    return ngettext("只剩 %(n)d 件", "只剩 %(n)d 件", one.stock) % {"n": one.stock} if 0 < one.stock <= FEW else ""


def _order_cards(community_id: int, rows: list[MallOrder]) -> list[OrderCard]:
    goods = {g.number: g for g in MallGood.objects.filter(community_id=community_id, number__in={o.good for o in rows})}
    return [OrderCard(o, state_of(o), goods.get(o.good), o.state in policy.OPEN) for o in rows]


def state_of(found: MallOrder) -> str:
    """Where an order stands, in the words of its kind."""
    if found.state == policy.PLACED:
        return {"physical": _("待发货"), "ad_slot": _("待审核")}.get(found.kind, _("处理中"))
    if found.state == policy.DONE and found.kind == "physical":
        return _("已收货")
    return {
        policy.SHIPPED: _("已发货"), policy.DONE: _("已完成"), policy.CANCELLED: _("已取消"),
        policy.REFUNDED: _("积分已退回"),
    }[found.state]  # fmt: skip


def _steps(found: MallOrder) -> list[tuple[str, Any]]:
    """The road of an order: (words, when); without a time it lies ahead."""
    first = (pgettext("step", "兑换"), found.placed_at)
    if found.state in {policy.CANCELLED, policy.REFUNDED}:
        return [first, (state_of(found), found.ended_at)]
    if found.kind == "physical":
        return [first, (pgettext("step", "发货"), found.shipped_at), (pgettext("step", "收货"), found.done_at)]
    return [first, (pgettext("step", "交付"), found.done_at)]
