"""Plan, open, grab, close: exact events and points; what is refused; what the group hears."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.redpacket import schedule, services
from qunzhu.engagement.redpacket.models import RedPacket, RedPacketShare
from qunzhu.engagement.redpacket.policy import Refused
from qunzhu.engagement.redpacket.tests.rain import Rain
from qunzhu.kernel.community.models import Member, Staff
from qunzhu.kernel.community.tests.factories import NOW, events_of
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db(transaction=True)


def refused(act):
    with pytest.raises(Refused) as reason:
        act()
    return reason.value.code


def test_from_plan_to_proof():
    rain = Rain()
    packet = rain.open(greeting="恭喜")
    assert (balance(rain.id, "sys:issue"), balance(rain.id, f"sys:packet:{packet.pk}")) == (-10, 10)
    opened = events_of(rain.community, "redpacket.opened")[0].body
    assert "seed" not in opened
    people = rain.members(4)
    got = [rain.grab(packet, m) for m in people[:3]]
    assert sum(g.amount for g in got) == 10
    assert refused(lambda: rain.grab(packet, people[3])) == "over"
    assert rain.grab(packet, people[0]) == services.Got(packet.pk, got[0].amount, fresh=False)
    assert rain.kinds() == [
        "redpacket.planned", "redpacket.opened",
        *["redpacket.grabbed", "points.posted"] * 3, "redpacket.closed",
    ]  # fmt: skip
    assert [rain.points(m) for m in people] == [*[g.amount for g in got], 0]
    assert balance(rain.id, f"sys:packet:{packet.pk}") == 0
    kinds = [kind for kind, _ in rain.texts()]
    assert kinds == ["say", "say"]
    assert "手气最佳" in rain.texts()[1][1]
    rain.check()


def test_time_gives_the_rest_back_and_nothing_happens_twice():
    rain = Rain()
    packet = rain.open()
    (lin,) = rain.members(1)
    got = rain.grab(packet, lin).amount
    late = NOW + timedelta(minutes=30)
    assert refused(lambda: rain.grab(packet, rain.members(1)[0], now=late)) == "over"
    assert schedule.go_on(now=late) == 1
    assert schedule.go_on(now=late) == 0
    assert balance(rain.id, "sys:issue") == -got
    closed = events_of(rain.community, "redpacket.closed")[0].body
    assert (closed["why"], closed["returned"], closed["paid"], closed["lucky"]) == ("time", 10 - got, got, 0)
    assert not services.close(community_id=rain.id, packet_id=packet.pk, why="staff", now=late)
    rain.check()


def test_a_sponsor_pays_and_gets_the_rest_or_nothing_is_opened():
    rain = Rain()
    poor = rain.plan(source="sys:sponsor:acme")
    assert not services.open_packet(community_id=rain.id, packet_id=poor.pk, now=NOW)
    assert (rain.again(poor).state, rain.again(poor).why) == ("cancelled", "budget")
    assert refused(lambda: rain.plan(source="m:7")) == "source"
    assert rain.kinds() == ["redpacket.planned", "redpacket.cancelled"]
    rain.check()


def test_planning_is_refused_over_the_month_and_for_money_and_a_key_is_one_packet():
    rain = Rain(per_month=2)
    first = rain.plan(key="same")
    assert rain.plan(key="same").pk == first.pk
    rain.plan()
    assert refused(rain.plan) == "month"
    services.cancel(community_id=rain.id, packet_id=first.pk, by="owner", now=NOW)
    rain.plan()
    assert rain.plan(opens_at=NOW + timedelta(days=10)).state == "planned"
    assert refused(lambda: rain.plan(unit="CNY")) == "unit"
    assert refused(lambda: rain.plan(opens_at=NOW - timedelta(hours=1))) == "time"
    opened = rain.again(first)
    assert opened.state == "cancelled"


def test_muted_strangers_and_staff_as_the_settings_say():
    rain = Rain(staff_take_part=False)
    packet = rain.open(budget=50, shares=10)
    (muted,) = rain.members(1, state="muted", muted_until=NOW + timedelta(hours=1))
    (free,) = rain.members(1, state="muted", muted_until=NOW)
    (gone,) = rain.members(1, state="removed")
    (boss,) = rain.members(1)
    user = Staff._meta.get_field("user").related_model.objects.create(username="boss")
    Staff.objects.create(user=user, community=rain.community, role="owner", member_id=boss, created_at=NOW)
    assert refused(lambda: rain.grab(packet, muted)) == "muted"
    assert refused(lambda: rain.grab(packet, gone)) == "outside"
    assert refused(lambda: rain.grab(packet, boss)) == "staff"
    assert rain.grab(packet, free).fresh
    assert RedPacketShare.objects.count() == 1


def test_few_are_answered_one_by_one_and_a_flood_in_one_message():
    rain = Rain()
    packet = rain.open(budget=500, shares=50)
    people = rain.members(80)
    rain.say(people[0])
    rain.consume()
    (amount,) = [a for _, a in rain.amounts(packet)]
    assert rain.texts()[1:] == [("answer", f"🧧 抢到 {amount} 积分，余 {amount}。")]
    rain.say(*people[1:20])
    rain.consume()
    assert len(rain.texts()) == 2  # a moment after the last message: kept back
    rain.say(*people[20:])
    rain.consume(NOW + timedelta(seconds=11))
    kinds = [kind for kind, _ in rain.texts()]
    assert kinds == ["say", "answer", "say"]
    text = rain.texts()[2][1]
    assert "等 49 人" in text
    assert "30 位手慢了" in text
    assert "手气最佳" in text
    assert [m for m, _ in rain.amounts(packet)] == people[:50]
    rain.check()


def test_without_a_packet_everybody_hears_so_once():
    rain = Rain()
    people = rain.members(5)
    rain.say(people[0])
    rain.consume()
    rain.say(*people)
    rain.consume()
    assert [kind for kind, _ in rain.texts()] == ["answer", "say"]
    assert {text for _, text in rain.texts()} == {"现在没有可以抢的红包，下一场开始时会在群里喊大家。"}
    assert rain.kinds() == []


def test_a_batch_is_a_fixed_number_of_statements():
    counts = []
    for size in (5, 200):
        rain = Rain()
        rain.open(budget=5_000, shares=500)
        rain.say(*rain.members(size))
        with CaptureQueriesContext(connection) as queries:
            rain.consume()
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_the_month_is_drawn_once_and_packets_open_by_themselves():
    rain = Rain(per_month=3, at_random=4)
    assert schedule.draw_month(community_id=rain.id, now=NOW)
    assert not schedule.draw_month(community_id=rain.id, now=NOW)
    planned = list(RedPacket.objects.filter(community_id=rain.id).order_by("opens_at"))
    assert [p.how for p in planned] == ["random"] * 3
    body = events_of(rain.community, "redpacket.month")[0].body
    assert (body["month"], len(body["seed"]), len(body["times"])) == ("2026-11", 64, 3)
    at = planned[0].opens_at
    assert schedule.go_on(now=at) == 1
    assert rain.again(planned[0]).state == "open"
    schedule.go_on(now=planned[1].opens_at + timedelta(hours=2))
    assert (rain.again(planned[1]).state, rain.again(planned[1]).why) == ("cancelled", "missed")
    assert rain.again(planned[0]).state == "closed"
    assert Member.objects.count() == 0
    rain.check()
