"""Backtests from the console: a job that can be left; report, filters, file; one click after an import."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.reading import backtests
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.tests.factories import run
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.models import Event
from qunzhu.risk.consumer import CONSUMER

pytestmark = pytest.mark.django_db(transaction=True)
MAY = {"owner", "manager", "analyst"}
ASK = {"book": "live", "since": "2020-01-01", "until": "2999-01-01", "against": "nothing"}


@pytest.fixture
def desk():
    desk = make_desk()
    book = workplace()
    publish_rulebook(
        community_id=desk.community.pk, rules=book["rules"], settings=book["settings"], by="blueprint",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    return desk


def finish(desk):
    job = Job.objects.order_by("-pk").first()
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    return job


def ask(desk, role="analyst", **fields):
    answer = desk.client(role).post(desk.url("backtests/start/"), {**ASK, **fields})
    assert answer.status_code == 302, answer.content.decode()
    return finish(desk)


def test_only_those_with_the_permission_run_one(desk):
    for path in ("backtests/start/", "backtests/import/1/", "backtests/1/restart/"):
        assert permitted(desk, MAY, path, ASK) == refused("moderator", "finance")
    for path in ("backtests/", "backtests/1/", "backtests/1/state/", "backtests/1/rows.csv"):
        assert desk.client("finance").get(desk.url(path)).status_code == 403
    assert Job.objects.count() == 0


def test_a_job_shows_its_report_with_names_words_and_ways_to_each_message(desk):
    for n in range(7):
        desk.message(f"第 {n} 条")
    events = Event.objects.count()
    job = ask(desk)
    assert (Event.objects.count(), Decision.objects.count(), Effect.objects.count()) == (events, 0, 0)
    page = desk.client("analyst").get(desk.url(f"backtests/{job.pk}/"))
    rows = page.context["rows"]
    assert [(s.member, s.group, s.text, s.before, s.after, s.row.change) for s in rows] == [
        ("小林", "一群", "第 5 条", "", "提醒", "new"), ("小林", "一群", "第 6 条", "", "禁言 1小时", "new"),
    ]  # fmt: skip
    assert desk.url(f"events/{rows[0].row.seq}/") in page.content.decode()
    assert desk.audit() == [("analyst-desk", "backtest.run", "")]


def test_rows_are_filtered_and_downloaded_as_they_are_shown(desk):
    for n in range(7):
        desk.message(f"=第 {n} 条")
    job = ask(desk)
    client = desk.client("analyst")
    for query, count in (("", 2), ("?change=new", 2), ("?change=lost", 0), ("?rule=daily_cap", 2), ("?rule=x", 0),
                         ("?verdict=none", 2), ("?verdict=wrong", 0), (f"?member={desk.member.pk}", 2),
                         ("?member=1x", 0)):  # fmt: skip
        page = client.get(desk.url(f"backtests/{job.pk}/{query}"))
        assert len(page.context["rows"]) == count, query
    answer = client.get(desk.url(f"backtests/{job.pk}/rows.csv?change=new"))
    lines = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert len(lines) == 3
    assert lines[1][2:4] == ["新命中", "每人每日发言上限"]
    assert lines[1][7] == "'=第 5 条"
    assert desk.audit()[-1] == ("analyst-desk", "backtest.export", f"job:{job.pk}")


def test_one_runs_at_a_time_and_the_second_is_shown_the_first(desk):
    client = desk.client("analyst")
    client.post(desk.url("backtests/start/"), ASK)
    first = Job.objects.get()
    again = client.post(desk.url("backtests/start/"), ASK, follow=True)
    assert again.redirect_chain[-1][0] == desk.url(f"backtests/{first.pk}/")
    assert "已经有一个回测在进行" in again.content.decode()
    assert Job.objects.count() == 1
    state = client.get(desk.url(f"backtests/{first.pk}/state/")).content.decode()
    assert "排队中" in state


def test_bad_input_names_the_field_and_starts_nothing(desk):
    client = desk.client("analyst")
    for data, said in (
        ({"since": "2026-02-01", "until": "2026-01-01"}, "不能早于开始的那天"),
        ({"since": "x"}, "输入"),
        ({"book": "draft"}, "draft"),
        ({"group": "999"}, "选择"),
    ):
        answer = client.post(desk.url("backtests/start/"), {**ASK, **data})
        assert answer.status_code == 422, data
        assert said in answer.content.decode(), data
    assert Job.objects.count() == 0


def test_one_click_after_an_import_shows_what_the_rules_would_have_done(desk):
    lines = "".join(f"2026-01-05 09:0{n}:00,小陈,第 {n} 条\n" for n in range(8))
    file = SimpleUploadedFile("上个月.csv", f"time,user,text\n{lines}".encode())
    manager = desk.client("manager")
    manager.post(
        desk.url("imports/start/"),
        {"group": desk.group.pk, "format": "csv", "timezone": "Asia/Shanghai", "file": file},
    )
    finish(desk)
    run(CONSUMER)
    done = ImportJob.objects.get()
    assert desk.url(f"backtests/import/{done.pk}/") in manager.get(desk.url("imports/")).content.decode()
    assert manager.post(desk.url(f"backtests/import/{done.pk}/")).status_code == 302
    job = finish(desk)
    report = backtests.report_of(job)
    assert (report.judged.events, report.judged.people) == (8, 1)
    assert [(r.rule, r.after.outcome, r.after.effects) for r in report.compared.rows] == [
        ("daily_cap", "live", ("warn",)), ("daily_cap", "live", ("mute 60",)),
        ("daily_cap", "yielded", ()), ("posted_while_muted", "live", ("recall",)),
    ]  # fmt: skip
    assert manager.post(desk.url("backtests/import/999/")).status_code == 404


def test_a_report_whose_file_is_gone_says_so(desk):
    desk.message("大家好")
    job = ask(desk)
    (jobs.folder() / f"backtest-{job.pk}.json").unlink()
    page = desk.client("analyst").get(desk.url(f"backtests/{job.pk}/"))
    assert "这份报告的明细已经清理" in page.content.decode()
    assert desk.client("analyst").get(desk.url(f"backtests/{job.pk}/rows.csv")).status_code == 404


def test_another_communitys_report_is_not_there(desk):
    desk.message("大家好")
    job = ask(desk)
    other = make_desk("other")
    for path in (f"backtests/{job.pk}/", f"backtests/{job.pk}/rows.csv", f"backtests/{job.pk}/state/"):
        assert other.client("owner").get(other.url(path)).status_code == 404


def test_the_report_costs_the_same_at_any_length(desk):
    counted = []
    client = desk.client("owner")
    for _ in range(2):
        for n in range(12):
            desk.message(f"第 {n} 条")
        job = ask(desk)
        client.get(desk.url(f"backtests/{job.pk}/"))
        with CaptureQueriesContext(connection) as seen:
            assert client.get(desk.url(f"backtests/{job.pk}/")).status_code == 200
        counted.append(len(seen))
    assert counted[0] == counted[1]
