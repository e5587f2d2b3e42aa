"""Jobs that time starts, run by `qunzhu schedule` (procrastinate keeps two schedulers from doing one twice).

Each job is restartable: run again, it does what is left. docs/operations/jobs.md lists them (a test compares).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django import app

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Community

QUEUE = "time"
QUIET = timedelta(minutes=15)  # unless the community's blueprint says otherwise
QUIET_EVERY = timedelta(minutes=5)
SEAL_AFTER = 10  # minutes, unless the community's blueprint says otherwise
STALE_CASES = timedelta(days=90)
LEFTOVERS = timedelta(days=30)
FINISHED_JOBS_HOURS = 72

logger = structlog.get_logger("qunzhu.schedule")

# name → (cron in UTC, what it does); docs/operations/jobs.md says the same.
JOBS = {
    "time.seal": ("* * * * *", "seals the tail of every black box; warns where one is not sealed in time"),
    "time.invariants": ("7 * * * *", "checks what must hold at any moment: ledger, log, mall; opens a case where not"),
    "time.deadlines": ("* * * * *", "raises cases that are late or that nobody took; frees cases of who is gone"),
    "time.proposals": ("* * * * *", "ends proposals that no second person confirmed in time"),
    "time.incidents": ("* * * * *", "sends invitations that waited; writes evidence again whose worker vanished"),
    "time.stale_cases": ("13 3 * * *", "closes grey cases that nobody touched for 90 days"),
    "time.retention": ("43 3 * * *", "takes the contents of messages that are older than the community keeps them"),
    "time.quiet": ("*/5 * * * *", "warns when a community with open groups has had no event for a while"),
    "time.inactive": ("*/10 * * * *", "looks for silent members where the community's hour has come, once a day"),
    "time.points": ("27 * * * *", "takes points that are older than points live; tells groups what goes soon"),
    "time.challenges": ("*/5 * * * *", "begins challenges on their first day, settles them after their last"),
    "time.mall": ("*/2 * * * *", "goes on with orders of the mall that were left, takes old parcels as received"),
    "time.levels": ("*/10 * * * *", "reckons the levels of the day just over, after 4 o'clock of the community"),
    "time.redpacket": ("* * * * *", "draws the red packets of the month, opens and closes those whose time has come"),
    "time.debate": ("* * * * *", "opens debates whose hour has come; ends speech, votes and polls whose time is over"),
    "time.honours": ("*/10 * * * *", "closes the week of contributions at its hour, once; badges for time spent here"),
    "time.leftovers": ("23 3 * * *", "removes files of imports and exports that are older than 30 days"),
    "time.finished_jobs": ("33 3 * * *", "forgets finished jobs of the queue"),
}


def run_worker() -> None:
    """Work until SIGTERM or SIGINT; a running job is finished first."""
    with app.replace_connector(app.connector.get_worker_connector()) as worker:  # type: ignore[attr-defined]
        worker.run_worker(concurrency=2, delete_jobs="never", listen_notify=True)


@app.periodic(cron=JOBS["time.seal"][0], periodic_id="time.seal")
@app.task(name="time.seal", queue=QUEUE)
def seal(timestamp: int) -> int:  # noqa: ARG001  (procrastinate hands over when it was due)
    """The last block of a quiet community is sealed too, though it is not full; returns how many were."""
    from qunzhu.kernel.events.seal import seal_quiet_tails

    now = SYSTEM_CLOCK.now()
    try:
        return seal_quiet_tails(now=now)
    finally:
        warn_of_unsealed(now=now)


def warn_of_unsealed(*, now: datetime) -> list[str]:
    """Communities whose oldest unsealed event waits for longer than their `risk.black_box.seal_after`; each is logged.

    Nothing is left to seal right after the job, so this speaks of a log with gaps or of a job that did not run.
    """
    from qunzhu.kernel.events.seal import unsealed_since

    late = []
    since = unsealed_since()
    for community in Community.objects.filter(pk__in=since).order_by("pk"):
        minutes = community.blueprint.get("risk", {}).get("black_box", {}).get("seal_after") or SEAL_AFTER
        if now - since[community.pk] > timedelta(minutes=minutes):
            late.append(community.slug)
            logger.error(
                "black box not sealed in time", community=community.slug, since=since[community.pk].isoformat()
            )
    return late


@app.periodic(cron=JOBS["time.invariants"][0], periodic_id="time.invariants")
@app.task(name="time.invariants", queue=QUEUE)
def check_invariants(timestamp: int) -> int:
    """Returns how many things are wrong; each is logged as an error, and a case asks a human to look."""
    from qunzhu.config.invariants import CHECKS, broken
    from qunzhu.kernel.cases.breakage import report_breakage

    wrong = 0
    for community_id, slug in Community.objects.order_by("pk").values_list("pk", "slug"):
        found = list(broken([(community_id, slug)], CHECKS))
        for one in found:
            logger.error("invariant broken", community=community_id, check=one.check, problem=one.problem)
        report_breakage(
            community_id, {(one.check, one.problem) for one in found}, now=datetime.fromtimestamp(timestamp, UTC)
        )
        wrong += len(found)
    return wrong


@app.periodic(cron=JOBS["time.deadlines"][0], periodic_id="time.deadlines")
@app.task(name="time.deadlines", queue=QUEUE)
def escalate(timestamp: int) -> int:
    """Cases that nobody took in time or that are late are raised; returns how many."""
    from qunzhu.kernel.cases import escalation

    now = datetime.fromtimestamp(timestamp, UTC)
    escalation.give_back_of_the_gone(now=now)
    return escalation.escalate(now=now)


@app.periodic(cron=JOBS["time.proposals"][0], periodic_id="time.proposals")
@app.task(name="time.proposals", queue=QUEUE)
def end_proposals(timestamp: int) -> int:
    """Returns how many were ended."""
    from qunzhu.kernel.cases.two_person import expire_proposals

    return expire_proposals(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.incidents"][0], periodic_id="time.incidents")
@app.task(name="time.incidents", queue=QUEUE)
def wake_incidents(timestamp: int) -> int:
    """Returns how many went on."""
    from qunzhu.risk.incident.services import wake

    return wake(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.stale_cases"][0], periodic_id="time.stale_cases")
@app.task(name="time.stale_cases", queue=QUEUE)
def expire_stale_cases(timestamp: int) -> int:
    """Returns how many were closed; coloured cases stay until a human decides."""
    before = datetime.fromtimestamp(timestamp, UTC) - STALE_CASES
    stale = Case.objects.filter(state=Case.State.OPEN, urgency=Case.Urgency.GREY, opened_at__lt=before)
    return stale.update(state=Case.State.EXPIRED)


@app.periodic(cron=JOBS["time.retention"][0], periodic_id="time.retention")
@app.task(name="time.retention", queue=QUEUE)
def expire_messages(timestamp: int) -> int:
    """Returns how many messages lost their contents."""
    from qunzhu.kernel.events import expire

    now = datetime.fromtimestamp(timestamp, UTC)
    communities = Community.objects.order_by("pk").values_list("pk", flat=True)
    return sum(expire.expire_messages(community_id=community_id, now=now) for community_id in communities)


@app.periodic(cron=JOBS["time.quiet"][0], periodic_id="time.quiet")
@app.task(name="time.quiet", queue=QUEUE)
def warn_of_silence(timestamp: int) -> list[int]:
    """Communities that just fell silent; each silence is logged once, when it becomes long enough."""
    return silent_communities(now=datetime.fromtimestamp(timestamp, UTC))


def silent_communities(*, now: datetime) -> list[int]:
    """Communities with an open group whose last live event is between the alarm time and one round more ago."""
    silent = []
    for community in Community.objects.filter(groups__state="active").distinct():
        alarm = community.blueprint.get("analytics", {}).get("quiet_alarm")
        limit = timedelta(minutes=alarm) if alarm else QUIET
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT received_at FROM event WHERE community_id = %s ORDER BY seq DESC LIMIT 1", [community.pk]
            )
            row = cursor.fetchone()
        if row and limit <= now - row[0] < limit + QUIET_EVERY:
            silent.append(community.pk)
            logger.warning("no event for a while", community=community.slug, minutes=int((now - row[0]).seconds / 60))
    return silent


@app.periodic(cron=JOBS["time.inactive"][0], periodic_id="time.inactive")
@app.task(name="time.inactive", queue=QUEUE)
def look_for_silent_members(timestamp: int) -> list[str]:  # noqa: ARG001
    """Communities that were looked at; the hour, and whether it was done today, are asked of the log."""
    from qunzhu.governance.elimination.schedule import run_due

    return run_due(now=SYSTEM_CLOCK.now())


@app.periodic(cron=JOBS["time.points"][0], periodic_id="time.points")
@app.task(name="time.points", queue=QUEUE)
def expire_points(timestamp: int) -> int:
    """Returns how many members lost some."""
    from qunzhu.engagement.points.schedule import run_due

    return run_due(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.challenges"][0], periodic_id="time.challenges")
@app.task(name="time.challenges", queue=QUEUE)
def go_on_with_challenges(timestamp: int) -> int:
    """Returns how many began or ended."""
    from qunzhu.engagement.challenge.schedule import go_on

    return go_on(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.mall"][0], periodic_id="time.mall")
@app.task(name="time.mall", queue=QUEUE)
def go_on_with_orders(timestamp: int) -> int:
    """Returns how many orders moved."""
    from qunzhu.engagement.mall.schedule import go_on

    return go_on(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.levels"][0], periodic_id="time.levels")
@app.task(name="time.levels", queue=QUEUE)
def reckon_levels(timestamp: int) -> list[str]:  # noqa: ARG001
    """Communities whose run ended; whether it was done today, and how far it came, stands in `level_run`."""
    from qunzhu.engagement.levels.schedule import run_due

    return run_due(now=SYSTEM_CLOCK.now())


@app.periodic(cron=JOBS["time.redpacket"][0], periodic_id="time.redpacket")
@app.task(name="time.redpacket", queue=QUEUE)
def go_on_with_red_packets(timestamp: int) -> int:  # noqa: ARG001
    """Returns how many steps were made."""
    from qunzhu.engagement.redpacket.schedule import go_on

    return go_on(now=SYSTEM_CLOCK.now())


@app.periodic(cron=JOBS["time.debate"][0], periodic_id="time.debate")
@app.task(name="time.debate", queue=QUEUE)
def ask_debates(timestamp: int) -> int:  # noqa: ARG001  (a late job asks by the clock as it is)
    """Returns how much was asked of the consumer."""
    from qunzhu.engagement.debate.schedule import ask_due

    return ask_due(now=SYSTEM_CLOCK.now())


@app.periodic(cron=JOBS["time.honours"][0], periodic_id="time.honours")
@app.task(name="time.honours", queue=QUEUE)
def close_honours(timestamp: int) -> list[str]:
    """Communities whose week was closed."""
    from qunzhu.engagement.honours.schedule import run_due

    return run_due(now=datetime.fromtimestamp(timestamp, UTC))


@app.periodic(cron=JOBS["time.leftovers"][0], periodic_id="time.leftovers")
@app.task(name="time.leftovers", queue=QUEUE)
def remove_leftovers(timestamp: int) -> int:
    """Returns how many files were removed."""
    return do_remove_leftovers(now=datetime.fromtimestamp(timestamp, UTC), folder=Path(settings.HOME))


def do_remove_leftovers(*, now: datetime, folder: Path) -> int:
    """Files below `jobs/` and `imports/` of the home that nobody has changed for 30 days."""
    before = (now - LEFTOVERS).timestamp()
    removed = 0
    for place in ("jobs", "imports"):
        for file in sorted((folder / place).rglob("*")):
            if file.is_file() and not file.is_symlink() and file.stat().st_mtime < before:
                file.unlink()
                removed += 1
    return removed


@app.periodic(cron=JOBS["time.finished_jobs"][0], periodic_id="time.finished_jobs")
@app.task(name="time.finished_jobs", queue=QUEUE)
def forget_finished_jobs(timestamp: int) -> int:  # noqa: ARG001
    """Returns how many rows were deleted; failed ones stay for inspection."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs j WHERE status = 'succeeded' AND NOT EXISTS (SELECT 1 FROM"
            " procrastinate_events e WHERE e.job_id = j.id AND e.at > now() - make_interval(hours => %s))",
            [FINISHED_JOBS_HOURS],
        )
        return int(cursor.rowcount)
