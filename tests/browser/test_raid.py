"""A raid in the console: what was taken back, closing and rebuilding offered, one press ends a false alarm."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import DESK, PHONE, House, People

pytestmark = pytest.mark.browser
TEXT = "加我微信领取内部资料名额有限速来"


def open_raid(desk: Page) -> None:
    """The case and its recalls appear when the messages were heard; pages are asked again until then."""
    raid = desk.locator("a.case-row", has_text="疑似炸群").first
    for _ in range(200):
        if raid.count():
            break
        desk.reload()
    raid.click()
    for _ in range(200):
        if desk.locator("#recalled .did li").count() == 5 and desk.locator("[data-step=evidence]").count():
            break
        desk.reload()


def no_sideways(desk: Page) -> bool:
    return bool(desk.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_raid_is_looked_at_and_was_none(house: House, people: People, tmp_path: Path) -> None:
    told = house.server.run(str(Path(__file__).with_name("seed_raid.py")), house.slug).splitlines()[-1]
    seeded = json.loads(told)
    for number, token in enumerate(seeded["tokens"][:5]):
        house.server.post(
            "", token, {"group": seeded["group"], "client_id": f"raid-{number}", "text": f"{TEXT}{'x8f3k'[number:]}"}
        )
    desk = people.desk()
    open_raid(desk)
    expect(desk.locator("#recalled h2")).to_have_text("撤回了 5 条消息")
    expect(desk.locator("#recalled .did li")).to_have_count(5)
    expect(desk.locator("#incident [data-step=close]")).to_have_attribute("data-state", "ask")
    expect(desk.locator("button[value=rebuild]")).to_contain_text("提议关闭并重建群")
    for name, size in (("desk", DESK), ("phone", PHONE)):
        desk.set_viewport_size(size)
        for code in ("en", "zh-hans"):
            desk.context.add_cookies([{"name": "django_language", "value": code, "url": house.server.url}])
            desk.reload()
            assert no_sideways(desk), (name, code)
            desk.screenshot(path=tmp_path / f"raid-{name}-{code}.png", full_page=True)
    desk.locator("button[value=unfreeze]").click()
    expect(desk.locator(".decide h2")).to_contain_text("已处理:不是炸群,解冻")
    expect(desk.locator("#recalled .did li")).to_have_count(5)
