"""A list of the console as somebody likes it: filters, columns and a saved view, also after a reload and on a phone."""

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import PHONE, House, People

pytestmark = pytest.mark.browser


def headings(page: Page) -> list[str]:
    return page.locator("main .table").first.locator("thead th").all_inner_texts()


def choose_columns(page: Page, *names: str) -> None:
    """Tick exactly these besides the ones that always stand."""
    page.locator("[data-dialog=columns]").click()
    box = page.locator("#columns")
    for tick in box.locator("input[name=col]").all():
        tick.set_checked(False)
    for name in names:
        box.get_by_label(name, exact=True).set_checked(True)
    box.get_by_role("button", name="应用").click()
    expect(box).to_be_hidden()


def test_a_view_is_saved_and_still_there_after_a_reload(house: House, people: People) -> None:
    desk = people.desk("members/")
    usual = headings(desk)
    assert usual == ["成员", "群与状态", "积分", "首次出现"]
    desk.locator(".chip", has_text="从未发言").click()
    expect(desk.locator(".chip-on", has_text="从未发言")).to_be_visible()
    choose_columns(desk, "编号", "积分")
    chosen = ["成员", "编号", "积分"]
    assert headings(desk) == chosen

    desk.get_by_role("button", name="存为视图").click()
    desk.locator("#view-name").fill("潜水的人")
    desk.locator("#view-save").get_by_label("打开这个列表时先看它").check()
    desk.locator("#view-save").get_by_role("button", name="保存").click()
    view = desk.locator(".chip-on", has_text="潜水的人")
    expect(view).to_be_visible()
    desk.reload()
    expect(view).to_be_visible()
    expect(desk.locator(".chip-on", has_text="从未发言")).to_be_visible()
    assert headings(desk) == chosen

    with desk.expect_download() as got:
        desk.get_by_role("link", name="CSV").click()
    text = Path(got.value.path()).read_text(encoding="utf-8-sig")
    assert next(csv.reader(io.StringIO(text))) == chosen

    desk.goto(house.console("groups/"))
    desk.goto(house.console("members/"))  # the default view opens by itself
    expect(view).to_be_visible()
    desk.locator(".chip", has_text="标准").click()
    expect(desk.locator(".chip-on", has_text="标准")).to_be_visible()
    assert headings(desk) == usual

    desk.set_viewport_size(PHONE)  # type: ignore[arg-type]
    desk.locator(".chip", has_text="潜水的人").click()
    desk.get_by_role("button", name="管理视图").click()
    desk.once("dialog", lambda asked: asked.accept())
    desk.locator("#view-edit").get_by_role("button", name="删除").click()
    expect(desk.locator(".note", has_text="视图“潜水的人”已删除")).to_be_visible()
    expect(desk).to_have_url(re.compile(r"members/\?view=0$"))
    expect(desk.locator(".chip", has_text="潜水的人")).to_have_count(0)


def test_a_list_is_paged_and_walked_by_keys(people: People) -> None:
    desk = people.desk("members/")
    first = desk.locator("main .table tbody tr").first.inner_text()
    desk.keyboard.press("]")
    expect(desk).to_have_url(re.compile(r"\?before=\d+$"))
    desk.wait_for_load_state()
    assert desk.locator("main .table tbody tr").first.inner_text() != first
    desk.keyboard.press("[")
    expect(desk).not_to_have_url(re.compile(r"before="))
    desk.wait_for_load_state()
    assert desk.locator("main .table tbody tr").first.inner_text() == first
    desk.keyboard.press("j")
    desk.keyboard.press("j")
    expect(desk.locator("main .table tbody tr.picked")).to_have_count(1)
    desk.keyboard.press("Enter")
    expect(desk).to_have_url(re.compile(r"/members/\d+/$"))
