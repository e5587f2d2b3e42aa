"""The rulebook's workshop: a draft is saved and resumed, two people are told of each other, YAML goes both ways."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.reading import rule_form
from qunzhu.console.tests.desk import make_desk, permitted, refused
from qunzhu.console.tests.test_rule_form import sent
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db
MAY = {"owner", "manager"}
REFUSED = refused("moderator", "analyst", "finance")


@pytest.fixture
def desk():
    desk = make_desk()
    book = workplace()
    publish_rulebook(
        community_id=desk.community.pk, rules=book["rules"], settings=book["settings"], by="blueprint",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    return desk


def begin(desk, role="manager", **data):
    assert desk.client(role).post(desk.url("rulebook/draft/start/"), data).status_code == 302
    return RulebookDraft.objects.get(community_id=desk.community.pk, state="open")


def typed(desk, rule_id, revision, **changes):
    """The form of a rule as a browser sends it, with changes."""
    draft = RulebookDraft.objects.get(community_id=desk.community.pk, state="open")
    fields = rule_form.fields_of(next(r for r in draft.rules if r["id"] == rule_id))
    for name, value in changes.items():
        setattr(fields, name, value)
    return as_sent(fields, revision)


def as_sent(fields, revision):
    data = sent(fields)
    data["revision"] = str(revision)
    return data.dict() | {name: data.getlist(name) for name in ("on", "fact", "operator", "value")}


def edit(desk, rule_id, revision, role="manager", **changes):
    path = desk.url(f"rulebook/draft/rule/?id={rule_id}")
    return desk.client(role).post(path, typed(desk, rule_id, revision, **changes))


def bound(draft, rule_id="daily_cap"):
    draft.refresh_from_db()
    return next(r for r in draft.rules if r["id"] == rule_id)["when"]["over"]


PATHS = ("start", "rule", "preview", "drop", "settings", "yaml", "discard", "restore", "publish")


def test_only_those_with_the_permission_change_anything(desk):
    draft = begin(desk)
    before = (draft.rules, draft.settings, draft.revision)
    for path in PATHS:
        assert permitted(desk, MAY, f"rulebook/draft/{path}/", {"revision": "1", "id": "daily_cap"}) == REFUSED, path
    assert permitted(desk, MAY, "rulebook/rule/state/", {"id": "daily_cap", "state": "shadow"}) == REFUSED
    draft.refresh_from_db()
    assert (draft.rules, draft.settings, draft.revision, draft.state) == (*before, "open")
    assert RulebookVersion.objects.count() == 1
    assert Effect.objects.count() == 0


def test_a_rule_is_edited_as_a_form_and_the_group_keeps_its_rules_until_publishing(desk):
    draft = begin(desk)
    assert edit(desk, "daily_cap", 1, bound_n="8", name="每日上限").status_code == 302
    assert bound(draft) == 8
    assert (draft.revision, draft.changed_by) == (2, "manager-desk")
    assert RulebookVersion.objects.get(state="live").rules == workplace()["rules"]
    page = desk.client("owner").get(desk.url("rulebook/draft/")).content.decode()
    assert "名称:由“每人每日发言上限”改为“每日上限”" in page
    assert "条件:由“同一成员当天发言超过 5 次”改为“同一成员当天发言超过 8 次”" in page
    assert [act for _, act, _ in desk.audit()] == ["rulebook.edit", "rulebook.edit"]


def test_a_draft_is_resumed_not_begun_anew(desk):
    first = begin(desk)
    edit(desk, "daily_cap", 1, bound_n="9")
    assert begin(desk, "owner").pk == first.pk
    assert bound(first) == 9


def test_a_new_rule_gets_a_number_of_its_own(desk):
    draft = begin(desk)
    fields = rule_form.Fields(name="不发长文", bound_n="", rows=[rule_form.Row("message.length", "over", "500")],
                              penalty="warn", explain="{nickname},{consequence}。", state="shadow")  # fmt: skip
    answer = desk.client("manager").post(desk.url("rulebook/draft/rule/"), as_sent(fields, 1))
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.rules[-1] == {
        "id": "rule_1", "chapter": "governance", "name": "不发长文", "state": "shadow", "on": ["message.posted"],
        "when": {"fact": "message.length", "over": 500}, "then": [{"warn": {}}],
        "explain": "{nickname},{consequence}。",
    }  # fmt: skip


def test_a_mistake_is_named_and_nothing_is_kept(desk):
    draft = begin(desk)
    answer = edit(desk, "daily_cap", 1, bound_n="很多", explain="{who}", penalty="")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "次数" in text
    assert "改成 1 或更大的整数" in text
    assert 'value="很多"' in text  # what was typed is still there
    draft.refresh_from_db()
    assert draft.revision == 1
    assert edit(desk, "daily_cap", 1, explain="{who}").content.decode().count("没有叫 {who} 的占位符") == 1


def test_two_editors_are_told_of_each_other_and_nobodys_work_is_lost(desk):
    draft = begin(desk)
    assert edit(desk, "daily_cap", 1, "owner", bound_n="7").status_code == 302
    late = edit(desk, "equal_links", 1, bound_n="3")
    assert late.status_code == 409
    text = late.content.decode()
    assert "owner-desk 刚刚改过这份草稿,你的还没有存。" in text
    assert 'name="revision" value="2"' in text
    assert (bound(draft), bound(draft, "equal_links")) == (7, 5)
    assert edit(desk, "equal_links", 2, bound_n="3").status_code == 302
    assert (bound(draft), bound(draft, "equal_links")) == (7, 3)


@pytest.mark.parametrize("path", ["settings", "yaml", "drop", "discard"])
def test_every_way_to_change_a_draft_notices_the_other(desk, path):
    draft = begin(desk)
    edit(desk, "daily_cap", 1, "owner", bound_n="7")
    draft.refresh_from_db()
    kept = (draft.rules, draft.settings, draft.revision, draft.state)
    data = {
        "revision": "1", "id": "daily_cap", "mute_n": "2", "mute_unit": "hours", "strikes_to_remove": "4",
        "strike_days": "5", "repeat_case_hours": "6", "text": "rules: []\n",
    }  # fmt: skip
    client = desk.client("manager")
    answer = client.post(desk.url(f"rulebook/draft/{path}/"), data, follow=True)
    assert "owner-desk" in answer.content.decode()
    draft.refresh_from_db()
    assert (draft.rules, draft.settings, draft.revision, draft.state) == kept
    assert all(user != "manager-desk" or act == "rulebook.edit" for user, act, _ in desk.audit())


def test_settings_are_plain_numbers_with_units(desk):
    draft = begin(desk)
    client = desk.client("manager")
    data = {
        "revision": "1", "mute_n": "2", "mute_unit": "hours", "strikes_to_remove": "4", "strike_days": "15",
        "repeat_case_hours": "12", "not_counted": ["checkin", "image"],
    }  # fmt: skip
    assert client.post(desk.url("rulebook/draft/settings/"), data).status_code == 302
    draft.refresh_from_db()
    assert draft.settings == {
        "zone": "Asia/Shanghai",
        "ladder": {"mute_minutes": 120, "strikes_to_remove": 4, "strike_days": 15},
        "not_counted": ["checkin", "image"],
        "repeat_case_hours": 12,
    }
    bad = client.post(desk.url("rulebook/draft/settings/"), {**data, "revision": "2", "strike_days": "0"})
    assert bad.status_code == 422
    draft.refresh_from_db()
    assert draft.revision == 2


def test_yaml_and_form_are_the_same_thing(desk):
    draft = begin(desk)
    client = desk.client("manager")
    page = client.get(desk.url("rulebook/draft/yaml/"))
    text = page.context["text"].replace("over: 5", "over: 6", 1)
    assert client.post(desk.url("rulebook/draft/yaml/"), {"revision": "1", "text": text}).status_code == 302
    assert bound(draft) == 6
    form = client.get(desk.url("rulebook/draft/rule/?id=daily_cap"))
    assert form.context["fields"].bound_n == "6"
    kept = client.post(desk.url("rulebook/draft/yaml/"), {"revision": "2", "text": page.context["text"]})
    assert kept.status_code == 302
    draft.refresh_from_db()
    assert draft.rules == workplace()["rules"]


def test_a_mistake_in_yaml_names_rule_field_line_and_remedy_and_keeps_the_text(desk):
    draft = begin(desk)
    client = desk.client("manager")
    text = client.get(desk.url("rulebook/draft/yaml/")).context["text"].replace("window.count", "window.cuont", 1)
    line = text[: text.index("cuont")].count("\n") + 1
    answer = client.post(desk.url("rulebook/draft/yaml/"), {"revision": "1", "text": text})
    assert answer.status_code == 422
    (said,) = answer.context["problems"]
    assert (said.rule, said.field, said.line) == ("daily_cap", "when.fact", line)
    assert said.remedy == "是不是想写 window.count?"
    assert answer.context["text"] == text
    draft.refresh_from_db()
    assert draft.revision == 1


def test_a_discarded_draft_can_be_brought_back(desk):
    draft = begin(desk)
    edit(desk, "daily_cap", 1, bound_n="7")
    client = desk.client("manager")
    gone = client.post(desk.url("rulebook/draft/discard/"), {"revision": "2"}, follow=True)
    assert "草稿已放弃,现行群规没有变。" in gone.content.decode()
    assert RulebookDraft.objects.filter(state="open").count() == 0
    client.post(desk.url("rulebook/draft/restore/"), {"draft": draft.pk})
    draft.refresh_from_db()
    assert (draft.state, bound(draft)) == ("open", 7)
    again = client.post(desk.url("rulebook/draft/restore/"), {"draft": draft.pk}, follow=True)
    assert "现在已经有另一份草稿" in again.content.decode()
    assert client.post(desk.url("rulebook/draft/restore/"), {"draft": "999999"}).status_code == 404


def test_a_rule_is_dropped_and_put_back_where_it_stood(desk):
    draft = begin(desk)
    client = desk.client("manager")
    client.post(desk.url("rulebook/draft/drop/"), {"revision": "1", "id": "equal_links"})
    draft.refresh_from_db()
    assert "equal_links" not in [r["id"] for r in draft.rules]
    client.post(desk.url("rulebook/draft/drop/"), {"revision": "2", "id": "equal_links", "back": "1"})
    draft.refresh_from_db()
    assert draft.rules == workplace()["rules"]


def test_the_preview_says_what_a_member_would_read_and_keeps_nothing(desk):
    begin(desk)
    client = desk.client("manager")
    answer = client.post(desk.url("rulebook/draft/preview/"), typed(desk, "daily_cap", 1, bound_n="9"))
    assert "小林，今天已发 10 条（群规 2.1，上限 9 条），先提醒一次。" in answer.content.decode()
    wrong = client.post(desk.url("rulebook/draft/preview/"), typed(desk, "daily_cap", 1, explain="{who}"))
    assert "没有叫 {who} 的占位符" in wrong.content.decode()
    assert RulebookDraft.objects.get().revision == 1


def test_a_rule_is_promoted_from_its_own_page_into_the_draft(desk):
    client = desk.client("manager")
    assert client.get(desk.url("rulebook/rule/?id=daily_cap")).status_code == 200
    assert client.get(desk.url("rulebook/rule/?id=none")).status_code == 404
    assert client.post(desk.url("rulebook/rule/state/"), {"id": "daily_cap", "state": "shadow"}).status_code == 302
    draft = RulebookDraft.objects.get()
    assert next(r for r in draft.rules if r["id"] == "daily_cap")["state"] == "shadow"
    assert client.post(desk.url("rulebook/rule/state/"), {"id": "daily_cap", "state": "on"}).status_code == 404


def test_a_trial_is_shown_beside_the_live_rule(desk):
    cap = next(r for r in workplace()["rules"] if r["id"] == "daily_cap")
    trial = {**cap, "id": "strict_cap", "name": "更严的上限", "state": "shadow"}
    publish_rulebook(community_id=desk.community.pk, rules=[cap, trial], by="a", now=SYSTEM_CLOCK.now())
    for seq, rules in enumerate((("daily_cap", "strict_cap"), ("strict_cap",), ("strict_cap",), ("daily_cap",)), 1):
        for rule in rules:
            found = desk.decision(seq, rule)
            type(found).objects.filter(pk=found.pk).update(occurred_at=SYSTEM_CLOCK.now())
    page = desk.client("analyst").get(desk.url("rulebook/rule/?id=strict_cap"))
    shown = page.context["trial"]
    assert (shown.other, shown.both, shown.only_trial, shown.only_other) == ("daily_cap", 1, 2, 1)
    assert [d.seq for d in shown.trial_rows] == [3, 2]


def test_pages_cost_the_same_with_many_rules(desk):
    begin(desk)
    client, counted = desk.client("owner"), []
    for more in (0, 20):
        draft = RulebookDraft.objects.get()
        cap = draft.rules[0]
        draft.rules = [*draft.rules, *({**cap, "id": f"more_{more}_{n}"} for n in range(more))]
        draft.save()
        for path in ("rulebook/draft/", "rulebook/draft/publish/", "rulebook/draft/rule/?id=daily_cap"):
            client.get(desk.url(path))
            with CaptureQueriesContext(connection) as seen:
                assert client.get(desk.url(path)).status_code == 200
            counted.append(len(seen))
    assert counted[:3] == counted[3:]


def test_nothing_of_all_this_is_told_to_the_log(desk):
    before = Event.objects.count()
    begin(desk)
    edit(desk, "daily_cap", 1, bound_n="7")
    desk.client("manager").post(desk.url("rulebook/draft/discard/"), {"revision": "2"})
    assert Event.objects.count() == before
