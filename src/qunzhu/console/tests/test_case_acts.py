"""Many cases at once, merging, undoing, taking: what each page does, and for whom it does nothing."""

import pytest

from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db
DECIDERS = {"owner", "manager", "moderator"}


@pytest.fixture
def desk():
    return make_desk()


def boxes(*cases):
    return [f"{case.pk}:{case.version}" for case in cases]


def test_the_preview_names_who_is_touched_and_does_nothing(desk):
    one, two, task = desk.case(), desk.case(), desk.case("effect_task")
    form = {"case": boxes(one, two, task), "action": "mute", "note": "刷屏"}
    page = desk.client("moderator").post(desk.url("cases/bulk/"), form)
    assert page.status_code == 200
    assert (page.context["works"], page.context["others"], page.context["people"]) == (2, 1, ["小林"])
    text = page.content.decode()
    assert "会处理 2 个,不会动 1 个" in text
    assert "涉及 1 位成员" in text
    assert text.count('name="case"') == 2  # only what can be done is sent on
    assert (Effect.objects.count(), Case.objects.filter(state="open").count(), desk.audit()) == (0, 3, [])


def test_the_result_lists_what_came_of_every_case(desk):
    one, two = desk.case(), desk.case()
    Case.objects.filter(pk=two.pk).update(version=2)
    form = {"case": boxes(one, two), "action": "mute", "sure": "1"}
    page = desk.client("moderator").post(desk.url("cases/bulk/"), form)
    assert [row["result"].ended for row in page.context["rows"]] == ["done", "first"]
    assert "有人先动过" in page.content.decode()
    assert list(Case.objects.order_by("pk").values_list("state", flat=True)) == ["decided", "open"]
    assert desk.audit() == [("moderator-desk", "case.mute", f"case:{one.pk}")]
    again = desk.client("moderator").post(desk.url("cases/bulk/"), form)  # sent twice: nothing more happens
    assert [row["result"].ended for row in again.context["rows"]] == ["first", "first"]
    assert Effect.objects.count() == 1


def test_who_may_not_press_the_button_presses_none_in_bulk(desk):
    case = desk.case()
    form = {"case": boxes(case), "action": "mute", "sure": "1"}
    for role in ("analyst", "finance"):
        page = desk.client(role).post(desk.url("cases/bulk/"), form)
        assert [row["result"].ended for row in page.context["rows"]] == ["denied"]
        assert desk.client(role).get(desk.url("cases/")).context["acts"] == []
    assert [desk.client(role).post(desk.url("cases/bulk/"), form).status_code for role in ("stranger", "")] == [
        404,
        302,
    ]
    assert (Case.objects.get().state, Effect.objects.count()) == ("open", 0)
    assert [a for _, a, _ in desk.audit(allowed=False)] == ["case.mute", "case.mute"]


@pytest.mark.parametrize(
    "form", [{}, {"case": "1:1"}, {"action": "mute"}, {"case": "x:y", "action": "mute", "sure": "1"}]
)
def test_half_a_form_goes_back_to_the_queue(desk, form):
    desk.case()
    answer = desk.client("owner").post(desk.url("cases/bulk/"), {**form, "back": "https://evil.example/"})
    assert (answer.status_code, answer["Location"]) == (302, desk.url("cases/"))
    assert Case.objects.get().state == "open"


def test_more_than_the_cap_is_refused(desk):
    desk.community.blueprint = {"governance": {"cases": {"bulk_at_most": 1}}}
    desk.community.save()
    form = {"case": boxes(desk.case(), desk.case()), "action": "dismiss", "sure": "1"}
    answer = desk.client("owner").post(desk.url("cases/bulk/"), form, follow=True)
    assert "选了 2 个,一次最多 1 个" in answer.content.decode()
    assert Case.objects.filter(state="open").count() == 2


def test_a_case_is_taken_with_one_press_and_handed_over_with_a_note(desk):
    case = desk.case()
    desk.client("moderator").post(desk.url("cases/assign/"), {"case": f"{case.pk}:1", "take": "1", "to": "owner-desk"})
    form = {"case": f"{case.pk}:2", "to": "manager-desk", "note": "我要下班了"}
    desk.client("moderator").post(desk.url("cases/assign/"), form)
    assert list(CaseNote.objects.values_list("author", "text")) == [
        ("moderator-desk", "接下"), ("moderator-desk", "交给 manager-desk:我要下班了"),
    ]  # fmt: skip
    mine = desk.client("manager").get(desk.url("cases/?assigned=me"))
    assert [row.case.pk for row in mine.context["rows"]] == [case.pk]


def test_what_was_raised_to_a_role_has_its_own_filter(desk):
    raised = desk.case()
    desk.case()
    Case.objects.filter(pk=raised.pk).update(asked="manager")
    found = desk.client("manager").get(desk.url("cases/?assigned=asked"))
    assert [row.case.pk for row in found.context["rows"]] == [raised.pk]
    assert "请运营主管处理" in found.content.decode()
    assert list(desk.client("owner").get(desk.url("cases/?assigned=asked")).context["rows"]) == []


def test_a_related_case_of_the_same_member_is_merged(desk):
    one, other, task = desk.case(), desk.case(), desk.case("effect_task")
    page = desk.client("owner").get(desk.url(f"cases/{one.pk}/"))
    assert [c.pk for c in page.context["mergeable"]] == [other.pk]
    form = {"into": other.pk, "version": "1"}
    assert permitted(desk, DECIDERS, f"cases/{one.pk}/merge/", form) == refused("analyst", "finance")
    done = desk.client("owner").post(desk.url(f"cases/{one.pk}/merge/"), form)
    assert done["Location"] == desk.url(f"cases/{other.pk}/")
    one.refresh_from_db()
    assert (one.state, one.merged_into) == ("merged", other.pk)
    assert f"已并入 #{other.pk}" in desk.client("owner").get(desk.url(f"cases/{one.pk}/")).content.decode()
    for into in (task.pk, one.pk):
        told = desk.client("owner").post(
            desk.url(f"cases/{other.pk}/merge/"), {"into": into, "version": "2"}, follow=True
        )
        assert "note-error" in told.content.decode()
    assert (
        desk.client("owner").post(desk.url(f"cases/{other.pk}/merge/"), {"into": 0, "version": "2"}).status_code == 404
    )


def test_a_decision_is_undone_while_that_is_possible(desk):
    case = desk.case()
    desk.client("moderator").post(desk.url(f"cases/{case.pk}/decide/"), {"action": "mute", "version": "1"})
    url = f"cases/{case.pk}/undo/"
    assert permitted(desk, DECIDERS, url, {"version": "2"}) == refused("analyst", "finance")
    assert desk.client("analyst").get(desk.url(f"cases/{case.pk}/")).context["undo"] is None
    page = desk.client("owner").get(desk.url(f"cases/{case.pk}/"))
    assert "撤销这个决定" in page.content.decode()
    assert desk.client("owner").post(desk.url(url), {"version": "2"}).status_code == 302
    case.refresh_from_db()
    assert (case.state, case.version) == ("open", 3)
    told = desk.client("owner").post(desk.url(url), {"version": "3"}, follow=True)
    assert "这个决定不能撤销" in told.content.decode()
    assert [e.kind for e in Effect.objects.order_by("created_at", "kind")] == ["mute", "unmute"]


def test_another_community_s_cases_are_out_of_reach(desk):
    other = make_desk("other")
    case, into = other.case(), other.case()
    client = desk.client("owner")
    assert client.post(desk.url(f"cases/{case.pk}/merge/"), {"into": into.pk, "version": "1"}).status_code == 404
    assert client.post(desk.url(f"cases/{case.pk}/undo/"), {"version": "1"}).status_code == 404
    page = client.post(desk.url("cases/bulk/"), {"case": boxes(case), "action": "dismiss", "sure": "1"})
    assert [row["result"].ended for row in page.context["rows"]] == ["gone"]
    assert case.title not in page.content.decode()
    assert Case.objects.filter(state="open").count() == 2
