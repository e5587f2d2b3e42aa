"""The shell's own pages: who gets in, what they say, what they cost, what acts leave behind."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import get_resolver

from qunzhu.analytics.consumer import CONSUMER as ROLLUPS
from qunzhu.console import urls
from qunzhu.console.pages.groups import ACTS
from qunzhu.console.pages.members import DEEDS
from qunzhu.console.reading import search
from qunzhu.governance.consumer import CONSUMER as GOVERNANCE
from qunzhu.governance.models import Penalty
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP
from qunzhu.kernel.community.models import AuditEntry, Group, Member
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.community.services import RESERVED_SLUGS, create_community, create_group, set_staff
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.runner import Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.models import LedgerTransaction
from qunzhu.kernel.ledger.selectors import balance

pytestmark = pytest.mark.django_db
PASSWORD = "right-horse-9"
ROLES = ("owner", "manager", "moderator", "analyst", "finance")
PAGES = ("", "feed/", "feed/?kind=decisions", "groups/", "members/", "search/?q=王")


def user(name, **more):
    return get_user_model().objects.create_user(name, password=PASSWORD, **more)


def client(who):
    browser = Client()
    browser.force_login(who)
    return browser


class House:
    """A community with one local group, one member 王大力, and staff of every role."""

    def __init__(self):
        self.now = datetime.now(UTC)
        self.community = create_community(
            slug="house", name="测试社", timezone="Asia/Shanghai", blueprint={}, now=self.now
        )
        self.group = create_group(community=self.community, name="一群", platform_id="g1", now=self.now)
        self.room = open_room(group=self.group)
        joined = join_room(room=self.room, nickname="王大力", now=self.now)
        self.member = joined.member
        self.staff = {role: user(role) for role in ROLES}
        for role, person in self.staff.items():
            set_staff(community=self.community, user=person, role=role, by="test", now=self.now)
        self.consume()

    def say(self, count, text="大家好", start=0):
        events = [
            NewEvent(
                self.community.pk, event_id("test", start + n), "message.posted", self.now,
                {"platform_id": str(n), "text": text, "type": "text", "nickname": "王大力"}, self.group.pk,
                self.member.pk, "local",
            )
            for n in range(count)
        ]  # fmt: skip
        with transaction.atomic():
            log.append(raw_connection(), events, now=self.now)
        self.consume()

    def consume(self):
        Runner([MEMBERSHIP, GOVERNANCE, ROLLUPS], clock=FixedClock(self.now)).run_once()

    def url(self, rest=""):
        return f"/console/house/{rest}"

    def left_behind(self):
        """Everything that an act could write."""
        tables = (Effect, Event, LedgerTransaction)
        return [t.objects.count() for t in tables] + [AuditEntry.objects.filter(allowed=True).count()]


@pytest.fixture
def house():
    return House()


def test_nobody_gets_in_without_signing_in(house):
    answer = Client().get(house.url("feed/"))
    assert (answer.status_code, answer["Location"]) == (302, "/console/login/?next=/console/house/feed/")


def test_strangers_see_nothing(house):
    stranger = client(user("stranger"))
    assert {stranger.get(house.url(p)).status_code for p in PAGES} == {404}
    assert stranger.get("/console/nothere/").status_code == 404
    assert "还没有可以进入的社群" in stranger.get("/console/").content.decode()


def test_every_page_of_a_community_names_its_permission():
    console = next(r for r in get_resolver().url_patterns if getattr(r, "namespace", "") == "console")
    views = [p.callback for p in console.url_patterns if str(p.pattern).startswith("<slug:slug>")]
    assert len(views) > 12
    assert [v.__name__ for v in views if not hasattr(v, "permission")] == []


def test_a_role_without_the_permission_is_refused_on_record(house):
    analyst = client(house.staff["analyst"])
    before = house.left_behind()
    answer = analyst.post(house.url(f"members/{house.member.pk}/act/"), {"do": "mute", "group": house.group.pk})
    assert answer.status_code == 403
    assert "你的角色不能做这件事" in answer.content.decode()
    assert house.left_behind() == before
    entry = AuditEntry.objects.get(allowed=False)
    assert (entry.user, entry.action, entry.community_id) == ("analyst", "member.mute", house.community.pk)


@pytest.mark.parametrize("role", ROLES)
def test_permission_matrix_of_members_and_groups(house, role):
    browser = client(house.staff[role])
    refused = 0
    for base, acts in (
        (f"members/{house.member.pk}/act/", {n: d.permission for n, d in DEEDS.items()}),
        (f"groups/{house.group.pk}/act/", ACTS),
    ):
        for what, permission in acts.items():
            before = house.left_behind()
            status = browser.get(house.url(base), {"do": what}).status_code
            if may(role, permission):
                assert status == (404 if what == "reverse" else 200), what  # there is no penalty to reverse
            else:
                refused += 1
                assert status == 403, what
                assert browser.post(house.url(base), {"do": what}).status_code == 403, what
            assert house.left_behind() == before
    assert AuditEntry.objects.filter(allowed=False).count() == refused * 2


def test_acts_need_a_csrf_token(house):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(house.staff["owner"])
    before = house.left_behind()
    assert browser.post(house.url(f"members/{house.member.pk}/act/"), {"do": "points"}).status_code == 403
    assert house.left_behind() == before


def test_muting_by_hand_asks_for_one_effect_and_is_on_record(house):
    browser = client(house.staff["moderator"])
    form = {"do": "mute", "group": house.group.pk, "minutes": "60", "text": "先休息一下", "key": "k1"}
    for _ in range(2):  # sent twice by an impatient finger
        answer = browser.post(house.url(f"members/{house.member.pk}/act/"), form)
        assert (answer.status_code, answer["Location"]) == (302, house.url(f"members/{house.member.pk}/"))
    effect = Effect.objects.get()
    assert (effect.kind, effect.member_id, effect.requested_by) == ("mute", house.member.pk, "moderator")
    assert (effect.payload["minutes"], effect.payload["text"]) == (60, "先休息一下")
    entry = AuditEntry.objects.filter(action="member.mute").first()
    assert (entry.user, entry.target, entry.allowed) == ("moderator", f"member:{house.member.pk}", True)


def test_an_act_that_makes_no_sense_changes_nothing(house):
    browser = client(house.staff["owner"])
    before = house.left_behind()
    for form, said in (
        ({"do": "mute", "group": house.group.pk, "minutes": "7"}, "请选择禁言多久"),
        ({"do": "mute", "group": "999", "minutes": "60"}, "请选择在哪个群里执行"),
        ({"do": "warn", "group": house.group.pk, "text": " "}, "请写下要对成员说的话"),
        ({"do": "points", "amount": "0", "text": "x"}, "不能是 0"),
        ({"do": "points", "amount": "-5", "text": "x", "key": "p"}, "积分不够扣:现有 0 分"),
        ({"do": "points", "amount": "5", "text": ""}, "请写下理由"),
        ({"do": "erase", "word": "删除"}, "请输入“抹除”来确认"),
    ):
        answer = browser.post(house.url(f"members/{house.member.pk}/act/"), form)
        assert answer.status_code == 422, form
        assert said in answer.content.decode()
    assert house.left_behind() == before


def test_points_are_adjusted_through_the_ledger_once(house):
    browser = client(house.staff["manager"])
    form = {"do": "points", "amount": "+30", "text": "活动奖励", "key": "p1"}
    for _ in range(2):
        assert browser.post(house.url(f"members/{house.member.pk}/act/"), form).status_code == 302
    assert balance(house.community.pk, f"m:{house.member.pk}") == 30
    assert Event.objects.filter(kind="points.posted").count() == 1
    page = browser.get(house.url(f"members/{house.member.pk}/")).content.decode()
    assert "+30 积分,余额 30 · 活动奖励" in page


def test_erasing_needs_the_word_and_a_second_person_and_leaves_no_content(house):
    house.say(1, text="我的电话是 13800000000")
    browser, second = client(house.staff["manager"]), client(house.staff["owner"])
    url = house.url(f"members/{house.member.pk}/")
    assert browser.post(f"{url}act/", {"do": "erase", "word": "删除"}).status_code == 422
    asked = {"do": "erase", "word": "抹除", "text": "王大力来信要求"}
    assert browser.post(f"{url}act/", asked).status_code == 302
    case = Case.objects.get(kind="member_erasure")
    assert "13800000000" in browser.get(url).content.decode()  # proposed, not done
    assert browser.post(f"{url}act/", asked).status_code == 422  # the same person is not a second one
    decide = house.url(f"cases/{case.pk}/decide/")
    assert second.post(decide, {"action": "erase", "version": "2", "note": "王大力 核实过"}).status_code == 302
    page = browser.get(url).content.decode()
    assert "13800000000" not in page
    assert "王大力" not in page
    assert "内容已抹除" in page
    done = AuditEntry.objects.get(action="case.erase", allowed=True)
    assert (done.user, done.target) == ("owner", f"case:{case.pk}")
    assert "王大力" not in browser.get(house.url(f"cases/{case.pk}/")).content.decode()
    assert "王大力" not in browser.get(house.url("audit/")).content.decode()
    assert "13800000000" not in browser.get(house.url("feed/")).content.decode()


def test_a_penalty_is_reversed_once_with_a_reason(house):
    house.say(1)
    seq = Event.objects.order_by("-seq").first().seq
    decided = {
        "rule": "links", "rulebook_version": 1, "chapter": "governance", "level": "", "cause_seq": seq,
        "outcome": "live", "strike": True, "sentence": "同一链接太多", "facts": {}, "evidence": [seq],
        "effects": [{"kind": "warn"}], "step": "warn",
    }  # fmt: skip
    event = NewEvent(
        house.community.pk, event_id("test", "decision"), "decision.made", house.now, decided, house.group.pk,
        house.member.pk,
    )  # fmt: skip
    log.append(raw_connection(), [event], now=house.now)
    house.consume()
    assert Penalty.objects.get().seq == seq
    browser = client(house.staff["moderator"])
    url = house.url(f"members/{house.member.pk}/act/")
    assert "同一链接太多" in browser.get(url, {"do": "reverse", "seq": seq}).content.decode()
    assert browser.post(url, {"do": "reverse", "seq": seq}).status_code == 422
    form = {"do": "reverse", "seq": seq, "text": "误伤"}
    assert browser.post(url, form).status_code == 302
    house.consume()
    again = browser.post(url, form)
    assert again.status_code == 422
    assert "已经撤销了这次处罚" in again.content.decode()
    assert Event.objects.filter(kind="penalty.reversed").count() == 1
    assert AuditEntry.objects.filter(action="penalty.reverse").count() == 1


def test_freezing_previews_whom_it_touches(house):
    browser = client(house.staff["moderator"])
    url = house.url(f"groups/{house.group.pk}/act/")
    assert "1 位成员" in browser.get(url, {"do": "freeze"}).content.decode()
    assert Effect.objects.count() == 0
    assert browser.post(url, {"do": "freeze", "key": "f"}).status_code == 302
    assert Effect.objects.get().kind == "freeze"


def test_switching_the_profile_shows_what_a_human_has_to_do(house):
    browser = client(house.staff["manager"])
    url = house.url(f"groups/{house.group.pk}/")
    browser.post(f"{url}act/", {"do": "profile", "profile": "wecom-customer-group"})
    assert Group.objects.get().profile == "wecom-customer-group"
    page = browser.get(url).content.decode()
    assert "人工做" in page
    assert "企业微信客户群里服务器不能发言" in page
    assert f"/j/{house.room.join_code}/" in page


def test_members_cannot_be_reached_through_another_community(house):
    other = create_community(slug="other", name="别家", timezone="Asia/Shanghai", blueprint={}, now=house.now)
    theirs = Member.objects.create(community=other, display_name="外人", created_at=house.now)
    owner = client(house.staff["owner"])
    assert owner.get(house.url(f"members/{theirs.pk}/")).status_code == 404
    assert owner.post(house.url(f"members/{theirs.pk}/act/"), {"do": "points"}).status_code == 404


def test_pages_say_exactly_what_happened(house):
    house.say(3, text="<script>alert(1)</script>")
    browser = client(house.staff["owner"])
    home = browser.get(house.url()).content.decode()
    assert '<span class="stat-value" title="3">3</span>' in home
    feed = browser.get(house.url("feed/?kind=messages")).content.decode()
    assert feed.count('<li class="event') == 3
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in feed
    assert "<script>alert(1)" not in feed
    last = Event.objects.order_by("-seq").first().seq
    event = browser.get(house.url(f"events/{last}/")).content.decode()
    assert f"事件 {last}" in event
    assert "message.posted" in event
    found = browser.get(house.url("search/?q=alert")).content.decode()
    assert f"第 1–{last} 条事件" in found


def test_a_search_goes_back_stretch_by_stretch_and_finds_each_message_once(house, monkeypatch):
    monkeypatch.setattr(search, "STRETCH", 40)
    house.say(35, text="早安")
    house.say(3, text="别的话", start=100)
    house.say(35, text="早安", start=200)
    browser = client(house.staff["analyst"])
    seen, before, pages = [], "", 0
    while pages == 0 or before:
        page = browser.get(house.url("search/"), {"q": "早安", "before": before})
        assert page.status_code == 200
        seen += [row.seq for row in page.context["rows"]]
        before, pages = page.context["older"], pages + 1
    assert len(seen) == 70
    assert seen == sorted(set(seen), reverse=True)
    assert pages > 2


def test_paging_is_by_keyset_and_complete(house):
    house.say(120)
    browser = client(house.staff["analyst"])
    seen, url = [], house.url("feed/?kind=messages")
    while url:
        page = browser.get(url)
        rows = page.context["rows"]
        seen += [r.seq for r in rows]
        older = page.context["older"]
        url = house.url(f"feed/?kind=messages&before={older}") if older else ""
    assert len(seen) == 120
    assert seen == sorted(set(seen), reverse=True)


def test_newer_rows_are_only_what_came_since(house):
    house.say(2)
    head = log.head(raw_connection(), house.community.pk)
    house.say(1, text="新来的", start=100)
    answer = client(house.staff["owner"]).get(house.url("feed/newer/"), {"after": head})
    assert (answer["X-Count"], answer["X-Last"]) == ("1", str(head + 1))
    assert "新来的" in answer.content.decode()


def test_exports_are_guarded_against_formulas_and_on_record(house):
    house.say(1, text="=1+1")
    browser = client(house.staff["owner"])
    text = b"".join(browser.get(house.url("feed/export.csv?kind=messages")).streaming_content).decode()
    assert text.count("\r\n") == 2
    assert ",'=1+1," in text
    assert AuditEntry.objects.filter(action="feed.export").count() == 1
    excel = browser.get(house.url("feed/export.xlsx"))
    assert excel["Content-Type"].endswith("spreadsheetml.sheet")
    assert b"".join(excel.streaming_content)[:2] == b"PK"
    excel.close()


@pytest.mark.parametrize("page", [*PAGES, "members/{member}/", "groups/{group}/", "events/1/"])
def test_a_page_costs_the_same_queries_however_much_happened(house, page):
    url = house.url(page.format(member=house.member.pk, group=house.group.pk))
    browser = client(house.staff["owner"])
    house.say(10)
    browser.get(url)
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert browser.get(url).status_code == 200
    house.say(1_000, start=10)
    with CaptureQueriesContext(connection) as many:
        assert browser.get(url).status_code == 200
    assert len(many) == len(few) <= 32
    sql = " ".join(q["sql"] for q in many.captured_queries)
    assert " OFFSET " not in sql
    assert "count(*) from event " not in sql.lower()


def test_signing_in_and_being_sent_on(house):
    browser = Client()
    answer = browser.post(
        "/console/login/", {"username": "owner", "password": PASSWORD, "next": "/console/house/feed/"}
    )
    assert (answer.status_code, answer["Location"]) == (302, "/console/house/feed/")
    assert browser.get("/console/")["Location"] == "/console/house/"
    assert browser.post("/console/logout/")["Location"] == "/console/login/"
    assert browser.get(house.url()).status_code == 302


def test_signing_in_never_leads_elsewhere(house):
    form = {"username": "owner", "password": PASSWORD, "next": "https://evil.example/"}
    assert Client().post("/console/login/", form)["Location"] == "/console/"


def test_wrong_passwords_are_limited_for_name_and_address(house):
    browser = Client()
    for _ in range(5):
        answer = browser.post("/console/login/", {"username": "owner", "password": "wrong"})
        assert answer.status_code == 401
        assert "账号或密码不对" in answer.content.decode()
    answer = browser.post("/console/login/", {"username": "owner", "password": PASSWORD})
    assert answer.status_code == 429
    assert "密码错得太多了,请 10分钟后再试" in answer.content.decode() or "请 9分钟" in answer.content.decode()
    assert "_auth_user_id" not in browser.session
    elsewhere = Client(REMOTE_ADDR="10.0.0.9")
    assert elsewhere.post("/console/login/", {"username": "owner", "password": PASSWORD}).status_code == 302
    AuditEntry.objects.filter(action="session.sign_in").update(at=house.now - timedelta(minutes=11))
    assert browser.post("/console/login/", {"username": "owner", "password": PASSWORD}).status_code == 302


def test_language_is_a_choice_that_stays(house):
    browser = client(house.staff["owner"])
    assert "现在需要你处理的" in browser.get(house.url(), headers={"accept-language": "en"}).content.decode()
    browser.post("/console/language/", {"language": "en", "next": house.url()})
    page = browser.get(house.url()).content.decode()
    assert "What needs you now, and the day so far." in page
    assert "等你处理" not in page


def test_no_community_can_take_an_address_of_the_console_itself():
    own = {str(route.pattern).partition("/")[0] for route in urls.urlpatterns if route.pattern.regex.groups == 0}
    assert own - {""} == {"login", "logout", "password", "language"}
    assert own - {""} <= RESERVED_SLUGS
