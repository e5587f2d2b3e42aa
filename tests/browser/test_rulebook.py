"""An operator changes a rule without knowing YAML: form, live preview, backtest, publish; a member agrees."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, House, People

pytestmark = pytest.mark.browser
MUTE = re.compile(r"(mute:\n\s+minutes: )60")
expect.set_options(timeout=30_000)


REFUSED = re.compile(r"status of (409|422)")  # the browser logs every refusal that these tests ask for


@pytest.fixture
def desk(house: House, people: People) -> Iterator[Page]:
    """A draft, begun anew; none is left to the next test."""
    page = people.desk("rulebook/")
    drop(page, house)
    page.locator("form[action$='/draft/start/'] button").click()
    expect(page.locator("h1")).to_have_text("群规草稿")
    yield page
    drop(page, house)
    people.problems[:] = [problem for problem in people.problems if not REFUSED.search(problem)]


def drop(page: Page, house: House) -> None:
    """Discard the draft, if there is one."""
    page.goto(house.console("rulebook/draft/"))
    button = page.get_by_role("button", name="放弃草稿")
    if button.count():
        button.click()
        expect(page.get_by_role("button", name="撤销")).to_be_visible()


def test_from_the_form_to_the_members_consent(house: House, people: People, desk: Page) -> None:
    desk.locator(".rule", has_text="每人每日发言上限").get_by_role("link", name="改").click()
    preview = desk.locator("#preview")
    expect(preview).to_contain_text("同一成员当天发言超过 5 次")
    desk.fill("input[name=bound_n]", "4")
    expect(preview).to_contain_text("同一成员当天发言超过 4 次")
    expect(preview.locator(".sample")).to_contain_text("小林，今天已发 5 条（群规 2.1，上限 4 条），先提醒一次。")
    desk.fill("input[name=bound_n]", "")
    expect(preview.locator(".problems")).to_contain_text("改成 1 或更大的整数")
    desk.fill("input[name=bound_n]", "4")
    expect(preview).to_contain_text("超过 4 次")
    desk.get_by_role("button", name="存进草稿").click()
    expect(desk.locator("#changes")).to_contain_text(
        "条件:由“同一成员当天发言超过 5 次”改为“同一成员当天发言超过 4 次”"
    )

    desk.get_by_role("link", name="回测这一稿").click()
    desk.get_by_role("button", name="开始回测").click()
    expect(desk.locator("#rows")).to_be_visible()  # by itself, when it has finished
    expect(desk.locator(".filters")).to_contain_text("新命中")
    desk.locator(".chip", has_text="新命中").click()
    row = desk.locator("#rows tbody tr").first
    expect(row).to_contain_text("每人每日发言上限")
    row.locator("a[data-open]").click()
    expect(desk.locator("h1")).to_contain_text("事件")

    desk.goto(house.console("rulebook/draft/publish/"))
    expect(desk.locator("main")).to_contain_text("这一稿已经回测过")
    version = re.search(r"第 (\d+) 版", desk.locator("h1").inner_text())
    assert version
    desk.fill("input[name=note]", "收紧每日发言")
    desk.locator(".groups-told label", has_text="职场知识分享 1 群").locator("input").check()
    desk.locator("aside").get_by_role("button").click()
    expect(desk.locator(".note")).to_contain_text(f"第 {version[1]} 版已生效;已让 1 个群发公告")

    phone = people.phone("认真读群规的人")
    phone.goto(f"{house.server.url}/me/")
    phone.locator("a", has_text=f"第 {version[1]} 版,请看看").click()
    expect(phone.locator(".rule-list").nth(1)).to_contain_text("同一成员当天发言超过 4 次")
    phone.get_by_role("button", name="知道了,我同意").click()
    desk.goto(house.console("rulebook/"))
    consent = desk.locator("#consent tr", has_text="职场知识分享 1 群").locator("td").nth(1)
    for _ in range(20):
        if consent.inner_text() == "1":
            break
        desk.reload()  # until the consumer has heard
    expect(consent).to_have_text("1")


def test_conditions_are_added_and_chosen_by_name(house: House, desk: Page) -> None:
    desk.get_by_role("link", name="加一条规则").first.click()
    desk.fill("input[name=name]", "不发赌博")
    desk.select_option("select[name=fact]", "keyword.categories")
    desk.locator(".value-chips .chip", has_text="赌博").click()
    desk.locator(".value-chips .chip", has_text="诈骗").click()
    desk.get_by_role("button", name="加一个条件").click()
    last = desk.locator("[data-rows] li").last
    last.locator("select[name=fact]").select_option("ad.looks")
    last.locator("select[name=value]").select_option("yes")
    desk.select_option("select[name=penalty]", "mute")
    desk.fill("input[name=mute_n]", "2")
    desk.select_option("select[name=mute_unit]", "hours")
    expect(desk.locator("#preview")).to_contain_text("消息里的关键词类别有 赌博、诈骗,并且消息像广告")
    expect(desk.locator("#preview")).to_contain_text("禁言 2小时")
    desk.get_by_role("button", name="存进草稿").click()
    expect(desk.locator("#rule-rule_1")).to_contain_text("试运行")


def test_yaml_is_one_click_away_and_names_the_line(house: House, desk: Page) -> None:
    desk.locator(".rule", has_text="一小时内相同链接过多").get_by_role("link", name="改").click()
    desk.get_by_role("link", name="YAML").click()
    text = desk.locator("textarea.yaml")
    assert text.evaluate("t => t.value.slice(t.selectionStart, t.selectionEnd)").strip() == "- id: equal_links"
    good = text.input_value()
    text.fill(MUTE.sub(r"\g<1>0", good, count=1))
    desk.get_by_role("button", name="存进草稿").click()
    found = MUTE.search(good)
    assert found
    line = good[: found.end()].count("\n") + 1
    problem = desk.locator(".lines-bad li")
    expect(problem).to_contain_text(f"第 {line} 行")
    expect(problem).to_contain_text("禁言时间要在 1 分钟到 30 天之间")
    text.fill(MUTE.sub(r"\g<1>120", good, count=1))
    desk.get_by_role("button", name="存进草稿").click()
    expect(desk.locator("#changes")).to_contain_text("禁言 2小时")


def test_two_people_are_told_of_each_other(house: House, people: People, desk: Page) -> None:
    desk.locator(".rule", has_text="单日广告三条").get_by_role("link", name="改").click()
    other = people.desk("rulebook/draft/")
    other.locator(".rule", has_text="禁言期间发言").get_by_role("link", name="改").click()
    other.fill("input[name=name]", "休息时发言")
    other.get_by_role("button", name="存进草稿").click()
    expect(other.locator("#changes")).to_contain_text("休息时发言")
    desk.fill("input[name=bound_n]", "2")
    desk.get_by_role("button", name="存进草稿").click()
    expect(desk.get_by_role("alert")).to_contain_text("刚刚改过这份草稿,你的还没有存。")
    expect(desk.locator("input[name=bound_n]")).to_have_value("2")
    desk.get_by_role("button", name="知道了,仍然存我的").click()
    expect(desk.locator("#changes")).to_contain_text("休息时发言")
    expect(desk.locator("#changes")).to_contain_text("达到 2 次")


def test_a_phone_is_wide_enough_for_all_of_it(house: House, desk: Page) -> None:
    desk.set_viewport_size(PHONE)
    for path in ("", "draft/", "draft/rule/?id=equal_links", "draft/settings/", "draft/yaml/", "draft/publish/",
                 "rule/?id=equal_links"):  # fmt: skip
        desk.goto(house.console(f"rulebook/{path}"))
        assert desk.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
    desk.goto(house.console("backtests/"))
    assert desk.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    desk.set_viewport_size({"width": 1440, "height": 900})
