"""Levels and scores at the desk: who sees what, how a level comes about, and staff's no."""

from datetime import timedelta

import pytest

from qunzhu.console.tests.desk import make_desk
from qunzhu.engagement.levels import schedule
from qunzhu.engagement.levels.consumer import CONSUMER as LEVELS
from qunzhu.engagement.quality.consumer import CONSUMER as QUALITY
from qunzhu.engagement.quality.models import MessageScore
from qunzhu.engagement.quality.tests.test_policy import RICH
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.tests.factories import make_community, make_member, run, write
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    made = make_desk()
    now = SYSTEM_CLOCK.now()
    made.said = [
        write(
            made.community, "message.posted", group=made.group, member=made.member, text=text, links=[],
            at=now - timedelta(days=1),
        )
        for text in (RICH, "转发 " + RICH)
    ]  # fmt: skip
    run(QUALITY, LEVELS, now=now)
    made.now = now.replace(hour=6)  # 14:00 in Shanghai
    return made


def reckon(desk):
    schedule.run_community(desk.community, now=desk.now)
    run(QUALITY, LEVELS, now=desk.now)


def test_the_list_of_scores_names_every_part(desk):
    page = desk.client("owner").get(desk.url("scores/")).content.decode()
    assert "长度 +12" in page
    assert "信息量 +25" in page
    assert "重复 -37" in page
    copies = desk.client("owner").get(desk.url("scores/?kind=copied")).content.decode()
    assert copies.count("data-row") == 1
    file = desk.client("owner").get(desk.url("scores/export.csv"))
    written = b"".join(file.streaming_content) if file.streaming else file.content
    assert "长度+12 信息量+25" in written.decode("utf-8-sig")
    assert AuditEntry.objects.filter(action="scores.export").count() == 1


def test_a_moderator_says_no(desk):
    path = desk.url(f"scores/{desk.said[0]}/deny/")
    answer = desk.client("moderator").post(path)
    assert answer["Location"] == desk.url("scores/")
    event = Event.objects.get(community_id=desk.community.pk, kind="quality.denied")
    assert event.body["message"] == desk.said[0]
    run(QUALITY, now=desk.now)
    assert MessageScore.objects.get(community_id=desk.community.pk, message_seq=desk.said[0]).score == 0
    assert AuditEntry.objects.filter(action="quality.deny").count() == 1
    for seq in (10**6, 10**20):
        assert desk.client("owner").post(desk.url(f"scores/{seq}/deny/")).status_code == 404


def test_a_level_is_explained_down_to_messages(desk):
    assert "还没有等级" in desk.client("owner").get(desk.url("levels/")).content.decode()
    reckon(desk)
    listed = desk.client("owner").get(desk.url("levels/")).content.decode()
    assert desk.url(f"levels/{desk.member.pk}/") in listed
    page = desk.client("owner").get(desk.url(f"levels/{desk.member.pk}/")).content.decode()
    assert f"events/{desk.said[0]}/" in page or f"/{desk.said[0]}/" in page
    assert "消息 37 分" in page
    assert "活跃 1 小时" in page
    assert "data-row" not in desk.client("owner").get(desk.url("levels/?level=4")).content.decode()
    assert desk.client("owner").get(desk.url("levels/?level=abc")).status_code == 200


def test_members_of_another_community_are_not_here(desk):
    stranger = make_member(make_community())
    for member in (stranger.pk, 10**12, 10**20):
        assert desk.client("owner").get(desk.url(f"levels/{member}/")).status_code == 404
