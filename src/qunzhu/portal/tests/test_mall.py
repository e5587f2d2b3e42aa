"""The mall on a phone, without a browser: who sees what, what a tap writes, what is refused."""

import io
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from PIL import Image

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.models import MallGood, MallOrder
from qunzhu.engagement.mall.selectors import check_mall
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.connectors.local.services import Joined, join_room, open_room
from qunzhu.kernel.connectors.local.tokens import COOKIE
from qunzhu.kernel.ledger.selectors import balance
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db
PLAIN = {"name": "咖啡券", "kind": "virtual", "price": 30}
PARCEL = {"recipient": "林小林", "phone": "13800000000", "address": "浙江省杭州市西湖区文三路 1 号"}


class Phone:
    """A member with 100 points in a community with a mall; a second member to look over the shoulder."""

    def __init__(self) -> None:
        now = SYSTEM_CLOCK.now()
        self.community: Community = create_community(
            slug="mall", name="职场知识社", timezone="Asia/Shanghai", blueprint={}, now=now
        )
        group = create_group(community=self.community, name="一群", platform_id="p1", now=now)
        room = open_room(group=group)
        self.lin, self.chen = (join_room(room=room, nickname=name, now=now) for name in ("小林", "老陈"))
        award(
            community_id=self.community.pk, member_id=self.lin.member.pk, amount=100, key="gift", kind="adjust",
            now=now,
        )  # fmt: skip
        self.browser, self.other = client(self.lin), client(self.chen)

    def good(self, *, stock: int = 3, codes: tuple[str, ...] = (), **fields: Any) -> MallGood:
        now = SYSTEM_CLOCK.now()
        made = shelf.add_good(self.community.pk, {**PLAIN, **fields}, stock=stock, by="owner", now=now)
        if codes:
            shelf.add_codes(community_id=self.community.pk, number=made.number, codes=list(codes), by="owner", now=now)
        return made

    def points(self) -> int:
        return balance(self.community.pk, f"m:{self.lin.member.pk}")

    def orders(self) -> list[tuple[str, str]]:
        return list(MallOrder.objects.order_by("pk").values_list("name", "state"))


def jpeg() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (900, 700), "#c96").save(out, "JPEG")
    return out.getvalue()


def client(joined: Joined) -> Client:
    browser = Client()
    browser.cookies[COOKIE] = joined.token
    return browser


@pytest.fixture
def phone() -> Phone:
    return Phone()


def test_the_shelf_says_what_i_can_have_and_what_not(phone):
    phone.good()
    phone.good(name="马克杯", kind="physical", price=180)
    phone.good(name="空的", stock=0)
    phone.good(name="下架的", on_sale=False)
    page = phone.browser.get("/me/mall/").content.decode()
    assert all(word in page for word in ("咖啡券", "马克杯", "还差 80", "空的", "已兑完", "只剩 3 件"))
    assert "下架的" not in page
    only = phone.browser.get("/me/mall/?can=1").content.decode()
    assert "咖啡券" in only
    assert "马克杯" not in only
    with CaptureQueriesContext(connection) as queries:
        phone.browser.get("/me/mall/")
    assert len(queries) == 5  # the member, the balance, the goods, the level, what I have
    assert "群主上架商品后会出现在这里" in client_of_empty()


def client_of_empty() -> str:
    now = SYSTEM_CLOCK.now()
    community = create_community(slug="empty", name="空", timezone="Asia/Shanghai", blueprint={}, now=now)
    group = create_group(community=community, name="一群", platform_id="p2", now=now)
    joined = join_room(room=open_room(group=group), nickname="新人", now=now)
    return client(joined).get("/me/mall/").content.decode()


def test_one_tap_to_the_code_and_a_second_one_is_the_same_order(phone):
    good = phone.good(codes=("AAA-111",))
    url = f"/me/mall/{good.number}/"
    assert "立即兑换" in phone.browser.get(url).content.decode()
    first = phone.browser.post(url, {"key": "k"})
    assert first.status_code == 302
    page = phone.browser.get(first["Location"]).content.decode()
    assert all(word in page for word in ("兑换成功", "AAA-111", "用了 30 积分,余 70"))
    assert phone.browser.post(url, {"key": "k"})["Location"] == first["Location"]
    assert (phone.orders(), phone.points()) == ([("咖啡券", "done")], 70)
    again = phone.browser.post(url, {"key": "other"})
    assert again.status_code == 409
    assert "刚刚被兑完了,积分没有动。" in again.content.decode()
    assert (phone.orders(), phone.points()) == ([("咖啡券", "done")], 70)
    assert check_mall(phone.community.pk) == []


def test_a_parcel_asks_for_an_address_once_and_can_be_cancelled(phone):
    good = phone.good(kind="physical")
    url = f"/me/mall/{good.number}/"
    wrong = phone.browser.post(url, {**PARCEL, "phone": "<b>", "key": "a"})
    assert wrong.status_code == 409
    page = wrong.content.decode()
    assert "电话号码没有看懂,请只填数字。" in page
    assert 'value="&lt;b&gt;"' in page
    assert phone.orders() == []
    answer = phone.browser.post(url, {**PARCEL, "key": "b"})
    page = phone.browser.get(answer["Location"]).content.decode()
    assert all(word in page for word in ("待发货", "13800000000", "文三路 1 号", "取消订单"))
    assert 'value="林小林"' in phone.browser.get(url).content.decode()
    order = MallOrder.objects.get()
    mine = f"/me/mall/orders/{order.pk}/"
    assert phone.browser.post(mine, {"do": "receive"}).status_code == 409
    assert phone.browser.post(mine, {"do": "cancel"}).status_code == 302
    assert (phone.orders(), phone.points()) == ([("咖啡券", "cancelled")], 100)
    assert "已取消" in phone.browser.get("/me/mall/orders/").content.decode()
    assert check_mall(phone.community.pk) == []


def test_a_parcel_with_its_number_is_received(phone):
    good = phone.good(kind="physical")
    phone.browser.post(f"/me/mall/{good.number}/", {**PARCEL, "key": "b"})
    order = MallOrder.objects.get()
    services.ship(
        community_id=phone.community.pk, order_id=order.pk, carrier="顺丰", tracking="SF123456", by="owner",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    mine = f"/me/mall/orders/{order.pk}/"
    page = phone.browser.get(mine).content.decode()
    assert all(word in page for word in ("已发货", "顺丰 SF123456", "确认收货"))
    assert "取消订单" not in page
    assert phone.browser.post(mine, {"do": "cancel"}).status_code == 409
    assert phone.browser.post(mine, {"do": "receive"}).status_code == 302
    assert "已收货" in phone.browser.get(mine).content.decode()


def test_nobody_else_sees_or_changes_an_order(phone):
    good = phone.good(codes=("SECRET-CODE",))
    phone.browser.post(f"/me/mall/{good.number}/", {"key": "k"})
    order = MallOrder.objects.get()
    for browser, status in ((phone.other, 404), (Client(), 403)):
        assert browser.get(f"/me/mall/orders/{order.pk}/").status_code == status
        assert browser.post(f"/me/mall/orders/{order.pk}/", {"do": "cancel"}).status_code == status
    assert "SECRET-CODE" not in phone.other.get("/me/mall/orders/").content.decode()
    assert phone.orders() == [("咖啡券", "done")]
    for url in ("/me/mall/99/", f"/me/mall/{10**12}/", "/me/mall/orders/99/", f"/me/mall/orders/{10**20}/"):
        assert phone.browser.get(url).status_code == 404
        assert phone.browser.post(url).status_code == 404


def test_names_and_words_are_text_and_pictures_belong_to_the_community(phone):
    good = phone.good(name="<script>alert(1)</script>", about="<img src=x>\n第二行")
    page = phone.browser.get(f"/me/mall/{good.number}/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;img src=x&gt;<br>第二行" in page
    digest = shelf.set_picture(
        community_id=phone.community.pk, number=good.number, data=jpeg(), by="owner", now=SYSTEM_CLOCK.now()
    )
    answer = phone.browser.get(f"/me/mall/pictures/{digest}.webp")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/webp")
    assert "immutable" in answer["Cache-Control"]
    assert f"/me/mall/pictures/{digest}.webp" in phone.browser.get("/me/mall/").content.decode()
    assert Client().get(f"/me/mall/pictures/{digest}.webp").status_code == 403
    assert phone.browser.get("/me/mall/pictures/0.webp").status_code == 404


def test_a_level_that_nobody_has_yet_closes_the_good(phone):
    good = phone.good(min_level=2)
    page = phone.browser.get(f"/me/mall/{good.number}/").content.decode()
    assert "2 级可兑" in page
    assert phone.browser.post(f"/me/mall/{good.number}/", {"key": "k"}).status_code == 409
    assert (phone.orders(), phone.points()) == ([], 100)
