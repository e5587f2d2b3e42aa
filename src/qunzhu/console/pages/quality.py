"""优质内容: what was marked, by whom, what it gave; marking and unmarking one message."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import people, slices, stream
from qunzhu.console.reading import quality as reading
from qunzhu.console.reading.quality import MarkRow, Wanted
from qunzhu.governance.quality import policy
from qunzhu.governance.quality.models import QualityMark
from qunzhu.governance.quality.services import NotTaken, mark, unmark
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.selectors import blueprint_of

STATES = {QualityMark.State.MARKED: lazy("优质内容"), QualityMark.State.UNMARKED: lazy("已取消")}
REFUSALS = {
    policy.NOT_A_MESSAGE: lazy("只有成员发的消息可以评为优质内容。"),
    policy.OWN: lazy("不能评自己的消息，请让别的管理员来评。"),
    policy.PUNISHED: lazy("这条消息被处罚或撤回过，不能评为优质内容。"),
    policy.ALREADY: lazy("这条已经是优质内容了。"),
    policy.NOT_MARKED: lazy("这条还不是优质内容。"),
}
LIST = ListSpec[MarkRow](
    name="quality",
    filters=("state", "group", "member"),
    columns=(
        Column("said", lazy("消息"), lambda r: r.said, fixed=True),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("points", lazy("积分"), lambda r: r.mark.points, "num"),
        Column("by", lazy("评的人"), lambda r: r.mark.by),
        Column("at", lazy("时间"), lambda r: r.mark.at, "num"),
        Column("state", lazy("状态"), lambda r: STATES[QualityMark.State(r.mark.state)]),
    ),
    export_action="quality.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def quality_list(request: StaffRequest, listing: Listing[MarkRow]) -> HttpResponse:
    """Marked messages, the newest first."""
    community = request.community.pk
    wanted = _wanted(request)
    found = reading.marks(community, wanted, number=slices.page_number(request.GET.get("page")))
    listing.count(found.total)
    context = {
        "title": _("优质内容"),
        "list": listing,
        "page": found,
        "rows": found.rows,
        "points": policy.points_from(blueprint_of(community)),
        "member": wanted.member,
        "member_name": people.member_names(community, [wanted.member]).get(wanted.member or 0, ""),
        "filters": [
            slices.chips(
                request.GET, "state", _("状态"), list(STATES.items()), default=QualityMark.State.MARKED,
                everything=_("全部"), counts=reading.counts(community),
            ),
            *slices.group_chips(request.GET, people.group_names(community)),
        ],
    }  # fmt: skip
    return page(request, "console/quality.html", context, active="quality")


@staff_page("view")
@require_safe
def quality_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, reading.every_mark(request.community.pk, _wanted(request)))


@require_POST
@staff_page("content.mark")
def quality_mark(request: StaffRequest, seq: int) -> HttpResponse:
    """Mark message `seq`, or with `undo` take its mark back; then the page the button stood on."""
    community, now = request.community.pk, SYSTEM_CLOCK.now()
    if seq >= 1 << 63 or stream.event_at(community, seq) is None:
        raise Http404
    undo = "undo" in request.POST
    by = request.user.get_username()
    try:
        with audited(request, "quality.unmark" if undo else "quality.mark", target=f"event:{seq}"):
            if undo:
                unmark(community_id=community, seq=seq, by=by, now=now)
            else:
                post = Staff.objects.filter(community_id=community, user__username=by).first()
                mark(community_id=community, seq=seq, by=by, own=post.member_id if post else None, now=now)
    except NotTaken as refused:
        messages.error(request, str(REFUSALS.get(str(refused), str(refused))))
    else:
        messages.success(request, _("已取消优质内容,积分会收回。") if undo else _("已评为优质内容,积分马上到账。"))
    return redirect(reverse("console:event", args=[request.community.slug, seq]))


def _wanted(request: StaffRequest) -> Wanted:
    """The filters in the URL; values that mean nothing are left out."""
    state = request.GET.get("state", QualityMark.State.MARKED)
    state = state if state in QualityMark.State.values else "" if state == "all" else QualityMark.State.MARKED
    return Wanted(state, slices.positive(request.GET.get("group")), slices.positive(request.GET.get("member")))
