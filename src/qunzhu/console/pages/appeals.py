"""申诉: every objection against a penalty, those that wait first."""

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.reading import appeals as reading
from qunzhu.console.reading import slices
from qunzhu.console.reading.appeals import AppealRow
from qunzhu.governance.models import Appeal
from qunzhu.governance.policy import appeal_settings
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.selectors import blueprint_of

STATES = {
    Appeal.State.OPEN: lazy("等待答复"),
    Appeal.State.UPHELD: lazy("成立"),
    Appeal.State.REJECTED: lazy("不成立"),
}
LIST = ListSpec[AppealRow](
    name="appeals",
    filters=("state",),
    columns=(
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member),
        Column("penalty", lazy("处罚"), lambda r: r.penalty.sentence if r.penalty else "", fixed=True),
        Column("words", lazy("成员的话"), lambda r: r.appeal.words),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("state", lazy("状态"), lambda r: STATES[Appeal.State(r.appeal.state)]),
        Column("deadline", lazy("时限"), lambda r: r.appeal.deadline, usual=False),
        Column("answer", lazy("答复"), lambda r: r.appeal.answer),
        Column("decided_by", lazy("处理人"), lambda r: r.appeal.decided_by),
        Column("filed", lazy("提交"), lambda r: r.appeal.at, "num"),
    ),
    export_action="appeal.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def appeal_list(request: StaffRequest, listing: Listing[AppealRow]) -> HttpResponse:
    """Appeals with their penalties, filtered by state."""
    community = request.community.pk
    wanted = _state(request)
    found = reading.appeals(community, wanted, number=slices.page_number(request.GET.get("page")))
    listing.count(found.total)
    context = {
        "title": _("申诉"),
        "list": listing,
        "page": found,
        "rows": found.rows,
        "late": reading.late(community, now=SYSTEM_CLOCK.now()),
        "settings": appeal_settings(blueprint_of(community)),
        "filters": [
            slices.chips(
                request.GET, "state", _("状态"), list(STATES.items()), default=Appeal.State.OPEN, everything=_("全部"),
                counts=reading.counts(community),
            )
        ],
    }  # fmt: skip
    return page(request, "console/appeals.html", context, active="appeals")


@staff_page("view")
@require_safe
def appeal_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, reading.every_appeal(request.community.pk, _state(request)))


def _state(request: StaffRequest) -> str:
    """The state asked for; "" is all."""
    state = request.GET.get("state", Appeal.State.OPEN)
    return state if state in Appeal.State.values else "" if state == "all" else Appeal.State.OPEN
