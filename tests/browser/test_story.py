"""The product in one sitting: phones in a group and an operator at the console, everything running."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import House, People
from .test_chat import bubble, menu, say

pytestmark = pytest.mark.browser
LINK = "看看这个 https://deal.example.org/a?u=1"


def live(desk: Page) -> Page:
    """A page of the console once its stream is open."""
    expect(desk.locator(".live-on")).to_be_visible()
    return desk


def say_and_see(page: Page, text: str, times: int = 1) -> None:
    for number in range(1, times + 1):
        say(page, text)
        expect(page.locator(".entry:not(.pending) .mine .bubble", has_text=text)).to_have_count(number)


expect.set_options(timeout=15_000)


def test_six_equal_links_mute_and_the_operator_takes_it_back(house: House, people: People) -> None:
    chen, amy = people.phone("老陈"), people.phone("Amy 王")
    desk = live(people.desk("feed/"))
    say_and_see(chen, LINK, times=6)

    sentence = re.compile(
        r"老陈，同一链接 1 小时内已发 6 次（群规 2.3，上限 5 次），先休息 1 小时，(次日 ?|明天 ?)?\d\d:\d\d 恢复。"
    )
    for phone in (chen, amy):
        expect(phone.locator(".bubble", has_text=sentence)).to_have_count(1)
    expect(amy.locator(".line", has_text="老陈 休息到")).to_have_count(1)
    expect(chen.locator("#silence-text")).to_have_text(re.compile(r"^你在禁言中,.+ ?\d\d:\d\d 恢复$"))
    expect(chen.locator("#silence-left")).to_have_text(re.compile(r"^还有 (1:00:0\d|59:\d\d)$"))
    expect(chen.locator("#text")).to_be_disabled()

    posted = desk.locator(".event", has_text="发言").filter(has_text="老陈").filter(has_text=LINK)
    expect(posted).to_have_count(6)  # without a reload
    decision = desk.locator(".event-decision", has_text=sentence)
    expect(decision).to_have_count(1)
    expect(decision.locator(".level")).to_have_text("黄色")

    decision.locator("[data-open]").click()
    expect(desk.locator("h2", has_text="一小时内相同链接过多")).to_be_visible()
    expect(desk.locator(".talk .marked")).to_have_count(6)
    expect(desk.locator(".talk .marked").first).to_contain_text(LINK)

    desk.locator(".event-text > a", has_text="老陈").first.click()
    expect(desk.locator("h1")).to_contain_text("老陈")
    expect(desk.locator(".feed .event", has_text=LINK)).to_have_count(6)
    penalty = desk.locator("#penalties li", has_text="同一链接")  # the pace alone may have earned a warning before
    expect(penalty).to_have_count(1)
    penalty.get_by_role("link", name="撤销").click()
    desk.fill("#text", "是同一篇活动通知,误会")
    desk.get_by_role("button", name="撤销处罚").click()
    expect(desk.locator(".note-success")).to_have_text("处罚已撤销,对应的记录不再计数。")
    expect(chen.locator("#silence")).to_be_hidden()
    reversed_ = desk.locator("#penalties .tag", has_text="已撤销")
    for _ in range(30):  # the page came back at once; what it shows follows when the consumer has heard of it
        if reversed_.count():
            break
        desk.reload()
    expect(reversed_).to_have_count(1)
    expect(chen.locator("#text")).to_be_enabled()
    say_and_see(chen, "谢谢群主,我换个发法")
    expect(bubble(amy, "谢谢群主,我换个发法")).to_have_count(1)


def test_three_reports_open_a_case_that_a_key_decides(house: House, people: People) -> None:
    offender = people.phone("推销员")
    reporters = [people.phone(name) for name in ("林晓", "周宁", "吴桐")]
    desk = live(people.desk())
    badge = desk.locator("[data-badge=cases]")
    before = int(badge.inner_text()) if badge.is_visible() else 0
    say_and_see(offender, "有人要看房吗,周末都在")
    reminders = offender.locator(".bubble", has_text="管理员提醒:")
    reminded = reminders.count()  # others may have been reminded here
    for reporter in reporters:
        menu(reporter, "有人要看房吗", "举报")
        reporter.locator("dialog").get_by_role("button", name="广告", exact=True).click()

    row = desk.locator(".case-row", has_text="推销员")
    expect(row).to_have_count(1)
    expect(row.locator(".level")).to_have_text("橙色")
    expect(badge).to_have_text(str(before + 1))
    row.click()
    expect(desk.locator(".talk .marked")).to_have_count(3)
    desk.wait_for_load_state()  # keys work once the scripts have run
    desk.keyboard.press("w")
    expect(desk.locator("h2", has_text="已处理:警告")).to_be_visible()
    expect(badge).to_have_text(str(before)) if before else expect(badge).to_be_hidden()
    expect(reminders).to_have_count(reminded + 1)


def test_a_fraud_word_freezes_the_group_until_somebody_lets_it_go_on(house: House, people: People) -> None:
    swindler, amy = people.phone("发财哥"), people.phone("小周")
    desk = live(people.desk())
    say(swindler, "内部渠道,稳赚不赔,速来")  # recalled at once: nobody can count on seeing it
    for phone in (swindler, amy):
        expect(phone.locator("#silence-text")).to_have_text("群已冻结,暂时只有管理员可以发言")
        expect(phone.locator("#text")).to_be_disabled()
        expect(phone.locator(".bubble", has_text="这条消息先收回，本群先冻结").last).to_be_visible()
        expect(phone.locator(".entry", has_text="群主助手撤回了一条消息").last).to_be_visible()
        expect(phone.locator(".bubble", has_text="速来")).to_have_count(0)
    row = desk.locator(".case-row", has_text="发财哥")
    expect(row).to_have_count(1)
    expect(row.locator(".level")).to_have_text("红色")
    row.click()
    desk.get_by_role("button", name="解冻群").click()
    expect(desk.locator("h2", has_text="已处理:解冻群")).to_be_visible()
    for phone in (swindler, amy):
        expect(phone.locator("#silence")).to_be_hidden()
        expect(phone.locator("#text")).to_be_enabled()
    say_and_see(amy, "恢复了")
    expect(bubble(swindler, "恢复了")).to_have_count(1)


def test_a_check_in_is_answered_and_counted(house: House, people: People) -> None:
    phone, desk = people.phone("早起鸟"), live(people.desk())
    before = int(desk.locator(".stat", has_text="今日消息").locator(".stat-value").get_attribute("title") or "0")
    phone.get_by_role("button", name="签到", exact=True).click()
    expect(phone.locator(".bubble", has_text="签到成功，已连续 1 天")).to_have_count(1)
    say_and_see(phone, "早上好")
    counted = desk.locator(".stat", has_text="今日消息").locator(".stat-value")
    expect(counted).not_to_have_attribute("title", str(before))
    phone.goto(f"{house.server.url}/me/points/")
    expect(phone.locator("main")).to_contain_text("今天已签到,得 2 分")
    expect(phone.locator("main")).to_contain_text("已连续 1 天")


def test_the_feed_waits_while_it_is_paused(house: House, people: People) -> None:
    phone, desk = people.phone("话多的人"), live(people.desk("feed/?kind=messages"))
    desk.keyboard.press("p")
    expect(desk.locator("[data-pause]")).to_have_attribute("aria-pressed", "true")
    say_and_see(phone, "暂停时说的第一句")
    expect(desk.locator("[data-waiting-count]")).to_have_text("1")
    expect(desk.locator(".event", has_text="暂停时说的第一句")).to_have_count(0)
    desk.keyboard.press("p")
    expect(desk.locator(".event").first).to_contain_text("暂停时说的第一句")
    expect(desk.locator("[data-waiting]")).to_be_hidden()
    say_and_see(phone, "继续之后的第二句")
    expect(desk.locator(".event").first).to_contain_text("继续之后的第二句")
