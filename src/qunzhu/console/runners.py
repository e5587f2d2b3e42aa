"""What each kind of long job does. A runner may be repeated; it reports progress and returns what its card shows."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.utils.translation import gettext as _

from qunzhu.console.jobs import Progress, Refused, folder
from qunzhu.console.models import Job
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Group, Member
from qunzhu.kernel.community.personal import write_personal
from qunzhu.kernel.connectors.imports.services import Result, run_import
from qunzhu.kernel.connectors.imports.source import Unreadable
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import blackbox, bundle, bundle_check

SHOWN_FINDINGS = 20
Runner = Callable[[Job, Progress], dict[str, Any]]


def verify(job: Job, progress: Progress) -> dict[str, Any]:
    """Check every row of the log against its seals, on one snapshot in a connection of its own."""
    with psycopg.connect(database_url()) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        with conn.transaction():
            for step in blackbox.verify(conn, job.community_id):
                if isinstance(step, blackbox.Progress):
                    progress(step.done, step.total)
                else:
                    report = step
    findings = sorted(report.findings, key=lambda f: (f.what != "event", f.number))
    return {
        "clean": report.clean,
        "events": report.events,
        "blocks": report.blocks,
        "erased": report.erased,
        "first_broken": next((f.number for f in findings if f.what == "event"), None),
        "findings": [
            {"what": f.what, "number": f.number, "reason": f.reason, "detail": f.detail}
            for f in findings[:SHOWN_FINDINGS]
        ],
        "more": report.more + max(0, len(findings) - SHOWN_FINDINGS),
    }


def import_file(job: Job, progress: Progress) -> dict[str, Any]:
    """Read an uploaded chat export into its group's history; started again, it goes on where it stopped."""
    group = Group.objects.select_related("community").get(community_id=job.community_id, pk=job.params["group"])
    upload = Path(settings.HOME) / "imports" / Path(job.params["path"]).name
    aside = folder() / f"aside-{job.pk}.txt"
    lines = 0
    try:
        for step in run_import(
            group=group,
            path=upload,
            fmt=job.params["format"],
            timezone=job.params["timezone"],
            rejected_path=aside,
            name=job.params["name"],
            by=job.started_by,
            again=job.params.get("again", False),
        ):
            if isinstance(step, Result):
                result = step
            else:
                progress(step.done, step.total)
                lines = step.added + step.duplicates + step.rejected
    except Unreadable as reason:
        raise Refused(str(reason)) from reason
    except FileNotFoundError as reason:
        raise Refused(_("上传的文件已经不在了,请重新上传")) from reason
    upload.unlink()
    return {
        "lines": lines,
        "added": result.added,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "reasons": dict(result.reasons.most_common(10)),
        "file": aside.name if result.rejected else "",
    }


def export(job: Job, progress: Progress) -> dict[str, Any]:
    """Write the evidence about a member, a case or a period into one signed file that checks offline."""
    progress(0, 0)
    path = folder() / f"evidence-{job.pk}.zip"
    try:
        made = bundle.export(
            community_id=job.community_id,
            selection=_selection(job.params),
            path=path,
            by=job.started_by,
            now=SYSTEM_CLOCK.now(),
            progress=progress,
        )
    except LookupError as reason:
        raise Refused(_("没有符合条件的事件,没有什么可导出")) from reason
    except bundle_check.Wrong as reason:
        raise Refused(_("记录和封存时不一样,不能当作证据导出;请先校验黑匣子")) from reason
    return {"events": made.events, "file": path.name}


def personal(job: Job, progress: Progress) -> dict[str, Any]:
    """Write everything that is known about one member into a file for that person."""
    progress(0, 0)
    path = folder() / f"personal-{job.pk}.zip"
    try:
        with path.open("wb") as out:
            made = write_personal(
                out,
                community_id=job.community_id,
                member_id=job.params["number"],
                now=SYSTEM_CLOCK.now(),
                progress=progress,
            )
    except Member.DoesNotExist as reason:
        path.unlink()
        raise Refused(_("没有这位成员,或者已经抹除")) from reason
    return {"messages": made.messages, "file": path.name}


def backtest(job: Job, progress: Progress) -> dict[str, Any]:
    """Try a rulebook on recorded history, on one snapshot that cannot be written to; the report lies in a file."""
    from qunzhu.console.reading import backtests
    from qunzhu.risk.backtest.run import Report, encode, run

    with psycopg.connect(database_url()) as conn:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        conn.read_only = True
        for step in run(conn, backtests.question_of(job)):
            if isinstance(step, Report):
                report = step
            else:
                progress(step.done, step.total)
    path = folder() / f"backtest-{job.pk}.json"
    path.write_bytes(encode(report))
    return {**backtests.summary(report), "file": path.name}


def _selection(params: dict[str, Any]) -> bundle.Selection:
    if params["scope"] == "member":
        return bundle.Selection(member_id=params["number"])
    if params["scope"] == "case":
        return bundle.Selection(case_id=params["number"])
    since, until = (datetime.fromisoformat(params[name]) for name in ("since", "until"))
    return bundle.Selection(since=since, until=until)


RUNNERS: dict[str, Runner] = {
    Job.Kind.VERIFY.value: verify,
    Job.Kind.EXPORT.value: export,
    Job.Kind.IMPORT.value: import_file,
    Job.Kind.PERSONAL.value: personal,
    Job.Kind.BACKTEST.value: backtest,
}
