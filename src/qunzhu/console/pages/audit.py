"""设置 › 操作审计: what staff did and what they were refused."""

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import audit, slices
from qunzhu.console.reading.downloads import download
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

_DAYS = ("1", "7", "30")


@staff_page("audit.view")
@require_safe
def audit_page(request: StaffRequest) -> HttpResponseBase:
    """The list, with filters in the URL."""
    community = request.community
    wanted = _filter(request)
    now = SYSTEM_CLOCK.now()
    found = audit.entries(community.pk, wanted, before=request.GET.get("before", ""), now=now)
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
            "rows": found.rows,
            "filters": filters,
            "users": users,
            "actions": actions,
            "wanted": wanted,
            "older": found.older,
            "export": slices.link(request.GET),
        },
        active="audit",
    )


@staff_page("audit.view")
@require_safe
def audit_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community = request.community
    wanted = _filter(request)
    with audited(request, "audit.export", detail={"format": fmt, "query": request.GET.urlencode()}):
        entries = audit.everything(community.pk, wanted, now=SYSTEM_CLOCK.now())
    header = (_("时间"), _("账号"), _("操作"), _("对象"), _("结果"), _("详情"), _("来源地址"))
    rows = (
        (e.at, e.user, e.action, e.target, _("已执行") if e.allowed else _("被拒绝"), e.detail or "", e.address)
        for e in entries
    )
    return download(fmt, "audit", header, rows, zone=community.timezone)


def _filter(request: StaffRequest) -> audit.AuditFilter:
    days = request.GET.get("days", "")
    allowed = request.GET.get("allowed", "")
    return audit.AuditFilter(
        user=request.GET.get("user", ""),
        action=request.GET.get("action", ""),
        allowed=allowed if allowed in {"yes", "no"} else "",
        days=int(days) if days in _DAYS else 0,
    )
