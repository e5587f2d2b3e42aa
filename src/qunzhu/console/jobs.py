"""Starting and running the console's long jobs.

A job is a row and a deferred task in one transaction; a worker (`qunzhu schedule`) takes the task. What each kind does
stands in `console/runners.py`. A job whose worker was killed shows as interrupted and may be started again: every
runner may be repeated.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from qunzhu.console.models import Job
from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock

logger = structlog.get_logger("qunzhu.console.jobs")
SILENT = timedelta(minutes=2)
Progress = Callable[[int, int], None]


class Refused(Exception):
    """A job cannot do what it was asked, for a reason its starter can act on; the message is shown to them."""


def do_start(*, community_id: int, kind: str, params: dict[str, Any], user: str, now: datetime) -> Job:
    """Write a job and hand it to a worker when the caller's transaction commits."""
    from qunzhu.console.tasks import run_job

    with transaction.atomic():
        job = Job.objects.create(
            community_id=community_id, kind=kind, params=params, started_by=user, created_at=now, moved_at=now
        )
        run_job.defer(job_id=job.pk)
    return job


def do_restart(*, job: Job, now: datetime) -> None:
    """Hand an interrupted or failed job to a worker again."""
    from qunzhu.console.tasks import run_job

    with transaction.atomic():
        Job.objects.filter(pk=job.pk).update(
            state=Job.State.WAITING, moved_at=now, done=0, error="", finished_at=None, result={}
        )
        run_job.defer(job_id=job.pk)


def interrupted(job: Job, now: datetime) -> bool:
    """Whether nobody has worked on a running job for two minutes: its worker is gone."""
    return job.state == Job.State.RUNNING and now - job.moved_at > SILENT


def folder() -> Path:
    """Where uploads and results of jobs lie, readable by this installation only."""
    place = Path(settings.HOME) / "jobs"
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def do_run(job_id: int, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Run a job to its end; its state, progress and error are kept in its row. Never raises for a job's own faults."""
    from qunzhu.console.runners import RUNNERS

    now = clock.now()
    ready = Job.objects.filter(pk=job_id).exclude(state__in=[Job.State.DONE, Job.State.FAILED])
    ready = ready.exclude(state=Job.State.RUNNING, moved_at__gt=now - SILENT)
    if not ready.update(state=Job.State.RUNNING, moved_at=now):
        return
    job = Job.objects.get(pk=job_id)
    try:
        result = RUNNERS[job.kind](job, _progress(job_id, clock))
    except Refused as reason:
        _finish(job_id, Job.State.FAILED, clock, error=str(reason))
    except Exception as error:
        logger.exception("job failed", job=job_id, kind=job.kind)
        _finish(job_id, Job.State.FAILED, clock, error=f"{type(error).__name__}: {error}")
    else:
        file = str(result.pop("file", ""))
        _finish(job_id, Job.State.DONE, clock, result=result, file=file)


def _progress(job_id: int, clock: Clock) -> Progress:
    """A reporter that writes at most twice a second, so that fine-grained progress costs nothing."""
    last = clock.now() - timedelta(seconds=1)

    def report(done: int, total: int) -> None:
        nonlocal last
        now = clock.now()
        if now - last >= timedelta(milliseconds=500):
            last = now
            Job.objects.filter(pk=job_id).update(done=done, total=total, moved_at=now)

    return report


def _finish(job_id: int, state: str, clock: Clock, **fields: Any) -> None:
    now = clock.now()
    Job.objects.filter(pk=job_id).update(state=state, finished_at=now, moved_at=now, **fields)
