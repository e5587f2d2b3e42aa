"""Every page in both languages: one language at a time, nothing wider than the phone, no complaint of the browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from qunzhu.ui.messages import parse

from .conftest import DESK, PHONE, ROOT, House, People
from .test_chat import say
from .test_story import LINK, say_and_see

pytestmark = pytest.mark.browser

# What may stand on a Chinese page: names of products, formats and the accounts of this installation.
NAMES = {
    "Qunzhu", "English", "EN", "CSV", "Excel", "YAML", "JSON", "JSONL", "TSV", "QQ", "MB", "Asia", "Shanghai",
    "ChatLab", "MemoTrace", "Telegram", "Discord", "WeChat", "VX", "owner", "Amy", "Lines", "Esc", "Enter", "IP",
    "JPG", "PNG", "WebP", "SF", "simulation",
}  # fmt: skip
# Words of people and codes shown on purpose, without which a page is all the product's own words.
NOT_OURS = (
    ".material-symbols-outlined, .mono, .hash, kbd, code, pre, script, style, .event-said,"
    " .event-text > span:not(.muted), .sentence, .wrap, .bubble, .talk, .tested, .avatar, .group-row, noscript,"
    " textarea, time, [lang], [translate=no], a[href*='/members/']:not([href$='/members/']):not([href*='?'])"
)
CONSOLE = (
    "", "cases/", "cases/?state=all", "feed/", "feed/?kind=decisions", "rulebook/", "rulebook/1/", "rulebook/diff/",
    "appeals/", "appeals/?state=all", "quality/", "quality/?state=unmarked", "effects/",
    "ledger/", "ledger/?sign=out", "keywords/", "keywords/?category=fraud", "members/",
    "members/?state=never", "members/?q=没有这个人", "groups/", "blackbox/", "imports/", "staff/", "audit/",
    "audit/?user=nobody", "search/", "search/?q=链接",
    "mall/", "mall/?standing=off", "mall/new/", "mall/1/", "mall_orders/", "mall_orders/?state=done",
    "tasks/", "tasks/?kind=daily", "task_people/", "challenges/", "challenges/new/",
    "scores/", "scores/?kind=copied", "levels/", "levels/?standing=risk",
)  # fmt: skip
FIRST = {  # the page behind the first such link of a list
    "cases/?state=all": "main .table td a[href*='/cases/']",
    "feed/?kind=decisions": ".event [data-open]",
    "effects/": "main .table [data-open]",
    "members/?state=penalised": "main .table [data-open]",
    "groups/": "main .table [data-open]",
}
ACTS = {"members/": ("warn", "mute", "remove", "points", "erase"), "groups/": ("freeze", "announce&text=好", "code")}
PEOPLE = ("林一", "何远", "方晴", "许愿", "看客甲", "小林", "发财哥", "模拟", "推销员", "周小麦", "定制马克杯")
BLUEPRINTS = sorted((ROOT / "blueprints").rglob("*.*"))
DATA = (
    " ".join(file.read_text(encoding="utf-8") for file in BLUEPRINTS)
    + "过去一个月 签到 内部渠道 速来 看看这个 安静的社群 读书会小吴 报备 线下读书会报名 限时优惠 点击 下单"
    + "三十天不断 初来签到 同行一年 好文初现 榜上有名 社群卫士"  # badges that a blueprint need not name
)
TRANSLATED = {
    text
    for po in (ROOT / "src").rglob("locale/en/LC_MESSAGES/*.po")
    for text, english in parse(po.read_text(encoding="utf-8")).items()
    if len(text) > 1 and text != english and text not in ("签到", "积分", "举报", "帮助", "新人之路")
}
MEMBER = (
    "/me/", "/me/points/", "/me/penalties/", "/me/groups/", "/me/mall/", "/me/mall/1/", "/me/mall/4/",
    "/me/mall/orders/", "/me/tasks/", "/me/level/", "/me/honours/",
    "/me/honours/badges/", "/me/honours/fame/", "/me/challenges/",
)  # fmt: skip


def own_words(page: Page) -> list[str]:
    """What a page says itself: its texts, labels, hints and placeholders, without data."""
    return page.evaluate(
        """(alien) => {
          const body = document.body.cloneNode(true);
          body.querySelectorAll(alien).forEach((e) => e.remove());
          const hints = [...body.querySelectorAll("[placeholder], [aria-label], [title]")]
            .flatMap((e) => [e.placeholder, e.ariaLabel, e.title]);
          const texts = [];
          const walk = document.createTreeWalker(body, NodeFilter.SHOW_TEXT);
          while (walk.nextNode()) texts.push(walk.currentNode.data.trim());
          return [...texts, ...hints, document.title].filter(Boolean);
        }""",
        NOT_OURS,
    )


def english_in(words: list[str]) -> set[str]:
    """English words that are neither a known name nor part of an address, a code or a file name."""
    text = re.sub(r"https?://\S+|\S*[\w-]+[./_:][\w-]\S*|\b[0-9a-f-]{16,}\b", " ", " ".join(words))
    return {word for word in re.findall(r"[A-Za-z]{2,}", text) if word not in NAMES}


def chinese_in(words: list[str]) -> set[str]:
    """Texts that the catalogue translates, and Chinese that is neither the blueprint's nor somebody's name."""
    found = set()
    for word in words:
        if "（模拟）" in word:
            continue  # a simulated member's name
        runs = re.findall(r"[\u4e00-\u9fff]+", word)
        if word in TRANSLATED or not all(run in DATA or any(name in run for name in PEOPLE) for run in runs):
            found.add(word)
    return found - {"群", "中文", "简体中文"}


def console_paths(desk: Page, house: House) -> Iterator[str]:
    yield from (house.console(path) for path in CONSOLE)
    for path, selector in FIRST.items():
        desk.goto(house.console(path))
        link = desk.locator(selector).first
        expect(link).to_be_visible()
        address = house.server.url + str(link.get_attribute("href"))
        yield address
        yield from (f"{address}act/?do={act}" for act in ACTS.get(path.partition("?")[0], ()))


def prepare(people: People) -> Page:
    """A member with a check-in and a penalty; somebody's fraud that was dealt with."""
    phone = people.phone("小林")
    answers = phone.locator(".bubble", has_text="签到成功")
    before = answers.count()  # others may have checked in here
    phone.get_by_role("button", name="签到", exact=True).click()
    expect(answers).to_have_count(before + 1)
    say_and_see(phone, LINK, times=6)
    expect(phone.locator("#silence")).to_be_visible()
    return phone


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def open_a_case(people: People, house: House, desk: Page) -> None:
    phone = people.phone("发财哥")
    say(phone, "内部渠道,稳赚不赔,速来")  # recalled at once: nobody can count on seeing it
    expect(phone.locator("#silence")).to_be_visible()
    desk.goto(house.console("cases/"))
    desk.locator("main .table td a[href*='/cases/']").first.click()
    desk.get_by_role("button", name="解冻群").click()
    expect(desk.locator("h2", has_text="已处理:解冻群")).to_be_visible()


def test_every_page_speaks_one_language_and_fits(house: House, people: People) -> None:
    phone, desk = prepare(people), people.desk()
    open_a_case(people, house, desk)
    addresses = [*console_paths(desk, house), f"{house.server.url}/console/password/"]
    wrong: list[str] = []
    for language in ("zh-hans", "en"):
        for page, wanted, sizes in (
            (desk, addresses, (DESK, PHONE)),
            (phone, [house.server.url + path for path in MEMBER], (PHONE,)),
        ):
            page.context.add_cookies([{"name": "django_language", "value": language, "url": house.server.url}])
            for address in wanted:
                answer = page.goto(address)
                assert answer is not None
                wrong += [f"{answer.status} {address}"] if answer.status != 200 else []
                wrong += _strange(page, language)
                for size in sizes:
                    page.set_viewport_size(size)  # type: ignore[arg-type]
                    wrong += [] if fits(page) else [f"wider than {size['width']}: {address}"]
    assert not wrong, "\n".join(wrong)


def _strange(page: Page, language: str) -> list[str]:
    words = own_words(page)
    found = english_in(words) if language == "zh-hans" else chinese_in(words)
    return [f"{language} {page.url}: {sorted(found)}"] if found else []


def test_the_sign_in_page_speaks_one_language(house: House, people: People) -> None:
    page = people.page(viewport=PHONE)
    page.goto(house.console())
    assert english_in(own_words(page)) == set()
    assert fits(page)
    page.get_by_role("button", name="English").click()
    assert chinese_in(own_words(page)) == set()
