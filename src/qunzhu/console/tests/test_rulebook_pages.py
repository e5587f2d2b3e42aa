"""The rulebook: sentences with their thresholds, hits of the last days, and what changed between versions."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.reading import rulebook
from qunzhu.console.tests.desk import make_desk
from qunzhu.kernel.blueprint.loader import find, load
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.engine.rulebook_service import publish_rulebook

pytestmark = pytest.mark.django_db

CAP = {
    "id": "daily_cap", "chapter": "governance", "name": "每人每日发言上限", "clause": "2.1", "on": ["message.posted"],
    "window": {"of": "message", "per": "member", "days": 1}, "when": {"fact": "window.count", "over": 5},
    "then": [{"ladder": True}], "explain": "{nickname},今天已发 {count} 条。",
}  # fmt: skip
LINKS = {
    "id": "equal_links", "chapter": "risk", "name": "相同链接", "clause": "3.4", "on": ["message.posted"],
    "window": {"of": "link", "count": "equal", "per": "member", "hours": 1},
    "when": {"all": [{"fact": "window.count", "over": 5}, {"not": {"fact": "ad.looks", "is": False}}]},
    "then": [{"mute": {"minutes": 60}}], "strike": True, "level": "yellow", "clearable": True,
    "explain": "{nickname},{count} 次。",
}  # fmt: skip


@pytest.fixture
def desk():
    return make_desk()


def publish(desk, *rules, note=""):
    return publish_rulebook(
        community_id=desk.community.pk, rules=list(rules), by="manager-desk", note=note, now=SYSTEM_CLOCK.now()
    )


def test_without_a_rulebook_the_page_says_what_comes(desk):
    assert "还没有生效的群规" in desk.client("analyst").get(desk.url("rulebook/")).content.decode()


def test_rules_are_sentences_with_thresholds_in_three_tiers(desk):
    publish(desk, CAP, {**LINKS, "state": "shadow"})
    page = desk.client("analyst").get(desk.url("rulebook/"))
    tiers = {t["name"]: [e["rule"]["id"] for e in t["rules"]] for t in page.context["tiers"]}
    assert tiers == {"pact": [], "advanced": ["daily_cap"], "penalties": ["equal_links"]}
    text = page.content.decode()
    assert "同一成员当天发言超过 5 次" in text
    assert "同一成员1小时内发同一链接超过 5 次,并且不满足“消息不像广告”" in text
    assert "禁言 1小时" in text
    assert "试运行" in text


def test_hits_count_live_decisions_of_the_window_only(desk):
    now = SYSTEM_CLOCK.now()
    seqs = [desk.message(str(n)) for n in range(40)]
    for days, seq in ((0, seqs[1]), (6, seqs[2]), (8, seqs[3]), (31, seqs[4])):
        Decision.objects.filter(pk=desk.decision(seq).pk).update(occurred_at=now - timedelta(days=days))
    Decision.objects.filter(pk=desk.decision(seqs[5]).pk).update(outcome="historic")
    Decision.objects.filter(pk=desk.decision(seqs[6], "equal_links").pk).update(outcome="shadow")
    assert rulebook.hits(desk.community.pk, now=now) == {
        "daily_cap": rulebook.Hits(2, 3, 0), "equal_links": rulebook.Hits(1, 1, 1),
    }  # fmt: skip
    with connection.cursor() as cursor:  # the window begins in the middle of the log
        cursor.execute("UPDATE event SET received_at = received_at - interval '60 days' WHERE seq < %s", [seqs[3]])
    assert rulebook.hits(desk.community.pk, now=now)["daily_cap"] == rulebook.Hits(0, 1, 0)


def test_the_page_costs_the_same_at_any_size(desk):
    publish(desk, CAP)
    client, counted = desk.client("owner"), []
    for more in (0, 12):
        for n in range(more):
            publish(desk, CAP, LINKS, note=str(n))
            desk.decision(desk.message(str(n)))
        client.get(desk.url("rulebook/"))
        with CaptureQueriesContext(connection) as seen:
            assert client.get(desk.url("rulebook/")).status_code == 200
        counted.append(len(seen))
    assert counted[0] == counted[1]


def test_changes_name_rule_field_and_both_values():
    new = {
        **CAP,
        "when": {"fact": "window.count", "over": 8},
        "then": [{"ladder": True}, {"recall": {}}],
        "level": "notice",
    }
    old = {**CAP, "strike": True}
    found = rulebook.changes([old, LINKS], [new, {**LINKS, "id": "other"}])
    assert [(c.rule, c.kind, c.path, c.old, c.new) for c in found[:-2]] == [
        ("daily_cap", "changed", "when.over", 5, 8),
        ("daily_cap", "added", "then[2]", None, {"recall": {}}),
        ("daily_cap", "added", "level", None, "notice"),
        ("daily_cap", "removed", "strike", True, None),
    ]
    assert [(c.rule, c.kind) for c in found[-2:]] == [("other", "added"), ("equal_links", "removed")]


def test_versions_can_be_compared_and_read_as_yaml(desk):
    publish(desk, CAP)
    publish(desk, {**CAP, "when": {"fact": "window.count", "over": 8}}, note="放宽")
    client = desk.client("analyst")
    page = client.get(desk.url("rulebook/diff/"))
    assert [(c.rule, c.sentences) for c in page.context["changes"]] == [
        ("daily_cap", ("条件:由“同一成员当天发言超过 5 次”改为“同一成员当天发言超过 8 次”",))
    ]
    assert [(row["change"].rule, row["change"].path) for row in page.context["fields"]] == [("daily_cap", "when.over")]
    assert client.get(desk.url("rulebook/diff/?from=1&to=9")).status_code == 404
    assert "第 1 版" in client.get(desk.url("rulebook/1/")).content.decode()
    source = client.get(desk.url("rulebook/2.yaml"))
    assert "name: 每人每日发言上限" in source.content.decode()
    assert source["Content-Type"] == "text/plain; charset=utf-8"
    assert client.get(desk.url("rulebook/7.yaml")).status_code == 404


def test_every_rule_of_the_shipped_blueprint_has_its_page_with_a_sample(desk):
    rules = [rule for rule in load(find("workplace-knowledge")).blueprint.rules if rule.get("state") != "retired"]
    publish(desk, *rules)
    owner = desk.client("owner")
    for rule in rules:
        page = owner.get(desk.url(f"rulebook/rule/?id={rule['id']}"))
        assert (rule["id"], page.status_code) == (rule["id"], 200)
        assert page.context["sample"]
        assert "None" not in page.context["sample"]
