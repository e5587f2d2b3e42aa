"""黑匣子: how far the log is sealed, checking it, and taking evidence out of it."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console import jobs as running
from qunzhu.console.context import fragment, page
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page, open_list
from qunzhu.console.models import Job
from qunzhu.console.pages import jobs
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading import blackbox, slices
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest, check_may, staff_page
from qunzhu.kernel.community.models import Member

KINDS = (Job.Kind.VERIFY.value, Job.Kind.EXPORT.value, Job.Kind.PERSONAL.value)


LIST = ListSpec[blackbox.Block](
    name="blackbox",
    filters=(),
    columns=(
        Column("number", lazy("区块"), lambda b: b.number, "num", fixed=True),
        Column("events", lazy("事件"), lambda b: f"{b.first_seq}–{b.last_seq}"),
        Column("count", lazy("条数"), lambda b: b.events, "num"),
        Column("sealed", lazy("封存时间"), lambda b: b.sealed_at),
        Column("root", lazy("默克尔根"), lambda b: b.root, "wide"),
        Column("hash", lazy("区块指纹"), lambda b: b.block_hash, "wide"),
        Column("key", lazy("签名公钥"), lambda b: b.key_id, "wide", usual=False),
    ),
    export_action="blackbox.list",
)


@staff_page("view")
@require_safe
@list_page(LIST)
def chain(request: StaffRequest, listing: Listing[blackbox.Block]) -> HttpResponse:
    """The state of the chain, the blocks, and the jobs on it."""
    return _page(request, listing)


@staff_page("view")
@require_safe
def chain_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The blocks as CSV or Excel; exporting is itself recorded."""
    return as_file(request, LIST, fmt, blackbox.every_block(request.community.pk))


@staff_page("blackbox.verify")
@require_POST
def verify(request: StaffRequest) -> HttpResponse:
    """Start checking every row against the seals; one check at a time."""
    now = SYSTEM_CLOCK.now()
    busy = Job.objects.filter(
        community_id=request.community.pk,
        kind=Job.Kind.VERIFY,
        state__in=[Job.State.WAITING, Job.State.RUNNING],
        moved_at__gt=now - running.SILENT,
    )
    if busy.exists():
        messages.info(request, _("已经在校验了,进度见下面"))
    else:
        jobs.start(request, Job.Kind.VERIFY, "blackbox.verify", {})
    return redirect(reverse("console:blackbox", args=[request.community.slug]) + "#jobs")


@staff_page("blackbox.export")
@require_POST
def export(request: StaffRequest) -> HttpResponse:
    """Start making an evidence bundle for a member, a case or a period, or a file of one member's own data."""
    params = _scope(request)
    if isinstance(params, str):
        return _page(request, open_list(request, LIST), problem=params, status=422)
    kind = Job.Kind.PERSONAL if params["scope"] == "personal" else Job.Kind.EXPORT
    jobs.start(request, kind, "blackbox.export", params, **params)
    return redirect(reverse("console:blackbox", args=[request.community.slug]) + "#jobs")


@staff_page("view")
@require_safe
def job_state(request: StaffRequest, job_id: int) -> HttpResponse:
    """The card of one job, asked for every second while it runs."""
    job = jobs.find(request, job_id, KINDS)
    return fragment(request, "console/parts/job.html", {"item": jobs.shown(job)})


@staff_page("view")
@require_POST
def job_restart(request: StaffRequest, job_id: int) -> HttpResponse:
    """Start a failed or interrupted job again; it takes the permission that starting it took."""
    job = jobs.find(request, job_id, KINDS)
    check_may(request, "blackbox.verify" if job.kind == Job.Kind.VERIFY else "blackbox.export")
    jobs.restart(request, job)
    return redirect(reverse("console:blackbox", args=[request.community.slug]) + "#jobs")


@staff_page("blackbox.export")
@require_safe
def job_file(request: StaffRequest, job_id: int) -> HttpResponseBase:
    """The file a job made; each download is recorded."""
    job = jobs.find(request, job_id, (Job.Kind.EXPORT.value, Job.Kind.PERSONAL.value))
    if job.state != Job.State.DONE:
        raise Http404
    file = jobs.file_of(job)
    with audited(request, "blackbox.download", target=f"job:{job.pk}"):
        content = file.open("rb")
    return FileResponse(content, as_attachment=True, filename=file.name)


def _scope(request: StaffRequest) -> dict[str, Any] | str:
    """What the bundle is about, or what is wrong with the form."""
    what = request.POST.get("scope", "")
    number = slices.positive(request.POST.get("number"))
    community = request.community
    if what in {"member", "personal"}:
        if number is None or not Member.objects.filter(community=community, pk=number).exists():
            return _("请填一个本社群成员的编号")
        return {"scope": what, "number": number, "target": f"member:{number}"}
    if what == "case":
        if number is None or not Case.objects.filter(community_id=community.pk, pk=number).exists():
            return _("请填一个本社群工单的编号")
        return {"scope": what, "number": number, "target": f"case:{number}"}
    if what == "period":
        return _period(request)
    return _("请选择要导出什么")


def _period(request: StaffRequest) -> dict[str, Any] | str:
    zone = ZoneInfo(request.community.timezone)
    try:
        first, last = (date.fromisoformat(request.POST.get(name, "")) for name in ("since", "until"))
        since = datetime.combine(first, time.min, zone)
        until = datetime.combine(last, time.min, zone) + timedelta(days=1)
    except (ValueError, OverflowError):
        return _("请填开始和结束日期")
    if until <= since:
        return _("结束日期早于开始日期")
    return {
        "scope": "period",
        "since": since.isoformat(),
        "until": until.isoformat(),
        "target": f"period:{first}..{last}",
    }


def _page(
    request: StaffRequest, listing: Listing[blackbox.Block], *, problem: str = "", status: int = 200
) -> HttpResponse:
    community = request.community.pk
    found = blackbox.blocks(community, before=slices.positive(request.GET.get("before")))
    chained = blackbox.chain(community)
    listing.count(chained.blocks)
    context = {
        "title": _("黑匣子"),
        "list": listing,
        "chain": chained,
        "blocks": found.rows,
        "older": found.older,
        "jobs": jobs.latest(request, KINDS),
        "fingerprint": blackbox.fingerprint(chained.last.key_id) if chained.last else "",
        "can_export": request.may("blackbox.export"),
        "problem": problem,
        "typed": request.POST,
    }
    return page(request, "console/blackbox.html", context, active="blackbox", status=status)
