"""The queue with the keyboard alone: choose, take, decide many with a preview, open, decide, undo; and it is live."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import House, People
from .seed_queue import COLLEAGUE, TITLES

pytestmark = pytest.mark.browser
QUEUE = "cases/?kind=rule_review"


def rows(page: Page) -> Locator:
    return page.locator("[data-live-rows] tr")


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_the_queue_is_worked_with_the_keyboard_alone(house: House, people: People) -> None:
    seed = str(Path(__file__).with_name("seed_queue.py"))
    numbers = json.loads(house.server.run(seed, house.slug, house.password).splitlines()[-1])
    desk = people.desk(QUEUE)
    expect(rows(desk)).to_have_count(5)
    expect(rows(desk).locator(".row-link")).to_have_text(list(TITLES))  # one urgency: by deadline, then as opened
    expect(rows(desk).locator("time.clock").first).to_have_text(re.compile("^还剩"))

    press(desk, "?")
    expect(desk.locator("#keys")).to_contain_text("批量处理,先预览")
    press(desk, "Escape")
    decide_two(desk)
    press(desk, "j", "t")  # nothing is chosen: the row one stands on
    expect(desk.locator(".note-success")).to_have_text("已把 1 个工单交给 owner")
    expect(rows(desk).first).to_contain_text("owner")
    press(desk, "j", "j", "x", "k", "x")
    a_colleague_decides_one(desk, house, people, numbers[3])
    open_decide_and_undo(desk)


def decide_two(desk: Page) -> None:
    press(desk, "j", "x", "j", "x")
    expect(desk.locator("[data-bulk-count]")).to_have_text("已选 2 个")
    press(desk, "b")  # what is to be done is not chosen yet
    expect(desk.locator(".bulk select[name=action]")).to_be_focused()
    press(desk, "ArrowDown", "Escape", "b")
    expect(desk.locator("h1")).to_have_text("批量处理:警告")
    expect(desk.locator("[data-touched] .tag")).to_have_text(["广告甲", "广告乙"])
    desk.wait_for_load_state()
    press(desk, "y")
    expect(desk.locator("h1")).to_have_text("批量处理的结果:警告")
    expect(desk.locator("tr[data-ended=done]")).to_have_count(2)
    desk.get_by_role("link", name="回到工单").click()
    expect(rows(desk).locator(".row-link")).to_have_text(list(TITLES[2:]))
    desk.wait_for_load_state()


def a_colleague_decides_one(desk: Page, house: House, people: People, number: int) -> None:
    """What is chosen on the first desk stays chosen, but for the case that is gone."""
    expect(desk.locator("[data-bulk-count]")).to_have_text("已选 2 个")
    other = people.page()
    other.goto(house.console(f"cases/{number}/"))
    other.fill("[name=username]", COLLEAGUE)
    other.fill("[name=password]", house.password)
    press(other, "Enter")
    expect(other.locator("h1")).to_have_text(TITLES[3])
    other.wait_for_load_state()
    press(other, "d")
    expect(other.locator("h2", has_text="已处理:不成立")).to_be_visible()
    expect(rows(desk)).to_have_count(2, timeout=30_000)  # by itself
    expect(desk.locator("[data-bulk-count]")).to_have_text("已选 1 个")


def open_decide_and_undo(desk: Page) -> None:
    press(desk, "k", "j", "o")
    expect(desk.locator("h1")).to_have_text(TITLES[4])
    desk.wait_for_load_state()
    press(desk, "m")
    expect(desk.locator("h2", has_text="已处理:禁言")).to_be_visible()
    desk.wait_for_load_state()
    press(desk, "z")
    expect(desk.locator(".note-success")).to_have_text("已撤销,工单重新待处理")
    expect(desk.locator("h2", has_text="怎么处理")).to_be_visible()
