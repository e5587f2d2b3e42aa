"""What a report weighs, who may report how often, and when reporting itself becomes a case."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.governance.consumer import CONSUMER
from qunzhu.governance.models import Report
from qunzhu.governance.policy import Record, ReportSettings, doubted, verdict_on_amount, weigh
from qunzhu.governance.tests.test_consumer import Town
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW, assert_rebuild_equals, make_member, run, write

pytestmark = pytest.mark.django_db(transaction=True)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
BLUEPRINT = {"governance": {"reports": {"per_day": 4, "dismissed_limit": 3, "dismissed_within": 30}}}


class Street(Town):
    """A town whose people are no newcomers, with more of them."""

    def __init__(self, *names: str, blueprint=None) -> None:
        super().__init__(blueprint)
        self.people = {name: make_member(self.community, name) for name in names}
        Member.objects.filter(community=self.community).update(created_at=NOW - 90 * DAY)

    def files(self, name: str, target, at=NOW) -> Report | None:
        """One report, heard and read back; None when it was not taken."""
        before = Report.objects.count()
        self.report(by=self.people[name], target=target.pk, at=at)
        run(CONSUMER, now=at)
        run(CONSUMER, now=at)
        return Report.objects.order_by("seq").last() if Report.objects.count() > before else None

    def settle(self, report: Report, verdict: str, at=NOW) -> None:
        member = Member.objects.get(pk=report.reporter_id)
        write(
            self.community, f"report.{verdict}", group=self.group, member=member, at=at, report=report.seq, by="mod",
            case=1,
        )  # fmt: skip
        run(CONSUMER, now=at)

    def history(self, name: str, verdicts: str, at=NOW - 20 * DAY) -> None:
        """Old reports of one person, each about somebody else: u upheld, d dismissed."""
        for number, letter in enumerate(verdicts):
            target = make_member(self.community, f"{name}-{number}-{letter}")
            report = self.files(name, target, at=at + number * DAY)
            assert report is not None
            self.settle(report, {"u": "upheld", "d": "dismissed"}[letter], at=at + number * DAY)


def test_a_report_weighs_what_its_reporter_was_right_about():
    street = Street("老手", "嘴快", "路人", "新人")
    Member.objects.filter(pk=street.people["新人"].pk).update(created_at=NOW - 7 * DAY + 4 * MINUTE)
    street.history("老手", "uuuud")
    street.history("嘴快", "ddu")
    weights = {}
    for minute, name in enumerate(street.people):
        report = street.files(name, street.lin, at=NOW + minute * MINUTE)
        weights[name] = (report.upheld_before, report.wrong_before, report.fresh, report.ring, report.weight)
    assert weights == {
        "老手": (4, 1, False, 1, 0.667),  # 6 ÷ 9
        "嘴快": (1, 2, False, 1, 0.429),  # 3 ÷ 7
        "路人": (0, 0, False, 1, 0.5),
        "新人": (0, 0, True, 1, 0.25),
    }
    assert [b["total"] for _, b in street.filed()[-4:]] == [0.667, 1.096, 1.596, 1.846]
    assert_rebuild_equals(street.community, CONSUMER)


def test_a_ring_weighs_like_one():
    street = Street("甲", "乙", "丙")
    for day, victim in enumerate(("老周", "老吴")):
        target = make_member(street.community, victim)
        for hour, name in enumerate(("甲", "乙")):
            assert street.files(name, target, at=NOW + day * 2 * DAY + timedelta(hours=hour))
    later = NOW + 10 * DAY
    found = [street.files(name, street.lin, at=later + minute * MINUTE) for minute, name in enumerate(street.people)]
    assert [(r.ring, r.weight) for r in found] == [(1, 0.5), (2, 0.0), (1, 0.5)]
    assert street.filed()[-1][1]["total"] == 1.0


def test_who_reports_together_and_is_right_is_no_ring():
    street = Street("甲", "乙")
    for day, victim in enumerate(("老周", "老吴")):
        target = make_member(street.community, victim)
        for name in ("甲", "乙"):
            street.settle(street.files(name, target, at=NOW + day * 2 * DAY), "upheld")
    found = [street.files(name, street.lin, at=NOW + 10 * DAY) for name in ("甲", "乙")]
    assert [(r.ring, r.weight) for r in found] == [(1, 0.667), (1, 0.667)]


def test_wrong_reports_in_a_row_limit_reporting_and_ask_a_human():
    street = Street("甲", blueprint=BLUEPRINT)
    street.history("甲", "ddd", at=NOW - 5 * DAY)
    case = Case.objects.get()
    assert (case.kind, case.member_id, case.urgency, case.evidence) == (
        "report_abuse", street.people["甲"].pk, "grey", [r.seq for r in Report.objects.order_by("seq")],
    )  # fmt: skip
    assert case.summary == "30 天内有 3 次举报不属实、0 次属实。系统已把每天能举报的次数减到 1 次。"
    assert street.files("甲", street.lin)
    assert street.files("甲", street.chen, at=NOW + MINUTE) is None
    assert street.answers()[-1] == "你最近的举报多数没有核实，每天只收 1 次。急事请直接 @ 管理员。"
    assert street.files("甲", street.chen, at=NOW + DAY + MINUTE)
    assert street.files("甲", make_member(street.community, "别人"), at=NOW + 40 * DAY)  # long ago by then
    assert street.files("甲", make_member(street.community, "又一个"), at=NOW + 40 * DAY)
    assert Case.objects.count() == 1


def test_nobody_reports_the_whole_group_in_a_day():
    street = Street("甲", blueprint=BLUEPRINT)
    targets = [make_member(street.community, f"人{n}") for n in range(5)]
    taken = [street.files("甲", target, at=NOW + n * MINUTE) is not None for n, target in enumerate(targets)]
    assert taken == [True] * 4 + [False]
    assert street.answers()[-1] == "你今天已经举报了 4 次，先到这里，明天再来。急事请直接 @ 管理员。"


@given(st.integers(0, 50), st.integers(0, 50), st.booleans(), st.floats(0, 3))
def test_weights_are_bounded_and_follow_the_record(upheld, wrong, fresh, ring_has):
    record = Record(upheld, wrong)
    weight = weigh(record, fresh=fresh)
    assert 0 < weight < 1
    assert weigh(Record(upheld + 1, wrong), fresh=fresh) >= weight >= weigh(Record(upheld, wrong + 1), fresh=fresh)
    assert weigh(record, fresh=fresh, ring_has=ring_has) <= weight
    assert weight + ring_has >= weigh(record, fresh=fresh, ring_has=ring_has) + ring_has


@pytest.mark.parametrize(
    ("upheld", "wrong", "abusing"), [(0, 4, False), (0, 5, True), (5, 5, False), (5, 6, True), (9, 6, False)]
)
def test_doubt_needs_many_and_mostly_wrong(upheld, wrong, abusing):
    settings, record = ReportSettings(), Record(upheld, wrong)
    assert doubted(record, settings) is abusing
    assert verdict_on_amount(today=1, lately=record, settings=settings).startswith("你最近") is abusing
