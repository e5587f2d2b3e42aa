"""活跃 › 积分账本: every movement of points with its reason, opened down to all legs and to the message behind it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse as url_of
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.moderation import TEXT_LENGTH, CannotAct, reverse_points
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import ledger as reading
from qunzhu.console.reading import slices
from qunzhu.console.reading.ledger import Movement, Transaction, Wanted
from qunzhu.console.reading.people import member_names
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

# What a kind of transaction is called; a kind without a name here is shown as it is.
KINDS: dict[str, Promise] = {
    "checkin": lazy("签到"),
    "quality": lazy("优质内容"),
    "report.upheld": lazy("举报属实"),
    "strike": lazy("违规扣分"),
    "undone": lazy("收回"),
    "adjustment": lazy("人工调整"),
    "adjust": lazy("人工调整"),
    "mall": lazy("兑换"),
    "mall_settled": lazy("商城入账"),
    "task": lazy("任务"),
    "makeup": lazy("补签"),
    "card": lazy("补签卡变动"),
    "debate": lazy("辩论"),
    "redpacket": lazy("红包雨"),
    "challenge": lazy("打卡挑战"),
    "challenge.won": lazy("打卡挑战"),
    "challenge_burnt": lazy("打卡挑战"),
    "expired": lazy("过期"),
}
SIGNS = (("in", lazy("收入")), ("out", lazy("支出")))


def kind_name(kind: str) -> str:
    """What a kind is called; of a reversal, that of what it takes back."""
    plain = kind.removesuffix(".reversed")
    known = str(KINDS.get(plain, plain))
    return known if plain == kind else _("撤回:%(kind)s") % {"kind": known}


LIST = ListSpec[Movement](
    name="ledger",
    filters=("kind", "member", "account", "sign"),
    columns=(
        Column("at", lazy("时间"), lambda r: r.at, "num", fixed=True),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.name or r.owner, fixed=True),
        Column("amount", lazy("变动"), lambda r: r.amount, "num", fixed=True),
        Column("balance", lazy("余额"), lambda r: r.balance, "num"),
        Column("kind", lazy("类型"), lambda r: kind_name(r.kind)),
        Column("memo", lazy("说明"), lambda r: r.memo),
        Column("account", lazy("账户"), lambda r: r.owner, usual=False),
        Column("transaction", lazy("交易号"), lambda r: str(r.transaction), usual=False),
        Column("cause", lazy("起因"), lambda r: r.cause_seq, "num", usual=False),
    ),
    export_action="ledger.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def movement_list(request: StaffRequest, listing: Listing[Movement]) -> HttpResponse:
    """Movements of members' points, the newest first, with filters in the URL."""
    community, wanted = request.community.pk, _wanted(request)
    before = slices.parse_position(request.GET.get("before", ""))
    found = reading.movements(community, wanted, before=before)
    kinds = [(kind, kind_name(kind)) for kind in reading.kinds(community)]
    listing.count_so_far(found.total)
    context = {
        "title": _("积分账本"),
        "list": listing,
        "older": found.older,
        "rows": [(row, kind_name(row.kind)) for row in found.rows],
        "totals": reading.totals(community),
        "wanted": wanted,
        "member_name": member_names(community, [wanted.member]).get(wanted.member or 0, ""),
        "filters": [
            slices.chips(request.GET, "sign", _("收支"), SIGNS, everything=_("全部")),
            slices.chips(request.GET, "kind", _("类型"), kinds, everything=_("全部")),
        ],
    }  # fmt: skip
    return page(request, "console/ledger.html", context, active="ledger")


@staff_page("view")
@require_safe
def movement_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered movements as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, reading.every_movement(request.community.pk, _wanted(request)))


@staff_page("view")
@require_safe
def transaction_page(request: StaffRequest, number: UUID) -> HttpResponse:
    """One transaction: its legs, why it was made, what takes it back."""
    return _page(request, _transaction(request, number))


@staff_page("points.adjust")
@require_POST
def transaction_reverse(request: StaffRequest, number: UUID) -> HttpResponse:
    """Take back what a member was given, or give back what was taken: the mirror image, with a reason."""
    found = _transaction(request, number)
    reason = request.POST.get("text", "").strip()[:TEXT_LENGTH]
    try:
        with audited(request, "points.reverse", target=f"transaction:{number}", detail={"reason": reason}):
            reverse_points(
                community_id=request.community.pk, number=number, member_id=found.member, amount=found.amount,
                reason=reason, by=request.user.get_username(), now=SYSTEM_CLOCK.now(),
            )  # fmt: skip
    except CannotAct as refused:
        return _page(request, found, problem=str(refused), reason=reason, status=422)
    messages.success(request, _("已撤回,成员会看到理由。"))
    return redirect(url_of("console:ledger_transaction", args=[request.community.slug, number]))


def _page(
    request: StaffRequest, found: Transaction, *, problem: str = "", reason: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "title": kind_name(found.kind),
        "found": found,
        "problem": problem,
        "reason": reason,
        "text_length": TEXT_LENGTH,
        "reversible": bool(found.member and found.reverses is None and found.reversed_by is None),
    }
    return page(request, "console/ledger_transaction.html", context, active="ledger", status=status)


def _transaction(request: StaffRequest, number: UUID) -> Transaction:
    found = reading.transaction(request.community.pk, number)
    if found is None:
        raise Http404
    return found


def _wanted(request: StaffRequest) -> Wanted:
    """The filters in the URL; values that mean nothing are left out."""
    sign = request.GET.get("sign", "")
    return Wanted(
        kind=request.GET.get("kind", "")[:40],
        member=slices.positive(request.GET.get("member")),
        account=request.GET.get("account", "")[:80],
        sign=sign if sign in {"in", "out"} else "",
    )
