"""The pictures of the README, from a real installation. QUNZHU_SCREENSHOTS=1 writes them into docs/images."""

import os
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import ROOT, House, People
from .test_chat import bubble, menu, say
from .test_story import LINK, live, say_and_see

pytestmark = pytest.mark.browser
LARGEST = 300_000  # bytes
COLOURS = 100  # fewer is an empty page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the pictures go."""
    place = ROOT / "docs" / "images" if os.environ.get("QUNZHU_SCREENSHOTS") == "1" else tmp_path
    place.mkdir(parents=True, exist_ok=True)
    return place


def picture(page: Page, file: Path) -> None:
    """Save what the page shows as a small PNG, and see that it shows something."""
    page.screenshot(path=file, animations="disabled")
    with Image.open(file) as image:
        small = image.convert("RGB")
    small.save(file, optimize=True)
    assert 10_000 < file.stat().st_size < LARGEST
    assert len(small.getcolors(1 << 24) or []) > COLOURS


def test_the_pictures_of_the_readme(house: House, people: People, folder: Path) -> None:
    desk = live(people.desk())
    lin, chen, amy, bo = (people.phone(name, device_scale_factor=2) for name in ("林晓晓", "陈序", "Amy 周", "张小北"))
    say_and_see(chen, "今晚 8 点聊复盘方法,有案例的可以先发")
    say_and_see(amy, "我带两个,一个成功一个翻车")
    lin.get_by_role("button", name="签到", exact=True).click()
    expect(chen.locator(".bubble", has_text="签到成功")).not_to_have_count(0)
    say_and_see(lin, LINK, times=4)
    say_and_see(amy, "这个看过啦,挺便宜的")
    expect(bubble(lin, "这个看过啦")).to_have_count(1)
    say(lin, LINK)
    say(lin, LINK)
    expect(lin.locator("#silence")).to_be_visible()
    expect(lin.locator(".bubble", has_text="同一链接 1 小时内已发 6 次")).not_to_have_count(0)
    picture(lin, folder / "chat-phone.png")

    say_and_see(bo, "出租两室一厅,周末可以看房")
    other = people.phone("周宁宁")
    for reporter in (chen, amy, other):
        menu(reporter, "出租两室一厅", "举报")
        reporter.locator("dialog").get_by_role("button", name="广告", exact=True).click()
    expect(desk.locator(".case-row", has_text="张小北")).to_have_count(1)
    say(other, "内部渠道,稳赚不赔,速来")
    expect(desk.locator(".case-row", has_text="周宁宁")).to_have_count(1)
    desk.reload()
    expect(desk.locator(".event", has_text="林晓晓")).not_to_have_count(0)
    live(desk)
    picture(desk, folder / "console-home.png")

    # Other tests go on in this group and at this desk: nothing stays frozen, and no case stays open.
    for who, button in (("周宁宁", "解冻群"), ("张小北", "不成立")):
        desk.locator(".case-row", has_text=who).click()
        desk.get_by_role("button", name=button).click()
        expect(desk.locator("h2", has_text=f"已处理:{button}")).to_be_visible()
        desk.goto(house.console())
        live(desk)
