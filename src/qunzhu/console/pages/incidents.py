"""风控 › 红色事件: incidents and drills with their checklists, and what staff do with them."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import page
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import group_names
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.community.models import Group
from qunzhu.risk.incident import selectors, services
from qunzhu.risk.incident.models import Incident

STEP_NAMES = {
    "freeze": lazy("冻结"),
    "evidence": lazy("证据包"),
    "close": lazy("关闭"),
    "rebuild": lazy("重建"),
    "invite": lazy("邀请"),
    "announce": lazy("公告"),
    "finish": lazy("完成"),
}
STATE_NAMES = {
    "todo": lazy("未开始"),
    "ask": lazy("等人确认"),
    "running": lazy("进行中"),
    "waiting": lazy("等人工完成"),
    "failed": lazy("没有成功"),
    "done": lazy("完成"),
    "skipped": lazy("已跳过"),
}
BIGGEST = 1 << 63


def checklist(incident: Incident) -> dict[str, Any]:
    """What `parts/incident.html` shows."""
    return {
        "shown": selectors.show(incident, now=SYSTEM_CLOCK.now()),
        "step_names": STEP_NAMES,
        "state_names": STATE_NAMES,
    }


@staff_page("view")
@require_safe
def incident_list(request: StaffRequest) -> HttpResponse:
    """All incidents and drills, and the form that starts a drill."""
    community = request.community.pk
    context = {
        "title": _("红色事件"),
        "rows": selectors.recent(community),
        "group_names": group_names(community),
        "groups": Group.objects.filter(community_id=community).exclude(state=Group.State.CLOSED).order_by("name", "pk"),
    }
    return page(request, "console/incidents.html", context, active="incidents")


@staff_page("view")
@require_safe
def incident_page(request: StaffRequest, seq: int) -> HttpResponse:
    """One incident or drill with its checklist."""
    found = _found(request, seq)
    name = group_names(request.community.pk).get(found.group_id, "")
    title = _("演练:%(group)s") if found.mode == Incident.Mode.DRILL else _("红色事件:%(group)s")
    context = {"title": title % {"group": name}, "incident": found, "group_name": name, **checklist(found)}
    return page(request, "console/incident.html", context, active="incidents")


@staff_page("group.rebuild")
@require_POST
def drill(request: StaffRequest) -> HttpResponse:
    """Begin a drill over a group."""
    group = slices.positive(request.POST.get("group")) or 0
    try:
        with audited(request, "incident.drill", target=f"group:{group}"):
            services.start_drill(
                community_id=request.community.pk,
                group_id=group,
                by=request.user.get_username(),
                now=SYSTEM_CLOCK.now(),
            )
    except services.CannotAct as reason:
        messages.error(request, str(reason))
        return redirect("console:incidents", slug=request.community.slug)
    messages.success(request, _("演练已开始,几秒后刷新可以看到每一步会做什么。没有人会被打扰"))
    return redirect("console:incidents", slug=request.community.slug)


@staff_page("group.rebuild")
@require_POST
def retry(request: StaffRequest, seq: int) -> HttpResponse:
    """Try a step again."""
    step = request.POST.get("step", "")[:20]
    return _act(request, seq, "incident.retry", {"step": step}, lambda **who: services.retry_step(step=step, **who))


@staff_page("group.rebuild")
@require_POST
def skip(request: StaffRequest, seq: int) -> HttpResponse:
    """Leave a step out, with a reason."""
    step, reason = request.POST.get("step", "")[:20], request.POST.get("reason", "")
    detail = {"step": step, "reason": reason[:500]}
    return _act(
        request, seq, "incident.skip", detail, lambda **who: services.skip_step(step=step, reason=reason, **who)
    )


@staff_page("group.rebuild")
@require_POST
def reopen(request: StaffRequest, seq: int) -> HttpResponse:
    """Open the closed group again, before the invitations went out."""
    return _act(request, seq, "incident.reopen", {}, services.reopen_group)


@staff_page("blackbox.export")
@require_safe
def evidence(request: StaffRequest, seq: int) -> HttpResponseBase:
    """The evidence bundle; each download is recorded."""
    found = _found(request, seq)
    file = services.evidence_file(found.community_id, found.seq)
    if found.mode != Incident.Mode.LIVE:
        raise Http404
    services.renew_evidence(found, now=SYSTEM_CLOCK.now())
    if not file.exists():
        raise Http404
    with audited(request, "blackbox.download", target=f"incident:{seq}"):
        content = file.open("rb")
    return FileResponse(content, as_attachment=True, filename=file.name)


def _act(
    request: StaffRequest, seq: int, action: str, detail: dict[str, Any], act: Callable[..., None]
) -> HttpResponse:
    found = _found(request, seq)
    try:
        with audited(request, action, target=f"incident:{seq}", detail=detail):
            act(community_id=found.community_id, seq=seq, by=request.user.get_username(), now=SYSTEM_CLOCK.now())
    except services.CannotAct as reason:
        messages.error(request, str(reason))
    else:
        messages.success(request, _("已记下,清单会继续"))
    return redirect("console:incident", slug=request.community.slug, seq=seq)


def _found(request: StaffRequest, seq: int) -> Incident:
    found = selectors.incident(request.community.pk, seq) if seq < BIGGEST else None
    if found is None:
        raise Http404
    return found
