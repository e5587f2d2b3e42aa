"""签到 and 积分 from the message to points, answer and events."""

import dataclasses
from datetime import UTC, date, datetime, timedelta

import pytest

from qunzhu.engagement.consumer import CONSUMER
from qunzhu.engagement.models import CheckIn
from qunzhu.engagement.selectors import check_in_state, checked_in_today
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
from qunzhu.kernel.ledger.models import Posting
from qunzhu.kernel.ledger.selectors import balance, check_ledger

pytestmark = pytest.mark.django_db(transaction=True)


class Town:
    def __init__(self, blueprint=None) -> None:
        self.community = make_community(blueprint)
        self.group = make_group(self.community)
        self.lin = make_member(self.community)

    def say(self, command: str, at: datetime = NOW, **more) -> int:
        return write(
            self.community, "command.posted", group=self.group, member=more.pop("member", self.lin), at=at,
            text=command, command=command, args="", nickname="小林", **more,
        )  # fmt: skip

    def rows(self) -> list[tuple]:
        found = CheckIn.objects.filter(community_id=self.community.pk).order_by("member_id", "day")
        return [(c.member_id, str(c.day), c.streak, c.points) for c in found]

    def answers(self) -> list[str]:
        return [e.payload["text"] for e in Effect.objects.order_by("cause_seq")]

    def check(self) -> None:
        assert check_ledger(self.community.pk) == []
        assert_rebuild_equals(self.community, CONSUMER)


def test_one_check_in_from_word_to_points():
    town = Town()
    seq = town.say("checkin")
    run(CONSUMER)
    assert town.rows() == [(town.lin.pk, "2026-11-24", 1, 2)]
    done, posted = events_of(town.community, "checkin.done", "points.posted")
    assert (done.member_id, done.group_id, done.occurred_at) == (town.lin.pk, town.group.pk, NOW)
    assert done.body == {"day": "2026-11-24", "streak": 1, "points": 2}
    tx = Posting.objects.get(owner=f"m:{town.lin.pk}").transaction_id
    assert posted.body == {
        "transaction": str(tx), "amount": 2, "unit": "PTS", "balance": 2, "memo": "签到，连续 1 天", "kind": "checkin",
    }  # fmt: skip
    effect = Effect.objects.get()
    assert (effect.kind, effect.group_id, effect.member_id, effect.cause_seq) == (
        "answer", town.group.pk, town.lin.pk, seq,
    )  # fmt: skip
    assert effect.payload == {
        "text": "签到成功，已连续 1 天，+2 积分，现有 2 积分。再签 6 天多得 10 积分。",
        "to": town.lin.pk,
        "reply_to": seq,
    }
    assert balance(town.community.pk, "sys:issue") == -2
    town.check()


@pytest.mark.parametrize("size", [1, 2, 5000])
def test_a_second_check_in_of_a_day_gives_nothing_in_batches_of_any_size(size):
    town = Town()
    consumer = dataclasses.replace(CONSUMER, batch=size)
    for minute in range(3):
        town.say("checkin", at=NOW + timedelta(minutes=minute))
    run(consumer)
    assert town.rows() == [(town.lin.pk, "2026-11-24", 1, 2)]
    done = "签到成功，已连续 1 天，+2 积分，现有 2 积分。再签 6 天多得 10 积分。"
    again = "今天已经签到过了，连续 1 天，现有 2 积分，明天再来。"
    together = "@小林 签到成功，连续 1 天，+2\n@小林 今天签过了，连续 1 天\n@小林 今天签过了，连续 1 天"
    assert town.answers() == ([together] if size > 2 else [done, again, again])
    assert balance(town.community.pk, f"m:{town.lin.pk}") == 2
    assert len(events_of(town.community, "checkin.done", "points.posted")) == 2
    town.check()


@pytest.mark.parametrize("size", [1, 3, 5000])
def test_midnight_is_shanghais_and_streaks_cross_the_month(size):
    town = Town({"engagement": {"checkin": {"points": 1, "streaks": [{"days": 3, "bonus": 5}]}}})
    for at in (
        datetime(2026, 11, 29, 15, 59, 59, tzinfo=UTC),  # 23:59:59 on the 29th in Shanghai
        datetime(2026, 11, 29, 16, 0, 0, tzinfo=UTC),  # midnight: the 30th
        datetime(2026, 11, 30, 15, 59, 59, 999_999, tzinfo=UTC),  # still the 30th
        datetime(2026, 11, 30, 16, 0, 0, tzinfo=UTC),  # the 1st of December
        datetime(2026, 12, 2, 16, 0, 0, tzinfo=UTC),  # the 3rd: the 2nd was missed
    ):
        town.say("checkin", at=at)
    run(dataclasses.replace(CONSUMER, batch=size))
    assert [row[1:] for row in town.rows()] == [
        ("2026-11-29", 1, 1),
        ("2026-11-30", 2, 1),
        ("2026-12-01", 3, 6),
        ("2026-12-03", 1, 1),
    ]
    assert balance(town.community.pk, f"m:{town.lin.pk}") == 9
    town.check()


def test_points_says_what_there_is_and_what_today_still_gives():
    town = Town({"engagement": {"checkin": {"points": 2, "streaks": [{"days": 2, "bonus": 10}]}}})
    day = timedelta(days=1)
    town.say("points")
    town.say("checkin")
    town.say("points")
    town.say("points", at=NOW + day)
    town.say("points", at=NOW + 2 * day)
    run(dataclasses.replace(CONSUMER, batch=2))
    assert town.answers() == [
        "你有 0 积分。今天还没签到，发送“签到”可得 2 积分。",
        "签到成功，已连续 1 天，+2 积分，现有 2 积分。再签 1 天多得 10 积分。",
        "你有 2 积分。今天已签到，连续 1 天。",
        "你有 2 积分。今天还没签到，发送“签到”可得 12 积分。",
        "你有 2 积分。今天还没签到，发送“签到”可得 2 积分。",
    ]


def test_members_do_not_share_days_and_other_commands_are_not_heard():
    town = Town()
    chen = make_member(town.community, "阿陈")
    town.say("checkin")
    town.say("checkin", member=chen)
    town.say("help")
    run(CONSUMER)
    assert [row[0] for row in town.rows()] == [town.lin.pk, chen.pk]
    assert len(town.answers()) == 2
    town.check()


def test_imported_history_awards_nothing_and_answers_nobody():
    town = Town()
    town.say("checkin", historic=True)
    run(CONSUMER)
    assert (town.rows(), town.answers(), Posting.objects.count()) == ([], [], 0)
    assert events_of(town.community, "checkin.done", "points.posted") == []


def test_the_points_page_reads_the_same_state():
    town = Town()
    today = date(2026, 11, 24)
    town.say("checkin", at=NOW - timedelta(days=1))
    run(CONSUMER)
    state = check_in_state(town.community, town.lin.pk, today=today)
    assert (state.done_today, state.streak, state.left_today, state.days) == (False, 1, 2, (date(2026, 11, 23),))
    town.say("checkin")
    run(CONSUMER)
    state = check_in_state(town.community, town.lin.pk, today=today)
    assert (state.done_today, state.streak, state.left_today) == (True, 2, 0)
    assert checked_in_today(town.community.pk, today=today) == 1
    state = check_in_state(town.community, town.lin.pk, today=today + timedelta(days=2))
    assert (state.done_today, state.streak, state.left_today) == (False, 0, 2)
