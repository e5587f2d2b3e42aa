"""A red drill in the console: every step says what it would do, nobody is touched, on desktop and phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, House, People

pytestmark = pytest.mark.browser
STEPS = ["freeze", "evidence", "close", "rebuild", "invite", "announce", "finish"]


def open_newest(desk: Page) -> None:
    """The drill appears when its event was heard; the list is asked again until then."""
    drill = desk.locator(".history a", has_text="演练").first
    for _ in range(200):
        if drill.count():
            break
        desk.reload()
    drill.click()


def test_a_drill_walks_the_whole_checklist(house: House, people: People, tmp_path: Path) -> None:
    desk = people.desk("incidents/")
    desk.get_by_role("button", name="开始演练").click()
    expect(desk.locator(".note-success")).to_contain_text("没有人会被打扰")
    open_newest(desk)
    lines = desk.locator(".checklist li")
    expect(lines).to_have_count(len(STEPS))
    assert [line.get_attribute("data-step") for line in lines.all()] == STEPS
    expect(desk.locator(".checklist .tag")).to_have_text(["演练"] * len(STEPS))
    expect(lines.nth(0)).to_contain_text("位成员不能发言")
    expect(lines.nth(2)).to_contain_text("两个人确认后关闭")
    expect(desk.locator("main form button:not([hidden])", has_text="重试")).to_have_count(0)
    desk.screenshot(path=tmp_path / "drill-desk.png", full_page=True)
    desk.set_viewport_size(PHONE)
    assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    desk.screenshot(path=tmp_path / "drill-phone.png", full_page=True)
    desk.context.add_cookies([{"name": "django_language", "value": "en", "url": house.server.url}])
    desk.reload()
    expect(desk.locator("h1")).to_contain_text("Drill")
    desk.screenshot(path=tmp_path / "drill-phone-en.png", full_page=True)
    desk.goto(house.console("incidents/"))
    expect(desk.get_by_role("button", name="Start a drill")).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    desk.screenshot(path=tmp_path / "list-phone.png", full_page=True)
    desk.goto(house.console("cases/"))
    expect(desk.locator(".case-row", has_text="红色")).to_have_count(0)
