"""活跃 › 积分商城 › 订单: what members redeemed, and what people do with it. Addresses are for who may deliver only."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.pages.mall import KINDS
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import member_names
from qunzhu.engagement.mall import policy, selectors, services
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.policy import Refused
from qunzhu.engagement.mall.selectors import OrderFilter
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

BIGINT = 1 << 63
STATES: dict[str, Promise] = {
    policy.PLACED: lazy("待处理"),
    policy.SHIPPED: lazy("已发货"),
    policy.DONE: lazy("已完成"),
    policy.CANCELLED: lazy("已取消"),
    policy.REFUNDED: lazy("已退回"),
}


@dataclass(frozen=True)
class OrderRow:
    """An order with the name of its member."""

    order: MallOrder
    member: str


LIST = ListSpec[OrderRow](
    name="mall_orders",
    filters=("state", "good", "member"),
    columns=(
        Column("number", lazy("订单"), lambda r: r.order.pk, "num", fixed=True),
        Column("state", lazy("状态"), lambda r: STATES[r.order.state]),
        Column("name", lazy("商品"), lambda r: r.order.name, fixed=True),
        Column("kind", lazy("类型"), lambda r: KINDS[r.order.kind], usual=False),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member or r.order.member_id),
        Column("price", lazy("积分"), lambda r: r.order.price, "num"),
        Column("recipient", lazy("收货人"), lambda r: r.order.recipient),
        Column("phone", lazy("电话"), lambda r: r.order.phone, usual=False),
        Column("address", lazy("地址"), lambda r: r.order.address, usual=False),
        Column("carrier", lazy("快递公司"), lambda r: r.order.carrier, usual=False),
        Column("tracking", lazy("单号"), lambda r: r.order.tracking),
        Column("by", lazy("处理人"), lambda r: r.order.handled_by, usual=False),
        Column("placed", lazy("下单时间"), lambda r: r.order.placed_at, "num"),
        Column("done", lazy("完成时间"), lambda r: r.order.done_at or r.order.ended_at, "num", usual=False),
    ),
    export_action="mall.orders.export",
    permission="mall.deliver",
)


@staff_page("mall.deliver")
@require_safe
@list_page(LIST)
def order_list(request: StaffRequest, listing: Listing[OrderRow]) -> HttpResponse:
    """Orders, newest first, with filters in the URL."""
    community = request.community.pk
    wanted = _filter(request)
    rows = selectors.orders(community, wanted)
    before = slices.positive(request.GET.get("before"))
    older = rows.filter(pk__lt=before) if before else rows
    found = slices.stretch(list(older[: slices.ROWS + 1]), lambda order: order.pk, slices.counted(rows))
    listing.count_so_far(found.total)
    counts = selectors.states(community)
    context = {
        "title": _("商城订单"),
        "list": listing,
        "older": found.older,
        "rows": _rows(community, list(found.rows)),
        "states": STATES,
        "kinds": KINDS,
        "wanted": wanted,
        "filters": [
            slices.chips(request.GET, "state", _("状态"), list(STATES.items()), counts=counts, everything=_("全部")),
            *_by_good(request, community),
        ],
    }
    return page(request, "console/mall_orders.html", context, active="mall_orders")


@staff_page("mall.deliver")
@require_safe
def order_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered orders as CSV or Excel; exporting is itself recorded."""
    community = request.community.pk
    found = selectors.orders(community, _filter(request)).iterator(chunk_size=2_000)
    rows = (row for part in slices.in_parts(found) for row in _rows(community, part))
    return as_file(request, LIST, fmt, rows)


@staff_page("mall.deliver")
@require_safe
def order_page(request: StaffRequest, order_id: int) -> HttpResponse:
    """One order with its member, its road, and what can be done now."""
    return _page(request, _order(request, order_id))


@staff_page("mall.deliver")
@require_POST
def order_ship(request: StaffRequest, order_id: int) -> HttpResponse:
    """A parcel is on its way, or its number was wrong."""
    carrier, tracking = request.POST.get("carrier", ""), request.POST.get("tracking", "")
    done = _("已发货,成员能看到单号")
    return _act(request, order_id, "ship", done, lambda **who: services.ship(carrier=carrier, tracking=tracking, **who))


@staff_page("mall.deliver")
@require_POST
def order_deliver(request: StaffRequest, order_id: int) -> HttpResponse:
    """Hand over what a human hands over."""
    words = request.POST.get("words", "")[:2_000]
    done = _("已交付,成员能在订单里看到")
    return _act(request, order_id, "deliver", done, lambda **who: services.hand_over(words=words, **who))


@staff_page("mall.deliver")
@require_POST
def order_cancel(request: StaffRequest, order_id: int) -> HttpResponse:
    """Undo an order that was not handed over."""
    reason = request.POST.get("reason", "")
    done = _("已取消,积分已退回")
    return _act(request, order_id, "cancel", done, lambda **who: services.cancel(member_id=None, reason=reason, **who))


@staff_page("mall.deliver")
@require_POST
def order_refund(request: StaffRequest, order_id: int) -> HttpResponse:
    """Take back what was handed over."""
    reason, restock = request.POST.get("reason", ""), request.POST.get("restock") == "1"
    done = _("积分已退回")
    return _act(request, order_id, "refund", done, lambda **who: services.refund(reason=reason, restock=restock, **who))


def _act(request: StaffRequest, order_id: int, name: str, done: str, act: Callable[..., MallOrder]) -> HttpResponse:
    """Do it and record it; the record names the order, nobody's address or words."""
    found = _order(request, order_id)
    try:
        with audited(request, f"mall.{name}", target=f"mall_order:{order_id}"):
            act(
                community_id=request.community.pk,
                order_id=order_id,
                by=request.user.get_username(),
                now=SYSTEM_CLOCK.now(),
            )
    except Refused as reason:
        found.refresh_from_db()
        return _page(request, found, problem=_(str(reason)), given=request.POST, status=409)
    messages.success(request, done)
    return redirect("console:mall_order", slug=request.community.slug, order_id=order_id)


def _order(request: StaffRequest, order_id: int) -> MallOrder:
    rows = MallOrder.objects.filter(community_id=request.community.pk, pk=order_id)
    found = rows.first() if order_id < BIGINT else None
    if found is None:
        raise Http404
    return found


def _page(
    request: StaffRequest, found: MallOrder, *, problem: str = "", given: Any = None, status: int = 200
) -> HttpResponse:
    good = selectors.good(request.community.pk, found.good)
    (row,) = _rows(request.community.pk, [found])
    context = {
        "title": _("订单 #%(n)s") % {"n": found.pk},
        "row": row,
        "order": found,
        "good": good,
        "state_name": STATES[found.state],
        "kind_name": KINDS[found.kind],
        "by_itself": good is not None and services.goes_by_itself(good),
        "problem": problem,
        "given": given or {"carrier": found.carrier, "tracking": found.tracking},
        "reason_length": policy.REASON_LENGTH,
    }
    return page(request, "console/mall_order.html", context, active="mall_orders", status=status)


def _rows(community_id: int, orders: list[MallOrder]) -> list[OrderRow]:
    names = member_names(community_id, [order.member_id for order in orders])
    return [OrderRow(order, names.get(order.member_id, "")) for order in orders]


def _filter(request: StaffRequest) -> OrderFilter:
    state = request.GET.get("state", "")
    good = slices.positive(request.GET.get("good"))
    return OrderFilter(
        state=state if state in STATES else "",
        good=good if good and good < 1 << 31 else None,
        member=slices.positive(request.GET.get("member")),
        text=request.GET.get("q", "").strip()[:60],
    )


def _by_good(request: StaffRequest, community_id: int) -> list[slices.Filter]:
    """A choice between the first goods; more are chosen on the good's own page."""
    rows = MallGood.objects.filter(community_id=community_id).order_by("number")
    goods = [(str(number), name) for number, name in rows.values_list("number", "name")[: slices.MENU]]
    return [slices.chips(request.GET, "good", _("商品"), goods, everything=_("全部"))] if len(goods) > 1 else []
