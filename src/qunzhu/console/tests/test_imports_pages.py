"""Imports from the console: an upload becomes a job, a job becomes history; bad lines are kept aside."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
MAY = {"owner", "manager"}
CSV = "time,user,text\n2026-01-05 09:00:00,小林,早上好\n不是时间,小陈,坏的一行\n2026-01-05 09:01:00,小陈,早\n"


@pytest.fixture
def desk():
    return make_desk()


def form(desk, content=CSV, **fields):
    file = SimpleUploadedFile("../../聊天 <b>.csv", content.encode())
    return {"group": desk.group.pk, "format": "csv", "timezone": "Asia/Shanghai", "file": file, **fields}


def test_only_those_with_the_permission_import(desk):
    assert permitted(desk, MAY, "imports/start/", form(desk)) == refused("moderator", "analyst", "finance")
    assert desk.client("analyst").get(desk.url("imports/")).status_code == 403
    assert Job.objects.count() == 0


def test_an_upload_becomes_history_and_bad_lines_are_kept(desk):
    client = desk.client("manager")
    assert client.post(desk.url("imports/start/"), form(desk)).status_code == 302
    job = Job.objects.get()
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    assert (job.result["lines"], job.result["added"], job.result["rejected"]) == (3, 2, 1)
    assert Event.objects.filter(historic=True, kind="message.posted").count() == 2
    assert list((Path(settings.HOME) / "imports").iterdir()) == []
    lines = b"".join(client.get(desk.url(f"imports/jobs/{job.pk}/aside/")).streaming_content).decode()
    assert lines.startswith("3\t")
    text = client.get(desk.url("imports/")).content.decode()
    assert "聊天 &lt;b&gt;.csv" in text
    assert desk.audit() == [("manager-desk", "import.start", f"group:{desk.group.pk}")]


def test_an_unreadable_file_says_why_and_can_be_tried_again(desk):
    client = desk.client("owner")
    client.post(desk.url("imports/start/"), form(desk, content="{", format="auto"))
    job = Job.objects.get()
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, bool(job.error)) == ("failed", True)
    assert "导入没有完成" in client.get(desk.url(f"imports/jobs/{job.pk}/")).content.decode()
    client.post(desk.url(f"imports/jobs/{job.pk}/restart/"))
    job.refresh_from_db()
    assert (job.state, job.error) == ("waiting", "")


@pytest.mark.parametrize(
    "fields", [{"timezone": "Mars/Olympus"}, {"format": "docx"}, {"group": 10**12}, {"group": "x"}]
)
def test_a_wrong_form_starts_nothing(desk, fields):
    response = desk.client("owner").post(desk.url("imports/start/"), form(desk, **fields))
    assert response.status_code == 422
    assert 'class="errorlist"' in response.content.decode()
    assert (Job.objects.count(), desk.audit()) == (0, [])


def test_a_group_of_another_community_cannot_be_chosen(desk):
    other = make_desk("other")
    assert desk.client("owner").post(desk.url("imports/start/"), form(desk, group=other.group.pk)).status_code == 422


def test_the_page_costs_the_same_at_any_size(desk):
    client, counted = desk.client("owner"), []
    for more in (0, 60):
        ImportJob.objects.bulk_create(
            ImportJob(
                community_id=desk.community.pk, group_id=desk.group.pk, file_name=f"{n}.csv", fingerprint=str(n),
                format="csv", timezone="Asia/Shanghai", started_at=SYSTEM_CLOCK.now(),
            )
            for n in range(more)
        )  # fmt: skip
        client.get(desk.url("imports/"))
        with CaptureQueriesContext(connection) as seen:
            page = client.get(desk.url("imports/"))
        counted.append(len(seen))
    assert counted[0] == counted[1]
    assert (len(page.context["rows"]), bool(page.context["older"])) == (50, True)
