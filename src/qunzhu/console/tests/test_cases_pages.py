"""The queue and the case page: who sees what, who may press what, and what a late press keeps."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.cases.models import Case, CaseNote

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return make_desk()


def queries(client, url) -> int:
    client.get(url)  # the session learns the community
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_the_queue_is_ordered_by_urgency_then_deadline(desk):
    grey, red = desk.case(title="灰"), desk.case(title="红", urgency="red")
    orange = desk.case(title="橙", urgency="orange")
    response = desk.client("analyst").get(desk.url("cases/"))
    assert [row.case.pk for row in response.context["rows"]] == [red.pk, orange.pk, grey.pk]
    assert response.context["page"].total == 3
    text = response.content.decode()
    assert text.index("红") < text.index("橙")
    assert 'name="to"' not in text  # an analyst assigns nothing


def test_filters_stay_in_the_url(desk):
    desk.case(urgency="red")
    kept = desk.case("poisoned_event", payload={"consumer": "order"})
    response = desk.client("owner").get(desk.url("cases/?kind=poisoned_event&assigned=none&urgency=grey"))
    assert [row.case.pk for row in response.context["rows"]] == [kept.pk]
    urls = [c.url for f in response.context["filters"] for c in f.choices if f.name == "state"]
    assert "?kind=poisoned_event&assigned=none&urgency=grey&state=decided" in urls


@pytest.mark.parametrize(
    "query", ["?page=0", "?page=x", "?group=999999999999999999999", "?state=nonsense", "?kind=';--"]
)
def test_nonsense_in_the_url_is_harmless(desk, query):
    desk.case()
    assert desk.client("owner").get(desk.url(f"cases/{query}")).status_code == 200


def test_the_pages_cost_the_same_number_of_queries_at_any_size(desk):
    client = desk.client("owner")
    first = desk.case()
    few = queries(client, desk.url("cases/")), queries(client, desk.url(f"cases/{first.pk}/"))
    for _ in range(60):
        desk.case()
    seq = desk.message("再来一条")
    desk.decision(first.event_seq)
    Case.objects.filter(pk=first.pk).update(evidence=[first.event_seq, seq])
    CaseNote.objects.bulk_create(
        CaseNote(community_id=desk.community.pk, case=first, at=first.opened_at, author="owner", text=str(n))
        for n in range(20)
    )
    many = queries(client, desk.url("cases/")), queries(client, desk.url(f"cases/{first.pk}/"))
    assert few == many


def test_the_case_page_tells_the_story(desk):
    case = desk.case("member_reported", urgency="orange")
    desk.decision(case.event_seq)
    page = desk.client("moderator").get(desk.url(f"cases/{case.pk}/"))
    text = page.content.decode()
    assert "小林,今天已发 6 条(群规 2.1,上限 5 条),先提醒一次。" in text
    assert [line.centre for line in page.context["found"].lines] == [True]
    assert [(b["name"], b["key"]) for b in page.context["buttons"]] == [
        ("warn", "w"), ("mute", "m"), ("remove", "r"), ("dismiss", "d"),
    ]  # fmt: skip
    assert desk.client("analyst").get(desk.url(f"cases/{case.pk}/")).context["buttons"] == []


def test_a_task_shows_its_numbered_steps(desk):
    case = desk.case("effect_task", payload={"steps": ["1. 打开企业微信", "2. 粘贴并发送:你好"], "text": "你好"})
    page = desk.client("owner").get(desk.url(f"cases/{case.pk}/"))
    assert page.context["steps"] == ["打开企业微信", "粘贴并发送:你好"]
    assert [b["label"] for b in page.context["buttons"]] == ["已完成", "做不到"]


def test_markup_in_messages_is_text(desk):
    seq = desk.message("<script>alert(1)</script>")
    case = desk.case(event_seq=seq, title="<b>标题</b>")
    text = desk.client("owner").get(desk.url(f"cases/{case.pk}/")).content.decode()
    assert "<script>alert(1)" not in text
    assert "<b>标题</b>" not in text


def test_deciding_needs_the_permission_of_the_button(desk):
    case = desk.case()
    answers = permitted(
        desk, {"owner", "manager", "moderator"}, f"cases/{case.pk}/decide/", {"action": "mute", "version": "1"}
    )
    assert answers == refused("analyst", "finance")
    case.refresh_from_db()
    assert (case.state, case.version) == ("open", 1)
    assert [a for _, a, _ in desk.audit(allowed=False)] == ["case.mute", "case.mute"]


def test_deciding_is_recorded_and_a_late_press_keeps_what_was_typed(desk):
    case = desk.case()
    data = {"action": "dismiss", "version": "1", "note": "看过了"}
    done = desk.client("moderator").post(desk.url(f"cases/{case.pk}/decide/"), data)
    assert (done.status_code, done["Location"]) == (302, desk.url(f"cases/{case.pk}/"))
    case.refresh_from_db()
    assert (case.state, case.action, case.note, case.decided_by) == ("decided", "dismiss", "看过了", "moderator-desk")
    late = desk.client("owner").post(
        desk.url(f"cases/{case.pk}/decide/"), {"action": "mute", "version": "1", "note": "我要禁言他"}
    )
    assert late.status_code == 409
    text = late.content.decode()
    assert "moderator-desk 已经处理了这个工单:不成立" in text
    assert "我要禁言他" in text
    case.refresh_from_db()
    assert case.action == "dismiss"
    assert desk.audit() == [("moderator-desk", "case.dismiss", f"case:{case.pk}")]


def test_an_unknown_button_changes_nothing(desk):
    case = desk.case()
    response = desk.client("owner").post(desk.url(f"cases/{case.pk}/decide/"), {"action": "explode", "version": "1"})
    assert response.status_code == 422
    case.refresh_from_db()
    assert case.state == "open"


def test_bulk_assignment_skips_what_somebody_touched(desk):
    fresh, touched = desk.case(), desk.case()
    Case.objects.filter(pk=touched.pk).update(version=2)
    data = {"case": [f"{fresh.pk}:1", f"{touched.pk}:1", "x:y"], "to": "manager-desk"}
    client = desk.client("owner")
    assert client.post(desk.url("cases/assign/"), data)["Location"] == desk.url("cases/")
    assert list(Case.objects.order_by("pk").values_list("assigned_to", flat=True)) == ["manager-desk", ""]
    assert desk.audit() == [("owner-desk", "case.assign", f"case:{fresh.pk}")]


def test_assignment_goes_to_staff_only_and_back_to_this_queue_only(desk):
    case = desk.case()
    data = {"case": f"{case.pk}:1", "to": "stranger-desk", "back": "https://evil.example/"}
    assert desk.client("owner").post(desk.url("cases/assign/"), data)["Location"] == desk.url("cases/")
    case.refresh_from_db()
    assert case.assigned_to == ""


def test_assigning_and_noting_need_case_decide(desk):
    case = desk.case()
    may = {"owner", "manager", "moderator"}
    data = {"case": f"{case.pk}:1", "to": "", "text": "备注"}
    assert permitted(desk, may, "cases/assign/", data) == refused("analyst", "finance")
    assert permitted(desk, may, f"cases/{case.pk}/note/", data) == refused("analyst", "finance")
    assert CaseNote.objects.count() == 0
    desk.client("moderator").post(desk.url(f"cases/{case.pk}/note/"), {"text": " 打过电话了 "})
    assert list(CaseNote.objects.values_list("author", "text")) == [("moderator-desk", "打过电话了")]


def test_a_case_of_another_community_is_not_there(desk):
    other = make_desk("other")
    case = other.case()
    assert desk.client("owner").get(desk.url(f"cases/{case.pk}/")).status_code == 404
    answer = desk.client("owner").post(desk.url(f"cases/{case.pk}/decide/"), {"action": "mute", "version": "1"})
    assert answer.status_code == 404


def test_export_escapes_formulas_and_is_recorded(desk):
    desk.case(title="=HYPERLINK(1)")
    response = desk.client("analyst").get(desk.url("cases/export.csv?state=all"))
    text = b"".join(response.streaming_content).decode()
    assert "'=HYPERLINK(1)" in text
    excel = desk.client("analyst").get(desk.url("cases/export.xlsx"))
    assert b"".join(excel.streaming_content)[:2] == b"PK"
    assert [a for _, a, _ in desk.audit()] == ["case.export", "case.export"]


def test_a_post_without_a_token_is_refused(desk):
    from django.test import Client

    case = desk.case()
    client = Client(enforce_csrf_checks=True)
    client.force_login(desk.users["owner"])
    data = {"action": "dismiss", "version": "1"}
    assert client.post(desk.url(f"cases/{case.pk}/decide/"), data).status_code == 403
    case.refresh_from_db()
    assert case.state == "open"


@pytest.fixture
def guarded_case(desk):
    """A case whose removal, out of all groups, needs two people."""
    desk.community.blueprint = {"governance": {"two_person_rule": ["remove_all"]}}
    desk.community.save()
    case = desk.case()
    Case.objects.filter(pk=case.pk).update(group_id=None)
    return case


def test_a_proposal_is_shown_everywhere_and_a_second_person_confirms_it(desk, guarded_case):
    url = desk.url(f"cases/{guarded_case.pk}/")
    first, second = desk.client("moderator"), desk.client("manager")
    assert "提议移出" in first.get(url).content.decode()
    answer = first.post(url + "decide/", {"action": "remove", "version": "1", "note": "骗子"}, follow=True)
    assert "已提议:移出。等另一位同事确认后执行" in answer.content.decode()
    mine = first.get(url).context
    assert (mine["proposal"]["own"], mine["proposal"]["may_confirm"], mine["proposal"]["others"]) == (True, False, 2)
    assert [b["name"] for b in mine["buttons"]] == ["warn", "mute", "freeze", "announce", "dismiss"]
    assert (
        first.post(url + "decide/", {"action": "remove", "version": "2"})
        .content.decode()
        .count("需要两个人:你已经提议过")
        == 1
    )
    analyst = desk.client("analyst").get(url).context["proposal"]
    assert (analyst["may_confirm"], analyst["may_end"]) == (False, False)
    for page in (desk.url("cases/"), desk.url("")):
        assert "待第二人确认" in second.get(page).content.decode()
    theirs = second.get(url)
    assert theirs.context["proposal"]["may_confirm"]
    assert "moderator-desk 提议" in theirs.content.decode()
    second.post(url + "decide/", {"action": "remove", "version": "2"})
    guarded_case.refresh_from_db()
    assert (guarded_case.state, guarded_case.decided_by, guarded_case.proposed_by) == (
        "decided", "manager-desk", "moderator-desk",
    )  # fmt: skip
    assert "moderator-desk 提议" in second.get(url).content.decode()


def test_ending_a_proposal_needs_to_be_its_author_or_to_hold_the_permission(desk, guarded_case):
    path = f"cases/{guarded_case.pk}/withdraw/"
    desk.client("moderator").post(desk.url(f"cases/{guarded_case.pk}/decide/"), {"action": "remove", "version": "1"})
    may = {"owner", "manager", "moderator"}
    assert permitted(desk, may, path, {"version": "2"}) == refused("analyst", "finance")
    assert desk.client("owner").post(desk.url(path), {"version": "1"}).status_code == 409
    guarded_case.refresh_from_db()
    assert guarded_case.version == 2
    assert desk.client("owner").post(desk.url(path), {"version": "2"}).status_code == 302
    assert [a for _, a, _ in desk.audit()] == ["case.propose.remove", "case.refuse.remove"]
    assert desk.client("owner").post(desk.url(path), {"version": "3"}).status_code == 409
