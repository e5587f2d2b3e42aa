"""The audit: refusals are seen, pages follow position, only managers and owners read it."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.translation import override

from qunzhu.console.reading.codes import act_name
from qunzhu.console.tests.desk import make_desk
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community import audit

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return make_desk()


def note(desk, n, **fields):
    now = SYSTEM_CLOCK.now() - timedelta(minutes=n)
    return audit.record(
        community_id=desk.community.pk, user=fields.pop("user", "owner-desk"), action=fields.pop("action", "case.mute"),
        target=f"case:{n}", now=now, **fields,
    )  # fmt: skip


def test_only_those_with_the_permission_read_it(desk):
    seen = {role: desk.client(role).get(desk.url("audit/")).status_code for role in (*desk.users, "")}
    assert seen == {
        "owner": 200, "manager": 200, "moderator": 403, "analyst": 403, "finance": 403, "stranger": 404, "": 302,
    }  # fmt: skip
    assert [(u, a) for u, a, _ in desk.audit(allowed=False)] == [
        ("moderator-desk", "audit.view"), ("analyst-desk", "audit.view"), ("finance-desk", "audit.view"),
    ]  # fmt: skip


def test_refused_attempts_can_be_filtered(desk):
    note(desk, 1)
    refused = note(desk, 2, allowed=False, user="analyst-desk")
    page = desk.client("owner").get(desk.url("audit/?allowed=no&user=analyst-desk&action=case.mute&days=7"))
    assert [e.pk for e in page.context["rows"]] == [refused.pk]
    assert "被拒绝" in page.content.decode()


def test_pages_follow_position_and_miss_nothing(desk):
    made = [note(desk, n).pk for n in range(120)]
    client, seen, older = desk.client("owner"), [], ""
    while True:
        page = client.get(desk.url(f"audit/?before={older}"))
        seen += [e.pk for e in page.context["rows"]]
        older = page.context["older"]
        if not older:
            break
    assert seen == made


def test_it_costs_the_same_at_any_size(desk):
    client, counted = desk.client("owner"), []
    for more in (1, 80):
        for n in range(more):
            note(desk, n)
        client.get(desk.url("audit/"))
        with CaptureQueriesContext(connection) as queries:
            client.get(desk.url("audit/"))
        counted.append(len(queries))
    assert counted[0] == counted[1]


def test_export_is_on_record_itself(desk):
    note(desk, 1, detail={"note": "=1+1"})
    response = desk.client("manager").get(desk.url("audit/export.csv"))
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert len(lines) == 3  # heading, the note, the export's own line
    assert desk.audit()[-1] == ("manager-desk", "audit.export", "")


@pytest.mark.parametrize(
    ("code", "chinese", "english"),
    [
        ("case.mute", "工单:禁言", "Case: Mute"),
        ("case.propose.erase", "提议:抹除", "Proposed: Erase"),
        ("case.undo", "撤销工单处理", "Undo a decision"),
        ("case.unheard_of", "case.unheard_of", "case.unheard_of"),
    ],
)
def test_acts_are_named_in_the_readers_language(code, chinese, english):
    with override("zh-hans"):
        assert act_name(code) == chinese
    with override("en"):
        assert act_name(code) == english
