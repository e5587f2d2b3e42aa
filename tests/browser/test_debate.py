"""A debate with real browsers: started at the desk, argued and voted on by several phones, up to the result card."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import House, People
from .test_appeal import both, until
from .test_chat import say

pytestmark = pytest.mark.browser
REFUSED = re.compile(r"status of (409|422)")
WORDS = {
    "周小麦": "正方：薪资是市场对能力最直接的定价，先拿到再谈别的",
    "何远": "反方 头三年学到的东西会决定后面十年的上限，钱会跟着来",
    "方晴": "反方：高薪岗位往往消耗旧本事，一旦行业下行就没有退路可走",
}


def act(desk: Page, button: str) -> None:
    """Press, and wait until the page says that it was handed over."""
    desk.get_by_role("button", name=button).click()
    expect(desk.get_by_text("已交给系统")).to_be_visible()


def test_from_the_topic_to_the_result_card(house: House, people: People) -> None:
    phones = {name: people.phone(name) for name in (*WORDS, "看客甲", "看客乙")}
    room = f"{house.server.url}/g/{house.group}/"
    for phone in phones.values():
        phone.goto(room)
        phone.locator(".entry").first.wait_for()
    desk = people.desk("debates/")
    until(desk, "接下来")
    both(desk, "debate-console", "en", "zh-hans")
    desk.get_by_role("link", name="辩题", exact=True).click()
    both(desk, "debate-console-topics", "en", "zh-hans")
    desk.locator("a.back").click()
    desk.get_by_role("button", name="现在开始一场").click()
    until(desk, "正在进行")
    expect(phones["何远"].locator(".bubble", has_text="【辩论】")).to_have_count(1)
    for name, words in WORDS.items():
        say(phones[name], words)
    desk.locator("section.story a").first.click()
    for words in WORDS.values():
        until(desk, words[-10:])
    both(desk, "debate-console-live", "en", "zh-hans")
    act(desk, "现在开始投票")
    expect(phones["看客乙"].locator(".bubble", has_text="【投票】")).to_have_count(1)

    say(phones["看客甲"], "投票 反方")
    say(phones["周小麦"], "投票 反方")
    page = phones["看客乙"]
    page.goto(f"{house.server.url}/me/debate/1/")
    both(page, "debate-voting", "en", "zh-hans")
    page.get_by_role("button", name="投反方").click()
    expect(page.get_by_role("status")).to_contain_text("收到")
    until(page, "我的投票")
    for name in ("看客甲", "看客乙"):
        phones[name].goto(f"{house.server.url}/me/debate/1/")
        phones[name].locator(".camp-con .pick").first.click()
        expect(phones[name].get_by_role("status")).to_contain_text("收到")
        until(phones[name], "已选为最佳")
    own = phones["何远"]
    own.goto(f"{house.server.url}/me/debate/1/")
    expect(own.get_by_role("button", name="投反方")).to_have_count(0)

    act(desk, "现在公布结果")
    until(page, "反方获胜")
    expect(page.locator(".result-card img")).to_have_js_property("naturalWidth", 1080)
    both(page, "debate-result", "en", "zh-hans")
    until(desk, "反方获胜")
    both(desk, "debate-console-result", "en", "zh-hans")
    expect(phones["周小麦"].locator(".bubble", has_text="反方获胜：正方 0 票，反方 3 票")).to_have_count(1)
    expect(phones["周小麦"].locator(".bubble img, .picture img").last).to_have_js_property("naturalWidth", 1080)
    page.goto(f"{house.server.url}/me/debate/")
    both(page, "debate-past", "en", "zh-hans")
    people.problems[:] = [p for p in people.problems if not REFUSED.search(p)]
