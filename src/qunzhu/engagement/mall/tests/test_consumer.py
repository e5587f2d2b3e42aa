"""兑换 in the group: what is answered, once, however the batches fall; what a crash left goes on."""

import dataclasses
from datetime import timedelta

import pytest
from django.conf import settings

from qunzhu.engagement.mall import schedule, services
from qunzhu.engagement.mall.consumer import CONSUMER
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.tests.shop import HOME, Shop
from qunzhu.kernel.community.models import Membership
from qunzhu.kernel.community.tests.factories import NOW, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events.erase import ERASED, erase_member

pytestmark = pytest.mark.django_db(transaction=True)
LINK = f"{settings.PUBLIC_URL}/me/mall/"


def test_list_and_redeem_by_number_and_name():
    shop = Shop()
    shop.good(codes=["SECRET-1", "SECRET-2"])
    shop.good(name="马克杯", kind="physical", price=50)
    shop.say()
    shop.consume()
    assert shop.answers() == [
        ("answer", f"你有 100 积分，可以兑换：2 马克杯 50分 · 1 咖啡券 30分。发“兑换 编号”就行。商城：{LINK}"),
    ]
    seq = shop.say("咖啡")
    shop.consume()
    order = MallOrder.objects.get()
    assert (order.state, order.delivery, order.key, order.group_id) == (
        "done",
        "SECRET-1",
        f"chat:{seq}",
        shop.group.pk,
    )
    assert shop.answers()[1:] == [
        ("answer", f"兑换成功：咖啡券，-30 积分，余 70。去“我的订单”查看：{LINK}orders/{order.pk}/"),
    ]
    assert Effect.objects.get(cause_seq=seq).payload["reply_to"] == seq
    for words, answer in (
        ("2", f"“马克杯”要填收货地址，请到这里兑换：{LINK}2/"),
        ("飞机", "商城里没有“飞机”。发“兑换”看看有什么。"),
        ("咖啡券", f"兑换成功：咖啡券，-30 积分，余 40。去“我的订单”查看：{LINK}orders/{order.pk + 1}/"),
        ("1", "“咖啡券”已经兑完了。"),
    ):
        shop.say(words)
        shop.consume()
        assert shop.answers()[-1] == ("answer", answer)
    assert shop.states() == [("咖啡券", "done"), ("咖啡券", "done")]
    assert all("SECRET" not in text for _, text in shop.answers())
    shop.check()


def test_many_at_once_are_answered_in_one_message_and_in_their_order():
    shop = Shop()
    shop.good(codes=["A", "B"])
    others = [shop.member(name, points=30) for name in ("甲", "乙", "丙")]
    for member in others:
        shop.say("1", member, member.display_name)
    shop.consume()
    first, second = MallOrder.objects.order_by("pk")
    together = (
        f"@甲 兑换成功：咖啡券，-30 积分，余 0。去“我的订单”查看：{LINK}orders/{first.pk}/\n"
        f"@乙 兑换成功：咖啡券，-30 积分，余 0。去“我的订单”查看：{LINK}orders/{second.pk}/\n"
        "@丙 “咖啡券”已经兑完了。"
    )
    assert shop.answers() == [("say", together)]
    assert [(o.member_id, o.delivery) for o in (first, second)] == [(others[0].pk, "A"), (others[1].pk, "B")]
    shop.check()


@pytest.mark.parametrize("size", [1, 2, 5_000])
def test_batches_of_any_size_come_to_the_same(size):
    shop = Shop()
    shop.good(codes=["A", "B", "C"], per_member=2)
    for _ in range(4):
        shop.say("1")
    run(dataclasses.replace(CONSUMER, batch=size))
    assert shop.states() == [("咖啡券", "done"), ("咖啡券", "done")]
    assert shop.points() == 40
    shop.check()


def test_history_redeems_nothing_and_nobody_is_answered():
    shop = Shop()
    shop.good(codes=["A"])
    shop.say("1", historic=True)
    shop.consume()
    assert (shop.states(), shop.answers(), shop.points()) == ([], [], 100)


def test_what_a_crash_left_between_the_steps_goes_on():
    shop = Shop()
    good = shop.good(codes=["A", "B"])
    services.place(community_id=shop.id, wish=shop.wish(good), now=NOW)
    assert shop.states() == [("咖啡券", "placed")]
    shop.check()
    shop.consume()
    assert shop.states() == [("咖啡券", "done")]
    services.place(community_id=shop.id, wish=shop.wish(good), now=NOW)
    assert schedule.go_on(now=NOW) == 0
    assert schedule.go_on(now=NOW + timedelta(minutes=1)) == 1
    shop.consume()
    assert shop.states() == [("咖啡券", "done"), ("咖啡券", "done")]
    assert len([1 for kind, _ in shop.told() if kind == "mall.done"]) == 2
    shop.check()


def test_a_published_rulebook_fills_the_shelf():
    shop = Shop({"engagement": {"mall": [{"id": "a", "name": "书", "price": 5, "stock": 2}]}})
    write(shop.community, "rulebook.published", version=1, by="owner", rules=[], settings={}, note="")
    shop.consume()
    shop.consume()
    assert list(MallGood.objects.values_list("number", "name", "stock")) == [(1, "书", 2)]
    shop.check()


def test_erasing_a_person_takes_the_address_and_undoes_what_was_open():
    shop = Shop()
    good = shop.good(kind="physical", stock=2)
    done = shop.redeem(good, delivery=HOME)
    services.ship(community_id=shop.id, order_id=done.pk, carrier="顺丰", tracking="SF123456", by="owner", now=NOW)
    shop.redeem(good, delivery=HOME)
    erase_member(community_id=shop.id, member_id=shop.lin.pk, by="owner", now=NOW)
    assert not MallOrder.objects.exclude(recipient=ERASED, phone=ERASED, address=ERASED).exists()
    assert MallOrder.objects.get(pk=done.pk).tracking == ERASED
    shop.consume()
    assert shop.states() == [("咖啡券", "shipped"), ("咖啡券", "cancelled")]
    assert (shop.points(), shop.again(good).stock) == (70, 1)
    shop.check()


def test_the_member_is_told_in_private_what_staff_did():
    shop = Shop()
    Membership.objects.create(
        community_id=shop.id, group_id=shop.group.pk, member_id=shop.lin.pk, joined_at=NOW, state="active"
    )
    good = shop.good(kind="physical", stock=9, price=10)
    sent, undone = shop.redeem(good, delivery=HOME), shop.redeem(good, delivery=HOME)
    whose = {"community_id": shop.id, "by": "owner", "now": NOW}
    for tracking in ("SF123456", "SF999999"):  # a corrected number is on the page
        services.ship(order_id=sent.pk, carrier="顺丰", tracking=tracking, **whose)
    services.cancel(order_id=undone.pk, member_id=None, reason="断货", **whose)
    services.refund(order_id=sent.pk, reason="寄丢了", **whose)
    by_hand = shop.redeem(shop.good(price=10))
    services.hand_over(order_id=by_hand.pk, words="暗号 0000", **whose)
    order = f"{LINK}orders/"
    assert shop.answers() == [
        ("answer", f"你兑换的“咖啡券”已发货：顺丰 SF123456。{order}{sent.pk}/"),
        ("answer", f"“咖啡券”的订单已取消，10 积分已退回：断货。{order}{undone.pk}/"),
        ("answer", f"“咖啡券”的 10 积分已退回：寄丢了。{order}{sent.pk}/"),
        ("answer", f"你兑换的“咖啡券”已交付，在这里看：{order}{by_hand.pk}/"),
    ]
    for effect in Effect.objects.all():
        assert (effect.payload["private"], effect.payload["to"]) == (True, shop.lin.pk)
    shop.check()
