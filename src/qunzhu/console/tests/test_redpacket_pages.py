"""The desk of the red packets: who may do what, what an act writes and records, what is refused."""

from datetime import timedelta

import pytest

from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.engagement.redpacket.models import RedPacket
from qunzhu.engagement.redpacket.selectors import check_packets
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def desk():
    return make_desk()


def form(desk, **fields):
    group = Group.objects.filter(community_id=desk.community.pk).earliest("pk")
    return {"group": group.pk, "budget": 20, "shares": 4, "least": 1, "minutes": 5, "key": "k", **fields}


def post(desk, path, role="owner", **data):
    return desk.client(role).post(desk.url(path), data)


def kinds():
    return list(Event.objects.filter(kind__startswith="redpacket.").order_by("seq").values_list("kind", flat=True))


def test_now_opens_at_once_and_the_same_form_is_one_packet(desk):
    first = post(desk, "redpackets/new/", **form(desk, greeting=EVIL))
    packet = RedPacket.objects.get()
    assert first["Location"] == desk.url(f"redpackets/{packet.pk}/")
    assert post(desk, "redpackets/new/", **form(desk))["Location"] == first["Location"]
    assert (packet.state, packet.budget, packet.shares, packet.minutes) == ("open", 20, 4, 5)
    assert balance(desk.community.pk, f"sys:packet:{packet.pk}") == 20
    for path in (f"redpackets/{packet.pk}/", f"redpackets/{packet.pk}/live/", "redpackets/"):
        page = desk.client("analyst").get(desk.url(path)).content.decode()
        assert packet.seed not in page
        assert EVIL not in page
    post(desk, f"redpackets/{packet.pk}/close/")
    assert kinds() == ["redpacket.planned", "redpacket.opened", "redpacket.closed"]
    assert packet.seed in desk.client("owner").get(desk.url(f"redpackets/{packet.pk}/")).content.decode()
    assert balance(desk.community.pk, "sys:issue") == 0
    assert check_packets(desk.community.pk) == []


def test_a_time_is_the_communitys_and_can_be_cancelled(desk):
    at = (SYSTEM_CLOCK.now() + timedelta(days=2)).strftime("%Y-%m-%dT20:15")
    post(desk, "redpackets/new/", **form(desk, at=at))
    packet = RedPacket.objects.get()
    assert (packet.state, packet.opens_at.strftime("%H:%M")) == ("planned", "12:15")
    post(desk, f"redpackets/{packet.pk}/cancel/")
    packet.refresh_from_db()
    assert (packet.state, packet.why) == ("cancelled", "staff")
    assert kinds() == ["redpacket.planned", "redpacket.cancelled"]
    rows = b"".join(desk.client("owner").get(desk.url("redpackets/export.csv"))).decode()
    assert rows.count("\n") == 2


@pytest.mark.parametrize(
    "fields", [{"budget": 3}, {"shares": 0}, {"group": 0}, {"at": "2020-01-01T10:00"}, {"minutes": 9999}]
)
def test_what_cannot_be_is_said_and_changes_nothing(desk, fields):
    assert post(desk, "redpackets/new/", **form(desk, **fields)).status_code == 422
    assert (RedPacket.objects.count(), kinds()) == (0, [])


def test_who_may_not_and_whose_packet_it_is(desk):
    assert permitted(desk, {"owner", "manager"}, "redpackets/new/", form(desk)) == refused(
        "moderator", "analyst", "finance"
    )
    post(desk, "redpackets/new/", **form(desk))
    packet = RedPacket.objects.get()
    for act in ("cancel", "close"):
        answers = permitted(desk, {"owner", "manager"}, f"redpackets/{packet.pk}/{act}/")
        assert answers == refused("moderator", "analyst", "finance")
    assert post(desk, f"redpackets/{packet.pk}/cancel/").status_code == 409
    for path in (f"redpackets/{packet.pk + 1}/", f"redpackets/{1 << 64}/"):
        assert desk.client("owner").get(desk.url(path)).status_code == 404
    packet.refresh_from_db()
    assert packet.state == "open"
