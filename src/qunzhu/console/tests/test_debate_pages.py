"""Debates at the desk: who may do what, what a hand on them asks for and records, what is refused."""

import pytest

from qunzhu.console.tests.desk import make_desk
from qunzhu.engagement.debate.consumer import CONSUMER
from qunzhu.engagement.debate.models import Debate, DebateTopic, Poll
from qunzhu.engagement.debate.tests.hall import PRO_WORDS, TOPIC
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.tests.factories import make_community, write
from qunzhu.kernel.events.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)


def post(desk, path, role="owner", **data):
    answer = desk.client(role).post(desk.url(path), data)
    Runner([CONSUMER]).run_once()
    return answer.status_code


def text(desk, path, role="owner"):
    return desk.client(role).get(desk.url(path)).content.decode()


def test_a_topic_a_debate_and_the_hand_on_it():
    desk = make_desk()
    assert "还没有辩论" in text(desk, "debates/")
    assert post(desk, "debates/topics/", **TOPIC, active="on", pinned="on") == 302
    assert post(desk, "debates/topics/", title="", pro="a", con="b") == 422
    assert list(DebateTopic.objects.values_list("title", "pinned")) == [(TOPIC["title"], True)]
    page = text(desk, "debates/")
    assert "接下来" in page
    assert post(desk, "debates/start/") == 302
    assert post(desk, "debates/start/") == 302  # one is on
    row = Debate.objects.get()
    assert (row.state, row.by) == ("speaking", "owner-desk")
    words = "<b>正方</b>"
    write(desk.community, "message.posted", group=desk.group, member=desk.member, text=PRO_WORDS + words, nickname="林")
    Runner([CONSUMER]).run_once()
    page = text(desk, "debates/1/")
    assert PRO_WORDS in page
    assert words not in page
    before = row.speech_ends_at
    assert post(desk, "debates/1/act/", do="extend", minutes="30") == 302
    row.refresh_from_db()
    assert (row.speech_ends_at - before).total_seconds() == 1800
    assert post(desk, "debates/1/act/", do="next") == 302
    assert Debate.objects.get().state == "voting"
    assert post(desk, "debates/1/act/", do="cancel", reason=" ") == 302
    assert Debate.objects.get().state == "voting"
    assert post(desk, "debates/1/act/", do="cancel", reason="下雨") == 302
    assert "下雨" in text(desk, "debates/1/")
    assert "已取消" in text(desk, "debates/?state=cancelled")
    assert desk.client("owner").get(desk.url("debates/export.csv")).status_code == 200
    assert sorted(set(AuditEntry.objects.values_list("action", flat=True)) & {"debate.act", "debate.topic"}) == [
        "debate.act", "debate.topic",
    ]  # fmt: skip


def test_a_poll_from_the_desk():
    desk = make_desk()
    form = {"group": desk.group.pk, "question": "聚会哪天", "options": "周六\n周日", "minutes": 30}
    assert post(desk, "debates/poll/", **{**form, "options": "周六"}) == 422
    assert post(desk, "debates/poll/", **form) == 302
    assert "聚会哪天" in text(desk, "debates/")
    assert post(desk, "debates/poll/", end="1") == 302
    assert Poll.objects.get().state == "closed"
    assert post(desk, "debates/poll/", end="9") == 404


def test_who_may_not_and_what_is_not_there():
    desk = make_desk()
    for path, role in (("debates/topics/", "moderator"), ("debates/start/", "analyst"), ("debates/poll/", "analyst")):
        assert post(desk, path, role, **TOPIC) == 403
    assert (DebateTopic.objects.count(), Debate.objects.count(), Poll.objects.count()) == (0, 0, 0)
    other = make_community()
    Debate.objects.create(community_id=other.pk, number=9, slot="x", state="speaking", opened_at=SYSTEM_CLOCK.now())
    for path in ("debates/9/", "debates/9/card.png", "debates/99999999999/"):
        assert desk.client("owner").get(desk.url(path)).status_code == 404
    assert post(desk, "debates/9/act/", do="next") == 404
