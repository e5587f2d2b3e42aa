"""The group chat as members hold it: two phones, one room."""

import io
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import Community, Server

pytestmark = pytest.mark.browser
Phone = Callable[..., Page]


def say(page: Page, text: str) -> None:
    page.fill("#text", text)
    page.keyboard.press("Enter")


def bubble(page: Page, text: str):
    return page.locator(".entry:not(.pending) .bubble", has_text=text)


def menu(page: Page, text: str, choice: str) -> None:
    bubble(page, text).first.click(button="right")
    page.locator("dialog").get_by_role("button", name=choice, exact=True).click()


def post(server: Server, community: Community, nickname: str, text: str, **more: object) -> int:
    body = {"group": community.group, "client_id": uuid.uuid4().hex, "text": text, **more}
    return server.post("", community.tokens[nickname], body)["seq"]


def test_joining_with_a_nickname_leads_into_the_chat(server: Server, community: Community, phone: Phone) -> None:
    page = phone()
    page.goto(f"{server.url}/j/{community.code}/?from=qr")
    expect(page.get_by_role("heading", level=1)).to_have_text("早报 1 群")
    expect(page.locator(".join-card > .quiet")).to_have_text("职场知识社 · 4 人")
    page.fill("input[name=nickname]", "新来的")
    page.get_by_role("button", name="加入群聊").click()
    expect(page).to_have_url(f"{server.url}/g/{community.group}/")
    expect(page.locator(".line").last).to_have_text("你加入了群聊")
    cookie = next(c for c in page.context.cookies() if c["name"] == "qz_member")
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")


def test_two_phones_talk_and_quote(phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    say(chen, "晚上的分享几点开始?")
    expect(bubble(amy, "晚上的分享几点开始?")).to_have_count(1)
    menu(amy, "晚上的分享几点开始?", "引用")
    expect(amy.locator("#quoting-text")).to_have_text("老陈: 晚上的分享几点开始?")
    say(amy, "8 点,别迟到")
    answer = chen.locator(".entry:not(.pending)", has_text="8 点,别迟到")
    expect(answer.locator(".quote")).to_have_text("老陈: 晚上的分享几点开始?")
    expect(chen.locator(".entry.pending")).to_have_count(0)
    expect(chen.locator(".mine .bubble")).to_have_count(1)


def test_markup_stays_text_and_only_web_addresses_become_links(phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    text = "<img src=x onerror=alert(1)> javascript:alert(1) https://example.com/a?b=1。看"
    say(chen, text)
    shown = bubble(amy, "onerror")
    expect(shown).to_have_text(text)
    assert shown.locator("img").count() == 0
    links = shown.locator("a")
    assert [link.get_attribute("href") for link in links.all()] == ["https://example.com/a?b=1"]
    assert links.first.get_attribute("rel") == "noopener noreferrer nofollow ugc"


def test_an_own_message_can_be_recalled_and_taken_up_again(phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    say(chen, "发错了的话")
    expect(bubble(amy, "发错了的话")).to_have_count(1)
    menu(chen, "发错了的话", "撤回")
    expect(amy.locator(".line").last).to_have_text("老陈 撤回了一条消息")
    expect(bubble(amy, "发错了的话")).to_have_count(0)
    chen.get_by_role("button", name="重新编辑").click()
    expect(chen.locator("#text")).to_have_value("发错了的话")
    amy.reload()
    expect(amy.locator(".line").last).to_have_text("老陈 撤回了一条消息")
    assert "发错了的话" not in amy.content()


def test_an_image_is_shown_to_the_other_phone(phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    picture = io.BytesIO()
    Image.new("RGB", (600, 400), "#3d6f62").save(picture, "PNG")
    chen.set_input_files("#image", {"name": "会议.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    image = amy.locator(".bubble img")
    expect(image).to_have_count(1)
    expect(image).to_have_js_property("naturalWidth", 600)
    expect(chen.locator(".entry.pending")).to_have_count(0)
    expect(chen.locator(".bubble img")).to_have_count(1)


def test_enter_during_composition_never_sends(phone: Phone) -> None:
    page = phone("老陈")
    page.focus("#text")
    device = page.context.new_cdp_session(page)
    device.send("Input.imeSetComposition", {"text": "ni hao", "selectionStart": 6, "selectionEnd": 6})
    # what a browser reports for any key that the input method takes
    key = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    device.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
    device.send("Input.dispatchKeyEvent", {"type": "keyUp", **key})
    page.locator("#text").dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(page.locator("#text")).to_have_value("ni hao")
    expect(page.locator(".mine")).to_have_count(0)
    device.send("Input.insertText", {"text": "你好"})
    expect(page.locator("#text")).to_have_value("你好")
    page.keyboard.press("Enter")
    expect(page.locator(".mine .bubble")).to_have_text("你好")
    expect(page.locator("#text")).to_have_value("")


def test_composing_survives_messages_that_arrive(server: Server, community: Community, phone: Phone) -> None:
    page = phone("老陈")
    page.focus("#text")
    device = page.context.new_cdp_session(page)
    device.send("Input.imeSetComposition", {"text": "zhong", "selectionStart": 5, "selectionEnd": 5})
    post(server, community, "Amy 王", "打断你一下")
    expect(bubble(page, "打断你一下")).to_have_count(1)
    expect(page.locator("#text")).to_have_value("zhong")
    device.send("Input.insertText", {"text": "中"})
    expect(page.locator("#text")).to_have_value("中")


def test_a_draft_survives_a_reload(phone: Phone) -> None:
    page = phone("老陈")
    page.fill("#text", "写到一半的话")
    page.reload()
    expect(page.locator("#text")).to_have_value("写到一半的话")


def test_what_was_sent_while_the_server_was_down_arrives_once(
    server: Server, community: Community, phone: Phone
) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    server.stop()
    try:
        say(chen, "断网时说的话")
        expect(chen.locator(".entry.pending .retry")).to_have_count(1)
        expect(chen.locator("#offline")).to_be_visible()
    finally:
        server.start()
    expect(bubble(chen, "断网时说的话")).to_have_count(1, timeout=30_000)
    expect(bubble(amy, "断网时说的话")).to_have_count(1, timeout=30_000)
    expect(chen.locator(".entry.pending")).to_have_count(0)
    expect(chen.locator("#offline")).to_be_hidden()
    post(server, community, "Amy 王", "收到了")
    expect(bubble(chen, "收到了")).to_have_count(1)
    expect(bubble(chen, "断网时说的话")).to_have_count(1)


def test_an_answer_that_got_lost_does_not_make_a_second_message(phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    tries: list[str] = []

    def lose_the_first_answer(route) -> None:
        tries.append(route.request.post_data_json["client_id"])
        if len(tries) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    chen.route(re.compile(r"/in/local\?"), lose_the_first_answer)
    say(chen, "只说一次")
    expect(bubble(amy, "只说一次")).to_have_count(1)
    expect(chen.locator(".entry.pending")).to_have_count(0)
    chen.wait_for_function(
        "Object.keys(localStorage).every(k => !k.startsWith('qz:outbox') || localStorage[k] === '[]')"
    )
    assert len(tries) == 2
    assert tries[0] == tries[1]
    amy.reload()
    expect(bubble(amy, "只说一次")).to_have_count(1)


def test_a_mute_is_shown_with_its_end_counting_down(server: Server, community: Community, phone: Phone) -> None:
    page = phone("老陈")
    muted = {"group": community.group, "action": "mute", "member": community.members["老陈"], "minutes": 60}
    server.post("/act", community.tokens["林晓"], muted)
    expect(page.locator("#silence-text")).to_have_text(
        re.compile(r"^你在禁言中,(今天|明天|\d+月\d+日) ?\d\d:\d\d 恢复$")
    )
    expect(page.locator("#silence-left")).to_have_text(re.compile(r"^还有 (1:00:00|59:\d\d)$"))
    expect(page.locator("#text")).to_be_disabled()
    server.post("/act", community.tokens["林晓"], {**muted, "action": "unmute"})
    expect(page.locator("#silence")).to_be_hidden()
    expect(page.locator("#text")).to_be_enabled()


def test_a_group_that_closes_says_so_at_once_and_may_open_again(
    server: Server, community: Community, phone: Phone
) -> None:
    page = phone("老陈")
    expect(page.locator("#text")).to_be_enabled()
    where = (str(community.id), str(community.group))
    server.run("tests/browser/seed_close.py", *where, "close")
    bar = "这个群已经关闭,新群的邀请会出现在“我的”"
    expect(page.locator("#silence-text")).to_have_text(bar)
    expect(page.locator("#silence-why")).to_be_hidden()
    expect(page.locator("#text")).to_be_disabled()
    expect(page.locator(".line").last).to_have_text("这个群已经关闭")
    page.reload()
    expect(page.locator("#silence-text")).to_have_text(bar)
    server.run("tests/browser/seed_close.py", *where, "reopen")
    expect(page.locator("#silence")).to_be_hidden()
    expect(page.locator("#text")).to_be_enabled()
    expect(page.locator(".line").last).to_have_text("群重新开放了")


def test_the_owner_removes_a_member_by_hand(phone: Phone) -> None:
    owner, chen = phone("林晓"), phone("老陈")
    owner.get_by_role("button", name="群信息").click()
    owner.locator(".room-sheet .person", has_text="老陈").click()
    owner.get_by_role("button", name="移出成员", exact=True).click()
    owner.locator("dialog.modal").get_by_role("button", name="移出成员").click()
    expect(chen.locator("#silence-text")).to_have_text("你已被移出这个群")
    expect(owner.locator(".line").last).to_have_text("老陈 被移出群聊")


def test_scrolled_up_readers_get_a_pill_instead_of_a_jump(server: Server, community: Community, phone: Phone) -> None:
    for number in range(60):
        nickname = ("林晓", "Amy 王", "张小北")[number % 3]
        post(server, community, nickname, f"第 {number} 条")
    page = phone("老陈")
    expect(bubble(page, "第 59 条")).to_be_in_viewport()
    page.evaluate("document.getElementById('log').scrollTop = 0")
    expect(bubble(page, "第 0 条")).to_have_count(1)
    post(server, community, "Amy 王", "新的一条")
    expect(page.locator("#pill")).to_have_text("1 条新消息")
    expect(bubble(page, "新的一条")).not_to_be_in_viewport()
    with page.expect_response(re.compile(r"/in/local/read\?")):
        page.locator("#pill").click()
    expect(bubble(page, "新的一条")).to_be_in_viewport()
    expect(page.locator("#pill")).to_be_hidden()
    page.goto(f"{server.url}/me/groups/")
    expect(page.locator(".badge")).to_have_count(0)


def test_unread_badge_and_divider(server: Server, community: Community, phone: Phone) -> None:
    page = phone("老陈")
    page.goto(f"{server.url}/me/groups/")
    post(server, community, "Amy 王", "你在吗")
    post(server, community, "张小北", "老陈呢")
    page.reload()
    expect(page.locator(".badge")).to_have_text("未读 2")
    page.locator(".group-row").click()
    expect(page.locator("#unread")).to_have_text("以下是新消息")
    expect(page.locator("#unread + .entry .bubble")).to_have_text("你在吗")


def test_at_names_a_member(community: Community, phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    chen.locator("#text").press_sequentially("@am")
    chen.locator("#names li", has_text="Amy 王").tap()
    expect(chen.locator("#text")).to_have_value("@Amy 王 ")
    chen.locator("#text").press_sequentially("看这里")
    chen.keyboard.press("Enter")
    expect(amy.locator(".at-me")).to_have_text("@Amy 王")


def test_a_report_is_seen_by_its_author_only(server: Server, community: Community, phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    post(server, community, "张小北", "加我微信领红包")
    menu(chen, "加我微信领红包", "举报")
    chen.locator("dialog").get_by_role("button", name="广告", exact=True).click()
    expect(chen.locator(".mine .bubble")).to_have_text("举报 广告")
    post(server, community, "张小北", "之后的话")
    expect(bubble(amy, "之后的话")).to_have_count(1)
    expect(bubble(amy, "举报 广告")).to_have_count(0)


def test_no_english_on_a_chinese_page_and_no_chinese_on_an_english_one(
    server: Server, community: Community, phone: Phone
) -> None:
    page = phone("老陈")
    for path in ("/me/", "/me/points/", "/me/penalties/", "/me/groups/"):
        page.goto(server.url + path)
        words = set(re.findall(r"[A-Za-z]{2,}", page.locator("body").inner_text())) - {"English"}
        assert words == set(), path
    page.goto(f"{server.url}/me/")
    page.get_by_role("button", name="English").click()
    names = ("职场知识社", "早报 1 群", "老陈", "中文", "签到", "新芽")
    for path in ("/me/", "/me/points/", "/me/penalties/"):
        page.goto(server.url + path)
        text = page.locator("body").inner_text()
        for name in names:
            text = text.replace(name, "")
        assert re.findall(r"[\u4e00-\u9fff]+", text.replace("早", "").replace("老", "")) == [], path


def test_who_left_hears_nothing_more_and_is_not_told_of_a_broken_network(
    server: Server, community: Community, phone: Phone
) -> None:
    page = phone("老陈")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live/local" in request.url else None)
    server.post("/leave", community.tokens["老陈"], {"group": community.group})
    expect(page.locator("#silence-text")).to_have_text("你已退出这个群")
    page.evaluate("window.dispatchEvent(new Event('online'))")  # what makes an open page ask at once
    assert page.evaluate("fetch('/healthz').then((answer) => answer.status)") == 200
    assert asked == []
    expect(page.locator("#offline")).to_be_hidden()


def test_two_communities_in_two_tabs_of_one_phone(server: Server, community: Community, phone: Phone) -> None:
    other = Community(**json.loads(server.run(str(Path(__file__).with_name("seed.py")))))
    here = phone("老陈")
    there = here.context.new_page()
    there.goto(f"{server.url}/j/{other.code}/")
    there.fill("input[name=nickname]", "陈读书")
    there.get_by_role("button", name="加入群聊").click()
    expect(there.locator(".line").last).to_have_text("你加入了群聊")
    say(there, "在这边说一句")
    expect(bubble(there, "在这边说一句")).to_have_count(1)
    say(here, "在那边也说一句")  # the first tab goes on as who it is
    expect(bubble(here, "在那边也说一句")).to_have_count(1)
    expect(bubble(there, "在那边也说一句")).to_have_count(0)
    amy = phone("Amy 王")
    expect(bubble(amy, "在那边也说一句")).to_have_count(1)
    expect(bubble(amy, "在这边说一句")).to_have_count(0)

    there.goto(f"{server.url}/me/")
    expect(there.locator(".profile h2")).to_have_text("陈读书")
    there.locator("form button.cell").click()
    expect(there).to_have_url(f"{server.url}/me/groups/")
    there.goto(f"{server.url}/me/")
    expect(there.locator(".profile h2")).to_have_text("老陈")


def test_a_picture_that_moves_arrives_moving(server: Server, phone: Phone) -> None:
    chen, amy = phone("老陈"), phone("Amy 王")
    frames = [Image.effect_noise((700, 600), 90 + n).convert("RGB") for n in range(4)]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=200, quality=90)
    assert len(out.getvalue()) > 400_000  # a still one of this size would be made smaller on the phone
    chen.set_input_files("#image", {"name": "a.webp", "mimeType": "image/webp", "buffer": out.getvalue()})
    shown = amy.locator(".entry:not(.pending) .picture img")
    expect(shown).to_have_count(1)
    kept = amy.context.request.get(server.url + (shown.get_attribute("src") or "")).body()
    assert Image.open(io.BytesIO(kept)).n_frames == 4
