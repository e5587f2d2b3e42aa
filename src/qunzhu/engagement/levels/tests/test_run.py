"""The daily run: relative to the group, once, told once, killed anywhere, and the same from the log."""

import os
import signal
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.levels import run as reckoning
from qunzhu.engagement.levels import schedule, selectors
from qunzhu.engagement.levels.consumer import CONSUMER
from qunzhu.engagement.levels.models import ActiveDay, LevelFigure, LevelRun, MemberLevel
from qunzhu.engagement.levels.policy import LevelSettings
from qunzhu.engagement.mall.standing import level_of
from qunzhu.engagement.quality.consumer import CONSUMER as QUALITY
from qunzhu.engagement.quality.tests.test_policy import RICH
from qunzhu.kernel.community.models import Community, Membership
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.effects.models import Effect

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).parents[5]
TOMORROW = NOW + timedelta(days=1)
KINDS = ("level.changed", "level.warned", "level.kept")


class Club:
    def __init__(self, people=4):
        self.community = make_community()
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.people = [make_member(self.community, f"成员{i}") for i in range(people)]
        for member in self.people:
            Membership.objects.create(
                community_id=self.id, group_id=self.group.pk, member_id=member.pk, nickname=member.display_name
            )

    def say(self, who, text="在", at=NOW, kind="message.posted", **more):
        return write(self.community, kind, group=self.group, member=self.people[who], at=at, text=text, **more)

    def ask(self, who=0, at=NOW):
        return self.say(who, "等级", at, "command.posted", command="level", nickname=f"成员{who}")

    def consume(self, now=NOW):
        run(QUALITY, CONSUMER, now=now)

    def reckon(self, now=TOMORROW):
        self.consume(now)
        done = schedule.run_community(self.community, now=now)
        self.consume(now)
        return done

    def levels(self):
        return [level_of(self.id, member.pk) for member in self.people]

    def told(self):
        return [(e.kind, e.member_id, e.body) for e in events_of(self.community, *KINDS)]

    def said(self):
        return [e.payload["text"] for e in Effect.objects.filter(community_id=self.id).order_by("number")]


def test_time_counts_in_hours_not_in_messages():
    club = Club()
    for _ in range(50):
        club.say(0)  # fifty in one hour
    for hour in range(3):
        club.say(1, at=NOW + timedelta(hours=hour))
    club.consume()
    bits = dict(ActiveDay.objects.filter(community_id=club.id).values_list("member_id", "hours"))
    assert [bits[club.people[i].pk].bit_count() for i in (0, 1)] == [1, 3]
    club.reckon()
    figures = {f.member_id: f for f in LevelFigure.objects.filter(community_id=club.id)}
    # One hour, a day ago: 100 × 0.5^(1/30) hundredths; nobody reaches the floor of 2,000.
    assert [figures[club.people[i].pk].active for i in (0, 1)] == [98, 293]
    assert [figures[club.people[i].pk].score for i in (0, 1)] == [20, 59]
    assert club.levels() == [0, 1, 0, 0]
    assert_rebuild_equals(club.community, CONSUMER)


def test_a_run_happens_once_and_is_told_in_one_message():
    club = Club()
    for hour in range(4):
        club.say(0, at=NOW + timedelta(hours=hour))
        club.say(1, at=NOW + timedelta(hours=hour))
    early = NOW.replace(hour=19) + timedelta(hours=0)  # 3 o'clock of the next day in Shanghai
    assert club.reckon(early) is False
    assert club.reckon() is True
    assert club.reckon() is False
    first, second = club.people[0].pk, club.people[1].pk
    body = {"level": 1, "score": 78, "day": "2026-11-25", "from": 0, "why": "promoted"}
    assert club.told() == [("level.changed", first, body), ("level.changed", second, body)]
    assert club.said() == ["恭喜升级：成员0、成员1 升为“常客”。"]
    assert selectors.check_levels(club.id) == []
    assert MemberLevel.objects.get(community_id=club.id, member_id=first).since == date(2026, 11, 25)


def test_a_level_is_lost_after_a_notice_and_the_time_of_grace():
    club = Club()
    for hour in range(4):
        club.say(0, at=NOW + timedelta(hours=hour))
    club.reckon()
    assert club.levels()[0] == 1
    member = club.people[0].pk
    days = 0
    while club.levels()[0]:
        days += 1
        club.reckon(TOMORROW + timedelta(days=days))
        assert days < 120
    (_, warned), (_, fallen) = [(k, b) for k, m, b in club.told() if m == member][1:]
    assert (warned["level"], fallen["level"], fallen["why"]) == (1, 0, "demoted")
    assert date.fromisoformat(fallen["day"]) - date.fromisoformat(warned["day"]) == timedelta(days=14)
    until = date.fromisoformat(warned["until"])
    assert club.said()[1:] == [
        f"最近来得少了，你的等级“常客”在 {until.month}月{until.day}日前补上来就能保住，否则会变为“新芽”。"
    ]
    assert_rebuild_equals(club.community, CONSUMER)


def test_who_comes_back_keeps_the_level():
    club = Club()
    for hour in range(4):
        club.say(0, at=NOW + timedelta(hours=hour))
    club.reckon()
    day = 1
    while len(club.told()) == 1:
        club.reckon(TOMORROW + timedelta(days=day))
        day += 1
    for hour in range(4):
        club.say(0, at=TOMORROW + timedelta(days=day - 1, hours=hour))
    club.reckon(TOMORROW + timedelta(days=day))
    assert [kind for kind, _, _ in club.told()] == ["level.changed", "level.warned", "level.kept"]
    assert MemberLevel.objects.get(community_id=club.id).until is None


def test_quality_counts_three_messages_a_day_and_the_page_explains_it_all():
    club = Club()
    texts = [RICH, RICH[::-1], RICH[::2] + RICH[1::2], RICH[::3] + RICH[1::3] + RICH[2::3]]
    said = [club.say(0, text) for text in texts]
    club.reckon()
    run_, settings = LevelRun.objects.get(community_id=club.id), LevelSettings()
    counted = selectors.counted_of(club.id, club.people[0].pk, settings, run_)
    assert [c.message for c in counted if c.message] == sorted(said[:3], reverse=True)
    card = selectors.cards(club.id, [club.people[0].pk])[club.people[0].pk]
    assert (card.messages, card.hours) == (3, 1)
    assert round(sum(c.points for c in counted)) == card.score
    assert counted[-1].hours == 1


def test_the_command_answers_and_many_at_once_in_one_message():
    club = Club()
    for hour in range(4):
        club.say(0, at=NOW + timedelta(hours=hour))
    club.ask(1)
    club.consume()
    assert club.said() == ["你现在是“新芽”（0 级）。等级每天凌晨更新，多发有内容的消息、常来聊聊就会升。"]
    club.reckon()
    club.ask(0, TOMORROW)
    club.consume(TOMORROW)
    assert club.said()[-1] == (
        "你现在是“常客”（1 级），78 分。距“骨干”还差 122 分，比如约 2 条优质内容，或 7 个活跃小时。"
    )
    for who in range(3):
        club.ask(who, TOMORROW)
    club.consume(TOMORROW)
    together = Effect.objects.filter(community_id=club.id, kind="say").order_by("number").last()
    assert together.payload["text"].count("\n") == 2
    assert together.payload["text"].startswith("@成员0 你现在是“常客”（1 级）")


def test_a_run_waits_for_consumers_that_are_behind():
    club = Club()
    club.say(0)
    assert schedule.run_community(club.community, now=TOMORROW) is True  # no cursor yet: nothing was ever heard
    LevelRun.objects.all().delete()
    club.consume()
    club.say(0)
    assert schedule.run_community(club.community, now=TOMORROW) is False
    assert LevelRun.objects.count() == 0


def test_the_floor_and_the_top_tenth():
    """In a large group the most active tenth is the measure: twice the volume of all changes nobody's score."""
    scores = []
    for factor in (1, 2):
        community = make_community()
        members = [make_member(community, f"m{i}").pk for i in range(40)]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO active_day SELECT %s, m, date '2026-11-24' - d, (1 << %s) - 1"
                " FROM unnest(%s::int8[]) WITH ORDINALITY AS t(m, n), generate_series(1, 80) d WHERE d %% n = 0",
                [community.pk, factor * 2, members],
            )
        schedule.run_community(community, now=NOW)
        rows = LevelFigure.objects.filter(community_id=community.pk).order_by("member_id")
        scores.append([row.score for row in rows])
    assert len(scores[0]) == 40
    assert max(abs(a - b) for a, b in zip(*scores, strict=True)) <= 1
    assert scores[0][0] > 400 > scores[0][10]


KILLED = """
import os, signal
from qunzhu.kernel.bootstrap import setup_django
setup_django()
from datetime import datetime
from qunzhu.engagement.levels import run, schedule
from qunzhu.kernel.community.models import Community
run.BATCH = 10
real, count = run.advance, []
def advance(*args, **kwargs):
    done = real(*args, **kwargs)
    count.append(done)
    if len(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return done
run.advance = advance
community = Community.objects.get(pk=int(os.environ["COMMUNITY"]))
schedule.run_community(community, now=datetime.fromisoformat(os.environ["AT"]))
"""


def test_killed_in_the_middle_it_goes_on_where_it_was():
    club = Club(40)
    for who in range(40):
        for hour in range(4):
            club.say(who, at=NOW + timedelta(hours=hour))
    club.consume()
    environment = {
        **os.environ, "COMMUNITY": str(club.id), "AT": TOMORROW.isoformat(), "PYTHONPATH": str(ROOT / "src"),
    }  # fmt: skip
    died = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, cwd=ROOT, capture_output=True, check=False
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2_000:]
    # The third batch was not committed when the process died.
    assert len(club.told()) == 20
    assert club.said() == []
    assert schedule.run_community(club.community, now=TOMORROW) is True
    assert len(club.told()) == len({member for _, member, _ in club.told()}) == 40
    assert len(club.said()) == 1


def test_a_hundred_thousand_members_take_few_queries():
    community = make_community()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO member (community_id, display_name, created_at, tags, note)"
            " SELECT %s, 'm' || n, %s, '[]', '' FROM generate_series(1, 100000) n",
            [community.pk, NOW],
        )
        cursor.execute(
            "INSERT INTO active_day SELECT community_id, id, date '2026-11-24' - 1 - (id %% 7)::int, 7 FROM member"
            " WHERE community_id = %s",
            [community.pk],
        )
        cursor.execute("ANALYZE member, active_day")
    with CaptureQueriesContext(connection) as seen:
        assert schedule.run_community(Community.objects.get(pk=community.pk), now=NOW) is True
    assert LevelFigure.objects.filter(community_id=community.pk).count() == 100_000
    assert len(events_of(community, "level.changed")) == 100_000 - LevelFigure.objects.filter(level=0).count()
    assert len(seen) < 300
    with transaction.atomic(), CaptureQueriesContext(connection) as again:
        assert schedule.run_community(community, now=NOW) is False
    assert len(again) < 8
    assert reckoning.BATCH == 5_000
