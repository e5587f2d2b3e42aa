"""An appeal from the phone to the console and back: a mute, the reason, the member's words, the answer."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import DESK, PHONE, House, People
from .test_story import LINK, say_and_see

pytestmark = pytest.mark.browser
WORDS = "这是今晚直播的报名链接,群主让大家各发一遍"
REASON = "确实是统一安排的"


def until(page: Page, text: str | re.Pattern[str]) -> None:
    """Load the page again until the consumer has heard of what was pressed."""
    found = page.get_by_text(text)
    for _ in range(30):
        if found.count():
            break
        page.reload()
    expect(found.first).to_be_visible()


def picture(page: Page, name: str) -> None:
    """A picture to be looked at, where QUNZHU_PICTURES says so; every page fits its screen."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    if folder := os.environ.get("QUNZHU_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, animations="disabled")


def both(page: Page, name: str, english: str, chinese: str) -> None:
    """The same page in both languages, at the desk also on a phone."""
    root = "/".join(page.url.split("/")[:3])
    for language, label in (("zh", chinese), ("en", english)):
        page.context.add_cookies([{"name": "django_language", "value": label, "url": root}])
        page.reload()
        picture(page, f"{name}-{language}")
        if page.viewport_size == DESK:
            page.set_viewport_size(PHONE)
            picture(page, f"{name}-{language}-390")
            page.set_viewport_size(DESK)
    page.context.add_cookies([{"name": "django_language", "value": chinese, "url": root}])
    page.reload()


def file_it(phone: Page) -> None:
    """From the bar that says why one is silent to the appeal."""
    phone.locator("#silence-why").click()
    card = phone.locator(".penalty").first
    expect(card).to_contain_text("一小时内相同链接过多")
    both(phone, "penalties", "en", "zh-hans")
    card.get_by_role("link", name="觉得不对?申诉").click()
    expect(phone.locator(".evidence li")).to_have_count(6)
    both(phone, "appeal-form", "en", "zh-hans")
    phone.fill("#words", WORDS)
    phone.get_by_role("button", name="提交申诉").click()
    until(phone, "申诉中")
    expect(phone.locator(".appeal .said")).to_have_text(WORDS)
    expect(phone.locator("form.appeal-form")).to_have_count(0)
    both(phone, "appeal-open", "en", "zh-hans")


def uphold_it(desk: Page) -> None:
    """From the list to the case to its button."""
    until(desk, WORDS)
    both(desk, "appeals", "en", "zh-hans")
    desk.locator("main .table [data-open]").first.click()
    expect(desk.locator(".case-page")).to_contain_text(WORDS)
    expect(desk.locator(".case-page")).to_contain_text("这次处罚是系统按群规做的")
    both(desk, "appeal-case", "en", "zh-hans")
    desk.locator("textarea[name=note]").first.fill(REASON)
    desk.on("dialog", lambda dialog: dialog.accept())
    desk.get_by_role("button", name="成立,撤销处罚").click()
    expect(desk.locator("h2", has_text="已处理:成立,撤销处罚")).to_be_visible()


def test_an_appeal_from_the_phone_to_the_console(house: House, people: People) -> None:
    phone, desk = people.phone("许愿"), people.desk("appeals/")
    expect(desk.get_by_text("没有等答复的申诉")).to_be_visible()
    say_and_see(phone, LINK, times=6)
    expect(phone.locator("#silence")).to_be_visible()
    file_it(phone)
    uphold_it(desk)

    until(phone, "申诉成立,处罚已撤销。")
    expect(phone.locator(".appeal")).to_contain_text(REASON)
    both(phone, "appeal-upheld", "en", "zh-hans")
    phone.goto(f"{house.server.url}/g/{house.group}/")
    expect(phone.locator("#text")).to_be_enabled()
    expect(phone.locator(".bubble", has_text="你的申诉成立")).to_have_count(1)
    say_and_see(phone, "谢谢")

    desk.goto(house.console("appeals/?state=all"))
    until(desk, REASON)
    both(desk, "appeals-all", "en", "zh-hans")
    desk.goto(house.console("rulebook/"))
    until(desk, re.compile("复核 1"))
    both(desk, "rulebook", "en", "zh-hans")
    desk.goto(house.console("members/"))
    desk.get_by_role("link", name="许愿").first.click()
    expect(desk.locator("#penalties")).to_contain_text("申诉成立")
    both(desk, "member", "en", "zh-hans")
