"""Publishing a draft: tried before, by whom it may be, announced where it can be, and who agreed."""

import pytest

from qunzhu.console import jobs
from qunzhu.console.models import Job
from qunzhu.console.tests.desk import make_desk
from qunzhu.console.tests.test_draft_pages import begin, edit
from qunzhu.governance.consent import give_consent
from qunzhu.governance.consumer import CONSUMER as GOVERNANCE
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import AuditEntry, Group, Membership
from qunzhu.kernel.community.tests.factories import run
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import RulebookDraft, RulebookVersion
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.engine.tests.workplace import workplace

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk():
    desk = make_desk()
    book = workplace()
    publish_rulebook(
        community_id=desk.community.pk, rules=book["rules"], settings=book["settings"], by="blueprint",
        now=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    desk.message("大家好")
    begin(desk)
    edit(desk, "daily_cap", 1, bound_n="8")
    return desk


def press(desk, role="manager", **data):
    return desk.client(role).post(
        desk.url("rulebook/draft/publish/"), {"revision": "2", "live": "1", "note": "放宽每日发言", **data}
    )


def try_it(desk):
    today = SYSTEM_CLOCK.now().date().isoformat()
    asked = {"book": "draft", "since": "2020-01-01", "until": today, "against": "rulebook"}
    answer = desk.client("analyst").post(desk.url("backtests/start/"), {**asked, "until": "2999-01-01"})
    assert answer.status_code == 302, answer.content.decode()
    job = Job.objects.order_by("-pk").first()
    jobs.do_run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.error) == ("done", "")
    return job


def live():
    return RulebookVersion.objects.get(state="live")


def test_without_a_backtest_nothing_is_published(desk):
    answer = press(desk)
    assert answer.status_code == 422
    assert "这份草稿还没有回测过" in answer.content.decode()
    assert live().version == 1
    assert RulebookDraft.objects.get().state == "open"


def test_a_backtest_of_exactly_this_draft_opens_the_way(desk):
    try_it(desk)
    edit(desk, "daily_cap", 2, bound_n="9")  # changed after it was tried
    assert press(desk, revision="3").status_code == 422
    try_it(desk)
    assert press(desk, revision="3").status_code == 302
    book = live()
    assert (book.version, book.published_by, book.note) == (2, "manager-desk", "放宽每日发言")
    assert book.rules[0]["when"]["over"] == 9
    entry = AuditEntry.objects.get(action="rulebook.publish")
    assert entry.detail == {"note": "放宽每日发言", "groups": [], "version": 2}
    assert Effect.objects.count() == 0


def test_going_without_is_the_owners_and_on_record(desk):
    assert press(desk, reason="先上线再说").status_code == 403
    assert live().version == 1
    refused = AuditEntry.objects.get(allowed=False)
    assert (refused.user, refused.action) == ("manager-desk", "rulebook.override")
    assert press(desk, "owner", reason="短").status_code == 422
    assert press(desk, "owner", reason="紧急:群里在刷屏").status_code == 302
    assert live().version == 2
    assert AuditEntry.objects.get(action="rulebook.publish").detail["without_backtest"] == "紧急:群里在刷屏"


def test_groups_are_told_where_their_platform_can(desk):
    try_it(desk)
    second = Group.objects.get(community=desk.community, name="二群")
    Group.objects.filter(pk=second.pk).update(profile="wecom-customer-group")
    page = desk.client("manager").get(desk.url("rulebook/draft/publish/"))
    text = page.context["text"]
    assert text.startswith("【群规更新】第 2 版,即日起生效:\n· 每人每日发言上限:条件:由")
    assert "人工做" in page.content.decode()
    groups = [desk.group.pk, second.pk]
    assert press(desk, group=groups, text="").status_code == 422
    assert press(desk, group=groups, text=text).status_code == 302
    rows = Effect.objects.order_by("group_id").values_list("kind", "group_id", "payload", "requested_by")
    assert list(rows) == [("announce", group, {"text": text}, "manager-desk") for group in sorted(groups)]


def test_who_was_faster_is_named_and_nothing_is_published_twice(desk):
    try_it(desk)
    assert press(desk).status_code == 302
    again = press(desk)
    assert again.status_code == 302  # there is no draft any more: back to the rulebook
    assert RulebookVersion.objects.count() == 2
    begin(desk)
    edit(desk, "equal_links", 1, bound_n="4")
    try_it(desk)
    publish_rulebook(community_id=desk.community.pk, rules=workplace()["rules"], by="x", now=SYSTEM_CLOCK.now())
    answer = press(desk, live="2")
    assert answer.status_code == 409
    assert "现行群规刚刚变成第 3 版" in answer.content.decode()
    stale = press(desk, live="3", revision="1")
    assert stale.status_code == 409
    assert live().version == 3


def test_consent_is_counted_per_group_for_the_version_in_force(desk):
    Membership.objects.create(
        community_id=desk.community.pk, group_id=desk.group.pk, member_id=desk.member.pk, state="active"
    )
    give_consent(community_id=desk.community.pk, member_id=desk.member.pk, version=1, now=SYSTEM_CLOCK.now())
    run(GOVERNANCE)
    page = desk.client("analyst").get(desk.url("rulebook/"))
    assert [(name, c.agreed, c.members, share) for c, name, share in page.context["consent"]] == [("一群", 1, 1, 1.0)]
    assert page.context["agreed"] == {1: 1}
