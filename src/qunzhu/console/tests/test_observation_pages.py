"""沉默与观察 in the console: the list, a batch reviewed, the way back, the preview, leave by staff, who may."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.governance.elimination.consumer import CONSUMER
from qunzhu.governance.elimination.models import LeaveTaken, Observation
from qunzhu.governance.elimination.schedule import run_community
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK, FixedClock
from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP
from qunzhu.kernel.community.models import AuditEntry, Group, Member
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.runner import Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

pytestmark = pytest.mark.django_db
MAY = {"owner", "manager", "moderator"}
SETTINGS = {"run_at": "00:00", "respects_holidays": False, "grace_for_new": 1}


def consume():
    Runner([MEMBERSHIP, CONSUMER], clock=FixedClock(SYSTEM_CLOCK.now())).run_once()


def tell(desk, kind, body=None, *, member=None, group=None, days_ago=0):
    desk.made += 1
    at = SYSTEM_CLOCK.now() - timedelta(days=days_ago)
    event = NewEvent(
        desk.community.pk, event_id("told", desk.community.pk, desk.made), kind, at, body or {}, group or desk.group.pk,
        member or desk.member.pk, "local",
    )  # fmt: skip
    log.append(raw_connection(), [event], now=SYSTEM_CLOCK.now())


def make_silent(desk, *names):
    """Members who joined ten days ago and never spoke, tagged by a run; returns the review's case."""
    desk.community.blueprint = {"governance": {"elimination": SETTINGS}}
    desk.community.save()
    tell(desk, "member.joined", {"nickname": "小林", "via": "link"}, days_ago=10)
    tell(desk, "message.posted", {"text": "大家好<b>", "type": "text"}, days_ago=9)
    for name in names:
        member = Member.objects.create(community=desk.community, display_name=name, created_at=SYSTEM_CLOCK.now())
        tell(desk, "member.joined", {"nickname": name, "via": "link"}, member=member.pk, days_ago=10)
    consume()
    assert run_community(desk.community, now=SYSTEM_CLOCK.now()) is True
    consume()
    return Case.objects.get(kind="inactive_review")


@pytest.fixture
def desk():
    desk = make_desk()
    Group.objects.filter(community=desk.community, name="二群").update(observation=True)
    return desk


def test_the_list_says_when_they_joined_and_what_they_said_last(desk):
    make_silent(desk, "从不说话")
    text = desk.client("analyst").get(desk.url("observation/")).content.decode()
    assert "大家好&lt;b&gt;" in text
    assert "从未发言" in text
    assert text.count("待复核") > 2


def test_a_batch_is_reviewed_with_one_choice_for_each(desk):
    case = make_silent(desk, "甲", "乙")
    client = desk.client("moderator")
    page = client.get(desk.url(f"observation/review/{case.pk}/")).content.decode()
    assert page.count('value="move"') == 3
    lin, one, two = case.payload["members"]
    form = {"version": "1", f"m{lin}": "keep", f"m{one}": "leave", "leave_until": "2020-01-01", "note": "问过了"}
    for wrong in (form, {**form, f"m{two}": "remove"}, {**form, f"m{two}": "move"}):
        assert client.post(desk.url(f"observation/review/{case.pk}/"), wrong).status_code == 422
    assert Event.objects.filter(kind="observation.decided").count() == 0
    until = (SYSTEM_CLOCK.now() + timedelta(days=5)).date().isoformat()
    right = {**form, f"m{two}": "move", "leave_until": until}
    assert client.post(desk.url(f"observation/review/{case.pk}/"), right).status_code == 302
    consume()
    states = dict(Observation.objects.values_list("member_id", "state"))
    assert states == {lin: "kept", one: "leave", two: "moving"}
    assert [(e.kind, e.member_id, e.rule) for e in Effect.objects.all()] == [("move", two, "elimination.out")]
    assert LeaveTaken.objects.get().member_id == one
    assert client.post(desk.url(f"observation/review/{case.pk}/"), right).status_code == 409
    assert Event.objects.filter(kind="observation.decided").count() == 3
    assert client.get(desk.url(f"observation/review/{case.pk}/")).status_code == 200


def test_without_an_observation_group_nobody_can_be_moved(desk):
    Group.objects.update(observation=False)
    case = make_silent(desk)
    client = desk.client("owner")
    assert 'value="move"' not in client.get(desk.url(f"observation/review/{case.pk}/")).content.decode()
    answer = client.post(desk.url(f"cases/{case.pk}/decide/"), {"action": "move", "version": "1"})
    assert (answer.status_code, "还没有观察群" in answer.content.decode()) == (422, True)
    assert (Case.objects.get(pk=case.pk).state, Effect.objects.count()) == ("open", 0)


def test_the_way_back_by_a_human(desk):
    case = make_silent(desk)
    client = desk.client("owner")
    row = Observation.objects.get()
    assert client.post(desk.url(f"observation/{row.seq}/return/")).status_code == 409  # nobody was moved yet
    client.post(desk.url(f"cases/{case.pk}/decide/"), {"action": "move", "version": "1"})
    consume()
    row.refresh_from_db()
    tell(
        desk, "effect.done", {"effect": row.pending[0], "kind": "move", "result": "done", "detail": "", "cause_seq": 1}
    )
    consume()
    assert Observation.objects.get().state == "observed"
    assert "请回原群" in client.get(desk.url(f"observation/{row.seq}/")).content.decode()
    assert client.post(desk.url(f"observation/{row.seq}/return/")).status_code == 302
    consume()
    assert Observation.objects.get().state == "returning"
    assert Effect.objects.filter(rule="elimination.back").count() == 1
    assert client.post(desk.url(f"observation/{row.seq}/return/")).status_code == 409


def test_the_preview_writes_nothing(desk):
    make_silent(desk, "甲")
    Observation.objects.all().delete()
    before = (Event.objects.count(), Case.objects.count(), Effect.objects.count())
    text = desk.client("analyst").get(desk.url("observation/preview/")).content.decode()
    assert "甲" in text
    assert (Event.objects.count(), Case.objects.count(), Effect.objects.count()) == before


def test_leave_by_staff(desk):
    client = desk.client("moderator")
    path = desk.url(f"members/{desk.member.pk}/leave/")
    form = {"first": "2030-01-01", "last": "2030-03-01", "reason": "产假", "key": "k1"}
    assert client.get(path).status_code == 200
    assert client.post(path, form).status_code == 302
    assert client.post(path, form).status_code == 302  # the same form twice is one leave
    for wrong in ({"last": "2029-01-01"}, {"last": "2032-01-01"}, {"first": "x"}, {}):
        assert client.post(path, {**form, "key": "k2", **wrong}).status_code == 422
    consume()
    (leave,) = LeaveTaken.objects.all()
    assert (leave.reason, leave.by) == ("产假", "moderator-desk")
    assert "产假" in client.get(path).content.decode()
    assert client.post(path, {"do": "end", "seq": leave.seq}).status_code == 302
    consume()
    leave.refresh_from_db()
    assert leave.last_day < leave.first_day  # had not begun: void
    assert client.post(path, {"do": "end", "seq": leave.seq}).status_code == 422
    assert AuditEntry.objects.filter(action="leave.give").count() == 2


def test_filters_search_export_and_nonsense(desk):
    make_silent(desk, "甲")
    client = desk.client("analyst")

    def listed(query):
        return [row["member"] for row in client.get(desk.url(f"observation/{query}")).context["rows"]]

    assert listed("?standing=review") == ["小林", "甲"]  # 甲 was silent for longer and was tagged first
    assert (listed("?standing=observed"), listed("?q=甲")) == ([], ["甲"])
    for nonsense in ("?standing=x", "?before=x", "?group=x"):
        assert client.get(desk.url(f"observation/{nonsense}")).status_code == 200
    assert client.get(desk.url("observation/99999999999999999999/")).status_code == 404
    text = b"".join(client.get(desk.url("observation/export.csv")).streaming_content).decode()
    assert len(text.splitlines()) == 3


def test_the_pages_cost_the_same_at_any_size(desk):
    case = make_silent(desk, *"甲乙")
    client = desk.client("owner")
    paths = ("observation/", "observation/preview/", f"observation/review/{case.pk}/")

    def costs():
        found = []
        for path in paths:
            client.get(desk.url(path))
            with CaptureQueriesContext(connection) as seen:
                client.get(desk.url(path))
            found.append(len(seen))
        return found

    few = costs()
    for number in range(20):
        member = Member.objects.create(
            community=desk.community, display_name=f"m{number}", created_at=SYSTEM_CLOCK.now()
        )
        body = {"tag": "沉默", "day": "2026-11-24", "days": 3, "counts_as": ["message"], "case": case.pk}
        tell(desk, "member.tagged", body, member=member.pk)
    consume()
    assert costs() == few


def test_who_may_not_changes_nothing(desk):
    case = make_silent(desk)
    row = Observation.objects.get()
    nobody = refused("analyst", "finance")
    member = case.payload["members"][0]
    assert permitted(desk, MAY, f"observation/review/{case.pk}/", {"version": "1", f"m{member}": "keep"}) == nobody
    assert permitted(desk, MAY, f"observation/{row.seq}/return/") == nobody
    leave = {"first": "2030-01-01", "last": "2030-01-02", "key": "k"}
    assert permitted(desk, MAY, f"members/{desk.member.pk}/leave/", leave) == nobody
    group = {"do": "observe"}
    assert permitted(desk, {"owner", "manager"}, f"groups/{desk.group.pk}/act/", group) == refused(
        "moderator", "analyst", "finance"
    )
    kinds = ["observation.decided", "observation.returned", "leave.taken"]
    assert (Event.objects.filter(kind__in=kinds).count(), Case.objects.get().state) == (0, "open")
    assert Group.objects.get(pk=desk.group.pk).observation is False
    foreign = make_desk("other")
    assert foreign.client("owner").get(foreign.url(f"observation/{row.seq}/")).status_code == 404
    assert foreign.client("owner").post(foreign.url(f"observation/review/{case.pk}/")).status_code == 404


def test_a_group_becomes_the_observation_group_and_back(desk):
    client = desk.client("manager")
    path = desk.url(f"groups/{desk.group.pk}/act/")
    assert "设为观察群" in client.get(f"{path}?do=observe").content.decode()
    for expected in (True, False):
        assert client.post(path, {"do": "observe"}).status_code == 302
        assert Group.objects.get(pk=desk.group.pk).observation is expected
