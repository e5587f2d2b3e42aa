"""Member pages without a browser: who may see what, and what joining writes."""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from qunzhu.governance.models import Penalty
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Community, Group, Member
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.services import Joined, join_room, open_room, set_role
from qunzhu.kernel.connectors.local.tokens import COOKIE, MemberToken, read_session, session_token
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.events.models import Event
from qunzhu.portal.pages import CHAT_MODULES

pytestmark = pytest.mark.django_db
STATIC = Path(__file__).parents[1] / "static"


@pytest.fixture
def community() -> Community:
    return create_community(
        slug="pages", name="职场知识社", timezone="Asia/Shanghai", blueprint={}, now=SYSTEM_CLOCK.now()
    )


@pytest.fixture
def group(community: Community) -> Group:
    return create_group(
        community=community, name="早报 1 群", platform_id="p1", capacity=3, announcement="先<b>报备</b>",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip


@pytest.fixture
def room(group: Group) -> Room:
    return open_room(group=group)


@pytest.fixture
def chen(room: Room) -> Joined:
    return join_room(room=room, nickname="老陈", now=SYSTEM_CLOCK.now())


def browser_of(joined: Joined) -> Client:
    client = Client()
    client.cookies[COOKIE] = joined.token
    return client


def config_of(page: Any) -> dict[str, Any]:
    found = re.search(r'<script id="config" type="application/json">(.*?)</script>', page.content.decode(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_join_page_says_what_one_joins(room: Room, chen: Joined) -> None:
    page = Client().get(f"/j/{room.join_code}/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "早报 1 群" in text
    assert "职场知识社 · 1 人" in text
    assert "先&lt;b&gt;报备&lt;/b&gt;" in text
    assert COOKIE not in page.cookies
    assert Member.objects.count() == 1


def test_joining_writes_a_member_an_event_and_a_safe_cookie(room: Room) -> None:
    page = Client().post(f"/j/{room.join_code}/", {"nickname": " 小  北 ", "via": "qr"})
    assert (page.status_code, page["Location"]) == (302, f"/g/{room.group_id}/")
    member = Member.objects.get()
    assert member.display_name == "小 北"
    cookie = page.cookies[COOKIE]
    assert read_session(cookie.value) == ((room.community_id, member.pk),)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    joined = Event.objects.get(kind="member.joined")
    assert (joined.member_id, joined.body["nickname"], joined.body["via"]) == (member.pk, "小 北", "qr")


def test_who_is_in_goes_straight_to_the_chat(room: Room, chen: Joined) -> None:
    for request in (browser_of(chen).get, browser_of(chen).post):
        page = request(f"/j/{room.join_code}/")
        assert (page.status_code, page["Location"]) == (302, f"/g/{room.group_id}/")
    assert Event.objects.filter(kind="member.joined").count() == 1


@pytest.mark.parametrize(
    ("nickname", "said"),
    [("", "请填写昵称,大家好称呼你。"), ("长" * 31, "昵称最多 30 个字。"), ("a\x07b", "昵称里有不能显示的字符")],
)
def test_a_bad_nickname_is_refused_kindly_and_nothing_is_written(room: Room, nickname: str, said: str) -> None:
    page = Client().post(f"/j/{room.join_code}/", {"nickname": nickname})
    assert page.status_code == 422
    assert said in page.content.decode()
    assert (Member.objects.count(), Event.objects.filter(kind="member.joined").count()) == (0, 0)
    assert COOKIE not in page.cookies


def test_a_full_a_frozen_and_a_closed_group_let_nobody_in(room: Room, group: Group) -> None:
    for number in range(3):
        join_room(room=room, nickname=f"成员{number}", now=SYSTEM_CLOCK.now())
    url = f"/j/{room.join_code}/"
    assert "群已经满员了" in Client().get(url).content.decode()
    refused = Client().post(url, {"nickname": "第四个"})
    assert (refused.status_code, Member.objects.count()) == (409, 3)
    Room.objects.update(frozen=True)
    assert "群暂时冻结" in Client().post(url, {"nickname": "第四个"}).content.decode()
    Group.objects.update(state=Group.State.CLOSED)
    assert "这个群已经关闭" in Client().post(url, {"nickname": "第四个"}).content.decode()
    assert Member.objects.count() == 3


def test_a_removed_member_cannot_come_back_and_is_told_where_the_reason_is(room: Room, chen: Joined) -> None:
    Occupant.objects.update(removed_at=SYSTEM_CLOCK.now())
    page = browser_of(chen).post(f"/j/{room.join_code}/", {"nickname": "又是我"})
    assert page.status_code == 409
    assert "你已被移出这个群" in page.content.decode()
    assert Occupant.objects.get().removed_at is not None
    assert config_of(browser_of(chen).get(f"/g/{room.group_id}/"))["me"]["removed"] == "removed"


def test_joining_needs_the_csrf_token(room: Room) -> None:
    page = Client(enforce_csrf_checks=True).post(f"/j/{room.join_code}/", {"nickname": "外站"})
    assert (page.status_code, Member.objects.count()) == (403, 0)


def test_an_unknown_code_is_not_found(room: Room) -> None:
    assert Client().get("/j/unknown/").status_code == 404
    assert Client().get("/j/unknown/qr.svg").status_code == 404


def test_the_bare_address_leads_members_to_their_groups_and_others_to_the_console(chen: Joined) -> None:
    assert browser_of(chen).get("/").headers["Location"] == "/me/groups/"
    assert Client().get("/").headers["Location"] == "/console/"


def test_the_qr_code_is_an_svg(room: Room) -> None:
    code = Client().get(f"/j/{room.join_code}/qr.svg")
    assert code["Content-Type"] == "image/svg+xml"
    assert b"<svg" in code.content


@pytest.mark.parametrize("path", ["/g/1/", "/me/", "/me/groups/", "/me/points/", "/me/penalties/"])
@pytest.mark.parametrize("cookie", [None, "1.1.forged.signature"])
def test_a_stranger_gets_a_friendly_page(path: str, cookie: str | None) -> None:
    client = Client()
    if cookie:
        client.cookies[COOKIE] = cookie
    page = client.get(path)
    assert page.status_code == 403
    assert "先加入一个群" in page.content.decode()


def test_the_chat_of_another_group_or_community_is_not_shown(room: Room, chen: Joined) -> None:
    other = create_community(slug="other", name="别家", timezone="Asia/Shanghai", blueprint={}, now=SYSTEM_CLOCK.now())
    for owner in (room.community_id, other.pk):
        hidden = create_group(
            community=Community.objects.get(pk=owner), name="别的群", platform_id=f"h{owner}", now=SYSTEM_CLOCK.now()
        )
        open_room(group=hidden)
        page = browser_of(chen).get(f"/g/{hidden.pk}/")
        assert page.status_code == 404
        assert "别的群" not in page.content.decode()


def test_the_chat_page_brings_the_room_and_only_what_the_role_may_do(room: Room, group: Group, chen: Joined) -> None:
    page = browser_of(chen).get(f"/g/{group.pk}/")
    assert page["Cache-Control"] == "private, no-store"
    config = config_of(page)
    assert config["me"]["nickname"] == "老陈"
    assert config["acts"] == []
    assert [m["nickname"] for m in config["members"]] == ["老陈"]
    set_role(room=room, member_id=chen.member.pk, role="owner")
    acts = {}
    for profile in ("full", "wecom-customer-group", "personal-wechat"):
        Group.objects.update(profile=profile)
        acts[profile] = config_of(browser_of(chen).get(f"/g/{group.pk}/"))["acts"]
    assert acts == {
        "full": ["mute", "unmute", "remove", "recall", "announce", "freeze", "unfreeze"],
        "wecom-customer-group": ["remove", "recall", "announce", "freeze", "unfreeze"],
        "personal-wechat": ["remove", "recall", "announce"],
    }


def test_a_mute_from_before_says_nothing_where_the_platform_cannot_mute(group: Group, room: Room, chen: Joined) -> None:
    until = SYSTEM_CLOCK.now() + timedelta(hours=1)
    Occupant.objects.filter(member_id=chen.member.pk).update(muted_until=until)
    seen = {}
    for profile in ("full", "personal-wechat"):
        Group.objects.update(profile=profile)
        config = config_of(browser_of(chen).get(f"/g/{group.pk}/"))
        seen[profile] = (config["me"]["muted_until"], config["members"][0]["muted_until"])
    assert seen == {"full": (until.isoformat(), until.isoformat()), "personal-wechat": (None, None)}


def test_my_pages_cost_a_fixed_number_of_queries(room: Room, chen: Joined, django_assert_max_num_queries: Any) -> None:
    for path in ("/me/", "/me/groups/", "/me/points/", "/me/penalties/", f"/g/{room.group_id}/"):
        with django_assert_max_num_queries(15):
            assert browser_of(chen).get(path).status_code == 200


def test_a_penalty_is_explained_with_rule_evidence_and_end(community: Community, room: Room, chen: Joined) -> None:
    now = SYSTEM_CLOCK.now()
    RulebookVersion.objects.create(
        community_id=community.pk, version=3, state="live", rules=[{"id": "links", "name": "同一链接", "clause": "2.3"}]
    )
    common = {"community_id": community.pk, "group_id": room.group_id, "member_id": chen.member.pk, "at": now}
    Penalty.objects.create(
        seq=900, last_seq=900, rule="links", rulebook_version=3, step="mute", sentence="先休息 1 小时",
        evidence=[chen.seq], ends_at=now + timedelta(hours=1), strike=True, strike_until=now + timedelta(days=9),
        **common,
    )  # fmt: skip
    text = browser_of(chen).get("/me/penalties/").content.decode()
    assert "先休息 1 小时" in text
    assert "群规 2.3 · 同一链接 · 群规第 3 版" in text
    assert "现在算数的违规有 1 次。" in text
    assert "进行中" in text
    Penalty.objects.update(reversed_at=now, reversed_by="林晓")
    text = browser_of(chen).get("/me/penalties/").content.decode()
    assert "已撤销" in text
    assert "这一条不再算数,不计违规" in text
    assert "现在没有算数的违规。" in text


def test_penalties_of_others_are_not_shown(community: Community, room: Room, chen: Joined) -> None:
    Penalty.objects.create(
        community_id=community.pk, seq=901, last_seq=901, rule="x", rulebook_version=1, group_id=room.group_id,
        member_id=chen.member.pk + 1, step="warn", sentence="别人的事", at=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    text = browser_of(chen).get("/me/penalties/").content.decode()
    assert "别人的事" not in text
    assert "没有处罚记录" in text


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=²", "before=" + "9" * 40, "before=2026-13-01T00:00Z"]
)
@pytest.mark.parametrize("path", ["/me/points/", "/me/penalties/"])
def test_a_bent_address_is_harmless(chen: Joined, path: str, query: str) -> None:
    assert browser_of(chen).get(f"{path}?{query}").status_code == 200


def test_the_language_is_the_persons_own_choice_and_leads_nowhere_else(chen: Joined) -> None:
    client = browser_of(chen)
    assert 'lang="zh-CN"' in client.get("/me/", headers={"accept-language": "en"}).content.decode()
    page = client.post("/language/", {"language": "en", "next": "/me/points/"})
    assert (page.status_code, page["Location"]) == (302, "/me/points/")
    assert 'lang="en"' in client.get("/me/").content.decode()
    assert client.post("/language/", {"language": "en", "next": "https://evil.example/"})["Location"] == "/me/"
    assert client.post("/language/", {"language": "xx"}).status_code == 404


def test_every_module_of_the_chat_is_preloaded_and_the_page_is_small() -> None:
    modules = {f"portal/js/{file.name}" for file in (STATIC / "portal/js").glob("*.js")} - {"portal/js/chat.js"}
    assert modules == set(CHAT_MODULES)
    assert sum(file.stat().st_size for file in STATIC.rglob("*.*")) < 200_000


@pytest.fixture
def elsewhere() -> Room:
    other = create_community(
        slug="elsewhere", name="读书会", timezone="Asia/Shanghai", blueprint={}, now=SYSTEM_CLOCK.now()
    )
    group = create_group(
        community=other, name="读书 1 群", platform_id="p2", capacity=3, announcement="", now=SYSTEM_CLOCK.now()
    )
    return open_room(group=group)


def session_of(client: Client) -> list[MemberToken]:
    return list(read_session(client.cookies[COOKIE].value))


def test_joining_in_a_second_community_keeps_the_first(room: Room, chen: Joined, elsewhere: Room) -> None:
    client = browser_of(chen)
    first = MemberToken(room.community_id, chen.member.pk)
    page = client.post(f"/j/{elsewhere.join_code}/", {"nickname": "读者陈"})
    assert (page.status_code, page["Location"]) == (302, f"/g/{elsewhere.group_id}/")
    second = MemberToken(elsewhere.community_id, Member.objects.get(display_name="读者陈").pk)
    assert session_of(client) == [second, first]
    assert Event.objects.filter(kind="member.joined", community_id=room.community_id).count() == 1

    groups = client.get("/me/groups/").content.decode()
    assert ("读书 1 群" in groups, "早报 1 群" in groups) == (True, False)
    assert "我的其他社群" in groups
    assert "职场知识社" in groups
    assert client.post("/me/switch/", {"community": room.community_id})["Location"] == "/me/groups/"
    assert session_of(client) == [first, second]
    groups = client.get("/me/groups/").content.decode()
    assert ("读书 1 群" in groups, "早报 1 群" in groups) == (False, True)
    me = client.get("/me/").content.decode()
    assert "<h2>老陈</h2>" in me
    for path in ("/me/", "/me/points/", "/me/penalties/"):
        assert client.get(path).context["visitor"].member == chen.member

    # Opening a group of the other community looks at that one; nobody had to come in again.
    page = client.get(f"/g/{elsewhere.group_id}/")
    assert config_of(page)["me"]["id"] == second.member_id
    assert session_of(client) == [second, first]
    assert client.get(f"/j/{room.join_code}/")["Location"] == f"/g/{room.group_id}/"
    assert Member.objects.count() == 2


def test_only_communities_of_the_browser_can_be_switched_to(room: Room, chen: Joined, elsewhere: Room) -> None:
    reader = join_room(room=elsewhere, nickname="读者", now=SYSTEM_CLOCK.now())
    client = browser_of(chen)
    for community in (elsewhere.community_id, 10**9, "x", "", "-1", "９", "9" * 30):
        page = client.post("/me/switch/", {"community": community})
        assert (page.status_code, COOKIE in page.cookies) == (404, False)
    assert client.get(f"/g/{elsewhere.group_id}/").status_code == 404
    assert client.get("/me/switch/").status_code == 405
    assert Client().post("/me/switch/", {"community": room.community_id}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies[COOKIE] = session_token(
        [MemberToken(room.community_id, chen.member.pk), MemberToken(elsewhere.community_id, reader.member.pk)]
    )
    page = strict.post("/me/switch/", {"community": elsewhere.community_id})
    assert (page.status_code, COOKIE in page.cookies) == (403, False)


def test_a_forged_a_crossed_and_an_erased_member_of_a_session_is_nobody(
    room: Room, chen: Joined, elsewhere: Room
) -> None:
    reader = join_room(room=elsewhere, nickname="读者", now=SYSTEM_CLOCK.now())
    first = MemberToken(room.community_id, chen.member.pk)
    second = MemberToken(elsewhere.community_id, reader.member.pk)
    client = Client()
    client.cookies[COOKIE] = session_token([first, second]).replace(f"~{second.community_id}.", "~77.")
    assert client.get("/me/").status_code == 403
    # Signed, but of two communities crossed: neither is believed.
    crossed = [MemberToken(first.community_id, second.member_id), MemberToken(second.community_id, first.member_id)]
    client.cookies[COOKIE] = session_token(crossed)
    assert client.get("/me/").status_code == 403
    client.cookies[COOKIE] = session_token([first, second])
    Member.objects.filter(pk=first.member_id).update(erased_at=SYSTEM_CLOCK.now())
    page = client.get("/me/")
    assert (page.context["visitor"].member, page.context["visitor"].elsewhere) == (reader.member, ())
    assert client.get(f"/g/{room.group_id}/").status_code == 404


def test_more_communities_cost_no_more_queries(
    room: Room, chen: Joined, elsewhere: Room, django_assert_num_queries: Any
) -> None:
    reader = join_room(room=elsewhere, nickname="读者", now=SYSTEM_CLOCK.now())
    first = MemberToken(room.community_id, chen.member.pk)
    alone, both = Client(), Client()
    alone.cookies[COOKIE] = session_token([first])
    both.cookies[COOKIE] = session_token([first, MemberToken(elsewhere.community_id, reader.member.pk)])
    with CaptureQueriesContext(connection) as counted:
        alone.get("/me/groups/")
    with django_assert_num_queries(len(counted)):
        both.get("/me/groups/")
