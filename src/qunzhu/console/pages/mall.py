"""活跃 › 积分商城: the goods, each with its form, stock, codes and picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.mall_forms import CodesForm, GoodForm, NewGoodForm, PictureForm, initial_of
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.engagement.mall import selectors, shelf
from qunzhu.engagement.mall.models import MallGood
from qunzhu.engagement.mall.policy import BadLine, Refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

BIGGEST = 1 << 31
SHOWN_ERRORS = 20
YEAR = 365 * 24 * 3600
KINDS = {"virtual": lazy("虚拟商品"), "physical": lazy("实物"), "perk": lazy("特权"), "ad_slot": lazy("广告位")}
STANDINGS = {"on": lazy("在售"), "low": lazy("库存不足"), "out": lazy("已兑完"), "off": lazy("已下架")}


@dataclass(frozen=True)
class GoodRow:
    """A good with what became of it."""

    good: MallGood
    standing: str
    sold: int
    waiting: int


LIST = ListSpec[GoodRow](
    name="mall",
    filters=("standing", "kind"),
    columns=(
        Column("number", lazy("编号"), lambda r: r.good.number, "num", fixed=True),
        Column("name", lazy("商品"), lambda r: r.good.name, fixed=True),
        Column("standing", lazy("状态"), lambda r: STANDINGS[r.standing]),
        Column("kind", lazy("类型"), lambda r: KINDS[r.good.kind]),
        Column("price", lazy("价格(积分)"), lambda r: r.good.price, "num"),
        Column("stock", lazy("库存"), lambda r: r.good.stock, "num"),
        Column("waiting", lazy("待处理"), lambda r: r.waiting, "num"),
        Column("sold", lazy("已兑换"), lambda r: r.sold, "num"),
        Column("limit", lazy("每人限兑"), lambda r: r.good.per_member, "num", usual=False),
        Column("level", lazy("最低等级"), lambda r: r.good.min_level, "num", usual=False),
        Column("created", lazy("上架时间"), lambda r: r.good.created_at, "num", usual=False),
    ),
    export_action="mall.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def good_list(request: StaffRequest, listing: Listing[GoodRow]) -> HttpResponse:
    """Every good, with filters in the URL."""
    every = _rows(request.community.pk)
    rows = _wanted(request, every)
    number = slices.page_number(request.GET.get("page"))
    first = (min(number, max(1, -(-len(rows) // slices.ROWS))) - 1) * slices.ROWS
    listing.count(len(rows))
    counts = {name: sum(r.standing == name for r in every) for name in STANDINGS}
    context = {
        "title": _("积分商城"),
        "list": listing,
        "page": slices.Page(rows[first : first + slices.ROWS], len(rows), first // slices.ROWS + 1),
        "kinds": KINDS,
        "standings": STANDINGS,
        "waiting": sum(r.waiting for r in every),
        "filters": _chips(request, counts),
    }
    return page(request, "console/mall.html", context, active="mall")


@staff_page("view")
@require_safe
def good_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered goods as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, _wanted(request, _rows(request.community.pk)))


@staff_page("mall.edit")
def good_new(request: StaffRequest) -> HttpResponse:
    """The form for a good that is not there yet."""
    form = NewGoodForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields = dict(form.cleaned_data)
        stock = fields.pop("stock")
        with audited(request, "mall.add", detail={"name": fields["name"], "price": fields["price"]}) as detail:
            made = shelf.add_good(
                request.community.pk, fields, stock=stock, by=request.user.get_username(), now=SYSTEM_CLOCK.now()
            )
            detail["good"] = made.number
        messages.success(request, _("“%(name)s”已上架,可以接着加图片、导入卡密") % {"name": made.name})
        return redirect("console:mall_good", slug=request.community.slug, number=made.number)
    context = {"title": _("新商品"), "form": form}
    return page(request, "console/mall_new.html", context, active="mall", status=422 if form.is_bound else 200)


@staff_page("view")
@require_safe
def good_page(request: StaffRequest, number: int) -> HttpResponse:
    """One good, and what may be changed of it."""
    return _page(request, _good(request, number))


@staff_page("mall.edit")
@require_POST
def good_edit(request: StaffRequest, number: int) -> HttpResponse:
    """Save the form."""
    good = _good(request, number)
    form = GoodForm(request.POST)
    if not form.is_valid():
        return _page(request, good, form=form, status=422)
    try:
        with audited(request, "mall.change", target=f"mall:{number}") as detail:
            changed = shelf.edit_good(fields=form.cleaned_data, **_by(request, number))
            detail["changed"] = sorted(changed)
    except Refused as reason:
        form.add_error(None, _(str(reason)))
        return _page(request, good, form=form, status=422)
    messages.success(request, _("已保存") if changed else _("没有改动"))
    return _back(request, number)


@staff_page("mall.edit")
@require_POST
def good_stock(request: StaffRequest, number: int) -> HttpResponse:
    """Count the shelf anew."""
    _good(request, number)
    raw = request.POST.get("stock", "").strip()
    try:
        with audited(request, "mall.stock", target=f"mall:{number}") as detail:
            wanted = int(raw) if raw.isascii() and raw.isdigit() and len(raw) < 10 else -1  # noqa: PLR2004
            detail["from"], detail["to"] = shelf.set_stock(stock=wanted, **_by(request, number))
    except Refused as reason:
        messages.error(request, _(str(reason)))
    else:
        messages.success(request, _("库存已改为 %(n)s") % {"n": detail["to"]})
    return _back(request, number)


@staff_page("mall.edit")
@require_POST
def good_codes(request: StaffRequest, number: int) -> HttpResponse:
    """Import codes, all or none; every bad line is named."""
    good = _good(request, number)
    form = CodesForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, good, codes_form=form, status=422)
    data, detail = form.cleaned_data["file"].read(), {"file": form.cleaned_data["file"].name[:80]}
    try:
        added, bad = _import(request, number, data, detail)
    except Refused as reason:
        form.add_error("file", _(str(reason)))
        return _page(request, good, codes_form=form, status=422)
    if bad:
        return _page(request, good, bad=bad, status=422)
    messages.success(request, _("已导入 %(n)d 个卡密") % {"n": added})
    return _back(request, number)


@staff_page("mall.edit")
@require_POST
def good_picture(request: StaffRequest, number: int) -> HttpResponse:
    """A new picture."""
    good = _good(request, number)
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, good, picture_form=form, status=422)
    try:
        with audited(request, "mall.picture", target=f"mall:{number}"):
            shelf.set_picture(data=form.cleaned_data["file"].read(), **_by(request, number))
    except Refused as reason:
        form.add_error("file", _(str(reason)))
        return _page(request, good, picture_form=form, status=422)
    messages.success(request, _("图片已更换"))
    return _back(request, number)


@staff_page("view")
@require_safe
def picture(request: StaffRequest, sha256: str) -> HttpResponse:
    """The bytes of a picture; its name is its digest, so that it never changes."""
    data = selectors.picture(request.community.pk, sha256)
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/webp")
    response.headers["Cache-Control"] = f"private, max-age={YEAR}, immutable"
    return response


def standing_of(good: MallGood) -> str:
    """Where a good stands: a key of STANDINGS."""
    if not good.on_sale:
        return "off"
    if good.stock == 0:
        return "out"
    return "low" if good.low_stock and good.stock <= good.low_stock else "on"


def _rows(community_id: int) -> list[GoodRow]:
    goods = list(MallGood.objects.filter(community_id=community_id).order_by("number"))
    counted = selectors.sold(community_id, [good.number for good in goods])
    return [GoodRow(good, standing_of(good), *counted.get(good.number, (0, 0))) for good in goods]


def _wanted(request: StaffRequest, rows: Sequence[GoodRow]) -> list[GoodRow]:
    standing, kind = request.GET.get("standing", ""), request.GET.get("kind", "")
    return [
        row
        for row in rows
        if (standing not in STANDINGS or row.standing == standing) and (kind not in KINDS or row.good.kind == kind)
    ]


def _import(request: StaffRequest, number: int, data: bytes, detail: dict[str, Any]) -> tuple[int, list[BadLine]]:
    """An import that took nothing is on record too, with how many lines were wrong."""
    with audited(request, "mall.codes", target=f"mall:{number}", detail=detail) as known:
        added, bad = shelf.import_codes(data=data, **_by(request, number))
        known.update({"count": added, "bad": len(bad)})
    return added, bad


def _chips(request: StaffRequest, counts: dict[str, int]) -> list[slices.Filter]:
    query, everything = request.GET, _("全部")
    return [
        slices.chips(query, "standing", _("状态"), list(STANDINGS.items()), counts=counts, everything=everything),
        slices.chips(query, "kind", _("类型"), list(KINDS.items()), everything=everything),
    ]


def _good(request: StaffRequest, number: int) -> MallGood:
    good = selectors.good(request.community.pk, number) if number < BIGGEST else None
    if good is None:
        raise Http404
    return good


def _by(request: StaffRequest, number: int) -> dict[str, Any]:
    return {
        "community_id": request.community.pk, "number": number, "by": request.user.get_username(),
        "now": SYSTEM_CLOCK.now(),
    }  # fmt: skip


def _back(request: HttpRequest, number: int) -> HttpResponse:
    return redirect("console:mall_good", slug=request.community.slug, number=number)  # type: ignore[attr-defined]


def _page(
    request: StaffRequest,
    good: MallGood,
    *,
    form: GoodForm | None = None,
    codes_form: CodesForm | None = None,
    picture_form: PictureForm | None = None,
    bad: list[BadLine] | None = None,
    status: int = 200,
) -> HttpResponse:
    sold, waiting = selectors.sold(request.community.pk, [good.number]).get(good.number, (0, 0))
    context = {
        "title": good.name,
        "good": good,
        "standing": standing_of(good),
        "standing_name": STANDINGS[standing_of(good)],
        "kind_name": KINDS[good.kind],
        "sold": sold,
        "waiting": waiting,
        "free": selectors.free_codes(request.community.pk, good.number),
        "form": form or GoodForm(initial=initial_of(good)),
        "codes_form": codes_form or CodesForm(),
        "picture_form": picture_form or PictureForm(),
        "bad": [(line, _(line.problem).format(n=line.n)) for line in (bad or [])[:SHOWN_ERRORS]],
        "bad_count": len(bad or []),
    }
    return page(request, "console/mall_good.html", context, active="mall", status=status)
