"""Hours and days of the community's zone, added up exactly, in batches of any size."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest

from qunzhu.analytics.consumer import CONSUMER, hour_and_day
from qunzhu.analytics.models import CommunityDay, GroupHour, MemberDay
from qunzhu.analytics.selectors import (
    day_figures,
    hours_of_day,
    messages_by_day,
    messages_by_group,
    speakers,
    today_figures,
)
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    make_community,
    make_group,
    make_member,
    run,
    write,
)

pytestmark = pytest.mark.django_db(transaction=True)
BEFORE_MIDNIGHT = datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 24), date(2026, 11, 23)


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_messages_fall_into_shanghais_hours_and_days(size):
    c = make_community()
    one, two, lin, chen = make_group(c), make_group(c, "二群"), make_member(c), make_member(c, "阿陈")
    say = {"text": "x", "nickname": "n"}
    write(c, "member.joined", group=one, member=lin, at=BEFORE_MIDNIGHT, nickname="n", via="link")
    last = write(c, "message.posted", group=one, member=lin, at=BEFORE_MIDNIGHT, **say)
    write(c, "message.posted", group=one, member=lin, at=MIDNIGHT, **say)
    write(c, "message.posted", group=one, member=chen, at=MIDNIGHT + timedelta(minutes=59), **say)
    latest = write(c, "command.posted", group=one, member=lin, at=NOW, command="checkin", **say)
    write(c, "message.posted", group=two, member=lin, at=NOW, historic=True, **say)
    write(c, "member.left", group=two, member=chen, at=NOW)
    write(c, "decision.made", group=two, member=lin, at=NOW, outcome="live", rule="r")
    write(c, "decision.made", group=two, member=lin, at=NOW, outcome="shadow", rule="s")
    run(dataclasses.replace(CONSUMER, batch=size))
    hours = GroupHour.objects.filter(community_id=c.pk).order_by("group_id", "hour")
    assert [
        (h.group_id, h.hour, h.messages, h.commands, h.joins, h.leaves, h.decisions) for h in hours
    ] == [
        (one.pk, MIDNIGHT - timedelta(hours=1), 1, 0, 1, 0, 0),
        (one.pk, MIDNIGHT, 2, 0, 0, 0, 0),
        (one.pk, NOW, 0, 1, 0, 0, 0),
        (two.pk, NOW, 1, 0, 0, 1, 1),
    ]  # fmt: skip
    days = MemberDay.objects.filter(community_id=c.pk).order_by("day", "group_id", "member_id")
    assert [(d.day, d.group_id, d.member_id, d.messages, d.commands) for d in days] == [
        (YESTERDAY, one.pk, lin.pk, 1, 0),
        (TODAY, one.pk, lin.pk, 1, 1),
        (TODAY, one.pk, chen.pk, 1, 0),
        (TODAY, two.pk, lin.pk, 1, 0),
    ]
    whole = CommunityDay.objects.filter(community_id=c.pk).order_by("day")
    assert [(d.day, d.messages, d.commands, d.speakers) for d in whole] == [(YESTERDAY, 1, 0, 1), (TODAY, 3, 1, 2)]
    assert (days[0].last_seq, days[1].last_seq) == (last, latest)
    assert_rebuild_equals(c, CONSUMER)


def test_home_counts_people_once_and_costs_three_queries(django_assert_num_queries):
    c = make_community({"analytics": {"messages_per_day": 3}})
    one, two, lin, chen = make_group(c), make_group(c, "二群"), make_member(c), make_member(c, "阿陈")
    for group, member, times in ((one, lin, 2), (one, chen, 1), (two, lin, 2)):
        for _ in range(times):
            write(c, "message.posted", group=group, member=member, text="x", nickname="n")
    write(c, "command.posted", group=two, member=chen, text="签到", nickname="n", command="checkin")
    write(c, "member.joined", group=one, member=chen, nickname="n", via="qr")
    run(CONSUMER)
    with django_assert_num_queries(3):
        figures = today_figures(c, now=NOW)
    assert dataclasses.astuple(figures) == (TODAY, 5, 2, 1, 1, 0, 0, 2, 1, 3)
    assert dataclasses.astuple(day_figures(c, day=YESTERDAY)) == (YESTERDAY, 0, 0, 0, 0, 0, 0, 2, 0, 3)
    assert (speakers(c.pk, day=TODAY, group_id=two.pk), messages_by_group(c, day=TODAY)) == (1, {one.pk: 3, two.pk: 2})
    assert messages_by_day(c, first=YESTERDAY, last=TODAY) == [(YESTERDAY, 0, 0), (TODAY, 5, 2)]
    assert [(h.hour, h.messages) for h in hours_of_day(c, day=TODAY)] == [(NOW, 5)]
    assert [(h.hour, h.messages) for h in hours_of_day(c, day=TODAY, group_id=two.pk)] == [(NOW, 2)]


@pytest.mark.parametrize(
    ("zone", "at", "hour", "day"),
    [
        ("Asia/Shanghai", "2026-11-23T15:59:59Z", "2026-11-23T15:00:00Z", "2026-11-23"),
        ("Asia/Kathmandu", "2026-11-23T18:14:59Z", "2026-11-23T17:15:00Z", "2026-11-23"),
        ("Asia/Kathmandu", "2026-11-23T18:15:00Z", "2026-11-23T18:15:00Z", "2026-11-24"),
        ("Europe/London", "2026-10-25T01:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25"),
    ],
)
def test_hours_start_where_the_zone_says(zone, at, hour, day):
    quarter = int(datetime.fromisoformat(at).timestamp()) // 900
    assert hour_and_day(zone, quarter) == (datetime.fromisoformat(hour), date.fromisoformat(day))
