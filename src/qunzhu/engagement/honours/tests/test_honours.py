"""The list as the log fills it, a week closed once, badges given and taken, what is answered in the group."""

import dataclasses
import os
import signal
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction

from qunzhu.engagement.honours import poster, schedule, services
from qunzhu.engagement.honours.consumer import CONSUMER
from qunzhu.engagement.honours.models import Badge, HonourClosed, HonourPlace
from qunzhu.engagement.honours.policy import Place, Top
from qunzhu.engagement.honours.selectors import board, famous
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    events_of,
    make_community,
    make_group,
    make_member,
    run,
    write,
)  # fmt: skip
from qunzhu.kernel.connectors.local.models import Upload
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.services import Award, award_many, points_event, reverse

pytestmark = pytest.mark.django_db(transaction=True)
WEEK, CLOSING = date(2026, 11, 23), datetime(2026, 11, 30, 1, 0, tzinfo=UTC)
LINK = f"{settings.PUBLIC_URL}/me/honours/"
ROOT = Path(__file__).parents[5]


class Club:
    def __init__(self, *names, blueprint=None):
        self.community = make_community(blueprint)
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.people = {name: make_member(self.community, name) for name in names}
        self.given = 0

    def earn(self, name, amount, kind="quality", at=NOW):
        self.given += 1
        given = Award(self.people[name].pk, amount, f"k{self.given}", kind, "", None, self.group.pk)
        with transaction.atomic():
            (posted,) = award_many(community_id=self.id, awards=[given], now=at)
            log.append(raw_connection(), [posted.event], now=at)
        return posted.id

    def undo(self, name, of, amount, at=NOW):
        with transaction.atomic():
            key = f"undo{of}"
            done = reverse(community_id=self.id, key=key, of=of, now=at)
            told = Award(self.people[name].pk, -amount, key, "undone")
            log.append(raw_connection(), [points_event(self.id, told, done.id, 0, at)], now=at)

    def list(self, name="week", member=None, week=WEEK):
        who = self.people[member].pk if member else None
        found = board(self.community, name, week=week, member_id=who)
        names = {m.pk: n for n, m in self.people.items()}
        return [(names[p.member], p.points, p.rank) for p in found.top.places], found

    def say(self, name, command):
        return write(
            self.community, "command.posted", group=self.group, member=self.people[name], command=command, nickname=name
        )

    def answers(self):
        rows = Effect.objects.filter(community_id=self.id).order_by("number")
        return [(e.kind, e.payload["text"]) for e in rows]

    def badges(self):
        return [(e.kind, e.member_id, e.body) for e in events_of(self.community, "badge.awarded", "badge.taken")]


@pytest.mark.parametrize("size", [1, 3, 5_000])
def test_what_is_earned_counts_and_what_is_reversed_leaves(size):
    club = Club("甲", "乙", "丙", "丁")
    club.earn("甲", 9)
    wrong = club.earn("乙", 8)
    club.earn("乙", 7, "checkin")
    club.earn("丙", 7)
    club.earn("丁", 99, "adjust")
    club.earn("丁", 99, "mall.reversed")
    club.undo("乙", wrong, 8, at=NOW + timedelta(days=9))
    run(dataclasses.replace(CONSUMER, batch=size))
    places, found = club.list(member="丙")
    assert places == [("甲", 9, 1), ("乙", 7, 2), ("丙", 7, 2)]
    assert (found.own, found.ahead, found.people) == (Place(club.people["丙"].pk, 7, 2), 2, 3)
    assert club.list("all")[0] == places
    assert club.list(week=WEEK + timedelta(days=7))[0] == []
    assert_rebuild_equals(club.community, CONSUMER)


def test_the_local_week_decides():
    club = Club("甲")
    club.earn("甲", 5, at=datetime(2026, 11, 29, 15, 59, tzinfo=UTC))
    club.earn("甲", 3, at=datetime(2026, 11, 29, 16, 0, tzinfo=UTC))
    run(CONSUMER)
    assert (club.list()[0], club.list(week=date(2026, 11, 30))[0]) == ([("甲", 5, 1)], [("甲", 3, 1)])


def test_newcomers_and_progress_have_lists_of_their_own():
    club = Club("新", "老", "稳")
    Member.objects.exclude(pk=club.people["新"].pk).update(created_at=NOW - timedelta(days=200))
    for weeks in range(1, 5):
        club.earn("老", 4, at=NOW - timedelta(weeks=weeks))
        club.earn("稳", 50, at=NOW - timedelta(weeks=weeks))
    club.earn("新", 10)
    club.earn("老", 10)
    club.earn("稳", 50)
    run(CONSUMER)
    assert club.list()[0] == [("稳", 50, 1), ("新", 10, 2), ("老", 10, 2)]
    assert club.list("newcomers")[0] == [("新", 10, 1)]
    assert club.list("progress")[0] == [("老", 24, 1)]  # quarter points: 6 more than the mean of the four weeks before
    assert_rebuild_equals(club.community, CONSUMER)


def test_the_punished_are_out_until_the_penalty_is_reversed():
    club = Club("甲", "乙")
    club.earn("甲", 9)
    club.earn("乙", 5)
    write(
        club.community, "decision.made", member=club.people["甲"], cause_seq=77, rule="r", outcome="live", strike=True
    )
    run(CONSUMER)
    assert club.list()[0] == [("乙", 5, 1)]
    write(club.community, "penalty.reversed", member=club.people["甲"], cause_seq=77, rule="r", by="owner")
    run(CONSUMER)
    assert club.list()[0] == [("甲", 9, 1), ("乙", 5, 2)]
    assert_rebuild_equals(club.community, CONSUMER)


def test_a_week_is_closed_once_at_its_hour_and_announced():
    club = Club("甲", "乙", "丙")
    for name, points in (("甲", 30), ("乙", 20), ("丙", 20)):
        club.earn(name, points)
    assert schedule.run_due(now=CLOSING) == []  # the consumer has not heard of the points
    run(CONSUMER)
    assert schedule.run_due(now=CLOSING - timedelta(minutes=1)) == []
    assert schedule.run_due(now=CLOSING) == [club.community.slug]
    assert schedule.run_due(now=CLOSING + timedelta(hours=1)) == []
    run(CONSUMER)
    (closed,) = events_of(club.community, "honour.closed")
    top = [
        {"member": club.people[name].pk, "points": points, "rank": rank}
        for name, points, rank in (("甲", 30, 1), ("乙", 20, 2), ("丙", 20, 2))
    ]
    expected = {"week": "2026-11-23", "people": 3, "more": 0, "top": top, "newcomers": top, "progress": []}
    assert closed.body == expected
    text = (
        "🏆 11月23日–11月29日 贡献榜\n🥇 甲 30\n🥈 乙 20\n🥈 丙 20\n"
        f"新人之星：甲、乙、丙\n谢谢大家，新的一周已经开始：{LINK}"
    )
    assert club.answers() == [("say", text)]
    drawn = poster.draw(community="x", week=WEEK, top=Top((Place(1, 1, 1),)), stars={}, names={}) is not None
    pictures = [e.payload.get("image", {}).get("width") for e in Effect.objects.all()]
    assert pictures == [poster.WIDTH if drawn else None]
    assert HonourPlace.objects.filter(board="top").count() == 3
    assert famous(club.id) == [(club.people[n].pk, 1, int(n == "甲"), 1 + (n != "甲")) for n in ("甲", "乙", "丙")]
    assert [(kind, body["badge"]) for kind, _, body in club.badges()] == [("badge.awarded", "top")] * 3
    assert services.announce_again(club.community, WEEK, by="owner", now=CLOSING) == 1
    assert club.answers() == [("say", text), ("say", text)]
    assert_rebuild_equals(club.community, CONSUMER)


def test_who_is_erased_is_in_no_list_and_on_no_picture():
    club = Club("甲", "乙")
    club.earn("甲", 9)
    club.earn("乙", 5)
    run(CONSUMER)
    schedule.run_due(now=CLOSING)
    run(CONSUMER)
    erase_member(community_id=club.id, member_id=club.people["甲"].pk, by="owner", now=CLOSING)
    run(CONSUMER)
    assert not Upload.objects.exists()
    assert club.list()[0] == [("乙", 5, 1)]


def test_a_badge_is_given_once_and_goes_with_its_ground():
    club = Club("甲")
    who = {"group": club.group, "member": club.people["甲"]}
    write(club.community, "checkin.done", **who, day="2026-11-24", streak=30, points=2)
    write(club.community, "quality.marked", **who, message=5, turn=1, points=10, by="owner", via="console")
    run(CONSUMER)
    write(club.community, "checkin.done", **who, day="2026-11-25", streak=31, points=2)
    run(CONSUMER)
    me = club.people["甲"].pk
    first = [("badge.awarded", me, {"badge": b, "turn": 1}) for b in ("first-checkin", "streak-30", "first-quality")]
    assert club.badges() == first
    write(club.community, "quality.unmarked", **who, message=5, turn=1, by="owner", why="staff")
    run(CONSUMER)
    write(club.community, "quality.marked", **who, message=6, turn=1, points=10, by="owner", via="console")
    run(CONSUMER)
    later = [("badge.taken", me, {"badge": "first-quality", "turn": 1}),
             ("badge.awarded", me, {"badge": "first-quality", "turn": 2})]  # fmt: skip
    assert club.badges() == first + later
    assert set(Badge.objects.values_list("badge", "held")) == {
        ("first-checkin", True), ("streak-30", True), ("first-quality", True),
    }  # fmt: skip
    assert_rebuild_equals(club.community, CONSUMER)


def test_a_year_here_is_a_badge():
    club = Club("甲", "乙")
    Member.objects.filter(pk=club.people["甲"].pk).update(created_at=NOW - timedelta(days=365))
    write(club.community, "member.joined", group=club.group, member=club.people["甲"], nickname="甲")
    from qunzhu.kernel.community.consumer import CONSUMER as MEMBERSHIP

    run(MEMBERSHIP)
    assert [schedule.award_by_time(club.community, now=NOW) for _ in range(2)] == [1, 0]
    assert club.badges() == [("badge.awarded", club.people["甲"].pk, {"badge": "one-year", "turn": 1})]


def test_the_list_is_answered_and_many_are_answered_in_one_message():
    club = Club("甲", "乙", "丙", blueprint={"engagement": {"points": {"caps": []}}})
    club.earn("甲", 1_200)
    club.earn("乙", 20)
    club.say("乙", "leaderboard")
    run(CONSUMER)
    said = "你第 2 名，20 分，再得 1,180 分往前一名"
    assert club.answers() == [("answer", f"本周 🥇 甲 1,200 · 🥈 乙 20。{said}。{LINK}")]
    for name in ("甲", "乙", "丙"):
        club.say(name, "leaderboard")
    run(CONSUMER)
    together = (
        f"本周贡献榜 🥇 甲 1,200 · 🥈 乙 20\n@甲 你第 1 名，1,200 分\n@乙 {said}\n"
        f"@丙 你这周还没有积分，签到、写优质内容就能上榜\n{LINK}"
    )
    assert club.answers()[1:] == [("say", together)]
    club.say("丙", "badges")
    run(CONSUMER)
    assert club.answers()[2:] == [("answer", f"你还没有徽章，最近的一枚：初来签到（签到 1 次）。{LINK}badges/")]


_STOPS = """
import sys
from datetime import datetime
from qunzhu.kernel.bootstrap import setup_django
setup_django()
import psycopg
from qunzhu.engagement.honours.schedule import run_due

stop, now, execute, made = int(sys.argv[1]), sys.argv[2], psycopg.Cursor.execute, 0

def counted(self, *args, **kwargs):
    global made
    made += 1
    if made == stop:
        print("stopped", flush=True)
        sys.stdin.read()
    return execute(self, *args, **kwargs)

psycopg.Cursor.execute = counted
run_due(now=datetime.fromisoformat(now))
print("finished", flush=True)
"""


@pytest.mark.faults
def test_killed_anywhere_a_week_is_closed_and_announced_together_or_not_at_all():
    club = Club("甲")
    club.earn("甲", 9)
    run(CONSUMER)
    statement, line = 1, "stopped"
    while line == "stopped":
        with subprocess.Popen(
            [sys.executable, "-c", _STOPS, str(statement), CLOSING.isoformat()], cwd=ROOT, text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        ) as process:  # fmt: skip
            line = process.stdout.readline().strip()
            if line == "stopped":
                os.kill(process.pid, signal.SIGKILL)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        assert len(events_of(club.community, "honour.closed")) == len(club.answers()) <= 1
        statement += 4
    schedule.run_due(now=CLOSING)
    run(CONSUMER)
    assert (len(events_of(club.community, "honour.closed")), len(club.answers())) == (1, 1)
    assert HonourClosed.objects.count() == 1
