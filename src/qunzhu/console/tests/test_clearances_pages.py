"""报备 in the console: the list, approving with another window, declining, granting by hand, who may."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.governance.clearance.consumer import CONSUMER
from qunzhu.governance.clearance.models import Clearance
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK, FixedClock
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.runner import Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = pytest.mark.django_db
MAY = {"owner", "manager", "moderator"}
SHANGHAI = timedelta(hours=8)
SH = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def desk():
    return make_desk()


def consume():
    Runner([CONSUMER], clock=FixedClock(SYSTEM_CLOCK.now())).run_once()


def ask(desk, text="新课上线 https://shop.example.com/a", **body):
    """A request from the member page; returns its seq."""
    desk.made += 1
    event = NewEvent(
        desk.community.pk, event_id("asked", desk.community.pk, desk.made), "clearance.requested", SYSTEM_CLOCK.now(),
        {"via": "page", "text": text, "links": ["https://shop.example.com/a"], "group": desk.group.pk, **body},
        desk.group.pk, desk.member.pk,
    )  # fmt: skip
    seq = log.append(raw_connection(), [event], now=SYSTEM_CLOCK.now())[0].seq
    consume()
    return seq


def local(at):
    return (at.astimezone(UTC) + SHANGHAI).strftime("%Y-%m-%dT%H:%M")


def decide(desk, seq, **form):
    given = {"do": "approve", "version": "1", "everywhere": "", "text": "新课", "links": "", **form}
    return desk.client("moderator").post(desk.url(f"clearances/{seq}/decide/"), given)


def test_approving_with_another_window_text_and_scope(desk):
    seq = ask(desk)
    page = desk.client("moderator").get(desk.url(f"clearances/{seq}/")).content.decode()
    assert "新课上线" in page
    assert f"#{Case.objects.get().pk}" in page
    until = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    answer = decide(
        desk, seq, since="", until=local(until), everywhere="1", text="新课上线 改过",
        links="shop.example.com/b?utm_source=x",
        note="只发一次",
    )  # fmt: skip
    assert answer.status_code == 302
    granted = Event.objects.get(kind="clearance.granted")
    assert granted.body == {
        "member": desk.member.pk, "until": until.astimezone(SH).isoformat(),
        "by": "moderator-desk", "text": "新课上线 改过", "links": ["https://shop.example.com/b"], "request": seq,
        "note": "只发一次",
    }  # fmt: skip
    assert datetime.fromisoformat(granted.body["until"]) == until
    consume()
    row = Clearance.objects.get(seq=seq)
    assert (row.state, row.group_id, row.text, row.decided_by) == ("granted", None, "新课上线 改过", "moderator-desk")
    assert Effect.objects.get(kind="answer").payload["private"] is True
    assert decide(desk, seq, until=local(until)).status_code == 409  # somebody decided already
    assert Event.objects.filter(kind="clearance.granted").count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"until": "2020-01-01T00:00"}, "申请的时间已经过去"),
        ({"until": "x"}, "时间没有看懂"),
        ({"since": "2031-01-01T00:00", "until": "2030-01-01T00:00"}, "报备最长一年"),
        ({"text": "", "links": ""}, "请写明批准的链接或文字"),
        ({"do": "decline", "note": ""}, "需要先写内容"),
    ],
)
def test_what_cannot_be_decided_is_told_and_changes_nothing(desk, form, said):
    seq = ask(desk)
    answer = decide(desk, seq, **{"until": local(datetime.now(UTC) + timedelta(days=1)), **form})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert Case.objects.get().state == "open"
    assert not Event.objects.filter(kind__in=["clearance.granted", "clearance.declined"]).exists()


def test_ending_early_once(desk):
    seq = ask(desk)
    decide(desk, seq, until=local(datetime.now(UTC) + timedelta(days=1)))
    consume()
    client = desk.client("owner")
    assert "提前结束" in client.get(desk.url(f"clearances/{seq}/")).content.decode()
    assert client.post(desk.url(f"clearances/{seq}/end/")).status_code == 302
    consume()
    assert Clearance.objects.get(seq=seq).state == "ended"
    assert client.post(desk.url(f"clearances/{seq}/end/")).status_code == 409
    assert Event.objects.filter(kind="clearance.ended").count() == 1


def test_a_grant_by_hand(desk):
    client = desk.client("manager")
    assert client.get(desk.url("clearances/new/")).status_code == 200
    until = local(datetime.now(UTC) + timedelta(days=30))
    given = {
        "member": "",
        "group": "",
        "name": "众筹",
        "text": "",
        "links": "crowd.example.com/x",
        "since": "",
        "until": until,
    }
    assert client.post(desk.url("clearances/grant/"), given).status_code == 302
    consume()
    row = Clearance.objects.get()
    assert (row.member_id, row.group_id, row.name, row.links, row.state) == (
        None, None, "众筹", ["https://crowd.example.com/x"], "granted",
    )  # fmt: skip
    for wrong in (
        {"until": ""}, {"links": ""}, {"member": "999"}, {"group": "999"}, {"until": "2020-01-01T00:00"},
        {"since": until}, {"until": "x"},
    ):  # fmt: skip
        assert client.post(desk.url("clearances/grant/"), {**given, **wrong}).status_code == 422
    assert Event.objects.filter(kind="clearance.granted").count() == 1
    assert ("manager-desk", "clearance.grant", "") in desk.audit()


def test_filters_search_and_export(desk):
    first, second = ask(desk, "甲广告"), ask(desk, "乙广告")
    decide(desk, first, until=local(datetime.now(UTC) + timedelta(days=1)), text="甲广告")
    consume()
    client = desk.client("analyst")

    def listed(query):
        return [row["clearance"].seq for row in client.get(desk.url(f"clearances/{query}")).context["rows"]]

    assert listed("") == [second, first]
    assert listed("?standing=waiting") == [second]
    assert listed("?standing=active") == [first]
    assert (listed("?standing=past"), listed("?standing=coming")) == ([], [])
    assert listed("?q=乙") == [second]
    other = Group.objects.get(name="二群")
    assert (listed(f"?group={desk.group.pk}"), listed(f"?group={other.pk}")) == ([second, first], [])
    for nonsense in ("?standing=x", "?before=x", "?group=x", "?member=99999999999999999999"):
        assert client.get(desk.url(f"clearances/{nonsense}")).status_code == 200
    text = b"".join(client.get(desk.url("clearances/export.csv")).streaming_content).decode()
    assert ("甲广告" in text, "乙广告" in text, len(text.splitlines())) == (True, True, 3)
    assert desk.audit()[-1] == ("analyst-desk", "clearance.export", "")


def test_the_list_costs_the_same_at_any_size(desk):
    client = desk.client("owner")
    ask(desk)
    counted = []
    for more in (0, 30):
        for number in range(more):
            ask(desk, f"第 {number} 条")
        client.get(desk.url("clearances/"))
        with CaptureQueriesContext(connection) as seen:
            client.get(desk.url("clearances/"))
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_who_may_not_changes_nothing(desk):
    seq = ask(desk)
    nobody = refused("analyst", "finance")
    assert permitted(desk, MAY, f"clearances/{seq}/decide/", {"do": "approve", "version": "1"}) == nobody
    assert permitted(desk, MAY, f"clearances/{seq}/end/") == nobody
    assert permitted(desk, MAY, "clearances/grant/", {"links": "x.cn/a", "until": "2030-01-01T00:00"}) == nobody
    assert (Case.objects.get().state, Event.objects.filter(kind="clearance.granted").count()) == ("open", 0)
    foreign = make_desk("other")
    assert foreign.client("owner").get(foreign.url(f"clearances/{seq}/")).status_code == 404
    assert foreign.client("owner").post(foreign.url(f"clearances/{seq}/end/")).status_code == 404


def test_the_case_leads_to_the_page_that_asks_for_more(desk):
    seq = ask(desk)
    case = Case.objects.get()
    text = desk.client("owner").get(desk.url(f"cases/{case.pk}/")).content.decode()
    assert f"/clearances/{seq}/" in text
    assert "成员已撤回" not in text  # a button of the product's own
    answer = desk.client("owner").post(desk.url(f"cases/{case.pk}/decide/"), {"action": "withdrawn", "version": "1"})
    assert answer.status_code == 422
    assert Case.objects.get().state == "open"
