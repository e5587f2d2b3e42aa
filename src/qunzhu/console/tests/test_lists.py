"""Every list page: columns, saved views, files, totals; what is whose, and what a page costs."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from qunzhu.console.lists import LONGEST_QUERY, VIEWS
from qunzhu.console.models import SavedView
from qunzhu.console.pages.saved_views import LISTS
from qunzhu.console.reading.slices import COUNTED
from qunzhu.console.tests.desk import ROLES, make_desk
from qunzhu.engagement.challenge.models import Challenge
from qunzhu.engagement.debate.models import Debate
from qunzhu.engagement.levels.models import LevelFigure
from qunzhu.engagement.mall import shelf
from qunzhu.engagement.mall.services import Wish, redeem
from qunzhu.engagement.quality.models import MessageScore
from qunzhu.engagement.tasks.models import TaskBook, TaskProgress
from qunzhu.governance.models import Appeal
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry, Membership
from qunzhu.kernel.connectors.imports.models import ImportJob
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.seal import seal_now
from qunzhu.kernel.ledger.services import award
from qunzhu.risk.models import Keyword

pytestmark = pytest.mark.django_db
TABLES = sorted(set(LISTS) - {"feed"})  # the feed is a stream of sentences


@pytest.fixture
def desk():
    return make_desk()


def everything(desk):
    """A row in every list."""
    unit = {"id": "t", "task": "t", "kind": "daily", "name": "说三句", "on": "message", "count": 3, "period": "day"}
    TaskBook.objects.create(community_id=desk.community.pk, seq=1, units=[unit])
    TaskProgress.objects.create(
        community_id=desk.community.pk, member_id=desk.member.pk, unit="t", period="2026-11-24", count=1, goal=3,
        points=2, cards=0, turn=0, taken_back=False, seq=2,
    )  # fmt: skip
    now = SYSTEM_CLOCK.now()
    desk.case()
    desk.effect("failed", last_error="平台没有回答")
    desk.audit()
    Keyword.objects.create(community_id=desk.community.pk, word="加微信", category="contact")
    Membership.objects.create(
        community_id=desk.community.pk, group_id=desk.group.pk, member_id=desk.member.pk, joined_at=now
    )
    ImportJob.objects.create(
        community_id=desk.community.pk, group_id=desk.group.pk, file_name="一月.csv", fingerprint="f", format="csv",
        timezone="Asia/Shanghai", lines=12, added=7, duplicates=4, rejected=1, repeats=2, repeated_at=now, state="done",
        started_at=now, started_by="owner-desk",
    )  # fmt: skip
    Appeal.objects.create(
        community_id=desk.community.pk, penalty_seq=1, seq=2, case_id=1, rule="ads", member_id=desk.member.pk, at=now,
        deadline=now,
    )  # fmt: skip
    Debate.objects.create(
        community_id=desk.community.pk, number=1, slot="2026-11-28", state="done", title="先看薪资还是成长",
        opened_at=SYSTEM_CLOCK.now(), result={"winner": "pro", "votes": {"pro": 3, "con": 2}, "points": 20},
    )  # fmt: skip
    given = {"community_id": desk.community.pk, "member_id": desk.member.pk, "now": now}
    award(amount=5, key="desk", kind="checkin", memo="签到", **given)
    Challenge.objects.create(
        community_id=desk.community.pk, key="desk", name="早起", starts_on=now.date(), days=3, need=2, stake=5,
        proof="any", buddies=True, created_by="owner", created_at=now,
    )  # fmt: skip
    good = shelf.add_good(
        desk.community.pk, {"name": "电子书", "kind": "virtual", "price": 0}, stock=2, by="owner", now=now
    )
    wish = Wish(desk.member.pk, good.number, "desk")
    redeem(community_id=desk.community.pk, wish=wish, now=now)
    MessageScore.objects.create(
        community_id=desk.community.pk, message_seq=1, group_id=desk.group.pk, member_id=desk.member.pk,
        day=now.date(), historic=False, length=20, information=20, sources=0, copy_of=0, replies=0, reactions=0,
        word="", punished_by="", score=40,
    )  # fmt: skip
    LevelFigure.objects.create(
        community_id=desk.community.pk, member_id=desk.member.pk, day=now.date(), quality=1, active=1, messages=1,
        hours=1,
    )  # fmt: skip
    seal_now(community_id=desk.community.pk, now=now)
    desk.client("analyst").post(desk.url("keywords/add/"), {"word": "x"})  # refused, on record


def save(desk, role="owner", page="cases", **form):
    form = {"name": "急件", "query": "urgency=red", **form}
    return desk.client(role).post(desk.url(f"lists/{page}/views/"), form)


def cells(html):
    """Headings of the first table of a page, and the number of cells of its first row."""
    table = html[html.index("<table") : html.index("</table>")]
    head, body = table.split("</thead>")
    row = body[body.index("<tr") : body.index("</tr>")]
    return re.findall(r"<th[^>]*>(?:<input[^>]*>)?([^<]*)</th>", head), len(re.findall(r"<td[ >]", row))


@pytest.mark.parametrize("page", TABLES)
def test_every_column_can_be_chosen_and_has_its_cell(desk, page):
    everything(desk)
    spec = LISTS[page]
    names = ",".join(column.name for column in spec.columns)
    client = desk.client("owner")
    for query, wanted in (
        ("", spec.shown({})),
        (f"?cols={names}", spec.columns),
        ("?cols=nonsense", spec.shown({})),
    ):
        head, count = cells(client.get(desk.url(f"{page}/{query}")).content.decode())
        assert len(head) == count, query
        assert [title for title in head if title] == [str(column.label) for column in wanted], query


def test_the_feed_leaves_out_what_was_not_chosen_also_in_what_arrives(desk):
    seq = desk.message("你好呀")
    client = desk.client("owner")
    assert "你好呀" in client.get(desk.url("feed/")).content.decode()
    assert "你好呀" not in client.get(desk.url("feed/?cols=group")).content.decode()
    fresh = client.get(desk.url(f"feed/newer/?cols=group&after={seq - 1}"))
    assert fresh["X-Count"] == "1"
    assert "你好呀" not in fresh.content.decode()


@pytest.mark.parametrize("page", sorted(LISTS))
def test_a_file_has_the_chosen_columns_and_is_on_record(desk, page):
    everything(desk)
    spec = LISTS[page]
    chosen = spec.columns[-1].name
    for query, wanted in (
        ("", spec.columns),
        (f"?cols={chosen}", [c for c in spec.columns if c.fixed or c.name == chosen]),
    ):
        answer = desk.client("owner").get(desk.url(f"{page}/export.csv{query}"))
        first, *rows = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
        assert first.split(",") == [str(c.head or c.label) for c in wanted]
        assert rows
    book = desk.client("owner").get(desk.url(f"{page}/export.xlsx"))
    assert b"".join(book.streaming_content)[:2] == b"PK"
    assert [a for _, a, _ in desk.audit()].count(spec.export_action) == 3


def test_a_file_records_no_name_that_was_searched_for(desk):
    desk.client("owner").get(desk.url("members/export.csv?q=小林&state=never"))
    assert AuditEntry.objects.get(action="member.export").detail == {"format": "csv", "query": "state=never"}


@pytest.mark.parametrize("page", sorted(LISTS))
def test_who_may_not_see_a_list_gets_no_file_and_no_view_of_it(desk, page):
    permission = LISTS[page].permission
    allowed = {
        "view": set(ROLES),
        "import.run": {"owner", "manager"},
        "audit.view": {"owner", "manager"},
        "mall.deliver": {"owner", "manager", "moderator"},
    }
    for role in (*ROLES, "stranger", ""):
        may = role in allowed.get(permission, {"owner"})
        refused = {"stranger": 404, "": 302}.get(role, 403)
        client = desk.client(role)
        assert client.get(desk.url(f"{page}/export.csv")).status_code == (200 if may else refused)
        assert client.get(desk.url(f"lists/{page}/columns/")).status_code == (302 if may else refused)
        if not may:
            assert save(desk, role, page).status_code == refused
    assert SavedView.objects.count() == 0


def test_columns_become_an_address_that_keeps_the_rest(desk):
    client = desk.client("analyst")
    url = desk.url("lists/effects/columns/")
    for query, address in (
        ("status=done&before=9-a&col=group&col=nonsense&col=status", "?status=done&cols=status%2Ckind%2Cgroup"),
        ("status=done", "?status=done"),  # nothing ticked: the usual columns
        ("", "?view=0"),
    ):
        assert client.get(f"{url}?{query}")["Location"] == desk.url(f"effects/{address}")
    assert client.get(desk.url("lists/nothing/columns/")).status_code == 404


def test_a_view_is_saved_opened_and_survives_a_reload(desk):
    red, grey = desk.case(urgency="red"), desk.case()
    cols = "urgency,title,number,opened"
    answer = save(desk, query=f"urgency=red&cols={cols}&page=3&evil=1")
    view = SavedView.objects.get()
    assert (view.community_id, view.user_id, view.page) == (desk.community.pk, desk.users["owner"].pk, "cases")
    assert (view.name, view.query, view.default) == (
        "急件", "urgency=red&cols=urgency%2Ctitle%2Cnumber%2Copened", False,
    )  # fmt: skip
    assert answer["Location"] == desk.url(f"cases/?view={view.pk}&{view.query}")
    client = desk.client("owner")
    for _ in range(2):
        page = client.get(answer["Location"])
        assert [row.case.pk for row in page.context["rows"]] == [red.pk]
        assert [c.name for c in page.context["list"].columns] == cols.split(",")
        assert (page.context["list"].view, page.context["list"].changed) == (view, False)
    other = client.get(desk.url(f"cases/?view={view.pk}"))
    assert (other.context["list"].view, other.context["list"].changed) == (view, True)
    assert grey.pk in [row.case.pk for row in other.context["rows"]]
    assert desk.audit() == []  # how somebody likes a list is no act


def test_only_own_views_of_this_list_and_community_are_seen(desk):
    elsewhere = make_desk("elsewhere")
    SavedView.objects.create(
        community_id=elsewhere.community.pk, user=desk.users["owner"], page="cases", name="别家", query="kind=x",
        created_at=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    save(desk, "manager", name="主管的")
    save(desk, "owner", page="members", query="state=never", name="从不说话")
    page = desk.client("owner").get(desk.url("cases/"))
    assert page.context["list"].views == []
    text = page.content.decode()
    assert "主管的" not in text
    assert "从不说话" not in text
    theirs = SavedView.objects.get(name="主管的")
    assert desk.client("owner").get(desk.url(f"cases/?view={theirs.pk}")).context["list"].view is None


@pytest.mark.parametrize("do", ["rename", "update", "default", "delete", "explode", ""])
def test_nobody_changes_the_view_of_another(desk, do):
    save(desk, "manager")
    view = SavedView.objects.get()
    before = SavedView.objects.values().get()
    form = {"do": do, "name": "我的了", "query": "kind=order"}
    for role, status in (("owner", 404), ("analyst", 404), ("stranger", 404), ("", 302)):
        assert desk.client(role).post(desk.url(f"lists/cases/views/{view.pk}/"), form).status_code == status
    for path in (f"lists/effects/views/{view.pk}/", f"lists/cases/views/{1 << 70}/"):
        assert desk.client("manager").post(desk.url(path), form).status_code == 404
    assert desk.client("manager").get(desk.url(f"lists/cases/views/{view.pk}/")).status_code == 405
    assert SavedView.objects.values().get() == before


def test_saving_needs_a_csrf_token(desk):
    client = Client(enforce_csrf_checks=True)
    client.force_login(desk.users["owner"])
    assert client.post(desk.url("lists/cases/views/"), {"name": "a", "query": "kind=x"}).status_code == 403
    assert SavedView.objects.count() == 0


def change(desk, view, **form):
    return desk.client("owner").post(desk.url(f"lists/cases/views/{view.pk}/"), form, follow=True)


def test_a_view_is_renamed_changed_and_deleted(desk):
    save(desk)
    view = SavedView.objects.get()
    assert "已改名为“红的”" in change(desk, view, do="rename", name="  红的 ").content.decode()
    change(desk, view, do="update", query="urgency=red&assigned=me&page=2")
    view.refresh_from_db()
    assert (view.name, view.query) == ("红的", "urgency=red&assigned=me")
    answer = change(desk, view, do="delete")
    assert answer.redirect_chain == [(desk.url("cases/?view=0"), 302)]
    assert SavedView.objects.count() == 0


def test_the_default_view_opens_the_list_and_there_is_a_way_out(desk):
    save(desk, default="on")
    save(desk, name="交接", query="assigned=none")
    first, second = SavedView.objects.order_by("pk")
    client = desk.client("owner")
    assert client.get(desk.url("cases/"))["Location"] == desk.url(f"cases/?view={first.pk}&urgency=red")
    change(desk, second, do="default")
    assert list(SavedView.objects.order_by("pk").values_list("default", flat=True)) == [False, True]
    assert client.get(desk.url("cases/"))["Location"] == desk.url(f"cases/?view={second.pk}&assigned=none")
    plain = client.get(desk.url("cases/?view=0"))
    assert (plain.status_code, plain.context["list"].view) == (200, None)
    urls = {choice.url for row in plain.context["filters"] for choice in row.choices}
    assert not urls & {"", "?"}  # no chip leads back into the default view
    change(desk, second, do="default")
    assert client.get(desk.url("cases/")).status_code == 200
    assert desk.client("manager").get(desk.url("cases/")).status_code == 200  # it is nobody else's default


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": " "}, "请给视图起个名字"),
        ({"name": "长" * 31}, "视图名最多 30 个字"),
        ({"name": "有了"}, "已经有叫“有了”的视图,请换个名字"),
        ({"query": "assigned=" + "x" * LONGEST_QUERY}, "筛选条件太长,存不下;请去掉几个再存"),
    ],
)
def test_a_view_that_cannot_be_kept_says_why(desk, form, said):
    save(desk, name="有了")
    client = desk.client("owner")
    answer = client.post(desk.url("lists/cases/views/"), {"name": "红的", "query": "urgency=red", **form})
    assert said in client.get(answer["Location"]).content.decode()
    assert list(SavedView.objects.values_list("name", flat=True)) == ["有了"]


def test_there_is_an_end_to_views(desk):
    for number in range(VIEWS):
        save(desk, name=f"视图 {number}")
    save(desk, name="一个太多")
    assert SavedView.objects.count() == VIEWS
    save(desk, "manager")
    assert SavedView.objects.count() == VIEWS + 1


def test_words_searched_for_are_not_kept_and_names_in_views_are_erased(desk):
    save(desk, page="members", name="小林在哪", query="q=小林&state=never")
    view = SavedView.objects.get()
    assert view.query == "state=never"
    erase_member(
        community_id=desk.community.pk, member_id=desk.member.pk, by="owner-desk", now=SYSTEM_CLOCK.now()
    )  # fmt: skip
    view.refresh_from_db()
    assert "小林" not in view.name


@pytest.mark.parametrize("page", sorted(LISTS))
def test_views_cost_one_query_however_many(desk, page):
    everything(desk)
    client = desk.client("owner")
    counted = []
    for number in range(3):
        client.get(desk.url(f"{page}/?view=0"))
        with CaptureQueriesContext(connection) as seen:
            assert client.get(desk.url(f"{page}/?view=0")).status_code == 200
        counted.append(len(seen))
        assert sum("console_saved_view" in q["sql"] for q in seen.captured_queries) == 1
        save(desk, page=page, name=f"{number}", query=f"cols={LISTS[page].columns[-1].name}")
    assert len(set(counted)) == 1


def test_pages_say_how_many_rows_and_as_of_when(desk):
    everything(desk)
    client = desk.client("owner")
    for page in sorted(LISTS):
        text = client.get(desk.url(f"{page}/")).content.decode()
        assert "更新于" in text, page
        assert "共 " in text, page
    for _ in range(3):
        desk.effect()
    assert "共 4 条" in client.get(desk.url("effects/")).content.decode()
    assert "共 3 条" in client.get(desk.url("effects/?status=done")).content.decode()


@pytest.mark.parametrize("page", ["effects", "members", "audit", "imports"])
def test_lists_that_grow_for_ever_are_counted_so_far(desk, page):
    client = desk.client("owner")
    with CaptureQueriesContext(connection) as seen:
        listing = client.get(desk.url(f"{page}/")).context["list"]
    counts = [q["sql"] for q in seen.captured_queries if "COUNT(*) FROM (" in q["sql"]]
    assert len(counts) == 1
    assert f"LIMIT {COUNTED + 1}" in counts[0]
    listing.count_so_far(COUNTED)
    assert listing.total == "10,000"
    listing.count_so_far(COUNTED + 1)
    assert listing.total == "10,000+"


@pytest.mark.parametrize("page", ["cases/?kind=order", "effects/?kind=mute", "members/?q=没有", "groups/?q=没有",
                                  "keywords/?q=没有", "audit/?user=nobody", "imports/?state=failed"])  # fmt: skip
def test_an_empty_filter_offers_to_be_cleared(desk, page):
    text = desk.client("owner").get(desk.url(page)).content.decode()
    assert "没有符合条件的内容" in text
    assert f'href="{desk.url(page.partition("?")[0])}?view=0">清除条件' in text


def test_groups_are_filtered_and_found(desk):
    desk.group.state = "frozen"
    desk.group.save()
    client = desk.client("owner")
    for query, names in (("state=frozen", ["一群"]), ("q=二", ["二群"]), ("profile=personal-wechat", []),
                         ("state=nonsense&profile=x", ["一群", "二群"])):  # fmt: skip
        rows = client.get(desk.url(f"groups/?{query}")).context["rows"]
        assert sorted(row.group.name for row in rows) == sorted(names)


def test_imports_say_how_many_lines_were_there_already(desk):
    everything(desk)
    page = desk.client("owner").get(desk.url("imports/")).content.decode()
    assert '<td class="num" data-label="重复">4</td>' in page
    assert "又导入过 2 次" in page


def test_failed_effects_are_retried_together_and_the_rest_is_left_alone(desk):
    failed, done = desk.effect("failed"), desk.effect()
    through = desk.effect("failed")
    case = desk.case("effect_failed", payload={"effect": str(through)})
    Effect.objects.filter(id=through).update(case_id=case.pk)
    chosen = {"effect": [str(failed), str(done), str(through), "nonsense"], "back": desk.url("effects/?status=failed")}
    for role in ("analyst", "finance"):
        assert desk.client(role).post(desk.url("effects/retry/"), chosen).status_code == 403
    assert Effect.objects.filter(status="failed").count() == 2
    answer = desk.client("moderator").post(desk.url("effects/retry/"), chosen)
    assert answer["Location"] == desk.url("effects/?status=failed")
    assert sorted(Effect.objects.values_list("status", flat=True)) == ["done", "pending", "pending"]
    assert Case.objects.get().state == "decided"
    assert sorted(a for _, a, _ in desk.audit()) == ["case.retry", "effect.retry"]
    again = desk.client("moderator").post(desk.url("effects/retry/"), {**chosen, "back": "https://evil.example/"})
    assert again["Location"] == desk.url("effects/")
    assert len(desk.audit()) == 2
