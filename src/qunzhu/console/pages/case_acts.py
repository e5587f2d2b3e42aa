"""What is done to cases besides deciding one: many at once, merging, undoing."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from qunzhu.console.context import page
from qunzhu.console.pages.acting import back_to
from qunzhu.console.pages.cases import action_label, kind_title
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.kernel.cases import many
from qunzhu.kernel.cases.errors import CaseError
from qunzhu.kernel.cases.kinds import KINDS
from qunzhu.kernel.cases.merging import merge_case
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import NotAllowed
from qunzhu.kernel.cases.undo import undo_decision
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page

NOTE_LENGTH = 2_000


@staff_page("view")
@require_POST
def bulk(request: StaffRequest) -> HttpResponse:
    """Preview one button on many cases, or (`sure`) press it; each case has its own answer."""
    community = request.community.pk
    chosen = _chosen(request)
    action = request.POST.get("action", "")
    note = request.POST.get("note", "").strip()[:NOTE_LENGTH]
    if not chosen or action not in {a.name for kind in KINDS.values() for a in kind.actions}:
        messages.warning(request, _("没有选中工单") if not chosen else _("请选择要做什么"))
        return back_to(request, "console:cases")
    sure = request.POST.get("sure") == "1"
    try:
        results = (many.decide_many if sure else many.preview_many)(
            community_id=community,
            chosen=chosen,
            action=action,
            user=request.user.get_username(),
            role=request.staff_role,
            note=note,
            now=SYSTEM_CLOCK.now(),
        )
    except many.TooMany as reason:
        messages.error(request, str(reason))
        return back_to(request, "console:cases")
    return page(request, "console/cases_bulk.html", _shown(request, results, action, note, sure=sure), active="cases")


@staff_page("case.decide")
@require_POST
def merge(request: StaffRequest, case_id: int) -> HttpResponse:
    """Make this case part of another one about the same member."""
    into = slices.positive(request.POST.get("into")) or 0
    try:
        case = merge_case(
            community_id=request.community.pk,
            case_id=_number(case_id),
            version=slices.positive(request.POST.get("version")) or 0,
            into_id=into,
            user=request.user.get_username(),
            now=SYSTEM_CLOCK.now(),
        )
    except Case.DoesNotExist as error:
        raise Http404 from error
    except CaseError as reason:
        messages.error(request, str(reason))
        return redirect("console:case", slug=request.community.slug, case_id=case_id)
    messages.success(request, _("已并入这个工单,证据在一起了"))
    return redirect("console:case", slug=request.community.slug, case_id=case.pk)


@staff_page("view")
@require_POST
def undo(request: StaffRequest, case_id: int) -> HttpResponse:
    """Take a decision back while that is possible; the permission is that of the button that was pressed."""
    try:
        undo_decision(
            community_id=request.community.pk,
            case_id=_number(case_id),
            user=request.user.get_username(),
            role=request.staff_role,
            version=slices.positive(request.POST.get("version")) or 0,
            now=SYSTEM_CLOCK.now(),
        )
    except Case.DoesNotExist as error:
        raise Http404 from error
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except CaseError as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("已撤销,工单重新待处理"))
    return redirect("console:case", slug=request.community.slug, case_id=case_id)


def _shown(request: StaffRequest, results: list[many.Result], action: str, note: str, *, sure: bool) -> dict[str, Any]:
    groups = group_names(request.community.pk)
    names = member_names(request.community.pk, [r.case.member_id for r in results if r.case])
    rows = [
        {
            "result": r,
            "case": r.case,
            "kind": kind_title(r.case.kind) if r.case else "",
            "label": action_label(r.case.kind, action) if r.case else "",
            "member": names.get(r.case.member_id or 0, "") if r.case else "",
            "group": groups.get(r.case.group_id or 0, "") if r.case else "",
        }
        for r in results
    ]
    works = [r for r in results if r.ended in {"done", "proposed"}]
    people = {r.case.member_id for r in works if r.case and r.case.member_id is not None}
    labels = [action_label(r.case.kind, action) for r in works if r.case]
    return {
        "title": _("批量处理"),
        "rows": rows,
        "action": action,
        "label": labels[0] if labels else action,
        "note": note,
        "sure": sure,
        "works": len(works),
        "others": len(results) - len(works),
        "people": [names.get(member, f"#{member}") for member in sorted(people)],
        "back": back_to(request, "console:cases")["Location"],
    }


def _chosen(request: StaffRequest) -> list[many.Chosen]:
    """Boxes carry "number:version", as in handing over."""
    pairs = (pair.partition(":") for pair in request.POST.getlist("case"))
    read = ((slices.positive(number), slices.positive(version)) for number, _colon, version in pairs)
    return [many.Chosen(number, version) for number, version in read if number is not None and version is not None]


def _number(case_id: int) -> int:
    if case_id >= 1 << 63:
        raise Http404
    return case_id
