"""A backtest on PostgreSQL: equal to what was decided, the same each time, and nothing is written."""

from datetime import timedelta

import pytest
from django.db import connection

from qunzhu.kernel.community.tests.factories import NOW, run, write
from qunzhu.kernel.engine.models import Decision, RulebookVersion
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.risk.backtest import run as backtest
from qunzhu.risk.backtest.compare import Precision
from qunzhu.risk.backtest.replay import Stretch
from qunzhu.risk.consumer import CONSUMER
from qunzhu.risk.tests.test_consumer import AD, Place

pytestmark = pytest.mark.django_db(transaction=True)
STRETCH = Stretch(NOW - timedelta(days=1), NOW + timedelta(days=30))


@pytest.fixture
def place() -> Place:
    place = Place()
    for n in range(7):
        place.post(minutes=n, member=n % 2)
        place.post("看 https://t.cn/abc", minutes=n)
    place.post(AD, minutes=10, member=3)
    place.post("一起募集资金", minutes=11, member=4)
    for n in range(8):
        place.post(AD, minutes=20 + 90 * n, member=5, historic=True)
    run(CONSUMER)
    return place


def live_book(place: Place) -> backtest.Rulebook:
    book = RulebookVersion.objects.get(community_id=place.community.pk, state="live")
    return backtest.Rulebook(book.rules, book.settings, book.version)


def ask(place: Place, book: backtest.Rulebook, **more: object) -> backtest.Report:
    upto = log.head(raw_connection(), place.community.pk)
    question = backtest.Question(place.community.pk, book, more.pop("stretch", STRETCH), upto, **more)  # type: ignore[arg-type]
    *progress, report = backtest.run(raw_connection(), question)
    assert all(isinstance(step, backtest.Progress) for step in progress)
    assert isinstance(report, backtest.Report)
    return report


def everything() -> dict[str, int]:
    """Rows of every table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        counted = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counted[table] = cursor.fetchone()[0]
    return counted


def test_the_live_rulebook_decides_again_what_is_recorded_and_nothing_is_written(place):
    before = everything()
    report = ask(place, live_book(place))
    totals = report.compared.totals
    assert totals.same == Decision.objects.count() == totals.before == totals.after > 8
    assert (totals.new, totals.lost, totals.changed) == (0, 0, 0)
    assert (report.judged.events, report.judged.people, report.judged.skipped) == (24, 5, 0)
    recorded = {(d.seq, d.rule): d.sentence for d in Decision.objects.all()}
    assert {(r.seq, r.rule): r.after.sentence for r in report.compared.rows if r.after} == recorded
    assert everything() == before


def test_the_same_question_has_the_same_answer_byte_for_byte(place):
    book = live_book(place)
    looser = backtest.Rulebook([{**book.rules[0], "when": {"fact": "window.count", "over": 8}}, *book.rules[1:]], {})
    first, second = (backtest.encode(ask(place, looser, against="rulebook", other=book)) for _ in range(2))
    assert first == second
    assert backtest.encode(backtest.decode(first)) == first


def test_a_looser_bound_loses_hits_and_a_stricter_one_finds_new_ones(place):
    book = live_book(place)
    cap = next(r for r in book.rules if r["id"] == "daily_cap")
    for over, change in ((7, "lost"), (2, "new")):
        rules = [{**cap, "when": {"fact": "window.count", "over": over}}]
        report = ask(place, backtest.Rulebook(rules, book.settings), against="rulebook",
                     other=backtest.Rulebook([cap], book.settings))  # fmt: skip
        assert getattr(report.compared.totals, change) > 0
        assert {r.rule for r in report.compared.rows} == {"daily_cap"}


def test_a_group_and_a_stretch_are_filters_of_the_answer_not_of_the_memory(place):
    book = live_book(place)
    late = Stretch(NOW + timedelta(minutes=6), STRETCH.until)
    report = ask(place, book, stretch=late)
    assert (report.compared.totals.new, report.compared.totals.lost, report.compared.totals.changed) == (0, 0, 0)
    assert report.compared.totals.same == Decision.objects.filter(occurred_at__gte=late.since).count()
    assert ask(place, book, group_id=place.group.pk + 1).judged.events == 0
    assert ask(place, book, group_id=place.group.pk).judged.events == 24


def test_a_reversed_penalty_is_a_wrong_hit(place):
    warned = Decision.objects.filter(rule="daily_cap", outcome="live").order_by("seq").first()
    write(place.community, "penalty.reversed", group=place.group, cause_seq=warned.seq, rule="daily_cap", by="t")
    report = ask(place, live_book(place))
    (cap,) = [r.figures for r in report.compared.rules if r.rule == "daily_cap"]
    assert (cap.precision_before, cap.precision_after) == (Precision(0, 1), Precision(0, 1))
    assert [r.verdict for r in report.compared.rows if r.seq == warned.seq and r.rule == "daily_cap"] == ["wrong"]


def test_words_of_today_judge_the_past(place):
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    change_keywords(community_id=place.community.pk, added=[Word("大家好", "fraud")], by="t", now=NOW)
    book = live_book(place)
    assert ask(place, book).compared.totals.new == 0
    today = ask(place, book, words_of_today=True).compared
    assert {r.rule for r in today.rows if r.change == "new"} == {"red_keyword"}


def test_imported_history_is_shown_as_it_would_have_gone(place):
    """Three ads and out: after the removal nobody is removed again."""
    report = ask(place, live_book(place), against="nothing")
    imported = [r for r in report.compared.rows if r.member == place.members[5].pk and r.rule == "ad_without_clearance"]
    assert [r.after.effects for r in imported if r.after and r.after.outcome == "live"] == [
        ("warn",), ("mute 60",), ("remove",),
    ]  # fmt: skip
