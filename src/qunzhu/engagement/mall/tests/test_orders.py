"""An order from the tap to its end, by every road; points and stock are where they belong after each step."""

from datetime import timedelta

import pytest

from qunzhu.engagement.mall import schedule, services, shelf
from qunzhu.engagement.mall.models import MallCode, MallGood, MallOrder
from qunzhu.engagement.mall.policy import Delivery, Refused
from qunzhu.engagement.mall.selectors import check_mall, perks_of
from qunzhu.engagement.mall.tests.shop import HOME, Shop
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_code_is_handed_over_at_once_and_the_mall_has_the_points():
    shop = Shop()
    good = shop.good(codes=["AAA-1", "AAA-2"])
    assert (good.stock, good.with_codes) == (2, True)
    order = shop.redeem(good)
    assert (order.state, order.delivery, order.price, order.done_at) == ("done", "AAA-1", 30, NOW)
    assert list(MallCode.objects.order_by("pk").values_list("code", "order_id")) == [
        ("AAA-1", order.pk), ("AAA-2", None),
    ]  # fmt: skip
    assert shop.again(good).stock == 1
    assert (shop.points(), balance(shop.id, "sys:mall"), balance(shop.id, f"sys:mall:{order.pk}")) == (70, 30, 0)
    (ordered, body), (posted, paid), (done, end) = shop.told()
    assert (ordered, posted, done) == ("mall.ordered", "points.posted", "mall.done")
    assert body == {"order": order.pk, "good": good.number, "price": 30, "kind": "virtual", "stock": 1}
    assert (paid["amount"], paid["balance"], paid["memo"], paid["kind"]) == (-30, 70, "兑换：咖啡券", "mall")
    assert end == {
        "order": order.pk, "good": good.number, "how": "code", "amount": 30, "transaction": end["transaction"],
    }  # fmt: skip
    assert "AAA-1" not in str(list(Event.objects.filter(community_id=shop.id).values_list("body")))
    shop.check()


def test_the_same_tap_is_one_order():
    shop = Shop()
    good = shop.good(codes=["A", "B", "C"])
    first, again = shop.redeem(good, key="tap"), shop.redeem(good, key="tap")
    assert first.pk == again.pk
    assert (shop.points(), shop.again(good).stock, len(shop.told())) == (70, 2, 3)
    other = shop.good(codes=["D"], name="别的")
    with pytest.raises(Refused):
        shop.redeem(other, key="tap")
    with pytest.raises(Refused):
        shop.redeem(good, shop.member("别人", points=90), key="tap")
    assert (shop.points(), shop.again(good).stock, len(shop.told())) == (70, 2, 3)
    shop.check()


def test_a_parcel_from_the_address_to_the_door():
    shop = Shop()
    good = shop.good(kind="physical", name="马克杯", stock=1)
    order = shop.redeem(good, delivery=HOME)
    assert (order.state, order.recipient, order.phone, order.address) == (
        "placed", HOME.recipient, HOME.phone, HOME.address,
    )  # fmt: skip
    assert balance(shop.id, f"sys:mall:{order.pk}") == 30
    assert shop.cases() == [("mall_orders", "open", "积分商城有订单等待交付")]
    shop.check()
    with pytest.raises(Refused, match="还没有发货"):
        services.receive(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk, now=NOW)
    with pytest.raises(Refused, match="单号"):
        services.ship(community_id=shop.id, order_id=order.pk, carrier="顺丰", tracking="?", by="owner", now=NOW)
    shipped = services.ship(
        community_id=shop.id, order_id=order.pk, carrier="顺丰", tracking="SF123456", by="owner", now=NOW
    )
    assert (shipped.state, shipped.carrier, shipped.tracking) == ("shipped", "顺丰", "SF123456")
    assert shop.cases() == [("mall_orders", "decided", "积分商城有订单等待交付")]
    services.ship(community_id=shop.id, order_id=order.pk, carrier="中通", tracking="ZT123456", by="owner", now=NOW)
    with pytest.raises(Refused, match="刚刚有变化"):
        services.cancel(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk, now=NOW)
    with pytest.raises(MallOrder.DoesNotExist):
        services.receive(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk + 1, now=NOW)
    services.receive(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk, now=NOW)
    services.receive(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk, now=NOW)
    assert [kind for kind, _ in shop.told()] == ["mall.ordered", "points.posted", "mall.shipped", "mall.done"]
    assert (shop.states(), balance(shop.id, "sys:mall")) == ([("马克杯", "done")], 30)
    shop.check()


def test_a_parcel_counts_as_received_after_fifteen_days():
    shop = Shop()
    order = shop.redeem(shop.good(kind="physical"), delivery=HOME)
    services.ship(community_id=shop.id, order_id=order.pk, carrier="", tracking="SF123456", by="owner", now=NOW)
    assert schedule.go_on(now=NOW + timedelta(days=15, seconds=-1)) == 0
    assert schedule.go_on(now=NOW + timedelta(days=15)) == 1
    assert shop.states() == [("咖啡券", "done")]
    assert shop.told()[-1][1]["how"] == "time"
    shop.check()


def test_cancelled_by_the_member_everything_is_as_before():
    shop = Shop()
    good = shop.good(kind="physical", stock=1)
    order = shop.redeem(good, delivery=HOME)
    with pytest.raises(MallOrder.DoesNotExist):
        services.cancel(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk + 1, now=NOW)
    for _ in range(2):
        services.cancel(community_id=shop.id, order_id=order.pk, member_id=shop.lin.pk, now=NOW)
    assert (shop.points(), shop.again(good).stock, shop.states()) == (100, 1, [("咖啡券", "cancelled")])
    kind, body = shop.told()[2]
    assert (kind, body["how"], body["why"], body["stock"], body["amount"]) == (
        "mall.ended", "cancelled", "member", 1, 30,
    )  # fmt: skip
    assert shop.told()[3][1]["balance"] == 100
    assert shop.cases() == [("mall_orders", "decided", "积分商城有订单等待交付")]
    shop.check()


def test_refunded_by_staff_with_a_reason():
    shop = Shop()
    good = shop.good(codes=["A", "B"])
    order = shop.redeem(good)
    with pytest.raises(Refused, match="理由"):
        services.refund(community_id=shop.id, order_id=order.pk, by="owner", reason=" ", now=NOW)
    services.refund(community_id=shop.id, order_id=order.pk, by="owner", reason="码已失效", restock=True, now=NOW)
    services.refund(community_id=shop.id, order_id=order.pk, by="owner", reason="再来一次", now=NOW)
    found = MallOrder.objects.get()
    assert (found.state, found.reason, shop.points(), balance(shop.id, "sys:mall")) == ("refunded", "码已失效", 100, 0)
    assert shop.again(good).stock == 1  # a code that was seen is never sold again
    assert [body["balance"] for kind, body in shop.told() if kind == "points.posted"] == [70, 100]
    shop.check()


def test_content_perk_ad_slot_and_what_a_human_writes():
    shop = Shop()
    lin = shop.member("富人", points=1_000)
    book = shop.good(name="电子书", content="https://example.com/book")
    assert shop.redeem(book, lin).delivery == "https://example.com/book"
    perk = shop.good(name="免广告", kind="perk", perk="quiet", days=7)
    assert shop.redeem(perk, lin).holds_until == NOW + timedelta(days=7)
    assert perks_of(shop.id, lin.pk, now=NOW) == {"quiet"}
    assert perks_of(shop.id, lin.pk, now=NOW + timedelta(days=7)) == set()
    by_hand = shop.redeem(shop.good(name="一对一"), lin)
    assert by_hand.state == "placed"
    with pytest.raises(Refused):
        services.hand_over(community_id=shop.id, order_id=by_hand.pk, words=" ", by="owner", now=NOW)
    done = services.hand_over(community_id=shop.id, order_id=by_hand.pk, words="周三 20:00", by="owner", now=NOW)
    assert (done.state, done.delivery) == ("done", "周三 20:00")
    slot = shop.good(name="广告位", kind="ad_slot", days=2)
    with pytest.raises(Refused, match="要发的内容"):
        shop.redeem(slot, lin)
    order = shop.redeem(slot, lin, delivery=Delivery(words="我的新书 https://example.com/b 今天上架"))
    services.hand_over(community_id=shop.id, order_id=order.pk, words="", by="owner", now=NOW)
    granted = Event.objects.get(kind="clearance.granted")
    assert granted.member_id == lin.pk
    assert granted.body["until"] == (NOW + timedelta(days=2)).isoformat()
    assert shop.told()[-1][1]["granted"] == granted.seq
    assert shop.points(lin) == 1_000 - 4 * 30
    shop.check()


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"price": 101}, "points", "“咖啡券”要 101 积分，你有 100，还差 1。"),
        ({"stock": 0}, "sold_out", "“咖啡券”已经兑完了。"),
        ({"on_sale": False}, "gone", "“咖啡券”已经下架了。"),
        ({"min_level": 2}, "level", "“咖啡券”要到 2 级才能兑换。"),
        ({"kind": "physical"}, "recipient", "请填收货人，最多 30 个字。"),
    ],
)
def test_refused_and_nothing_happened(fields, code, words):
    shop = Shop()
    good = shop.good(**fields)
    with pytest.raises(Refused) as reason:
        shop.redeem(good)
    assert (reason.value.code, str(reason.value)) == (code, words)
    assert (shop.told(), shop.states(), shop.cases(), shop.points()) == ([], [], [], 100)
    assert shop.again(good).stock == good.stock
    shop.check()


def test_limits_of_a_member_and_of_a_level():
    shop = Shop()
    good = shop.good(stock=9, price=1, per_member=1, level_limits=[[2, 3]], content="x")

    def at(level: int, key: str) -> MallOrder:
        return services.redeem(community_id=shop.id, wish=shop.wish(good, key=key), now=NOW, level=lambda *_: level)

    first = at(0, "a")
    with pytest.raises(Refused, match="每人限兑 1 件"):
        at(1, "b")
    at(2, "c")
    at(5, "d")
    with pytest.raises(Refused, match="每人限兑 3 件"):
        at(5, "e")
    services.refund(community_id=shop.id, order_id=first.pk, by="owner", reason="试", now=NOW)
    at(5, "f")  # what was undone does not count
    shop.check()


def test_a_free_good_moves_no_points():
    shop = Shop()
    order = shop.redeem(shop.good(price=0, content="x"))
    services.refund(community_id=shop.id, order_id=order.pk, by="owner", reason="试", restock=True, now=NOW)
    assert [kind for kind, _ in shop.told()] == ["mall.ordered", "mall.done", "mall.ended"]
    shop.check()


def test_low_stock_is_told_once_and_ends_when_there_is_enough():
    shop = Shop()
    good = shop.good(stock=4, low_stock=2, price=1, content="x")
    for _ in range(3):
        shop.redeem(good)
    assert shop.cases() == [("mall_low_stock", "open", "“咖啡券”只剩 2 件")]
    assert shelf.set_stock(community_id=shop.id, number=good.number, stock=2, by="owner", now=NOW) == (1, 2)
    assert shop.cases()[0][1] == "open"
    shelf.set_stock(community_id=shop.id, number=good.number, stock=3, by="owner", now=NOW)
    assert shop.cases() == [("mall_low_stock", "decided", "“咖啡券”只剩 2 件")]
    shop.check()


def test_codes_that_were_lost_give_the_points_back():
    shop = Shop()
    good = shop.good(codes=["A"])
    order = services.place(community_id=shop.id, wish=shop.wish(good), now=NOW)
    MallCode.objects.all().delete()
    assert services.advance(community_id=shop.id, order_id=order.pk, now=NOW)
    assert (shop.states(), shop.points()) == ([("咖啡券", "cancelled")], 100)
    assert shop.told()[-2][1]["why"] == "sold_out"
    shop.check()


def test_the_shelf_takes_what_the_blueprint_has_once_and_keeps_what_the_console_made_of_it():
    mall = [
        {"id": "plain", "name": "旧格式", "price": 5, "stock": 2},
        {"id": "codes", "name": "券", "price": 6, "stock": 0, "codes": ["A", "B"], "low_stock": 1},
        {"id": "vip", "name": "特权", "price": 7, "stock": 1, "kind": "perk", "per_level": [{"level": 2, "limit": 3}]},
    ]
    shop = Shop({"engagement": {"mall": mall}})
    assert shelf.stock_shelf(shop.community, now=NOW) == 3
    rows = list(
        MallGood.objects.order_by("number").values_list("number", "slug", "kind", "stock", "perk", "with_codes")
    )
    assert rows == [
        (1, "plain", "virtual", 2, "", False),
        (2, "codes", "virtual", 2, "", True),
        (3, "vip", "perk", 1, "vip", False),
    ]
    changed = shelf.edit_good(
        community_id=shop.id, number=1, fields={"name": "新名字", "price": 5, "about": "长"}, by="owner", now=NOW
    )
    assert changed == {"name": ("旧格式", "新名字"), "about": ("", "长")}
    assert shelf.stock_shelf(shop.community, now=NOW) == 0
    assert MallGood.objects.get(number=1).name == "新名字"
    assert shelf.set_stock(community_id=shop.id, number=1, stock=9, by="owner", now=NOW) == (2, 9)
    with pytest.raises(Refused):
        shelf.set_stock(community_id=shop.id, number=2, stock=9, by="owner", now=NOW)
    with pytest.raises(Refused):
        shelf.add_codes(community_id=shop.id, number=3, codes=["x"], by="owner", now=NOW)
    assert [e.body["what"] for e in Event.objects.filter(kind="mall.changed").order_by("seq")][-2:] == [
        {"name": "新名字"}, {"stock": [2, 9]},
    ]  # fmt: skip
    shop.check()


def test_codes_come_in_all_or_none_with_every_bad_line_named():
    shop = Shop()
    good = shop.good(codes=["OLD-1"])

    def take(text: str) -> tuple[int, list[tuple[int, str]]]:
        added, bad = shelf.import_codes(
            community_id=shop.id, number=good.number, data=text.encode(), by="owner", now=NOW
        )
        return added, [(line.line, line.said) for line in bad]

    assert take("卡密,密码\nN-1,pw\n\nN-2\nN-1,pw\n,x\na,b,c\n" + "长" * 201) == (
        0, [(5, "和第 2 行重复"), (6, "第一列是空的"), (7, "最多两列：码、密码"), (8, "太长，最多 200 个字符")],
    )  # fmt: skip
    assert take("N-1\nOLD-1\n") == (0, [(2, "这个码已经导入过")])
    assert take("\n \n") == (0, [(1, "文件里没有卡密")])
    assert MallCode.objects.count() == 1
    assert take("code\r\nN-1,pw\r\nN-2\r\n") == (2, [])
    assert list(MallCode.objects.order_by("pk").values_list("code", flat=True)) == ["OLD-1", "N-1 pw", "N-2"]
    assert shop.again(good).stock == 3
    shop.check()


def test_what_does_not_fit_the_log_or_the_ledger_is_named():
    shop = Shop()
    codes, mug = shop.good(codes=["A", "B"]), shop.good(kind="physical", name="马克杯")
    order, parcel = shop.redeem(codes), shop.redeem(mug, delivery=HOME)
    assert check_mall(shop.id) == []
    MallGood.objects.filter(number=mug.number).update(stock=9)
    MallCode.objects.filter(order_id=None).delete()
    MallOrder.objects.filter(pk=parcel.pk).update(state="done")
    assert check_mall(shop.id) == [
        "good 2 has 9 pieces, the log says 2",
        "good 1 has 1 pieces and 0 waiting orders, but 0 free codes",
        f"order {parcel.pk} is done, the log says placed",
        f"order {parcel.pk} is done and should hold 0 points, it holds 30",
        "orders for 60 points are done, the mall has 30",
    ]
    assert order.state == "done"


def test_a_good_that_became_another_kind_is_handed_over_as_what_was_ordered():
    shop = Shop()
    good = shop.good(kind="physical")
    order = shop.redeem(good, delivery=HOME)
    fields = {"kind": "virtual", "content": "https://example.com/x"}
    shelf.edit_good(community_id=shop.id, number=good.number, fields=fields, by="owner", now=NOW)
    assert not services.advance(community_id=shop.id, order_id=order.pk, now=NOW)
    assert schedule.go_on(now=NOW + timedelta(days=1)) == 0
    services.ship(community_id=shop.id, order_id=order.pk, carrier="", tracking="SF123456", by="owner", now=NOW)
    assert shop.states() == [("咖啡券", "shipped")]
    shop.check()
