"""Any sequence of deeds, against a model of four lines: points, stock, states and codes are what the model says."""

from collections import Counter

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.models import MallCode, MallOrder
from qunzhu.engagement.mall.policy import MOVES, Refused
from qunzhu.engagement.mall.tests.shop import HOME, Shop
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db
PRICES = {1: 7, 2: 13}  # of the mug, of the book with codes
DEEDS = st.lists(
    st.tuples(
        st.sampled_from(("redeem", "place", "advance", "ship", "receive", "cancel", "refund", "codes")),
        st.integers(0, 5),
        st.integers(0, 1),
    ),
    max_size=25,
)


def do(shop: Shop, what: str, which: int, more: int, number: int) -> None:
    """One deed on the `which`-th order, or for good `more` + 1."""
    if what in {"redeem", "place"}:
        good = more + 1
        wish = services.Wish(shop.lin.pk, good, f"w{number}", HOME if good == 1 else services.NO_DELIVERY)
        act = services.redeem if what == "redeem" else services.place
        act(community_id=shop.id, wish=wish, now=NOW)
        return
    if what == "codes":
        shelf.add_codes(community_id=shop.id, number=2, codes=[f"N{number}"], by="owner", now=NOW)
        return
    order = MallOrder.objects.filter(community_id=shop.id).order_by("pk")[which : which + 1].first()
    if order is None:
        return
    whose = {"community_id": shop.id, "order_id": order.pk, "now": NOW}
    if what == "advance":
        services.advance(**whose)
    elif what == "ship":
        services.ship(carrier="", tracking="SF123456", by="owner", **whose)
    elif what == "receive":
        services.receive(member_id=shop.lin.pk, **whose)
    elif what == "cancel":
        services.cancel(member_id=shop.lin.pk, **whose)
    else:
        services.refund(by="owner", reason="试", restock=bool(more), **whose)


@settings(max_examples=40, deadline=None)
@given(DEEDS)
def test_any_sequence_keeps_points_stock_and_codes(deeds):
    with transaction.atomic():
        shop = Shop()
        shop.good(kind="physical", stock=2, price=PRICES[1])
        shop.good(codes=["A", "B"], price=PRICES[2])
        before: dict[int, str] = {}
        for number, (what, which, more) in enumerate(deeds):
            try:
                with transaction.atomic():
                    do(shop, what, which, more, number)
            except Refused:
                pass
            now = dict(MallOrder.objects.filter(community_id=shop.id).values_list("pk", "state"))
            for order, state in now.items():
                then = before.get(order, state)
                assert state == then or state in MOVES[then]
            before = now
        orders = list(MallOrder.objects.filter(community_id=shop.id))
        paid = sum(PRICES[o.good] for o in orders if o.state in {"placed", "shipped", "done"})
        assert shop.points() == 100 - paid
        done = sum(PRICES[o.good] for o in orders if o.state == "done")
        assert balance(shop.id, "sys:mall") == done
        codes = Counter(o.delivery for o in orders if o.delivery)
        assert set(codes.values()) <= {1}
        assert MallCode.objects.exclude(order_id=None).count() == len(codes)
        shop.check()
        transaction.set_rollback(True)
