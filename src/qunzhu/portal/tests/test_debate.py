"""The debate on a phone, without a browser: what is shown, what a tap writes, what is refused, whose it is."""

from datetime import timedelta

import pytest
from django.test import Client

from qunzhu.engagement.debate import services
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.engagement.debate.models import Debate, DebateVote
from qunzhu.engagement.debate.selectors import check_debates
from qunzhu.engagement.debate.tests.hall import CON_WORDS, PRO_WORDS, TOPIC
from qunzhu.kernel.clock import SYSTEM_CLOCK, FixedClock
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.community.tests.factories import make_community, write
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.connectors.local.tokens import COOKIE
from qunzhu.kernel.events.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)


class Phones:
    def __init__(self) -> None:
        now = SYSTEM_CLOCK.now()
        blueprint = {"engagement": {"debate": {"voters": 1, "groups": ["一群"]}}}
        self.community = create_community(
            slug="debate", name="职场知识社", timezone="Asia/Shanghai", blueprint=blueprint, now=now
        )
        self.group = create_group(community=self.community, name="一群", platform_id="d1", now=now)
        room = open_room(group=self.group)
        self.lin, self.chen, self.he = (join_room(room=room, nickname=n, now=now) for n in ("小林", "老陈", "何远"))
        own = {"community_id": self.community.pk, "by": "owner", "now": now}
        services.save_topic(number=None, fields=TOPIC, **own)
        services.start_now(topic=None, **own)
        self.consume()
        for person, text in ((self.lin, PRO_WORDS), (self.chen, CON_WORDS)):
            write(self.community, "message.posted", group=self.group, member=person.member, text=text, nickname="某人")
        self.consume()

    def consume(self) -> None:
        Runner([CONSUMER], clock=FixedClock(SYSTEM_CLOCK.now() + timedelta(seconds=1))).run_once()

    def step(self) -> None:
        services.close_now(community_id=self.community.pk, number=1, by="owner", now=SYSTEM_CLOCK.now())
        self.consume()

    def get(self, person, path):
        browser = Client()
        browser.cookies[COOKIE] = person.token
        return browser.get(f"/me/debate/{path}")

    def vote(self, person, words):
        browser = Client()
        browser.cookies[COOKIE] = person.token
        answer = browser.post("/me/debate/1/", {"vote": words})
        self.consume()
        return answer.status_code


def test_from_speech_over_my_vote_to_the_result():
    phones = Phones()
    page = phones.get(phones.he, "1/").content.decode()
    assert PRO_WORDS.split("：")[1] in page
    assert "正在发言" in page
    assert "投正方" not in page
    assert TOPIC["title"] in phones.get(phones.he, "").content.decode()
    assert phones.vote(phones.he, "正方") == 409
    phones.step()
    assert phones.vote(phones.lin, "正方") == 409
    assert phones.vote(phones.he, "<script>") == 409
    assert (phones.vote(phones.he, "正方"), phones.vote(phones.he, "反方"), phones.vote(phones.he, "最佳 1")) == (
        302,
    ) * 3
    assert list(DebateVote.objects.values_list("member_id", "side", "best")) == [(phones.he.member.pk, "con", 1)]
    page = phones.get(phones.he, "1/").content.decode()
    assert "最佳 1 号" in page
    phones.step()
    page = phones.get(phones.he, "1/").content.decode()
    assert "反方获胜" in page
    assert "反方获胜" in phones.get(phones.he, "").content.decode()
    picture = phones.get(phones.he, "1/card.png")
    assert (picture.status_code, picture["Content-Type"]) in {(200, "image/png"), (404, "text/html; charset=utf-8")}
    assert check_debates(phones.community.pk) == []


def test_what_is_not_there_is_not_there():
    phones = Phones()
    for path in ("7/", "99999999999/", "7/card.png"):
        assert phones.get(phones.he, path).status_code == 404
    other = make_community()
    Debate.objects.create(community_id=other.pk, number=9, slot="x", state="done", opened_at=SYSTEM_CLOCK.now())
    assert phones.get(phones.he, "9/").status_code == 404
    assert Client().get("/me/debate/1/").status_code in {302, 401, 403}
