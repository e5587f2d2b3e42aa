"""Red packets with a real browser: opened at the desk, grabbed by several phones at once; every page is looked at."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import House, People
from .test_appeal import both
from .test_chat import say

pytestmark = pytest.mark.browser
REFUSED = re.compile(r"status of (409|422)")  # what this test is refused on purpose, as browsers log it
NAMES = ("周小麦", "何远", "林一", "陈二")


def test_several_phones_at_once_share_exactly_the_budget(house: House, people: People) -> None:
    phones = [people.phone(name) for name in NAMES]
    desk = people.desk("redpackets/")
    both(desk, "rain-console-empty", "en", "zh-hans")
    desk.get_by_role("link", name="安排红包雨").first.click()
    both(desk, "rain-console-new", "en", "zh-hans")
    desk.select_option("#id_group", str(house.group))
    for name, value in (("budget", "88"), ("shares", "3"), ("minutes", "10"), ("greeting", "周五快乐")):
        desk.fill(f"#id_{name}", value)
    desk.get_by_role("button", name="安排").click()
    expect(desk.get_by_text("红包雨开始了")).to_be_visible()
    both(desk, "rain-console-open", "en", "zh-hans")
    number = desk.url.rstrip("/").rsplit("/", 1)[1]

    url = f"{house.server.url}/me/redpackets/{number}/"
    for phone in phones:
        phone.goto(url)
        expect(phone.locator(".rain-button")).to_be_visible()
    both(phones[0], "rain-open", "en", "zh-hans")
    phones[0].goto(f"{house.server.url}/me/redpackets/")
    expect(phones[0].locator(".rain-banner")).to_have_count(1)
    both(phones[0], "rain-list", "en", "zh-hans")
    phones[0].goto(url)
    for phone in phones:  # pressed without waiting: the requests are under way together
        phone.evaluate("() => { const f = document.getElementById('grab'); setTimeout(() => f.requestSubmit(), 50); }")
    amounts, late = [], 0
    for phone in phones:
        phone.locator(".rain-mine, .rain-problem").first.wait_for()
        if phone.locator(".rain-mine b").count():
            amounts.append(int(phone.locator(".rain-mine b").inner_text()))
        else:
            late += 1
    assert (len(amounts), late, sum(amounts)) == (3, 1, 88)
    phones[1].goto(url)
    expect(phones[1].get_by_text("手气最佳")).to_have_count(1)
    expect(phones[1].get_by_text("公平证明:已核对")).to_be_visible()
    both(phones[1], "rain-closed", "en", "zh-hans")
    expect(desk.locator("tbody tr")).to_have_count(3, timeout=15_000)
    desk.reload()
    both(desk, "rain-console-closed", "en", "zh-hans")

    other = phones[2]
    other.goto(f"{house.server.url}/g/{house.group}/")
    other.locator(".entry").first.wait_for()
    say(other, "抢")
    expect(other.locator(".bubble", has_text="手慢了")).to_have_count(0)
    people.problems[:] = [p for p in people.problems if not REFUSED.search(p)]
