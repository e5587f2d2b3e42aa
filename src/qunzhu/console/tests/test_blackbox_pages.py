"""The black box page: the state of the chain, checking it as a job, and who may take evidence out."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.permissions import ROLE_PERMISSIONS
from qunzhu.kernel.events.models import SealedBlock
from qunzhu.kernel.events.seal import seal_now

pytestmark = pytest.mark.django_db(transaction=True)
VERIFIERS = {role for role, granted in ROLE_PERMISSIONS.items() if "blackbox.verify" in granted}


@pytest.fixture
def desk():
    return make_desk()


def run(desk) -> Job:
    job = Job.objects.get(community_id=desk.community.pk)
    jobs.do_run(job.pk)
    job.refresh_from_db()
    return job


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
