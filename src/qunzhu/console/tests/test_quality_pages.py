"""优质内容: the button on a message's page, the list, who may."""

import csv
import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.tests.desk import Desk, make_desk, permitted, refused
from qunzhu.governance.quality.consumer import CONSUMER
from qunzhu.governance.quality.models import QualityMark
from qunzhu.kernel.community.tests.factories import run
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, member_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk() -> Desk:
    return make_desk()


def press(desk: Desk, seq: int, role: str = "moderator", **more: str):
    answer = desk.client(role).post(desk.url(f"quality/{seq}/"), more)
    run(CONSUMER)
    return answer


def points(desk: Desk) -> int:
    return balance(desk.community.pk, member_account(desk.member.pk))


def test_the_button_marks_and_takes_back_and_both_are_on_record(desk):
    seq = desk.message("一篇长文")
    page = desk.client("moderator").get(desk.url(f"events/{seq}/")).content.decode()
    assert "评为优质内容,作者 +10 积分" in page
    assert press(desk, seq).status_code == 302
    assert points(desk) == 10
    page = desk.client("moderator").get(desk.url(f"events/{seq}/")).content.decode()
    assert "取消优质内容" in page
    assert press(desk, seq, undo="1").status_code == 302
    assert points(desk) == 0
    user = f"moderator-{desk.community.slug}"
    assert desk.audit() == [(user, "quality.mark", f"event:{seq}"), (user, "quality.unmark", f"event:{seq}")]


def test_only_those_with_the_permission_mark_and_nothing_happens_for_others(desk):
    seq = desk.message("一篇长文")
    head = log.head(raw_connection(), desk.community.pk)
    allowed = {"owner", "manager", "moderator"}
    assert permitted(desk, allowed, f"quality/{seq}/") == refused("analyst", "finance")
    run(CONSUMER)
    assert (log.head(raw_connection(), desk.community.pk), points(desk), QualityMark.objects.count()) == (head, 0, 0)
    assert desk.audit() == []
    assert "评为优质内容" not in desk.client("analyst").get(desk.url(f"events/{seq}/")).content.decode()
    assert desk.client("owner").get(desk.url(f"quality/{seq}/")).status_code == 405


def test_staff_of_another_community_cannot_reach_the_message(desk):
    other = make_desk("elsewhere")
    seq = desk.message("一篇长文")
    assert other.client("owner").post(desk.url(f"quality/{seq}/")).status_code == 404
    assert other.client("owner").post(other.url("quality/999999/")).status_code == 404
    assert QualityMark.objects.count() == 0


def test_a_refusal_says_why(desk):
    seq = desk.message("一篇长文")
    press(desk, seq)
    client = desk.client("owner")
    assert "这条已经是优质内容了。" in client.post(desk.url(f"quality/{seq}/"), follow=True).content.decode()
    assert points(desk) == 10


def test_the_list_filters_exports_and_costs_the_same_at_any_size(desk):
    first = desk.message("第一篇")
    press(desk, first)
    press(desk, desk.message("第二篇"))
    press(desk, first, undo="1")
    client = desk.client("analyst")
    said = [row.said for row in client.get(desk.url("quality/")).context["rows"]]
    assert said == ["第二篇"]
    assert [r.said for r in client.get(desk.url("quality/?state=all")).context["rows"]] == ["第二篇", "第一篇"]
    assert [r.said for r in client.get(desk.url("quality/?state=unmarked")).context["rows"]] == ["第一篇"]
    for query in ("?state=x", "?group=x", "?member=0", "?page=99"):
        assert client.get(desk.url(f"quality/{query}")).status_code == 200
    text = client.get(desk.url("quality/export.csv?state=all")).getvalue().decode("utf-8-sig")
    assert [row[0] for row in csv.reader(io.StringIO(text))][1:] == ["第二篇", "第一篇"]
    counted = []
    for more in (0, 5):
        for n in range(more):
            press(desk, desk.message(f"又一篇 {n}"))
        with CaptureQueriesContext(connection) as seen:
            client.get(desk.url("quality/?state=all"))
        counted.append(len(seen))
    assert counted[0] == counted[1]
