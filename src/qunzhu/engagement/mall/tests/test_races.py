"""Many at once on one shelf, in threads with connections of their own: never oversold, no point created or lost."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.models import MallCode, MallOrder
from qunzhu.engagement.mall.policy import Refused
from qunzhu.engagement.mall.services import Wish
from qunzhu.engagement.mall.tests.shop import HOME, Shop
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.ledger.models import Account
from qunzhu.kernel.ledger.services import Award, award_many

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 12


def at_once(deeds: Sequence[Callable[[], object]], threads: int = THREADS) -> list[str]:
    """Do all of it in threads that start together; what each came to: "ok" or the refusal's code."""
    gate = Barrier(min(threads, len(deeds)))

    def work(mine: Sequence[Callable[[], object]]) -> list[str]:
        results = []
        try:
            gate.wait()
            for deed in mine:
                try:
                    deed()
                except Refused as reason:
                    results.append(reason.code)
                else:
                    results.append("ok")
        finally:
            connection.close()
        return results

    shares = [deeds[n::threads] for n in range(min(threads, len(deeds)))]
    with ThreadPoolExecutor(len(shares)) as pool:
        return [result for part in pool.map(work, shares) for result in part]


def crowd(shop: Shop, size: int, points: int) -> list[int]:
    people = Member.objects.bulk_create(
        [Member(community=shop.community, display_name=f"成员{n}", created_at=NOW) for n in range(size)]
    )
    gifts = [Award(m.pk, points, f"gift:{m.pk}", "adjust") for m in people]
    award_many(community_id=shop.id, awards=gifts, now=NOW)
    return [m.pk for m in people]


def total(shop: Shop, prefix: str) -> int:
    return sum(Account.objects.filter(community_id=shop.id, owner__startswith=prefix).values_list("balance", flat=True))


def test_a_thousand_members_for_a_hundred_pieces_are_exactly_a_hundred_orders():
    shop = Shop()
    good = shop.good(codes=[f"C{n:03}" for n in range(100)], price=30)
    members = crowd(shop, 1_000, 40)
    random.Random(7).shuffle(members)
    wishes = [Wish(m, good.number, f"tap:{m}") for m in members]
    results = at_once([lambda w=w: services.redeem(community_id=shop.id, wish=w, now=NOW) for w in wishes])
    assert (results.count("ok"), results.count("sold_out"), len(results)) == (100, 900, 1_000)
    orders = MallOrder.objects.filter(community_id=shop.id)
    assert orders.count() == orders.filter(state="done").count() == 100
    assert orders.values("member_id").distinct().count() == 100
    assert orders.values("delivery").distinct().count() == 100
    assert MallCode.objects.filter(order_id=None).count() == 0
    assert shop.again(good).stock == 0
    assert (total(shop, "m:"), total(shop, "sys:mall")) == (100 + 40_000 - 3_000, 3_000)
    shop.check()


def test_one_member_tapping_everywhere_spends_no_point_twice():
    shop = Shop()
    goods = [shop.good(stock=50, price=30, content="x", name=f"第{n}件") for n in range(4)]
    wishes = [shop.wish(good) for good in goods for _ in range(10)] + [shop.wish(goods[0], key="same")] * 10
    results = at_once([lambda w=w: services.redeem(community_id=shop.id, wish=w, now=NOW) for w in wishes])
    assert MallOrder.objects.count() == 3
    assert shop.points() == 10
    assert set(results) == {"ok", "points"}
    shop.check()


def test_redeem_cancel_ship_refund_and_restock_cross_each_other_without_a_loss():
    shop = Shop()
    mug = shop.good(kind="physical", price=10, stock=20)
    book = shop.good(codes=[f"B{n}" for n in range(20)], price=10)
    members = crowd(shop, 24, 60)
    dice = random.Random(3)

    def redeem(member: int, number: int) -> None:
        delivery = HOME if number == mug.number else services.NO_DELIVERY
        wish = Wish(member, number, f"{member}:{number}:{dice.random()}", delivery)
        services.redeem(community_id=shop.id, wish=wish, now=NOW)

    def act(what: str) -> None:
        found = MallOrder.objects.filter(community_id=shop.id).order_by("?").first()
        if found is None:
            return
        whose = {"community_id": shop.id, "order_id": found.pk, "now": NOW}
        if what == "cancel":
            services.cancel(member_id=found.member_id, **whose)
        elif what == "ship":
            services.ship(carrier="顺丰", tracking="SF123456", by="owner", **whose)
        elif what == "receive":
            services.receive(member_id=found.member_id, **whose)
        else:
            services.refund(by="owner", reason="试", restock=True, **whose)

    deeds: list[Callable[[], object]] = [lambda m=m, g=g: redeem(m, g) for m in members for g in (1, 2) * 2]
    deeds += [lambda w=w: act(w) for w in ("cancel", "ship", "receive", "refund") * 12]
    deeds += [
        lambda n=n: shelf.add_codes(community_id=shop.id, number=book.number, codes=[f"N{n}"], by="owner", now=NOW)
        for n in range(6)
    ]
    dice.shuffle(deeds)
    at_once(deeds)
    assert total(shop, "") == 0
    shop.check()
