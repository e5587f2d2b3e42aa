"""工单: the queue of work for humans, and the page where one is decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import get_language, ngettext, pgettext_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page
from qunzhu.console.pages import incidents
from qunzhu.console.pages.acting import audited, back_to
from qunzhu.console.reading import appeals, slices
from qunzhu.console.reading import cases as reading
from qunzhu.console.reading.case_titles import case_title
from qunzhu.console.reading.people import group_names, member_names
from qunzhu.kernel.cases.errors import Barred
from qunzhu.kernel.cases.kinds import KINDS
from qunzhu.kernel.cases.models import Case, CaseProposal
from qunzhu.kernel.cases.services import (
    NotAllowed,
    SecondPersonNeeded,
    Stale,
    UnknownAction,
    actions_for,
    add_note,
    assign_case,
    decide_case,
    withdraw_proposal,
)
from qunzhu.kernel.cases.two_person import guard_of, guarded, seconds, standing_of
from qunzhu.kernel.cases.undo import undo_until
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.permissions import may
from qunzhu.risk.incident.fold import RED_CASES
from qunzhu.risk.incident.selectors import incident_of_case
from qunzhu.ui.formats import is_chinese

BULK = 200


@dataclass(frozen=True)
class QueueRow:
    """A case with the names that its row says."""

    case: Case
    kind: str
    group: str
    member: str
    decided: str


_OPEN = frozenset({"urgency", "group", "member", "deadline", "assigned", "opened"})
_DONE = frozenset({"urgency", "group", "member", "action", "decided_by", "opened"})


def _usual(query: Mapping[str, Any]) -> frozenset[str]:
    return _OPEN if _state(query) == Case.State.OPEN else _DONE


LIST = ListSpec[QueueRow](
    name="cases",
    filters=("state", "urgency", "kind", "assigned", "group", "member"),
    usual=_usual,
    columns=(
        Column("urgency", lazy("紧急"), lambda r: _(r.case.get_urgency_display()), "tight"),
        Column("title", lazy("事项"), lambda r: case_title(r.case.title), fixed=True),
        Column("number", lazy("编号"), lambda r: r.case.pk, "num"),
        Column("kind", lazy("类型"), lambda r: r.kind),
        Column("state", lazy("状态"), lambda r: _(r.case.get_state_display())),
        Column("group", pgettext_lazy("column", "群"), lambda r: r.group),
        Column("member", pgettext_lazy("column", "成员"), lambda r: r.member),
        Column("deadline", lazy("时限"), lambda r: r.case.deadline),
        Column("assigned", lazy("负责"), lambda r: r.case.assigned_to),
        Column("action", lazy("处理"), lambda r: r.decided),
        Column("decided_by", lazy("处理人"), lambda r: r.case.decided_by),
        Column("decided", lazy("处理时间"), lambda r: r.case.decided_at),
        Column("note", lazy("备注"), lambda r: r.case.note),
        Column("opened", lazy("开始"), lambda r: r.case.opened_at, "num"),
    ),
    export_action="case.export",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def case_list(request: StaffRequest, listing: Listing[QueueRow]) -> HttpResponse:
    """The queue, with filters in the URL."""
    community = request.community.pk
    user = request.user.get_username()
    wanted = _filter(request)
    queue = reading.queue(community, wanted, user=user, number=slices.page_number(request.GET.get("page")))
    groups = group_names(community)
    listing.count(queue.total)
    context = {
        "title": _("工单"),
        "list": listing,
        "page": queue,
        "rows": _rows(request, queue.rows, groups),
        "filters": _chips(request, reading.counts(community, user=user), groups),
        "colleagues": _colleagues(request) if request.may("case.decide") else [],
        "acts": bulk_actions(queue.rows, request.staff_role) if wanted.state == Case.State.OPEN else [],
        "back": request.get_full_path(),
        "wanted": wanted,
        "proposals": standing_of(queue.rows, now=SYSTEM_CLOCK.now()),
    }
    return page(request, "console/cases.html", context, active="cases")


@staff_page("view")
@require_safe
def case_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered queue as CSV or Excel; exporting is itself recorded."""
    groups = group_names(request.community.pk)
    found = reading.everything(request.community.pk, _filter(request), user=request.user.get_username())
    rows = (row for part in slices.in_parts(found) for row in _rows(request, part, groups))
    return as_file(request, LIST, fmt, rows)


@staff_page("view")
@require_safe
def case_page(request: StaffRequest, case_id: int) -> HttpResponse:
    """One case: what happened, the evidence in context, and the buttons this person may press."""
    return _page(request, _case(request, case_id))


@staff_page("view")
@require_POST
def case_decide(request: StaffRequest, case_id: int) -> HttpResponse:
    """Press a button. A stale page is shown again with what was typed; the permission is the button's own."""
    note = request.POST.get("note", "")
    try:
        case = decide_case(
            community_id=request.community.pk,
            case_id=case_id,
            action=request.POST.get("action", ""),
            user=request.user.get_username(),
            role=request.staff_role,
            version=slices.positive(request.POST.get("version")) or 0,
            note=note,
            now=SYSTEM_CLOCK.now(),
        )
    except Case.DoesNotExist as error:
        raise Http404 from error
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except Stale as reason:
        return _page(request, _case(request, case_id), typed=note, problem=str(reason), status=409)
    except (UnknownAction, SecondPersonNeeded, Barred) as reason:
        return _page(request, _case(request, case_id), typed=note, problem=str(reason), status=422)
    if case.state == Case.State.OPEN:
        asked = action_label(case.kind, request.POST.get("action", ""))
        messages.success(request, _("已提议:%(action)s。等另一位同事确认后执行") % {"action": asked})
    else:
        messages.success(request, _("已处理:%(action)s") % {"action": action_label(case.kind, case.action)})
    if request.POST.get("back"):  # pressed on the checklist of an incident
        return back_to(request, "console:incidents")
    return redirect("console:case", slug=request.community.slug, case_id=case.pk)


@staff_page("view")
@require_POST
def case_withdraw(request: StaffRequest, case_id: int) -> HttpResponse:
    """Take one's own proposal back, or refuse a colleague's; that needs the permission of the proposed button."""
    try:
        withdraw_proposal(
            community_id=request.community.pk,
            case_id=case_id,
            user=request.user.get_username(),
            role=request.staff_role,
            version=slices.positive(request.POST.get("version")) or 0,
            now=SYSTEM_CLOCK.now(),
        )
    except Case.DoesNotExist as error:
        raise Http404 from error
    except NotAllowed as reason:
        raise PermissionDenied(str(reason)) from reason
    except (Stale, UnknownAction) as reason:
        return _page(request, _case(request, case_id), problem=str(reason), status=409)
    messages.success(request, _("提议已结束,没有执行"))
    return redirect("console:case", slug=request.community.slug, case_id=case_id)


@staff_page("case.decide")
@require_POST
def case_note(request: StaffRequest, case_id: int) -> HttpResponse:
    """Write a remark under a case."""
    _case(request, case_id)
    text = request.POST.get("text", "")
    if not text.strip():
        messages.error(request, _("备注是空的,没有保存"))
    else:
        with audited(request, "case.note", target=f"case:{case_id}"):
            add_note(
                community_id=request.community.pk,
                case_id=case_id,
                text=text,
                user=request.user.get_username(),
                now=SYSTEM_CLOCK.now(),
            )
    return redirect(reverse("console:case", args=[request.community.slug, case_id]) + "#notes")


@staff_page("case.decide")
@require_POST
def case_assign(request: StaffRequest) -> HttpResponse:
    """Give one or many open cases to a colleague; each box carries the version that was seen ("17:3")."""
    to = request.user.get_username() if request.POST.get("take") else request.POST.get("to", "")
    if to and to not in _colleagues(request):
        messages.error(request, _("“%(name)s”不是这个社群的运营人员") % {"name": to[:150]})
        return back_to(request, "console:cases")
    chosen = [pair.partition(":") for pair in request.POST.getlist("case")[:BULK]]
    done, late = 0, 0
    for number, _colon, version in sorted(chosen):
        done_now = _assign(request, slices.positive(number), slices.positive(version), to)
        done, late = done + done_now, late + (not done_now)
    if done:
        said = (
            ngettext("已把 %(n)d 个工单交给 %(to)s", "已把 %(n)d 个工单交给 %(to)s", done)
            if to
            else _("已放回 %(n)d 个工单")
        )
        messages.success(request, said % {"n": done, "to": to})
    if late:
        messages.warning(request, _("%(n)d 个工单刚刚有人动过,没有改;请看过再试") % {"n": late})
    if not chosen:
        messages.warning(request, _("没有选中工单"))
    return back_to(request, "console:cases")


def _assign(request: StaffRequest, number: int | None, version: int | None, to: str) -> bool:
    if number is None or version is None:
        return False
    try:
        with transaction.atomic():
            assign_case(
                community_id=request.community.pk,
                case_id=number,
                to=to,
                user=request.user.get_username(),
                version=version,
                note=request.POST.get("note", "")[:2_000],
                now=SYSTEM_CLOCK.now(),
            )
    except (Stale, Case.DoesNotExist):
        return False
    return True


def kind_title(kind: str) -> str:
    """What a kind of case is called on the screen."""
    known = KINDS.get(kind)
    if known is None:
        return kind
    return known.title if is_chinese(get_language()) else known.title_en


def action_label(kind: str, action: str) -> str:
    """What a button of a kind is called on the screen; "" for none."""
    known = KINDS[kind].action(action) if kind in KINDS and action else None
    if known is None:
        return action
    return known.label if is_chinese(get_language()) else known.label_en


def _page(request: StaffRequest, case: Case, *, typed: str = "", problem: str = "", status: int = 200) -> HttpResponse:
    found = reading.case_page(case, now=SYSTEM_CLOCK.now())
    behind = appeals.behind(case, request.user.get_username())
    people = [case.member_id, *(i for line in found.lines for i in (line.member_id, line.target))]
    people += [one.report.reporter_id for one in behind.reporters]
    names = member_names(case.community_id, people)
    chinese = is_chinese(get_language())
    listed = guarded(case.community_id)
    said = {decision.sentence for decision in found.decisions}
    context = {
        "title": case_title(case.title),
        "case": case,
        "found": found,
        "behind": behind,
        "kind": kind_title(case.kind),
        "group_name": group_names(case.community_id).get(case.group_id or 0, ""),
        "member": names.get(case.member_id or 0, ""),
        "names": names,
        "steps": [_unnumbered(step) for step in case.payload.get("steps", [])],
        "summary": "" if case.payload.get("steps") or case.summary in said else case.summary,
        "buttons": [
            {
                "name": a.name,
                "label": a.label if chinese else a.label_en,
                "key": a.shortcut,
                "style": a.style,
                "confirm": a.confirm if chinese else a.confirm_en,
                "needs_note": a.needs_note,
                "two": bool(guard_of(case, a, listed)),
            }
            for a in ([] if behind.barred else actions_for(case, request.staff_role))
            if not a.place and (found.proposal is None or not guard_of(case, a, listed))
        ],
        "proposal": _proposal(request, found.proposal),
        "own_page": _own_page(request, case),
        "decided": action_label(case.kind, case.action),
        "undo": _undo(request, case),
        "mergeable": [
            other
            for other in found.siblings
            if case.state == other.state == Case.State.OPEN and case.kind == other.kind and KINDS[case.kind].mergeable
        ],
        "colleagues": _colleagues(request) if request.may("case.decide") else [],
        "typed": typed,
        "problem": problem,
        **_incident(case),
        "member_filter": "?" + urlencode({"member": case.member_id, "state": "all"}) if case.member_id else "",
    }
    return page(request, "console/case.html", context, active="cases", status=status)


def _incident(case: Case) -> dict[str, Any]:
    """The checklist that a red case led to."""
    found = incident_of_case(case.community_id, case.pk) if case.kind in RED_CASES else None
    return {} if found is None else incidents.checklist(found)


def _undo(request: StaffRequest, case: Case) -> datetime | None:
    """Until when this person can take the decision back; None when they cannot."""
    until = undo_until(case)
    button = KINDS[case.kind].action(case.action)
    if until is None or button is None or until <= SYSTEM_CLOCK.now() or not request.may(button.permission):
        return None
    return until


def bulk_actions(cases: Sequence[Case], role: str) -> list[dict[str, str]]:
    """The buttons that this role may press on at least one of these cases, for the bar above the list."""
    chinese = is_chinese(get_language())
    found: dict[str, dict[str, str]] = {}
    for kind in dict.fromkeys(case.kind for case in cases):
        for action in KINDS[kind].actions if kind in KINDS else ():
            if not action.place and may(role, action.permission):
                label = action.label if chinese else action.label_en
                found.setdefault(action.name, {"name": action.name, "label": label})
    return list(found.values())


def _proposal(request: StaffRequest, proposal: CaseProposal | None) -> dict[str, Any] | None:
    """What the page says of a proposal that stands, and what this person may do with it."""
    button = KINDS[proposal.case.kind].action(proposal.action) if proposal else None
    if proposal is None or button is None:
        return None
    own = proposal.proposed_by == request.user.get_username()
    allowed = request.may(button.permission)
    return {
        "row": proposal,
        "label": action_label(proposal.case.kind, proposal.action),
        "key": button.shortcut,
        "own": own,
        "may_confirm": allowed and not own,
        "may_end": allowed or own,
        "others": seconds(proposal.case, button, proposal.proposed_by),
    }


def _own_page(request: StaffRequest, case: Case) -> tuple[str, str] | None:
    """(address, label) of the page on which more can be chosen than here; None where there is none for this person."""
    slug = request.community.slug
    if case.state != Case.State.OPEN:
        return None
    if case.kind == "inactive_review" and request.may("observation.decide"):
        return reverse("console:observation_review", args=[slug, case.pk]), action_label(case.kind, "choose")
    if case.kind == "inactive_over_cap":
        return reverse("console:observation_preview", args=[slug]), _("看名单")
    if case.kind == "clearance_request" and isinstance(case.payload.get("request"), int):
        return reverse("console:clearance", args=[slug, case.payload["request"]]), _("选时间、改内容")
    return None


def _unnumbered(step: str) -> str:
    """A step without its own "1. ": the page numbers them as a list."""
    number, dot, rest = step.partition(". ")
    return rest if dot and number.isdigit() else step


def _case(request: StaffRequest, case_id: int) -> Case:
    case = Case.objects.filter(community_id=request.community.pk, pk=case_id).first() if case_id < 1 << 63 else None
    if case is None:
        raise Http404
    return case


def _colleagues(request: StaffRequest) -> list[str]:
    """Everybody a case can be given to: staff who may decide cases, and whoever asks."""
    roles = [Staff.Role.OWNER, Staff.Role.MANAGER, Staff.Role.MODERATOR]
    rows = Staff.objects.filter(community=request.community, role__in=roles).order_by("user__username")
    names = list(rows.values_list("user__username", flat=True))
    me = request.user.get_username()
    return names if me in names else [me, *names]


def _rows(request: StaffRequest, found: Sequence[Case], groups: dict[int, str]) -> list[QueueRow]:
    names = member_names(request.community.pk, [c.member_id for c in found])
    return [
        QueueRow(
            case=c,
            kind=kind_title(c.kind),
            group=groups.get(c.group_id or 0, ""),
            member=names.get(c.member_id or 0, ""),
            decided=action_label(c.kind, c.action),
        )
        for c in found
    ]


def _state(query: Mapping[str, Any]) -> str:
    """The state that is asked for; "" for all of them."""
    state = str(query.get("state") or Case.State.OPEN)
    return state if state in Case.State.values else "" if state == "all" else str(Case.State.OPEN)


def _filter(request: StaffRequest) -> reading.QueueFilter:
    return reading.QueueFilter(
        state=_state(request.GET),
        urgency=_known(request.GET.get("urgency"), Case.Urgency.values),
        kind=_known(request.GET.get("kind"), list(KINDS)),
        group=slices.positive(request.GET.get("group")),
        assigned="" if request.GET.get("assigned") == "asked" else request.GET.get("assigned", ""),
        member=slices.positive(request.GET.get("member")),
        asked=request.staff_role if request.GET.get("assigned") == "asked" else "",
    )


def _known(value: str | None, values: Sequence[str]) -> str:
    return value if value in values else ""  # type: ignore[return-value]


def _chips(request: StaffRequest, counts: reading.QueueCounts, groups: dict[int, str]) -> list[slices.Filter]:
    query = request.GET
    states = [("open", _("待处理")), ("decided", _("已处理")), ("expired", _("已过期")), ("merged", _("已并入"))]
    filters = [
        slices.chips(
            query, "state", _("状态"), states, default="open", everything=_("全部"), counts={"open": counts.total}
        ),
        slices.chips(
            query,
            "urgency",
            _("紧急"),
            [("red", _("红色")), ("orange", _("橙色")), ("yellow", _("黄色")), ("grey", _("一般"))],
            counts=counts.urgency,
            everything=_("全部"),
        ),
        slices.chips(
            query,
            "kind",
            _("类型"),
            [(kind, kind_title(kind)) for kind in KINDS],
            counts=counts.kind,
            everything=_("全部"),
        ),
        slices.chips(
            query,
            "assigned",
            _("负责"),
            [("me", _("我的")), ("none", _("没人接")), ("asked", _("升级给我的"))],
            counts={"me": counts.mine, "none": counts.nobody},
            everything=_("全部"),
        ),
    ]
    return [*filters, *slices.group_chips(query, groups)]
