"""A rule puts a message on the desk, then three members report it: the operator has one case, and it is urgent."""

from datetime import timedelta

import pytest

from qunzhu.config.init import load_checked
from qunzhu.kernel.blueprint.rules import rulebook_settings
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.undo import undo_until
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.text.keywords import Word
from qunzhu.risk.services import change_keywords

pytestmark = pytest.mark.django_db(transaction=True)
REPORTERS = ("甲", "乙", "丙", "丁")
ODD = {
    "id": "odd_word", "chapter": "risk", "name": "可疑的话", "clause": "6.9", "on": ["message.posted"],
    "when": {"fact": "keyword.categories", "any_of": ["other"]}, "then": [{"case": {"kind": "rule_review"}}],
    "explain": "{nickname} 的消息可疑，{consequence}。",
}  # fmt: skip


@pytest.fixture
def odd(world):
    """The seq of a message that a rule has asked a human about."""
    loaded, now = load_checked("workplace-knowledge"), world.clock.now()
    publish_rulebook(
        community_id=world.community.pk, rules=[*loaded.data["rules"], ODD],
        settings=rulebook_settings(loaded.blueprint), by="owner", now=now,
    )  # fmt: skip
    change_keywords(community_id=world.community.pk, added=[Word("老地方见", "other")], by="owner", now=now)
    world.join("阿强", *REPORTERS)
    seq = world.say("阿强", "今晚老地方见")
    world.settle()
    assert world.cases() == [("rule_review", "grey", "open", "可疑的话")]
    return seq


def report(world, odd, *names):
    for name in names:
        world.say(name, "举报 骚扰", reply_to=odd)
        world.settle()


def verdicts(world):
    return [(e.kind, e.member_id) for e in world.events("report.upheld", "report.dismissed")]


def test_reports_join_the_case_of_the_message_and_raise_it(world, odd):
    world.later(minutes=10)
    report(world, odd, "甲", "乙")
    before = Case.objects.get()
    assert (before.urgency, before.version, before.payload.get("joined")) == ("grey", 1, None)
    report(world, odd, "丙")
    filed = [e.seq for e in world.events("report.filed")]
    case = Case.objects.get()  # one row
    assert (case.kind, case.urgency, case.state, case.version) == ("rule_review", "orange", "open", 2)
    assert case.deadline == world.clock.now() + timedelta(hours=4)
    assert set(filed) < set(case.evidence)
    assert [n.text for n in CaseNote.objects.order_by("pk")] == ["3 条举报并入这个工单,提高到橙色"]
    raised = [e.body for e in world.events("case.escalated")]
    assert raised == [{"case": case.pk, "kind": "rule_review", "urgency": "orange", "asked": "", "why": "reported"}]
    page = world.console(f"cases/{case.pk}/")
    assert "3 条举报并入这个工单,提高到橙色" in page
    assert "今晚老地方见" in page
    report(world, odd, "丁")  # one more is evidence, no news
    assert list(Case.objects.values_list("pk", "version", "urgency")) == [(case.pk, 2, "orange")]
    assert len(world.events("case.escalated")) == 1
    assert len(world.events("case.opened")) == 1


def test_a_decision_is_the_verdict_about_the_reports_too(world, odd):
    report(world, odd, "甲", "乙", "丙")
    world.decide("rule_review", "mute")
    world.settle()
    members = [world.id_of(name) for name in ("甲", "乙", "丙")]
    assert verdicts(world) == [("report.upheld", member) for member in members]
    assert set(balances(world.community.pk, [member_account(m) for m in members]).values()) == {5}
    assert [e.member_id for e in world.events("member.muted")] == [world.id_of("阿强")]
    assert undo_until(Case.objects.get()) is None  # points were paid
    report(world, odd, "丁")  # what comes after is a matter of its own, as it was before
    assert [kind for kind, *_ in world.cases()] == ["rule_review", "member_reported"]


def test_what_does_not_hold_is_dismissed_with_its_reports(world, odd):
    report(world, odd, "甲", "乙", "丙")
    world.decide("rule_review", "dismiss")
    world.settle()
    assert verdicts(world) == [("report.dismissed", world.id_of(name)) for name in ("甲", "乙", "丙")]
    assert world.events("member.muted", "points.posted") == []


def test_reports_about_another_message_are_a_case_of_their_own(world, odd):
    other = world.say("阿强", "大家早上好呀")
    report(world, other, "甲", "乙", "丙")
    assert [(kind, urgency) for kind, urgency, *_ in world.cases()] == [
        ("rule_review", "grey"), ("member_reported", "orange"),
    ]  # fmt: skip
    assert world.events("case.escalated") == []
