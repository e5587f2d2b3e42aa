"""积分商城: goods of the blueprint, 兑换 in the group, a parcel from the phone to the door, whose address it is."""

import io
import json
import zipfile

import pytest
from django.conf import settings
from django.test import Client

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.selectors import check_mall
from qunzhu.kernel.community.personal import write_personal
from qunzhu.kernel.events.erase import ERASED, erase_member
from qunzhu.kernel.ledger.models import Account
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)
LINK = f"{settings.PUBLIC_URL}/me/mall/"
HOME = {"recipient": "林小林", "phone": "13800000000", "address": "浙江省杭州市西湖区文三路 1 号", "key": "tap"}


def rich(world, *names, points=400):
    world.join(*names)
    for name in names:
        member = world.id_of(name)
        award(
            community_id=world.community.pk, member_id=member, amount=points, key=f"gift:{member}", kind="adjust",
            now=world.clock.now(),
        )  # fmt: skip


def tap(world, name, path, **form):
    client = Client()
    client.cookies["qz_member"] = world.people[name].token
    return client.post(path, form)


def balances(world):
    rows = Account.objects.filter(community_id=world.community.pk).exclude(owner="sys:issue").exclude(balance=0)
    return dict(rows.values_list("owner", "balance"))


def test_goods_of_the_blueprint_are_redeemed_in_the_group(world):
    assert list(MallGood.objects.order_by("number").values_list("slug", "kind", "price", "stock")) == [
        ("report-annual", "virtual", 100, 500),
        ("toolkit", "virtual", 60, 1000),
        ("coffee", "virtual", 300, 50),
        ("live-seat", "perk", 200, 20),
    ]
    rich(world, "小林")
    shelf.import_codes(
        community_id=world.community.pk, number=3, data=b"CAFE-1\nCAFE-2\n", by="owner", now=world.clock.now()
    )
    world.log()
    world.say("小林", "兑换")
    world.settle()
    listed = (
        "你有 400 积分，可以兑换：3 咖啡券 300分 · 4 专家直播前排提问席 200分 · 1 行业年度报告（电子版） 100分 · "
        f"2 职场效率工具包 60分。发“兑换 编号”就行。商城：{LINK}"
    )
    assert world.log() == [
        "command.posted 小林 兑换 (redeem)",
        f"message.sent answer @小林: {listed}",
        "effect.done 小林 answer done: 已发到群里",
    ]
    world.say("小林", "兑换 咖啡券")
    world.settle()
    order = MallOrder.objects.get()
    said = f"兑换成功：咖啡券，-300 积分，余 100。去“我的订单”查看：{LINK}orders/{order.pk}/"
    lines = world.log()
    assert sorted(lines) == sorted(
        [
            "command.posted 小林 兑换 咖啡券 (redeem)",
            "mall.ordered 小林",
            "points.posted 小林 -300 = 100 mall: 兑换：咖啡券",
            "mall.done 小林",
            f"message.sent answer @小林: {said}",
            "effect.done 小林 answer done: 已发到群里",
        ]
    )
    assert "CAFE-1" not in "".join(world.seen_by("小林"))
    assert "CAFE-1" in world.phone("小林", f"/me/mall/orders/{order.pk}/")
    assert balances(world) == {f"m:{world.id_of('小林')}": 100, "sys:mall": 300}
    assert world.cases() == []
    assert check_mall(world.community.pk) == []


def test_a_parcel_from_the_phone_to_the_door(world):
    rich(world, "小林", "小美")
    mug = shelf.add_good(
        world.community.pk, {"name": "马克杯", "kind": "physical", "price": 150}, stock=1, by="owner",
        now=world.clock.now(),
    )  # fmt: skip
    world.log()
    path = f"/me/mall/{mug.number}/"
    world.say("小林", "兑换 马克杯")
    world.settle()
    assert f"message.sent answer @小林: “马克杯”要填收货地址，请到这里兑换：{LINK}{mug.number}/" in world.log()
    first = tap(world, "小林", path, **HOME)
    assert tap(world, "小林", path, **HOME)["Location"] == first["Location"]
    assert tap(world, "小美", path, **HOME).status_code == 409
    order = MallOrder.objects.get()
    assert balances(world) == {
        f"m:{world.id_of('小林')}": 250, f"m:{world.id_of('小美')}": 400, f"sys:mall:{order.pk}": 150,
    }  # fmt: skip
    assert world.cases() == [("mall_orders", "grey", "open", "积分商城有订单等待交付")]
    assert "文三路 1 号" in world.console(f"mall_orders/{order.pk}/")
    services.ship(
        community_id=world.community.pk, order_id=order.pk, carrier="顺丰", tracking="SF123456", by="owner",
        now=world.clock.now(),
    )  # fmt: skip
    assert world.cases() == [("mall_orders", "grey", "decided", "积分商城有订单等待交付")]
    assert "SF123456" in world.phone("小林", f"/me/mall/orders/{order.pk}/")
    tap(world, "小林", f"/me/mall/orders/{order.pk}/", do="receive")
    world.settle()
    told = [line for line in world.log() if line.startswith(("mall.", "points."))]
    assert told == [
        "mall.ordered 小林", "points.posted 小林 -150 = 250 mall: 兑换：马克杯", "mall.shipped 小林", "mall.done 小林",
    ]  # fmt: skip
    assert balances(world)["sys:mall"] == 150
    assert check_mall(world.community.pk) == []


def test_the_address_is_in_the_own_file_and_goes_with_the_person(world):
    rich(world, "小林")
    mug = shelf.add_good(
        world.community.pk, {"name": "马克杯", "kind": "physical", "price": 150}, stock=2, by="owner",
        now=world.clock.now(),
    )  # fmt: skip
    tap(world, "小林", f"/me/mall/{mug.number}/", **HOME)
    out = io.BytesIO()
    write_personal(out, community_id=world.community.pk, member_id=world.id_of("小林"), now=world.clock.now())
    with zipfile.ZipFile(out) as archive:
        (row,) = json.loads(archive.read("data.json"))["tables"]["mall_order"]
        assert (row["recipient"], row["phone"], row["address"]) == (
            HOME["recipient"], HOME["phone"], HOME["address"],
        )  # fmt: skip
        assert "积分商城的订单" in archive.read("index.html").decode()
    assert "文三路" not in str([event.body for event in world.events()])
    erase_member(community_id=world.community.pk, member_id=world.id_of("小林"), by="owner", now=world.clock.now())
    world.settle()
    order = MallOrder.objects.get()
    assert (order.recipient, order.phone, order.address, order.state) == (ERASED, ERASED, ERASED, "cancelled")
    assert MallGood.objects.get(number=mug.number).stock == 2
    assert "文三路" not in world.console(f"mall_orders/{order.pk}/")
    assert check_mall(world.community.pk) == []
