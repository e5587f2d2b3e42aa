"""Two stories in the whole installation: an ad that is asked for and cleared, and silent members who come back."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, House, People
from .test_chat import say

pytestmark = pytest.mark.browser
AD = "线下读书会报名,限时优惠,点击 https://shop.example.com/reading 下单"


def reload_until(page: Page, text: str) -> None:
    """Consumers work beside the pages: look again until they have been heard."""
    for _ in range(60):
        if page.locator("main", has_text=text).count():
            return
        page.reload()
    expect(page.locator("main")).to_contain_text(text)


def test_an_ad_is_asked_for_cleared_with_another_window_and_posted(house: House, people: People) -> None:
    phone = people.phone("读书会小吴")
    chat = phone.url
    phone.goto(f"{house.server.url}/me/clearances/")
    phone.fill("#text", AD)
    phone.get_by_role("button", name="提交报备").click()
    reload_until(phone, "等审核")

    desk = people.desk("clearances/")
    reload_until(desk, "读书会小吴")
    desk.get_by_role("link", name="线下读书会报名").first.click()
    reload_until(desk, "批准的链接")
    until = datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(hours=3)
    desk.fill("#until", until.strftime("%Y-%m-%dT%H:%M"))
    desk.fill("#note", "祝顺利")
    desk.locator("#approve").get_by_role("button", name="批准").click()
    expect(desk.locator(".notes")).to_contain_text("已批准,成员会收到通知。")
    row = desk.locator("tr", has_text="读书会小吴")
    for _ in range(60):
        if "有效" in row.inner_text():
            break
        desk.reload()
    expect(row).to_contain_text("有效")

    reload_until(phone, "现在可以发")
    expect(phone.locator("article").first).to_contain_text("祝顺利")
    phone.goto(chat)
    say(phone, AD)
    expect(phone.locator(".bubble", has_text="报备通过了")).not_to_have_count(0)
    desk.goto(house.console("feed/?kind=decisions"))
    reload_until(desk, "读书会小吴，发广告要先报备")
    expect(desk.locator(".event", has_text="读书会小吴").first).to_contain_text("已报备")


def test_silent_members_are_reviewed_one_by_one_and_a_word_brings_one_back(house: House, people: People) -> None:
    told = json.loads(house.server.run(str(Path(__file__).with_name("seed_silent.py"))).splitlines()[-1])
    desk = people.desk()
    home = f"{house.server.url}/console/{told['slug']}/"
    desk.goto(f"{home}cases/?kind=inactive_review")
    desk.get_by_role("link", name="位成员连续 3 天没有互动").first.click()
    desk.get_by_role("link", name="逐人选择").click()
    for name, choice in (("沉默的老王", "移入观察群"), ("在想事情的小赵", "留下"), ("出差的阿美", "请假")):
        desk.locator("tr", has_text=name).get_by_text(choice, exact=True).click()
    desk.get_by_role("button", name="按所选处理").click()
    expect(desk.locator(".notes")).to_contain_text("已按选择处理")
    reload_until(desk, "观察中")
    expect(desk.locator("tr", has_text="在想事情的小赵")).to_contain_text("留下")
    expect(desk.locator("tr", has_text="出差的阿美")).to_contain_text("请假")

    phone = people.page(viewport=PHONE, has_touch=True, is_mobile=True)
    phone.context.add_cookies([{"name": "qz_member", "value": told["tokens"]["沉默的老王"], "url": house.server.url}])
    phone.goto(f"{house.server.url}/me/")
    expect(phone.locator(".silence-card")).to_contain_text("你现在在观察群")
    phone.get_by_role("link", name="去观察群说句话").click()
    phone.locator(".entry").first.wait_for()
    say(phone, "我还在,前阵子太忙")
    desk.goto(f"{home}observation/?standing=returned")
    reload_until(desk, "沉默的老王")
    phone.goto(f"{house.server.url}/g/{told['groups'][0]}/")
    expect(phone.locator("#silence")).to_be_hidden()
    phone.goto(f"{house.server.url}/me/")
    expect(phone.locator(".silence-card")).to_have_count(0)
    # The open page of the room that was left may still have told what was read there, and been refused.
    left = f"{house.server.url}/g/{told['groups'][1]}/: "
    people.problems[:] = [p for p in people.problems if not (p.startswith(left) and "403" in p)]
