"""What each kind of long job does. A runner may be repeated; it reports progress and returns what its card shows."""

from collections.abc import Callable
from typing import Any

import psycopg

from qunzhu.console.jobs import Progress
from qunzhu.console.models import Job
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import blackbox

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


RUNNERS: dict[str, Runner] = {Job.Kind.VERIFY.value: verify}
