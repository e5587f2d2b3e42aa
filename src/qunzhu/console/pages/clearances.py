"""群规 › 报备: every ad clearance, the page where one is approved or declined, and grants by hand."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.console.reading.downloads import download
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.governance.clearance import selectors
from qunzhu.governance.clearance.consumer import case_key
from qunzhu.governance.clearance.models import Clearance
from qunzhu.governance.clearance.policy import LINKS, TEXT_LENGTH
from qunzhu.governance.clearance.selectors import ClearanceFilter
from qunzhu.governance.clearance.services import NotTaken, end_early
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import NotAllowed, Stale, UnknownAction, decide_case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Group, Member
from qunzhu.kernel.engine.clearance_service import grant_clearance
from qunzhu.ui.formats import local_input, read_local

NAME_LENGTH = 80
REASON_LENGTH = 200


@staff_page("view")
@require_safe
def clearance_list(request: StaffRequest) -> HttpResponse:
    """Clearances, newest first, with filters in the URL."""
    community, now = request.community, SYSTEM_CLOCK.now()
    wanted = _filter(request)
    before = slices.positive(request.GET.get("before"))
    found = selectors.clearances(community.pk, wanted, now=now, before=before, limit=slices.ROWS + 1)
    older = str(found[slices.ROWS - 1].seq) if len(found) > slices.ROWS else ""
    found = found[: slices.ROWS]
    groups = group_names(community.pk)
    names = member_names(community.pk, [row.member_id for row in found])
    context = {
        "title": _("报备"),
        "rows": [_row(row, groups, names, now) for row in found],
        "older": older,
        "filters": _chips(request, selectors.counts(community.pk, now=now), groups),
        "export": slices.link(request.GET),
        "wanted": wanted,
        "filtered": wanted != ClearanceFilter(),
    }
    return page(request, "console/clearances.html", context, active="clearances")


@staff_page("view")
@require_safe
def clearance_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    community, now = request.community, SYSTEM_CLOCK.now()
    groups = group_names(community.pk)
    with audited(request, "clearance.export", detail={"format": fmt, "query": request.GET.urlencode()}):
        found = selectors.everything(community.pk, _filter(request), now=now)
    header = (
        _("编号"), _("状态"), _("成员编号"), _("群"), _("名称"), _("内容"), _("链接"), _("提出"), _("开始"), _("结束"),
        _("处理人"), _("处理时间"), _("理由"), _("提前结束"),
    )  # fmt: skip
    rows = (
        (
            c.seq, standing_names()[selectors.standing_of(c, now)], c.member_id, groups.get(c.group_id or 0, ""),
            c.name, c.text, " ".join(c.links), c.asked_at, c.since, c.until, c.decided_by, c.decided_at, c.reason,
            c.ended_at,
        )
        for c in found
    )  # fmt: skip
    return download(fmt, "clearances", header, rows, zone=community.timezone)


@staff_page("view")
@require_safe
def clearance_page(request: StaffRequest, seq: int) -> HttpResponse:
    """One clearance: what may be posted, when and where, and what a person can do now."""
    return _page(request, _clearance(request, seq))


@staff_page("clearance.decide")
@require_POST
def clearance_decide(request: StaffRequest, seq: int) -> HttpResponse:
    """Approve (with what the form made of it) or decline a request, through its case: of two people, one decides."""
    row = _clearance(request, seq)
    case = _case(request, seq)
    if case is None:
        return _page(request, row, problem=_("没有改动:这条报备刚刚已经有人处理"), status=409)
    action = "approve" if request.POST.get("do") == "approve" else "decline"
    try:
        decide_case(
            community_id=request.community.pk,
            case_id=case.pk,
            action=action,
            user=request.user.get_username(),
            role=request.staff_role,
            version=slices.positive(request.POST.get("version")) or 0,
            note=request.POST.get("note", "")[:REASON_LENGTH],
            choices=_choices(request) if action == "approve" else None,
            now=SYSTEM_CLOCK.now(),
        )
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except Stale as reason:
        return _page(request, _clearance(request, seq), problem=str(reason), status=409)
    except (UnknownAction, ValueError) as reason:
        return _page(request, row, problem=_told(reason), given=request.POST, status=422)
    messages.success(request, _("已批准,成员会收到通知。") if action == "approve" else _("已告诉成员没有通过。"))
    return redirect("console:clearances", slug=request.community.slug)


@staff_page("clearance.decide")
@require_POST
def clearance_end(request: StaffRequest, seq: int) -> HttpResponse:
    """Close the window of a granted clearance now."""
    _clearance(request, seq)
    try:
        with audited(request, "clearance.end", target=f"clearance:{seq}"):
            end_early(
                community_id=request.community.pk, seq=seq, by=request.user.get_username(), now=SYSTEM_CLOCK.now()
            )
    except NotTaken as reason:
        return _page(request, _clearance(request, seq), problem=str(reason), status=409)
    messages.success(request, _("已结束,从现在起按没有报备处理。"))
    return redirect("console:clearance", slug=request.community.slug, seq=seq)


@staff_page("clearance.decide")
@require_safe
def clearance_new(request: StaffRequest) -> HttpResponse:
    """The form for a grant that nobody asked for: a partner's ad, or an own campaign for everybody."""
    return _new(request, {})


@staff_page("clearance.decide")
@require_POST
def clearance_grant(request: StaffRequest) -> HttpResponse:
    """Grant by hand."""
    given = {
        name: request.POST.get(name, "") for name in ("member", "group", "name", "text", "links", "since", "until")
    }
    try:
        wanted = _grant_from(request, given)
        with audited(request, "clearance.grant", detail={"member": wanted["member"], "name": wanted["name"]}) as detail:
            detail["seq"] = grant_clearance(
                community_id=request.community.pk, by=request.user.get_username(), now=SYSTEM_CLOCK.now(), **wanted
            )
    except ValueError as reason:
        return _new(request, given, problem=_told(reason), status=422)
    messages.success(request, _("已报备,从现在起规则按这条放行。"))
    return redirect("console:clearances", slug=request.community.slug)


def standing_names() -> dict[str, str]:
    """Where a clearance can stand, in words."""
    return {"waiting": _("等审核"), "active": _("有效"), "coming": _("未开始"), "past": _("已结束")}


def state_names() -> dict[str, str]:
    """What became of a clearance, in words."""
    return {
        "waiting": _("等审核"),
        "granted": _("已批准"),
        "declined": _("未批准"),
        "withdrawn": _("成员已撤回"),
        "ended": _("提前结束"),
    }


def _told(reason: Exception) -> str:
    said = str(reason)
    return said if said and not said.isascii() else _("时间没有看懂,请重新选择")


def _choices(request: StaffRequest) -> dict[str, Any]:
    zone = request.community.timezone
    since, until = (read_local(request.POST.get(name, ""), zone) for name in ("since", "until"))
    return {
        "since": since.isoformat() if since else "",
        "until": until.isoformat() if until else "",
        "everywhere": request.POST.get("everywhere") == "1",
        "text": request.POST.get("text", "").strip()[:TEXT_LENGTH],
        "links": _lines(request.POST.get("links", "")),
    }


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()][:LINKS]


def _grant_from(request: StaffRequest, given: dict[str, str]) -> dict[str, Any]:
    """What the form says. Raises ValueError with a sentence for the one who filled it in."""
    community = request.community
    member = group = None
    if number := given["member"].strip():
        member = Member.objects.filter(community=community, pk=slices.positive(number) or 0).first()
        if member is None:
            raise ValueError(_("这个社群里没有编号为 %(number)s 的成员") % {"number": number[:20]})
    if given["group"]:
        group = Group.objects.filter(community=community, pk=slices.positive(given["group"]) or 0).first()
        if group is None:
            raise ValueError(_("请选择列出的群"))
    until = read_local(given["until"], community.timezone)
    if until is None:
        raise ValueError(_("请选择结束时间"))
    if until - SYSTEM_CLOCK.now() > timedelta(days=366):
        raise ValueError(_("最长一年,请把结束时间提前"))
    text, links = given["text"].strip()[:TEXT_LENGTH], _lines(given["links"])
    if not text and not links:
        raise ValueError(_("请写明链接或文字"))
    return {
        "member": member.pk if member else None,
        "group": group.pk if group else None,
        "name": given["name"].strip()[:NAME_LENGTH],
        "text": text,
        "links": links,
        "since": read_local(given["since"], community.timezone),
        "until": until,
    }


def _new(request: StaffRequest, given: dict[str, str], *, problem: str = "", status: int = 200) -> HttpResponse:
    tomorrow = SYSTEM_CLOCK.now() + timedelta(days=1)
    context = {
        "title": _("手动报备"),
        "given": given or {"until": local_input(tomorrow, request.community.timezone)},
        "groups": list(group_names(request.community.pk).items()),
        "problem": problem,
        "text_length": TEXT_LENGTH,
        "name_length": NAME_LENGTH,
    }
    return page(request, "console/clearance_new.html", context, active="clearances", status=status)


def _page(
    request: StaffRequest, row: Clearance, *, problem: str = "", given: Any = None, status: int = 200
) -> HttpResponse:
    community, now = request.community, SYSTEM_CLOCK.now()
    groups = group_names(community.pk)
    names = member_names(community.pk, [row.member_id])
    case = _case(request, row.seq)
    until = row.wanted_until or (row.wanted_since or now) + timedelta(hours=_hours(case))
    form = given or {
        "since": local_input(row.wanted_since, community.timezone),
        "until": local_input(until, community.timezone),
        "text": row.text,
        "links": "\n".join(row.links),
        "everywhere": "1" if row.group_id is None else "",
        "note": "",
    }
    context = {
        "title": _("报备"),
        "row": _row(row, groups, names, now),
        "case": case,
        "form": form,
        "late": _late(row.wanted_until, now),
        "problem": problem,
        "text_length": TEXT_LENGTH,
        "reason_length": REASON_LENGTH,
        "form_key": uuid4().hex,
    }
    return page(request, "console/clearance.html", context, active="clearances", status=status)


def _late(until: datetime | None, now: datetime) -> bool:
    return until is not None and until <= now


def _hours(case: Case | None) -> int:
    return int(case.payload.get("hours", 24)) if case else 24


def _row(row: Clearance, groups: dict[int, str], names: dict[int, str], now: datetime) -> dict[str, Any]:
    standing = selectors.standing_of(row, now)
    return {
        "clearance": row,
        "standing": standing,
        "standing_name": standing_names()[standing],
        "state_name": state_names()[row.state],
        "member": names.get(row.member_id or 0, ""),
        "group": groups.get(row.group_id or 0, ""),
        "asked_in": groups.get(row.asked_in or 0, ""),
        "who_ended": _("成员本人") if row.ended_by == "member" else row.ended_by,
    }


def _clearance(request: StaffRequest, seq: int) -> Clearance:
    row = selectors.clearance(request.community.pk, seq) if seq < 1 << 63 else None
    if row is None:
        raise Http404
    return row


def _case(request: StaffRequest, seq: int) -> Case | None:
    rows = Case.objects.filter(community_id=request.community.pk, key=case_key(seq), state=Case.State.OPEN)
    return rows.first()


def _filter(request: StaffRequest) -> ClearanceFilter:
    standing = request.GET.get("standing", "")
    return ClearanceFilter(
        standing=standing if standing in selectors.STANDINGS else "",
        group=slices.positive(request.GET.get("group")),
        member=slices.positive(request.GET.get("member")),
        text=request.GET.get("q", "").strip()[:60],
    )


def _chips(request: StaffRequest, counts: dict[str, int], groups: dict[int, str]) -> list[slices.Filter]:
    query, everything = request.GET, _("全部")
    filters = [
        slices.chips(query, "standing", _("状态"), list(standing_names().items()), counts=counts, everything=everything)
    ]
    if 1 < len(groups) <= 12:  # noqa: PLR2004  (more groups than chips can show are chosen on the group's own page)
        choices = [(str(number), name) for number, name in groups.items()]
        filters.append(slices.chips(query, "group", _("群"), choices, everything=everything))
    return filters
