"""优质内容 from the desk to the phone: a press, points, the word in the group, and back again."""

import pytest
from playwright.sync_api import expect

from .conftest import PHONE, House, People
from .test_story import say_and_see

pytestmark = pytest.mark.browser
WORDS = "把复盘拆成三步：目标、过程、结论，模板放在群文件里"


def test_a_message_becomes_quality_content(house: House, people: People) -> None:
    author, desk = people.phone("章老师"), people.desk("feed/?kind=messages")
    say_and_see(author, WORDS)
    desk.locator(".event", has_text=WORDS).locator("[data-open]").click()
    desk.get_by_role("button", name="评为优质内容,作者 +10 积分").click()
    expect(desk.locator("#quality .state")).to_have_text("已评")
    expect(author.locator(".bubble", has_text="章老师 的这条被评为优质内容，+10 积分。")).to_have_count(1)
    desk.goto(house.console("quality/"))
    row = desk.locator("tr[data-row]", has_text=WORDS)
    expect(row).to_have_count(1)
    for size in (PHONE, {"width": 1440, "height": 900}):
        desk.set_viewport_size(size)
        assert desk.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row.locator("[data-open]").click()
    desk.get_by_role("button", name="取消优质内容").click()
    expect(desk.get_by_role("button", name="评为优质内容,作者 +10 积分")).to_be_visible()
