"""设置 › 操作审计: what staff did and what they were refused."""

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.reading import audit, slices
from qunzhu.console.reading.codes import act_name
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import AuditEntry

_DAYS = ("1", "7", "30")


LIST = ListSpec[AuditEntry](
    name="audit",
    filters=("allowed", "days", "user", "action"),
    columns=(
        Column("at", lazy("时间"), lambda e: e.at, fixed=True),
        Column("user", lazy("账号"), lambda e: e.user),
        Column("action", lazy("操作"), lambda e: act_name(e.action)),
        Column("target", lazy("对象"), lambda e: e.target),
        Column("allowed", lazy("结果"), lambda e: _("已执行") if e.allowed else _("被拒绝")),
        Column("detail", lazy("详情"), lambda e: e.detail or ""),
        Column("address", lazy("来源地址"), lambda e: e.address),
    ),
    export_action="audit.export",
    permission="audit.view",
)


@staff_page("audit.view")
@require_safe
@list_page(LIST)
def audit_page(request: StaffRequest, listing: Listing[AuditEntry]) -> HttpResponseBase:
    """The list, with filters in the URL."""
    community = request.community
    wanted = _filter(request)
    now = SYSTEM_CLOCK.now()
    found = audit.entries(community.pk, wanted, before=request.GET.get("before", ""), now=now)
    listing.count_so_far(found.total)
    users, actions = audit.users(community.pk), audit.actions(community.pk)
    filters = [
        slices.chips(
            request.GET, "allowed", _("结果"), [("yes", _("已执行")), ("no", _("被拒绝"))], everything=_("全部")
        ),
        slices.chips(
            request.GET,
            "days",
            _("时间"),
            [("1", _("今天")), ("7", _("7 天内")), ("30", _("30 天内"))],
            everything=_("全部"),
        ),
    ]
    return page(
        request,
        "console/audit.html",
        {
            "title": _("操作审计"),
            "list": listing,
            "rows": found.rows,
            "filters": filters,
            "users": users,
            "actions": actions,
            "wanted": wanted,
            "older": found.older,
        },
        active="audit",
    )


@staff_page("audit.view")
@require_safe
def audit_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    rows = audit.everything(request.community.pk, _filter(request), now=SYSTEM_CLOCK.now())
    return as_file(request, LIST, fmt, rows)


def _filter(request: StaffRequest) -> audit.AuditFilter:
    days = request.GET.get("days", "")
    allowed = request.GET.get("allowed", "")
    return audit.AuditFilter(
        user=request.GET.get("user", ""),
        action=request.GET.get("action", ""),
        allowed=allowed if allowed in {"yes", "no"} else "",
        days=int(days) if days in _DAYS else 0,
    )
