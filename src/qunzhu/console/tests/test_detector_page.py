"""识别: what the detectors make of a text, and the same precision that the rulebook shows."""

import pytest

from qunzhu.console.reading import detector
from qunzhu.console.tests.desk import make_desk
from qunzhu.governance.models import RuleVerdict
from qunzhu.governance.precision import precision_by_rule
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk():
    return make_desk()


def verdict(desk, seq, rule, *, held):
    RuleVerdict.objects.create(
        community_id=desk.community.pk, seq=seq, rule=rule, rulebook_version=1, member_id=1, held=held, source="case",
        by="mei", at=SYSTEM_CLOCK.now(),
    )  # fmt: skip


def test_rules_are_listed_by_what_people_said_of_them_the_worst_first(desk):
    for seq, held in enumerate((True, True, False), 1):
        verdict(desk, seq, "daily_cap", held=held)
    verdict(desk, 9, "flooding", held=False)
    found = detector.records(desk.community.pk)
    assert [(r.rule, r.right, r.verdicts, r.percent) for r in found] == [("flooding", 0, 1, 0), ("daily_cap", 2, 3, 67)]
    shown = precision_by_rule(desk.community.pk)
    assert {r.rule: (r.right, r.verdicts) for r in found} == {rule: (p.held, p.reviewed) for rule, p in shown.items()}


def test_a_text_is_judged_and_nothing_is_kept_of_it(desk):
    client = desk.client("analyst")
    before = Event.objects.count()
    page = client.post(desk.url("detector/try/"), {"sentence": "你这个蠢货<b>滚</b>"})
    assert page.status_code == 200
    assert (page.context["seen"][0].category, page.context["seen"][0].flagged) == ("attack", True)
    assert "&lt;b&gt;" in page.content.decode()
    assert Event.objects.count() == before
    assert client.post(desk.url("detector/try/"), {"sentence": "  "}).context.get("seen") is None
