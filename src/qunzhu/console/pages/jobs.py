"""What the pages with long jobs share: the state of a job, starting it again, the latest ones."""

from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import Http404
from django.utils.translation import gettext as _

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.pages.acting import audited
from qunzhu.console.reading.blackbox import finding_sentence
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.access import StaffRequest
from qunzhu.kernel.events.erase import erased_since

LATEST = 10


def find(request: StaffRequest, job_id: int, kinds: tuple[str, ...]) -> Job:
    """A job of this community and of `kinds`, or 404."""
    rows = Job.objects.filter(community_id=request.community.pk, kind__in=kinds)
    job = rows.filter(pk=job_id).first() if job_id < 1 << 63 else None
    if job is None:
        raise Http404
    return job


def latest(request: StaffRequest, kinds: tuple[str, ...]) -> list[dict[str, Any]]:
    """The newest jobs of these kinds, ready for the template."""
    rows = Job.objects.filter(community_id=request.community.pk, kind__in=kinds).order_by("-pk")
    return [shown(job) for job in rows[:LATEST]]


def shown(job: Job) -> dict[str, Any]:
    """A job as its card shows it."""
    percent = min(100, job.done * 100 // job.total) if job.total else 0
    return {
        "job": job,
        "percent": percent,
        "interrupted": jobs.interrupted(job, SYSTEM_CLOCK.now()),
        "problems": [finding_sentence(f) for f in job.result.get("findings", [])],
        "running": job.state in {Job.State.WAITING, Job.State.RUNNING},
    }


def start(
    request: StaffRequest, kind: Job.Kind, action: str, params: dict[str, Any], *, target: str = "", **detail: Any
) -> Job:
    """Put a job on its way, on record as `action`."""
    with audited(request, action, target=target, detail=detail) as known:
        job = jobs.do_start(
            community_id=request.community.pk,
            kind=kind,
            params=params,
            user=request.user.get_username(),
            now=SYSTEM_CLOCK.now(),
        )
        known["job"] = job.pk
    return job


def file_of(job: Job) -> Path:
    """What a job left to download, or 404."""
    file = jobs.folder() / Path(job.file).name if job.file else None
    if file is None or not file.is_file():
        raise Http404(_("文件已不在了,请重新导出"))
    if job.kind in {Job.Kind.EXPORT, Job.Kind.PERSONAL} and erased_since(job.community_id, job.created_at):
        file.unlink(missing_ok=True)  # begun before somebody was erased, finished after
        raise Http404(_("有成员的内容后来被抹除,请重新导出"))
    return file


def restart(request: StaffRequest, job: Job) -> None:
    """Start a failed or interrupted job again."""
    now = SYSTEM_CLOCK.now()
    if job.state != Job.State.FAILED and not jobs.interrupted(job, now):
        messages.info(request, _("这个任务还在进行,不用重来"))
        return
    with audited(request, f"job.restart.{job.kind}", target=f"job:{job.pk}"):
        jobs.do_restart(job=job, now=now)
    messages.success(request, _("已重新开始"))
