"""Hostile words on every page that shows them: as text, never as markup; and in lists for spreadsheets as text too."""

import io

import pytest
from openpyxl import load_workbook

from qunzhu.engagement.mall import services, shelf
from qunzhu.engagement.mall.policy import Delivery
from qunzhu.engagement.mall.services import Wish
from qunzhu.kernel.cases.models import Case

from .test_join_and_console_forms import owner

pytestmark = pytest.mark.django_db(transaction=True)

EVIL = "<script>alert('x')</script><img src=x onerror=alert(1)>"
NAME = "<i onclick=a()>"
FORMULA = '=HYPERLINK("http://evil")'


@pytest.fixture
def told(world):
    """Evil words in messages, names, reports, cases, decisions, notes and announcements."""
    world.join("群主", role="owner")
    assert world.post("小林", "/rename", nickname=NAME).status_code == 200
    seq = world.say("小林", f"{EVIL} 稳赚不赔")
    world.settle()
    world.decide("red_keyword", "unfreeze", note=EVIL)
    world.settle()
    world.say("小美", f"举报 {EVIL}", reply_to=seq)
    world.say("小林", FORMULA)
    world.say("小林", '限时优惠,点击 https://shop.example.com/"onmouseover="a() 下单' + EVIL)
    world.act("群主", "announce", text=EVIL)
    world.settle()
    world.log()
    return world


def harmless(page):
    for bad in ("<script>alert", "<img src=x", NAME, "</script><img"):
        assert bad not in page


def test_console_pages(told):
    member = told.id_of("小林")
    case = Case.objects.get()
    pages = [
        "", "feed/", "groups/", f"groups/{told.group.pk}/", "members/", f"members/{member}/", "cases/?state=all",
        "cases/?state=decided", f"cases/{case.pk}/", "effects/", "audit/", "keywords/", "search/?q=%3Cscript%3E",
        "search/?q=" + NAME, "blackbox/", "imports/", "staff/", "rulebook/", "members/?q=%22%3E%3Cscript%3Ealert",
    ]  # fmt: skip
    for path in pages:
        harmless(told.console(path))
    shown = "&lt;script&gt;alert("
    for path in ("feed/", f"members/{member}/", f"cases/{case.pk}/"):
        assert shown in told.console(path), path
    for event in told.events():
        harmless(told.console(f"events/{event.seq}/"))


def test_the_mall_shows_what_staff_and_members_wrote_as_text(told):
    now, community = told.clock.now(), told.community.pk
    fields = {"name": EVIL, "kind": "ad_slot", "price": 0, "about": EVIL, "image": "<b>"}
    good = shelf.add_good(community, fields, stock=3, by="owner", now=now)
    wish = Wish(told.id_of("小林"), good.number, "evil", Delivery(words=f"{FORMULA} {EVIL}"))
    order = services.redeem(community_id=community, wish=wish, now=now)
    services.cancel(community_id=community, order_id=order.pk, member_id=None, by="owner", reason=EVIL, now=now)
    told.settle()
    shown = "&lt;script&gt;alert("
    for path in ("mall/", f"mall/{good.number}/", "mall_orders/", f"mall_orders/{order.pk}/"):
        page = told.console(path)
        harmless(page)
        assert shown in page, path
    for path in ("", f"{good.number}/", "orders/", f"orders/{order.pk}/"):
        page = told.phone("小林", f"/me/mall/{path}")
        harmless(page)
        assert shown in page, path


def test_member_pages(told):
    for name in ("小林", "小美", "群主"):
        for path in (f"/g/{told.group.pk}/", "/me/", "/me/points/", "/me/penalties/", "/me/groups/"):
            harmless(told.phone(name, path))
    # The conversation comes as JSON, whose type no browser reads as a page.
    cookie = {"cookie": f"qz_member={told.people['小美'].token}"}
    answer = told.request("GET", f"/in/local/history?group={told.group.pk}", headers=cookie)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert any(EVIL in text for text in told.seen_by("小美"))


def test_lists_for_spreadsheets(told):
    client = owner()
    for path in ("feed/export.csv", "cases/export.csv", "effects/export.csv", "audit/export.csv", "members/export.csv"):
        answer = client.get(f"/console/{told.community.slug}/{path}")
        assert answer.status_code == 200
        content = b"".join(answer).decode()
        assert '"=HYPERLINK' not in content
        assert ",=HYPERLINK" not in content
        assert answer["Content-Type"].startswith("text/csv")
        assert answer["Content-Disposition"].startswith("attachment;")
    for path in ("cases/export.xlsx", "effects/export.xlsx", "audit/export.xlsx"):
        book = load_workbook(io.BytesIO(b"".join(client.get(f"/console/{told.community.slug}/{path}"))), read_only=True)
        for row in book.active.iter_rows():
            assert not [c for c in row if c.data_type == "f"]
