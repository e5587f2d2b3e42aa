"""群规 › 沉默与观察: who is silent, who is reviewed, observed and back; the review of a batch; leave by staff."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.console.reading.downloads import download
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.governance.elimination import selectors
from qunzhu.governance.elimination.models import Observation
from qunzhu.governance.elimination.policy import REASON_LENGTH, Leave, last_day
from qunzhu.governance.elimination.schedule import Preview, preview
from qunzhu.governance.elimination.selectors import ObservationFilter
from qunzhu.governance.elimination.services import NotTaken, bring_back, end_leave, take_leave
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import NotAllowed, Stale, UnknownAction, decide_case
from qunzhu.kernel.cases.silences import observation_group
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Community, Member

LEAVE_DAYS = 7  # what the form offers
SHOWN = 200


@staff_page("view")
@require_safe
def observation_list(request: StaffRequest) -> HttpResponse:
    """Silences, newest first, with filters in the URL."""
    community = request.community
    wanted = _filter(request)
    before = slices.positive(request.GET.get("before"))
    found = selectors.observations(community.pk, wanted, before=before, limit=slices.ROWS + 1)
    older = str(found[slices.ROWS - 1].seq) if len(found) > slices.ROWS else ""
    found = found[: slices.ROWS]
    groups = group_names(community.pk)
    today = local_day(SYSTEM_CLOCK.now(), community.timezone)
    leaves = selectors.on_leave(community.pk, today)
    ids = [row.member_id for row in found]
    names = member_names(community.pk, [*ids, *(leave.member_id for leave in leaves)])
    context = {
        "title": _("沉默与观察"),
        "rows": [_row(row, groups, names) for row in found],
        "words": selectors.last_words(community.pk, ids),
        "older": older,
        "filters": _chips(request, selectors.counts(community.pk), groups),
        "export": slices.link(request.GET),
        "wanted": wanted,
        "filtered": wanted != ObservationFilter(),
        "leaves": leaves,
        "names": names,
        "has_group": observation_group(community.pk) is not None,
    }
    return page(request, "console/observation.html", context, active="observation")


@staff_page("view")
@require_safe
def observation_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community = request.community
    groups = group_names(community.pk)
    with audited(request, "observation.export", detail={"format": fmt, "query": request.GET.urlencode()}):
        found = selectors.everything(community.pk, _filter(request))
    header = (
        _("编号"), _("状态"), _("成员编号"), _("标签"), _("沉默天数"), _("最近互动"), _("入群"), _("标记时间"),
        _("处理人"), _("处理时间"), _("原来的群"), _("移入"), _("移入时间"), _("结束时间"), _("没有执行的原因"),
    )  # fmt: skip
    rows = (
        (
            o.seq, state_names()[o.state], o.member_id, o.tag, o.days, o.last_on, o.joined_on, o.tagged_at,
            o.decided_by, o.decided_at, "、".join(groups.get(g, str(g)) for g in o.from_groups),
            groups.get(o.to_group or 0, ""), o.moved_at, o.ended_at, o.problem,
        )
        for o in found
    )  # fmt: skip
    return download(fmt, "observation", header, rows, zone=community.timezone)


@staff_page("view")
@require_safe
def observation_page(request: StaffRequest, seq: int) -> HttpResponse:
    """One silence from its first day to its end, and the way back."""
    return _page(request, _observation(request, seq))


@staff_page("observation.decide")
@require_POST
def observation_return(request: StaffRequest, seq: int) -> HttpResponse:
    """Bring a member back from the observation group."""
    _observation(request, seq)
    try:
        with audited(request, "observation.return", target=f"observation:{seq}"):
            bring_back(
                community_id=request.community.pk, seq=seq, by=request.user.get_username(), now=SYSTEM_CLOCK.now()
            )
    except NotTaken as reason:
        return _page(request, _observation(request, seq), problem=str(reason), status=409)
    messages.success(request, _("已交给系统执行,结果会出现在这一页。"))
    return redirect("console:observed", slug=request.community.slug, seq=seq)


@staff_page("view")
@require_safe
def observation_preview(request: StaffRequest) -> HttpResponse:
    """Whom a run would touch now, and why the others not; nothing is written."""
    community = _whole(request)
    found = preview(community, now=SYSTEM_CLOCK.now())
    shown = list(found.verdict.silent.items())[:SHOWN]
    ids = [member for member, _silence in shown]
    unknown = list(found.verdict.unknown)[:SHOWN]
    context = {
        "title": _("下次检查会涉及谁"),
        "found": found,
        "rows": _preview_rows(found, ids),
        "more": len(found.verdict.silent) - len(shown),
        "names": member_names(community.pk, [*ids, *unknown]),
        "words": selectors.last_words(community.pk, ids),
        "years": "、".join(map(str, found.verdict.years)),
        "next_run": found.settings.run_at.strftime("%H:%M"),
        "has_group": observation_group(community.pk) is not None,
    }
    return page(request, "console/observation_preview.html", context, active="observation")


@staff_page("observation.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def observation_review(request: StaffRequest, case_id: int) -> HttpResponse:
    """A batch: one choice for each member, one button for all."""
    case = _case(request, case_id)
    if request.method != "POST":
        return _review(request, case)
    choices = {name.removeprefix("m"): str(value) for name, value in request.POST.items() if name[:1] == "m"}
    choices["leave_until"] = request.POST.get("leave_until", "")
    try:
        decide_case(
            community_id=request.community.pk,
            case_id=case.pk,
            action="choose",
            user=request.user.get_username(),
            role=request.staff_role,
            version=slices.positive(request.POST.get("version")) or 0,
            note=request.POST.get("note", "")[:REASON_LENGTH],
            choices=choices,
            now=SYSTEM_CLOCK.now(),
        )
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except Stale as reason:
        return _review(request, _case(request, case_id), problem=str(reason), status=409)
    except UnknownAction as reason:
        return _review(request, case, problem=str(reason), given=choices, status=422)
    messages.success(request, _("已按选择处理,结果会出现在这张表里。"))
    return redirect("console:observation", slug=request.community.slug)


@staff_page("observation.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def member_leave(request: StaffRequest, member_id: int) -> HttpResponse:
    """Leave for a member, given or ended by staff."""
    member = get_object_or_404(Member, pk=member_id if member_id < 1 << 63 else 0, community=request.community)
    if request.method != "POST":
        return _leave_page(request, member)
    community, by, now = _whole(request), request.user.get_username(), SYSTEM_CLOCK.now()
    try:
        if request.POST.get("do") == "end":
            seq = slices.positive(request.POST.get("seq"))
            with audited(request, "leave.end", target=f"member:{member.pk}"):
                end_leave(community=community, member_id=member.pk, by=by, now=now, seq=seq)
            messages.success(request, _("已销假。"))
        else:
            leave = _leave_from(request)
            with audited(request, "leave.give", target=f"member:{member.pk}", detail={"days": leave.days}):
                take_leave(
                    community=community, member_id=member.pk, leave=leave, by=by, key=request.POST.get("key", "")[:64],
                    now=now,
                )  # fmt: skip
            messages.success(request, _("请假已记下,这几天不计入沉默天数。"))
    except NotTaken as reason:
        return _leave_page(request, member, problem=str(reason), status=422)
    return redirect("console:member_leave", slug=request.community.slug, member_id=member.pk)


def state_names() -> dict[str, str]:
    """Where a silence stands, in words."""
    return {
        "tagged": _("已标记"), "review": _("待复核"), "moving": _("移动中"), "observed": _("观察中"),
        "returning": _("返回中"), "returned": _("已返回"), "kept": _("留下"), "leave": _("请假"),
        "spoke": _("恢复互动"), "left": _("已离开"),
    }  # fmt: skip


def why_names() -> dict[str, str]:
    """Why a member came back, in words."""
    return {
        "activity": _("在观察群里发言"),
        "staff": _("由管理员请回"),
        "joined": _("自己回到原群"),
        "post": _("成为运营人员"),
    }


def _preview_rows(found: Preview, ids: Iterable[int]) -> list[dict[str, Any]]:
    return [
        {
            "member": member,
            "days": found.verdict.silent[member].days,
            "joined": found.people[member].joined,
            "last": last_day(found.people[member], found.settings),
        }
        for member in ids
    ]


def _page(request: StaffRequest, row: Observation, *, problem: str = "", status: int = 200) -> HttpResponse:
    community = request.community
    groups = group_names(community.pk)
    names = member_names(community.pk, [row.member_id])
    context = {
        "title": names.get(row.member_id, "") or str(row.member_id),
        "row": _row(row, groups, names),
        "words": selectors.last_words(community.pk, [row.member_id]),
        "problem": problem,
    }
    return page(request, "console/observed.html", context, active="observation", status=status)


def _review(
    request: StaffRequest, case: Case, *, problem: str = "", given: dict[str, str] | None = None, status: int = 200
) -> HttpResponse:
    community = request.community
    silences = selectors.in_case(community.pk, case.pk)
    ids = [member for member in case.payload.get("members", []) if member in silences]
    names = member_names(community.pk, ids)
    groups = group_names(community.pk)
    today = local_day(SYSTEM_CLOCK.now(), community.timezone)
    given = given or {}
    context = {
        "title": case.title,
        "case": case,
        "rows": [{**_row(silences[m], groups, names), "chosen": given.get(str(m), "")} for m in ids],
        "words": selectors.last_words(community.pk, ids),
        "has_group": observation_group(community.pk) is not None,
        "leave_until": given.get("leave_until") or (today + timedelta(days=LEAVE_DAYS - 1)).isoformat(),
        "today": today.isoformat(),
        "problem": problem,
        "reason_length": REASON_LENGTH,
    }
    return page(request, "console/observation_review.html", context, active="observation", status=status)


def _leave_page(request: StaffRequest, member: Member, *, problem: str = "", status: int = 200) -> HttpResponse:
    today = local_day(SYSTEM_CLOCK.now(), request.community.timezone)
    context = {
        "title": _("请假"),
        "member": member,
        "leaves": [(row, row.last_day >= today) for row in selectors.leaves_of_member(request.community.pk, member.pk)],
        "first": request.POST.get("first") or today.isoformat(),
        "last": request.POST.get("last") or (today + timedelta(days=LEAVE_DAYS - 1)).isoformat(),
        "reason": request.POST.get("reason", ""),
        "reason_length": REASON_LENGTH,
        "problem": problem,
        "form_key": request.POST.get("key") or uuid4().hex,
    }
    return page(request, "console/member_leave.html", context, active="members", status=status)


def _leave_from(request: StaffRequest) -> Leave:
    try:
        first, last = (date.fromisoformat(request.POST.get(name, "")) for name in ("first", "last"))
    except ValueError as error:
        raise NotTaken(_("请选择开始和结束的日子")) from error
    return Leave(first, last, request.POST.get("reason", "").strip()[:REASON_LENGTH])


def _row(row: Observation, groups: dict[int, str], names: dict[int, str]) -> dict[str, Any]:
    return {
        "silence": row,
        "state_name": state_names()[row.state],
        "why": why_names().get(row.why, ""),
        "member": names.get(row.member_id, ""),
        "from": "、".join(groups.get(g, str(g)) for g in row.from_groups),
        "to": groups.get(row.to_group or 0, ""),
    }


def _whole(request: StaffRequest) -> Community:
    """The community with its blueprint, which other pages do not load."""
    return Community.objects.get(pk=request.community.pk)


def _observation(request: StaffRequest, seq: int) -> Observation:
    row = selectors.observation(request.community.pk, seq) if seq < 1 << 63 else None
    if row is None:
        raise Http404
    return row


def _case(request: StaffRequest, case_id: int) -> Case:
    rows = Case.objects.filter(community_id=request.community.pk, kind="inactive_review")
    case = rows.filter(pk=case_id).first() if case_id < 1 << 63 else None
    if case is None:
        raise Http404
    return case


def _filter(request: StaffRequest) -> ObservationFilter:
    standing = request.GET.get("standing", "")
    return ObservationFilter(
        standing=standing if standing in selectors.STANDINGS else "",
        group=slices.positive(request.GET.get("group")),
        text=request.GET.get("q", "").strip()[:60],
    )


def _chips(request: StaffRequest, counts: dict[str, int], groups: dict[int, str]) -> list[slices.Filter]:
    query, everything = request.GET, _("全部")
    names = [
        ("tagged", _("有标签")), ("review", _("待复核")), ("observed", _("观察群")), ("returned", _("已返回")),
        ("ended", _("其他结束")),
    ]  # fmt: skip
    filters = [slices.chips(query, "standing", _("状态"), names, counts=counts, everything=everything)]
    if 1 < len(groups) <= 12:  # noqa: PLR2004  (more groups than chips can show are chosen on the group's own page)
        choices = [(str(number), name) for number, name in groups.items()]
        filters.append(slices.chips(query, "group", _("群"), choices, everything=everything))
    return filters
