"""Each job that time starts runs once against a database and does what docs/operations/jobs.md says of it."""

import os
from datetime import timedelta

import pytest
from django.db import connection
from structlog.testing import capture_logs

from qunzhu.config import jobs
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_group, make_member, write
from qunzhu.kernel.events import log, seal
from qunzhu.kernel.events.models import SealedBlock
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)


def stamp(moment):
    """When a run was due, as procrastinate hands it over."""
    return int(moment.timestamp())


def execute(sql, values=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def make_case(community, urgency):
    opened = open_case(
        community_id=community.pk, kind="rule_review", key=urgency, title="看一看", urgency=urgency, now=NOW
    )
    return Case.objects.get(pk=opened.case_id)


def test_seal_closes_the_tail_of_a_quiet_black_box():
    c = make_community()
    group = make_group(c)
    last = write(c, "group.frozen", group=group, by="owner")
    assert jobs.seal(stamp(NOW)) == 1
    block = SealedBlock.objects.get(community_id=c.pk)
    assert (block.number, block.first_seq, block.last_seq) == (1, 1, last)
    assert jobs.seal(stamp(NOW)) == 0


def test_what_is_not_sealed_in_time_is_told():
    late, calm, patient = (make_community() for _ in range(3))
    patient.blueprint = {"risk": {"black_box": {"seal_after": 30}}}
    patient.save()
    for c in (late, calm, patient):
        write(c, "group.frozen", group=make_group(c), by="owner")
    assert seal.seal_now(community_id=calm.pk, now=NOW) == 1
    (since,) = set(seal.unsealed_since().values())
    assert seal.unsealed_since() == {late.pk: since, patient.pk: since}
    with capture_logs() as logs:
        assert jobs.warn_of_unsealed(now=since + timedelta(minutes=10)) == []
        assert jobs.warn_of_unsealed(now=since + timedelta(minutes=10, seconds=1)) == [late.slug]
        assert jobs.warn_of_unsealed(now=since + timedelta(minutes=30, seconds=1)) == [late.slug, patient.slug]
    assert [e["community"] for e in logs] == [late.slug, late.slug, patient.slug]


def test_a_broken_invariant_is_logged_and_is_a_case_until_all_is_well():
    c, calm = make_community(), make_community()
    lin = make_member(c)
    given = award(community_id=c.pk, member_id=lin.pk, amount=5, key="k", kind="checkin", now=NOW)
    log.append(raw_connection(), [given.event], now=NOW)
    assert jobs.check_invariants(stamp(NOW)) == 0
    execute("UPDATE account SET balance = 7 WHERE community_id = %s AND owner = %s", [c.pk, f"m:{lin.pk}"])
    with capture_logs() as logs:
        assert jobs.check_invariants(stamp(NOW)) == 2
    assert [(e["event"], e["community"], e["check"], e["problem"]) for e in logs] == [
        ("invariant broken", c.pk, "ledger", f"account m:{lin.pk} has 7 PTS, its postings sum to 5"),
        ("invariant broken", c.pk, "log", f"account m:{lin.pk} has 7 PTS, the log sums to 5"),
    ]
    assert jobs.check_invariants(stamp(NOW)) == 2  # once more: the same cases
    cases = Case.objects.filter(community_id=c.pk, kind="invariant_broken", state="open").order_by("key")
    assert [(case.title, case.summary, case.urgency) for case in cases] == [
        ("自检发现 1 处不一致（ledger）", f"account m:{lin.pk} has 7 PTS, its postings sum to 5", "orange"),
        ("自检发现 1 处不一致（log）", f"account m:{lin.pk} has 7 PTS, the log sums to 5", "orange"),
    ]
    assert not Case.objects.filter(community_id=calm.pk).exists()
    first = cases[0]
    decide_case(
        community_id=c.pk, case_id=first.pk, action="seen", user="o", role="owner", version=1, note="在查", now=NOW
    )
    jobs.check_invariants(stamp(NOW))
    assert [case.title for case in cases.all()] == ["自检发现 1 处不一致（log）"]  # what was noted is not said again
    execute("UPDATE account SET balance = 5 WHERE community_id = %s AND owner = %s", [c.pk, f"m:{lin.pk}"])
    assert jobs.check_invariants(stamp(NOW)) == 0
    assert list(Case.objects.order_by("key").values_list("action", flat=True)) == ["seen", "mended"]


def test_late_and_untaken_cases_are_raised():
    case = make_case(make_community(), "yellow")
    assert jobs.escalate(stamp(NOW + timedelta(minutes=239))) == 0
    at = stamp(NOW + timedelta(minutes=240))
    assert (jobs.escalate(at), jobs.escalate(at)) == (1, 0)
    case.refresh_from_db()
    assert (case.urgency, case.asked, case.version) == ("orange", "manager", 2)
    assert [n.text for n in CaseNote.objects.filter(case=case)] == ["没有人接,提高到橙色,请运营主管处理"]


def test_stale_grey_cases_are_closed_and_coloured_ones_stay():
    c = make_community()
    grey, yellow = make_case(c, "grey"), make_case(c, "yellow")
    assert jobs.expire_stale_cases(stamp(NOW + timedelta(days=89))) == 0
    assert jobs.expire_stale_cases(stamp(NOW + timedelta(days=91))) == 1
    states = dict(Case.objects.values_list("pk", "state"))
    assert (states[grey.pk], states[yellow.pk]) == ("expired", "open")


def test_silence_is_warned_of_once_when_it_is_long_enough():
    talking, alone = make_community({"analytics": {"quiet_alarm": 60}}), make_community()
    make_group(talking)
    assert alone.pk not in jobs.warn_of_silence(stamp(NOW + timedelta(minutes=15)))  # no open group
    with capture_logs() as logs:
        found = [jobs.warn_of_silence(stamp(NOW + timedelta(minutes=minutes))) for minutes in (55, 60, 65)]
    assert found == [[], [talking.pk], []]
    assert [(e["event"], e["community"], e["minutes"]) for e in logs] == [("no event for a while", talking.slug, 60)]


def test_leftovers_of_imports_and_exports_go_after_a_month(settings, tmp_path):
    settings.HOME = tmp_path
    for name, days in {"jobs/1/old.zip": 31, "imports/new.csv": 29, "uploads/ab/kept": 400}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x")
        changed = (NOW - timedelta(days=days)).timestamp()
        os.utime(file, (changed, changed))
    assert (jobs.remove_leftovers(stamp(NOW)), jobs.remove_leftovers(stamp(NOW))) == (1, 0)
    left = sorted(str(f.relative_to(tmp_path)) for f in tmp_path.rglob("*") if f.is_file())
    assert left == ["imports/new.csv", "uploads/ab/kept"]


def test_finished_jobs_are_forgotten_and_failed_ones_stay():
    ids = {}
    for name, status in {"old": "succeeded", "fresh": "succeeded", "broken": "failed"}.items():
        ids[name] = execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('time', %s, %s) RETURNING id",
            [f"test.{name}", status],
        )[0][0]
    for name, hours in {"old": 73, "fresh": 71, "broken": 73}.items():
        execute(
            "INSERT INTO procrastinate_events (job_id, type, at)"
            " VALUES (%s, 'succeeded', now() - make_interval(hours => %s))",
            [ids[name], hours],
        )
    assert jobs.forget_finished_jobs(stamp(NOW)) == 1
    assert execute("SELECT task_name FROM procrastinate_jobs WHERE task_name LIKE 'test.%%' ORDER BY 1", []) == [
        ("test.broken",), ("test.fresh",),
    ]  # fmt: skip


def test_every_job_is_registered_under_its_name_and_time():
    registry = jobs.app.periodic_registry.periodic_tasks
    found = {task.task.name: task.cron for task in registry.values() if task.task.name.startswith("time.")}
    assert found == {name: cron for name, (cron, _) in jobs.JOBS.items()}
