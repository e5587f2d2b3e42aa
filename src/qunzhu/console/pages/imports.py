"""连接 › 导入: chat exports that were read into the log, and starting another one."""

import re
import secrets
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from qunzhu.console.context import fragment, page
from qunzhu.console.forms import ImportForm
from qunzhu.console.lists import Column, Listing, ListSpec, as_file, list_page, open_list
from qunzhu.console.models import Job
from qunzhu.console.pages import jobs
from qunzhu.console.reading import slices
from qunzhu.console.reading.people import group_names
from qunzhu.kernel.community.access import StaffRequest, staff_page
from qunzhu.kernel.connectors.imports.formats import AUTO, FORMATS
from qunzhu.kernel.connectors.imports.models import ImportJob

KINDS = (Job.Kind.IMPORT.value,)


Imported = tuple[ImportJob, str]  # with the name of its group

LIST = ListSpec[Imported](
    name="imports",
    filters=("state", "group"),
    columns=(
        Column("file", lazy("文件"), lambda r: r[0].file_name, fixed=True),
        Column("group", pgettext_lazy("column", "群"), lambda r: r[1]),
        Column("format", lazy("格式"), lambda r: r[0].format, usual=False),
        Column("state", lazy("状态"), lambda r: _(r[0].get_state_display())),
        Column("lines", lazy("行数"), lambda r: r[0].lines, "num"),
        Column("added", lazy("新增"), lambda r: r[0].added, "num"),
        Column("duplicates", lazy("重复"), lambda r: r[0].duplicates, "num"),
        Column("rejected", lazy("放到一边"), lambda r: r[0].rejected, "num"),
        Column("again", lazy("又导入过"), lambda r: r[0].repeats, "num", usual=False),
        Column("by", lazy("导入人"), lambda r: r[0].started_by, usual=False),
        Column("started", lazy("开始"), lambda r: r[0].started_at),
    ),
    export_action="import.export",
    permission="import.run",
)


@staff_page("import.run")
@require_safe
@list_page(LIST)
def import_list(request: StaffRequest, listing: Listing[Imported]) -> HttpResponse:
    """What was imported, by whom, with what result; and the form."""
    groups = group_names(request.community.pk)
    return _page(request, listing, ImportForm(request.community, groups, _formats()), groups)


@staff_page("import.run")
@require_safe
def import_export(request: StaffRequest, fmt: str) -> HttpResponseBase:
    """The filtered list as CSV or Excel; exporting is itself recorded."""
    groups = group_names(request.community.pk)
    rows = ((job, groups.get(job.group_id, "")) for job in _found(request).iterator(chunk_size=2_000))
    return as_file(request, LIST, fmt, rows)


@staff_page("import.run")
@require_POST
def import_start(request: StaffRequest) -> HttpResponse:
    """Keep the uploaded file and start reading it."""
    groups = group_names(request.community.pk)
    form = ImportForm(request.community, groups, _formats(), request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, open_list(request, LIST), form, groups, status=422)
    data = form.cleaned_data
    upload, group = data["file"], data["group"]
    name = Path(str(upload.name)).name[:200]
    kept = _keep(upload, name)
    params = {
        "group": group, "format": data["format"], "timezone": data["timezone"], "path": kept, "name": name,
        "again": data["again"],
    }  # fmt: skip
    jobs.start(request, Job.Kind.IMPORT, "import.start", params, target=f"group:{group}", file=name)
    return redirect("console:imports", slug=request.community.slug)


@staff_page("import.run")
@require_safe
def job_state(request: StaffRequest, job_id: int) -> HttpResponse:
    """The card of one import, asked for every second while it runs."""
    job = jobs.find(request, job_id, KINDS)
    return fragment(request, "console/parts/job.html", {"item": jobs.shown(job)})


@staff_page("import.run")
@require_POST
def job_restart(request: StaffRequest, job_id: int) -> HttpResponse:
    """Go on where an interrupted import stopped."""
    jobs.restart(request, jobs.find(request, job_id, KINDS))
    return redirect("console:imports", slug=request.community.slug)


@staff_page("import.run")
@require_safe
def aside(request: StaffRequest, job_id: int) -> HttpResponseBase:
    """The lines that could not be read: line number, reason, the line itself."""
    job = jobs.find(request, job_id, KINDS)
    file = jobs.file_of(job)
    name = f"{Path(job.params['name']).stem}-rejected.txt"
    return FileResponse(file.open("rb"), as_attachment=True, filename=name, content_type="text/plain; charset=utf-8")


def _keep(upload: object, name: str) -> str:
    """Write the upload below QUNZHU_HOME/imports; returns its path from there. The name keeps only its ending."""
    ending = "".join(re.findall(r"\.[A-Za-z0-9]{1,8}", Path(name).suffix)) or ".txt"
    folder = Path(settings.HOME) / "imports"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = f"{secrets.token_hex(16)}{ending}"
    with (folder / kept).open("xb") as out:
        for part in upload.chunks():  # type: ignore[attr-defined]
            out.write(part)
    return kept


def _formats() -> list[tuple[str, object]]:
    return [(AUTO, _("自动识别")), *((f.name, _(f.title)) for f in FORMATS.values())]


def _found(request: StaffRequest) -> QuerySet[ImportJob]:
    state = request.GET.get("state", "")
    return slices.narrowed(
        ImportJob.objects.filter(community_id=request.community.pk).order_by("-pk"),
        state=state if state in ImportJob.State.values else "",
        group_id=slices.positive(request.GET.get("group")),
    )


def _page(
    request: StaffRequest, listing: Listing[Imported], form: ImportForm, groups: dict[int, str], *, status: int = 200
) -> HttpResponse:
    rows = _found(request)
    before = slices.positive(request.GET.get("before"))
    found = slices.stretch(
        list((rows.filter(pk__lt=before) if before else rows)[: slices.ROWS + 1]), lambda job: job.pk
    )
    listing.count_so_far(slices.counted(rows))
    states = [(value, _(label)) for value, label in ImportJob.State.choices]
    context = {
        "title": _("导入"),
        "list": listing,
        "rows": [(job, groups.get(job.group_id, "")) for job in found.rows],
        "older": found.older,
        "filters": [
            slices.chips(request.GET, "state", _("状态"), states, everything=_("全部")),
            *slices.group_chips(request.GET, groups),
        ],
        "jobs": jobs.latest(request, KINDS),
        "form": form,
        "has_groups": bool(groups),
    }
    return page(request, "console/imports.html", context, active="imports", status=status)
