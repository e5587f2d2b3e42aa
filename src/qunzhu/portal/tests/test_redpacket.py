"""Red packets on a phone, without a browser: who sees what, what a tap writes, what is refused."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.redpacket import services
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import Terms
from qunzhu.engagement.redpacket.selectors import check_packets
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Group, Membership
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.ledger.selectors import balance
from qunzhu.portal.tests.test_mall import Phone, client

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


class Street(Phone):
    """A phone with its membership as the log would have projected it."""

    def __init__(self) -> None:
        super().__init__()
        self.group = Group.objects.get(community_id=self.community.pk)
        for joined in (self.lin, self.chen):
            Membership.objects.get_or_create(
                community_id=self.community.pk, group_id=self.group.pk, member_id=joined.member.pk,
                defaults={"joined_at": SYSTEM_CLOCK.now()},
            )  # fmt: skip

    def packet(self, budget: int = 10, shares: int = 1, *, opened: bool = True, greeting: str = "") -> RedPacket:
        now = SYSTEM_CLOCK.now()
        made = services.plan(
            community_id=self.community.pk, group_id=self.group.pk, terms=Terms(budget, shares, greeting=greeting),
            opens_at=now, key=f"k{RedPacket.objects.count()}", now=now,
        )  # fmt: skip
        if opened:
            services.open_packet(community_id=self.community.pk, packet_id=made.pk, now=now)
        return RedPacket.objects.get(pk=made.pk)


@pytest.fixture
def street() -> Street:
    return Street()


def test_a_tap_gets_a_share_and_the_other_is_told(street):
    packet = street.packet(greeting=EVIL)
    url = f"/me/redpackets/{packet.pk}/"
    page = street.browser.get(url).content.decode()
    assert EVIL not in page
    assert packet.seed not in page
    assert packet.digest in page
    assert street.browser.post(url).status_code == 302
    assert street.browser.post(url).status_code == 302
    late = street.other.post(url)
    assert late.status_code == 409
    assert "手慢了,红包已经抢完。" in late.content.decode()
    page = street.other.get(url).content.decode()
    assert all(words in page for words in (packet.seed, "手气最佳", "公平证明:已核对", "小林"))
    assert (street.points(), balance(street.community.pk, f"m:{street.chen.member.pk}")) == (110, 0)
    assert RedPacketShare.objects.count() == 1
    assert check_packets(street.community.pk) == []
    assert EVIL not in street.browser.get("/me/redpackets/").content.decode()


def test_what_is_planned_or_of_others_is_not_there(street):
    planned, opened = street.packet(opened=False), street.packet(shares=2)
    assert street.browser.get(f"/me/redpackets/{planned.pk}/").status_code == 404
    assert street.browser.post(f"/me/redpackets/{planned.pk}/").status_code == 404
    assert street.browser.get(f"/me/redpackets/{1 << 64}/").status_code == 404
    now = SYSTEM_CLOCK.now()
    other = create_community(slug="other", name="别处", timezone="Asia/Shanghai", blueprint={}, now=now)
    room = open_room(group=create_group(community=other, name="别群", platform_id="p9", now=now))
    stranger = client(join_room(room=room, nickname="路人", now=now))
    assert stranger.post(f"/me/redpackets/{opened.pk}/").status_code == 404
    assert "还没有下过红包雨" in stranger.get("/me/redpackets/").content.decode()
    assert RedPacketShare.objects.count() == 0


def test_the_part_that_changes_and_the_queries_of_the_list(street):
    packet = street.packet(budget=40, shares=3)
    part = street.browser.get(f"/me/redpackets/{packet.pk}/?live").content.decode()
    assert 'data-running="1"' in part
    assert "<html" not in part
    with CaptureQueriesContext(connection) as one:
        street.browser.get("/me/redpackets/")
    for _ in range(3):
        street.packet(budget=40, shares=3)
    with CaptureQueriesContext(connection) as many:
        street.browser.get("/me/redpackets/")
    assert len(one) == len(many) == 4
