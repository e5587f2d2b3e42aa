"""红包雨: scheduled at the desk, opened by time, grabbed in the group and on the phone, exactly the budget, a proof."""

from datetime import timedelta

import pytest
from django.test import Client

from qunzhu.engagement.redpacket import schedule, services
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import Terms
from qunzhu.engagement.redpacket.selectors import check_packets, proves
from qunzhu.kernel.ledger.models import Account

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_fixed_budget_is_paid_exactly_one_share_a_member_and_the_rest_returns(world, monkeypatch):
    monkeypatch.setattr("qunzhu.portal.redpacket.SYSTEM_CLOCK", world.clock)
    world.join("小林", "小美", "老陈")
    world.settle()
    now = world.clock.now()
    packet = services.plan(
        community_id=world.community.pk, group_id=world.group.pk, terms=Terms(40, 4, minutes=10, greeting="周五快乐"),
        opens_at=now + timedelta(minutes=5), key="walk", by="owner", now=now,
    )  # fmt: skip
    world.log()
    world.say("小林", "抢")
    world.settle()
    assert any("现在没有可以抢的红包" in line for line in world.log())
    world.clock.at += timedelta(minutes=5)
    assert schedule.go_on(now=world.clock.now()) == 2  # it was opened, and the month was drawn
    world.settle()
    assert any("🧧 红包雨来了！周五快乐\n40 积分，4 份" in line for line in world.log())
    world.say("小林", "抢")
    world.settle()
    world.say("小林", "抢！")
    world.settle()
    phone = Client()
    phone.cookies["qz_member"] = world.people["小美"].token
    assert phone.post(f"/me/redpackets/{packet.pk}/").status_code == 302
    shares = dict(RedPacketShare.objects.values_list("member_id", "amount"))
    assert set(shares) == {world.id_of("小林"), world.id_of("小美")}
    world.clock.at += timedelta(minutes=10)
    schedule.go_on(now=world.clock.now())
    world.settle()
    assert any("手气最佳" in line for line in world.log())
    rows = Account.objects.filter(community_id=world.community.pk).exclude(balance=0)
    assert dict(rows.values_list("owner", "balance")) == {
        **{f"m:{member}": amount for member, amount in shares.items()}, "sys:issue": -sum(shares.values()),
    }  # fmt: skip
    packet = RedPacket.objects.get(how="hand")
    assert (packet.state, packet.why, packet.taken) == ("closed", "time", 2)
    assert proves(packet) == []
    assert "公平证明:已核对" in world.phone("老陈", f"/me/redpackets/{packet.pk}/")
    assert "到时间" in world.console(f"redpackets/{packet.pk}/")
    assert check_packets(world.community.pk) == []
