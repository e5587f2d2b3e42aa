"""The black box page: the state of the chain, checking it as a job, and who may take evidence out."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.permissions import ROLE_PERMISSIONS
from qunzhu.kernel.events import bundle_check
from qunzhu.kernel.events.models import EventHead, SealedBlock
from qunzhu.kernel.events.seal import seal_now

pytestmark = pytest.mark.django_db(transaction=True)
EXPORTERS = {role for role, granted in ROLE_PERMISSIONS.items() if "blackbox.export" in granted}
VERIFIERS = {role for role, granted in ROLE_PERMISSIONS.items() if "blackbox.verify" in granted}


@pytest.fixture
def desk():
    return make_desk()


def run(desk) -> Job:
    job = Job.objects.get(community_id=desk.community.pk)
    jobs.do_run(job.pk)
    job.refresh_from_db()
    return job


def download(client, path: str) -> tuple[int, bytes]:
    """Status and content; the file is closed, as a server closes it."""
    answer = client.get(path)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    answer.close()
    return answer.status_code, content


def test_the_state_of_the_chain(desk):
    client = desk.client("analyst")
    assert "还没有封存的区块" in client.get(desk.url("blackbox/")).content.decode()
    desk.message("一")
    seal_now(community_id=desk.community.pk, now=SYSTEM_CLOCK.now())
    desk.message("二")
    page = client.get(desk.url("blackbox/"))
    chain = page.context["chain"]
    assert (chain.head, chain.blocks, chain.tail) == (chain.last.last_seq + 1, 1, 1)
    assert len(page.context["fingerprint"]) == 79  # 64 hex digits in groups of four


def test_checking_needs_the_permission(desk):
    assert permitted(desk, VERIFIERS, "blackbox/verify/") == refused(
        *[role for role in ROLE_PERMISSIONS if role not in VERIFIERS]
    )
    assert Job.objects.count() == 0


def test_a_clean_chain_is_found_clean_and_one_check_runs_at_a_time(desk):
    desk.message("一")
    seal_now(community_id=desk.community.pk, now=SYSTEM_CLOCK.now())
    client = desk.client("analyst")
    client.post(desk.url("blackbox/verify/"))
    client.post(desk.url("blackbox/verify/"))
    assert Job.objects.count() == 1
    assert "data-job-running" in client.get(desk.url("blackbox/")).content.decode()
    job = run(desk)
    assert (job.state, job.result["clean"], job.result["blocks"], job.error) == ("done", True, 1, "")
    card = client.get(desk.url(f"blackbox/jobs/{job.pk}/")).content.decode()
    assert "完整:没有改动、缺失、多出或调换" in card
    assert "data-job-running" not in card
    assert desk.audit() == [("analyst-desk", "blackbox.verify", "")]


def test_the_first_broken_row_is_named(desk):
    seqs = [desk.message(str(n)) for n in range(5)]
    seal_now(community_id=desk.community.pk, now=SYSTEM_CLOCK.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event SET occurred_at = now() WHERE seq = %s", [seqs[2]])
        cursor.execute("DELETE FROM event WHERE seq = %s", [seqs[4]])
    client = desk.client("owner")
    client.post(desk.url("blackbox/verify/"))
    job = run(desk)
    assert (job.result["clean"], job.result["first_broken"]) == (False, seqs[2])
    card = client.get(desk.url(f"blackbox/jobs/{job.pk}/")).content.decode()
    assert f"不完整:第一处问题在事件 #{seqs[2]}" in card
    assert f"事件 #{seqs[2]}:封存之后有一栏被改过" in card
    assert f"事件 #{seqs[4]}:这一行不见了" in card


def test_an_interrupted_job_can_be_started_again_by_those_who_may(desk):
    now = SYSTEM_CLOCK.now()
    job = Job.objects.create(
        community_id=desk.community.pk, kind="verify", state="running", started_by="x", created_at=now,
        moved_at=now - timedelta(minutes=5),
    )  # fmt: skip
    path = f"blackbox/jobs/{job.pk}/restart/"
    assert "中断了" in desk.client("owner").get(desk.url("blackbox/")).content.decode()
    assert desk.client("finance").post(desk.url(path)).status_code == 403
    desk.client("owner").post(desk.url(path))
    assert run(desk).state == "done"


def test_blocks_page_by_number_at_the_same_cost(desk):
    client, counted = desk.client("owner"), []
    for more in (1, 60):
        for _ in range(more):
            desk.message("x")
            seal_now(community_id=desk.community.pk, now=SYSTEM_CLOCK.now())
        client.get(desk.url("blackbox/"))
        with CaptureQueriesContext(connection) as seen:
            page = client.get(desk.url("blackbox/"))
        counted.append(len(seen))
    assert counted[0] == counted[1]
    assert SealedBlock.objects.count() == 61
    assert [b.number for b in page.context["blocks"]] == list(range(61, 11, -1))
    rest = client.get(desk.url(f"blackbox/?before={page.context['older']}")).context["blocks"]
    assert [b.number for b in rest] == list(range(11, 0, -1))


def test_a_job_of_another_community_is_not_there(desk):
    other = make_desk("other")
    other.client("owner").post(other.url("blackbox/verify/"))
    job = Job.objects.get()
    assert desk.client("owner").get(desk.url(f"blackbox/jobs/{job.pk}/")).status_code == 404
    assert desk.client("owner").post(desk.url(f"blackbox/jobs/{job.pk}/restart/")).status_code == 404


def test_taking_evidence_out_needs_the_permission(desk):
    assert permitted(desk, EXPORTERS, "blackbox/export/") == refused(
        *[role for role in ROLE_PERMISSIONS if role not in EXPORTERS]
    )
    desk.message("一")
    desk.client("owner").post(desk.url("blackbox/export/"), {"scope": "member", "number": desk.member.pk})
    job = run(desk)
    assert job.state == "done"
    path = desk.url(f"blackbox/jobs/{job.pk}/file/")
    got = {role: download(desk.client(role), path)[0] for role in ROLE_PERMISSIONS}
    assert got == {role: 200 if role in EXPORTERS else 403 for role in ROLE_PERMISSIONS}
    assert 'id="export"' in desk.client("owner").get(desk.url("blackbox/")).content.decode()
    assert 'id="export"' not in desk.client("analyst").get(desk.url("blackbox/")).content.decode()


def test_evidence_of_a_member_a_case_and_a_period_checks_offline(desk, tmp_path):
    seqs = [desk.message(text) for text in ("一", "二")]
    now = SYSTEM_CLOCK.now()
    opened = open_case(
        community_id=desk.community.pk, kind="rule_review", key="k", title="看一看", member_id=desk.member.pk,
        event_seq=seqs[0], evidence=[seqs[0]], now=now,
    )  # fmt: skip
    day = now.astimezone(ZoneInfo(desk.community.timezone)).date().isoformat()
    client, events = desk.client("owner"), EventHead.objects.get(community_id=desk.community.pk).seq
    asked = [
        ({"scope": "member", "number": str(desk.member.pk)}, 2, f"member:{desk.member.pk}"),
        ({"scope": "case", "number": str(opened.case_id)}, 1, f"case:{opened.case_id}"),
        ({"scope": "period", "since": day, "until": day}, events, f"period:{day}..{day}"),
    ]
    for form, count, target in asked:
        client.post(desk.url("blackbox/export/"), form)
        job = Job.objects.latest("pk")
        jobs.do_run(job.pk)
        job.refresh_from_db()
        assert (job.state, job.error, job.result["events"], job.params["target"]) == ("done", "", count, target)
        file = tmp_path / job.file
        file.write_bytes(download(client, desk.url(f"blackbox/jobs/{job.pk}/file/"))[1])
        assert bundle_check.check(file)["events"] == count


def test_nothing_to_export_and_a_broken_record_are_said_in_words(desk):
    client = desk.client("owner")
    client.post(desk.url("blackbox/export/"), {"scope": "member", "number": desk.member.pk})
    job = run(desk)
    assert (job.state, job.error) == ("failed", "没有符合条件的事件,没有什么可导出")
    seq = desk.message("原话")
    seal_now(community_id=desk.community.pk, now=SYSTEM_CLOCK.now())
    with connection.cursor() as cursor:
        cursor.execute("UPDATE event SET occurred_at = now() WHERE seq = %s", [seq])
    client.post(desk.url(f"blackbox/jobs/{job.pk}/restart/"))
    job = run(desk)
    assert (job.state, job.error) == ("failed", "记录和封存时不一样,不能当作证据导出;请先校验黑匣子")
