"""A rulebook changes: tried on what was said, published, announced, agreed to; from then on it judges."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.reading import backtests
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.connectors.imports.services import run_import
from qunzhu.kernel.engine.draft_service import do_save_draft, do_start_draft
from qunzhu.kernel.engine.models import Decision, RulebookDraft, RulebookVersion

SENTENCE = "小林，今天已发 4 条（群规 2.1，上限 3 条），先提醒一次。觉得不对？发“申诉 原因”。"
# Five a day are free; a mute holds, so that what follows is recalled instead of being punished again.
HITS = [
    ("daily_cap", "yielded", ("warn",)),
    ("equal_links", "live", ("mute 60",)),
    ("daily_cap", "yielded", ()),
    ("posted_while_muted", "live", ("recall",)),
    ("posted_while_muted", "live", ("recall",)),
    ("daily_cap", "yielded", ("mute 60",)),
    ("equal_links", "live", ("mute 60",)),
    ("daily_cap", "live", ("remove",)),
    ("flooding", "yielded", ()),
    ("posted_while_muted", "yielded", ("recall",)),
    ("daily_cap", "yielded", ()),
    ("red_keyword", "live", ("freeze", "recall", "case red_keyword")),
]
pytestmark = pytest.mark.django_db(transaction=True)


def desk(world):
    client = Client()
    client.force_login(get_user_model().objects.get(username="owner"))
    return client, f"/console/{world.community.slug}/"


def draft_with(world, rule_id, **changes):
    draft = do_start_draft(community_id=world.community.pk, by="owner", now=world.clock.now())
    rules = [{**r, **changes} if r["id"] == rule_id else r for r in draft.rules]
    return do_save_draft(
        community_id=world.community.pk, draft_id=draft.pk, revision=draft.revision, rules=rules, settings=None,
        by="owner", now=world.clock.now(),
    )  # fmt: skip


def finished(world):
    job = Job.objects.filter(community_id=world.community.pk).order_by("-pk").first()
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    return job, backtests.report_of(job)


def test_tried_published_announced_agreed(world):
    world.join("小林", "小美")
    for n in range(4):
        world.say("小林", f"第 {n} 条")
    world.settle()
    world.log()
    draft = draft_with(world, "daily_cap", when={"fact": "window.count", "over": 3})
    client, console = desk(world)
    asked = {"book": "draft", "since": "2026-11-01", "until": "2026-11-30", "against": "rulebook"}
    assert client.post(f"{console}backtests/start/", asked).status_code == 302
    _job, report = finished(world)
    assert [(r.rule, r.change, r.after.effects) for r in report.compared.rows] == [("daily_cap", "new", ("warn",))]
    assert world.log() == []  # a backtest leaves nothing

    data = {"revision": draft.revision, "live": 1, "note": "收紧", "group": world.groups[0].pk, "text": "新群规"}
    assert client.post(f"{console}rulebook/draft/publish/", data).status_code == 302
    world.clock.move_to(
        max(world.clock.now(), SYSTEM_CLOCK.now()) + timedelta(minutes=1)
    )  # the console has its own clock
    world.settle()
    assert world.log() == ["rulebook.published", "group.announced 新群规", "effect.done announce done: 群公告已更新"]
    assert RulebookVersion.objects.get(state="live").version == 2
    assert "第 2 版,请看看" in world.phone("小林", "/me/")

    world.say("小林", "同意群规")
    world.settle()
    assert [e.body for e in world.events("consent.given")] == [{"version": 2, "via": "chat"}]
    assert "已同意第 2 版" in world.phone("小林", "/me/")
    assert "50.0%" in world.console("rulebook/")

    world.log()
    for n in range(4):
        world.say("小林", f"又第 {n} 条")
    world.settle()
    assert [line for line in world.log() if line.startswith("decision")] == [
        f"decision.made 小林 daily_cap live warn: {SENTENCE}"
    ]


def test_last_months_chat_is_imported_and_her_rules_are_tried_on_it(world, tmp_path):
    """What the operator is promised: import, one click, see what her rules would have done."""
    lines = [f"2026-10-2{day} 09:00:0{n},小林,https://a.example.com/x" for day in (1, 2) for n in range(8)]
    file = tmp_path / "last month.csv"
    file.write_text("\n".join(["time,user,text", *lines, "2026-10-22 10:00:00,骗子,资金募集开始了"]))
    list(run_import(group=world.groups[0], path=file, clock=world.clock))
    world.settle()
    world.log()
    client, console = desk(world)
    page = client.get(f"{console}imports/").content.decode()
    (path,) = re.findall(r'action="([^"]+/backtests/import/\d+/)"', page)
    assert client.post(path).status_code == 302
    job, report = finished(world)
    hits = [(r.rule, r.after.outcome, r.after.effects) for r in report.compared.rows]
    assert hits == HITS
    shown = client.get(f"{console}backtests/{job.pk}/").content.decode()
    assert "资金募集开始了" in shown
    assert world.log() == []
    assert RulebookDraft.objects.count() == 0
    assert Decision.objects.exclude(outcome="historic").count() == 0
