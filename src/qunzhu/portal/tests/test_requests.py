"""My clearances and my leave: asking, taking back, ending, and what is refused without a trace."""

import io
import json
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from qunzhu.governance.clearance.consumer import CONSUMER as CLEARANCE
from qunzhu.governance.clearance.models import Clearance
from qunzhu.governance.elimination.consumer import CONSUMER as ELIMINATION
from qunzhu.governance.elimination.models import LeaveTaken, Observation
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case
from qunzhu.kernel.clock import SYSTEM_CLOCK, FixedClock
from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.connectors.local.models import Occupant, Upload
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.connectors.local.tokens import COOKIE
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.runner import Runner

pytestmark = pytest.mark.django_db
PAGE, LEAVE = "/me/clearances/", "/me/leave/"
FORM = {"text": "新课上线", "links": "shop.example.com/a", "since": "", "until": "", "group": "", "key": "k1"}


class Place:
    def __init__(self):
        now = SYSTEM_CLOCK.now()
        self.community = create_community(slug="asks", name="社", timezone="Asia/Shanghai", blueprint={}, now=now)
        self.group = create_group(community=self.community, name="一群", platform_id="a1", now=now)
        self.other = create_group(community=self.community, name="二群", platform_id="a2", now=now)
        self.room = open_room(group=self.group)
        open_room(group=self.other)
        self.joined = join_room(room=self.room, nickname="小林", now=now)
        self.consume()

    def consume(self):
        Runner([MEMBERSHIP, CLEARANCE, ELIMINATION], clock=FixedClock(SYSTEM_CLOCK.now())).run_once()

    def browser(self, joined=None):
        client = Client()
        client.cookies[COOKIE] = (joined or self.joined).token
        return client

    def requested(self):
        return Event.objects.filter(kind="clearance.requested")


@pytest.fixture
def place():
    return Place()


def picture():
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(out, "PNG")
    return SimpleUploadedFile("a.png", out.getvalue(), content_type="image/png")


def test_asking_and_the_answer_on_the_page(place):
    client = place.browser()
    assert client.get(PAGE).status_code == 200
    day = (SYSTEM_CLOCK.now() + timedelta(days=1)).strftime("%Y-%m-%d")
    form = {**FORM, "group": place.group.pk, "since": f"{day}T10:00", "until": f"{day}T18:00"}
    assert client.post(PAGE, form).status_code == 302
    assert client.post(PAGE, form).status_code == 302  # the same form twice is one request
    place.consume()
    event = place.requested().get()
    assert event.body == {
        "via": "page", "text": "新课上线", "links": ["https://shop.example.com/a"], "group": place.group.pk,
        "since": f"{day}T10:00:00+08:00", "until": f"{day}T18:00:00+08:00",
    }  # fmt: skip
    assert "等审核" in client.get(PAGE).content.decode()
    assert "1 条等审核" in client.get("/me/").content.decode()
    case = Case.objects.get()
    decide_case(
        community_id=place.community.pk, case_id=case.pk, action="decline", user="owner", role="owner", version=1,
        note="先改改<b>", now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    place.consume()
    text = client.get(PAGE).content.decode()
    assert ("未通过" in text, "先改改&lt;b&gt;" in text) == (True, True)


def test_a_picture_is_kept_and_shown_to_staff_only_as_what_it_is(place):
    client = place.browser()
    assert client.post(PAGE, {**FORM, "text": "", "links": "", "image": picture()}).status_code == 302
    (image,) = place.requested().get().body["images"]
    kept = Upload.objects.get()
    assert (image["upload"], image["sha256"]) == (str(kept.id), kept.sha256)
    broken = SimpleUploadedFile("a.png", b"<svg onload=x>", content_type="image/png")
    answer = client.post(PAGE, {**FORM, "key": "k2", "image": broken})
    assert (answer.status_code, "只能发 JPG" in answer.content.decode()) == (422, True)
    assert (place.requested().count(), Upload.objects.count()) == (1, 1)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"text": " ", "links": ""}, "报备要带上广告内容或链接"),
        ({"until": "2020-01-01T00:00"}, "时间已经过去"),
        ({"until": "x"}, "时间没有看懂"),
        ({"since": "2030-01-01T00:00"}, "也请填结束时间"),
        ({"group": "999"}, "只能为你所在的群报备"),
        ({"text": "长" * 2_001}, "一次报备最多"),
    ],
)
def test_what_cannot_be_asked_is_told_and_leaves_nothing(place, form, said):
    answer = place.browser().post(PAGE, {**FORM, **form})
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert (place.requested().count(), Upload.objects.count()) == (0, 0)


def test_limits_hold_on_the_page(place):
    client = place.browser()
    for number in range(3):
        form = {**FORM, "text": f"{'甲乙丙'[number] * 9}", "links": "", "key": f"n{number}"}
        status = client.post(PAGE, form).status_code
        assert status == (302 if number < 2 else 422)
    assert place.requested().count() == 2


def test_taking_back_ends_the_case_and_only_ones_own(place):
    client = place.browser()
    client.post(PAGE, FORM)
    place.consume()
    seq = place.requested().get().seq
    stranger = join_room(room=place.room, nickname="阿强", now=SYSTEM_CLOCK.now())
    assert place.browser(stranger).post(f"{PAGE}{seq}/", {"do": "withdraw"}).status_code == 404
    assert Client().post(f"{PAGE}{seq}/", {"do": "withdraw"}).status_code == 403
    assert Case.objects.get().state == "open"
    assert client.post(f"{PAGE}{seq}/", {"do": "withdraw"}).status_code == 302
    place.consume()
    assert (Case.objects.get().action, Clearance.objects.get().state) == ("withdrawn", "withdrawn")
    assert client.post(f"{PAGE}{seq}/", {"do": "withdraw"}).status_code == 409
    assert client.post(f"{PAGE}{seq}/", {"do": "end"}).status_code == 409


def test_taking_back_before_a_case_is_open(place):
    client = place.browser()
    client.post(PAGE, FORM)
    Runner([CLEARANCE], clock=FixedClock(SYSTEM_CLOCK.now())).run_once()
    Case.objects.update(state="expired")
    seq = place.requested().get().seq
    assert client.post(f"{PAGE}{seq}/", {"do": "withdraw"}).status_code == 302
    place.consume()
    assert Clearance.objects.get().state == "withdrawn"


def test_leave_is_taken_ended_and_bounded(place):
    client = place.browser()
    today = SYSTEM_CLOCK.now().astimezone().date()
    form = {
        "first": str(today + timedelta(days=2)),
        "last": str(today + timedelta(days=4)),
        "reason": "出差",
        "key": "a",
    }
    assert client.get(LEAVE).status_code == 200
    assert client.post(LEAVE, form).status_code == 302
    assert client.post(LEAVE, form).status_code == 302
    for wrong in (
        {"first": "x"}, {"last": str(today)}, {"last": str(today + timedelta(days=60))}, {"first": "2020-01-01"}, {},
    ):  # fmt: skip
        assert client.post(LEAVE, {**form, "key": "b", **wrong}).status_code == 422
    place.consume()
    assert LeaveTaken.objects.get().reason == "出差"
    assert "出差" in client.get(LEAVE).content.decode()
    assert client.post(LEAVE, {"do": "end"}).status_code == 302
    assert client.post(LEAVE, {"do": "end"}).status_code == 422
    assert Event.objects.filter(kind="leave.taken").count() == 1


def test_somebody_observed_reads_why_and_how_to_come_back(place):
    now = SYSTEM_CLOCK.now()
    Observation.objects.create(
        community_id=place.community.pk, seq=999, member_id=place.joined.member.pk, state="observed", tag="沉默",
        days=3, tagged_at=now, from_groups=[place.group.pk], to_group=place.other.pk, last_seq=999,
    )  # fmt: skip
    Occupant.objects.filter(group_id=place.group.pk).update(removed_at=now)
    client = place.browser()
    text = client.get("/me/").content.decode()
    assert "先请你到「二群」坐坐。在那里说句话,就请你回「一群」。" in text
    assert f"/g/{place.other.pk}/" in text
    assert (
        json.dumps("你现在在观察群,去那里说句话就能回来")[1:-1] in client.get(f"/g/{place.group.pk}/").content.decode()
    )
    refused = client.get(f"/j/{place.room.join_code}/").content.decode()
    assert ("你现在在观察群" in refused, "你已被移出这个群" in refused) == (True, False)


def test_strangers_leave_no_trace(place):
    before = Event.objects.count()
    for path in (PAGE, LEAVE):
        assert Client().get(path).status_code == 403
        assert Client().post(path, FORM).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[COOKIE] = place.joined.token
    assert (strict.post(PAGE, FORM).status_code, strict.post(LEAVE, {"do": "end"}).status_code) == (403, 403)
    assert Event.objects.count() == before


def test_the_page_costs_the_same_at_any_size(place):
    client = place.browser()
    counted = []
    for more in (1, 20):
        for number in range(more):
            Clearance.objects.create(
                community_id=place.community.pk, seq=10_000 + 100 * more + number, member_id=place.joined.member.pk,
                asked_at=SYSTEM_CLOCK.now(), last_seq=1,
            )  # fmt: skip
        client.get(PAGE)
        with CaptureQueriesContext(connection) as seen:
            client.get(PAGE)
        counted.append(len(seen))
    assert counted[0] == counted[1]
