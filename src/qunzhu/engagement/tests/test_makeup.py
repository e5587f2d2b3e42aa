"""补签 in the chat and on the page: what it costs, what it mends, who is first."""

import dataclasses
import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from qunzhu.engagement.consumer import CONSUMER
from qunzhu.engagement.makeup import CARD, NotMended, card_entry
from qunzhu.engagement.models import CheckIn
from qunzhu.engagement.services import make_up
from qunzhu.engagement.streaks import all_streaks
from qunzhu.engagement.tests.test_consumer import Town
from qunzhu.kernel.community.tests.factories import NOW, assert_rebuild_equals, events_of, make_member, run, write
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account
from qunzhu.kernel.ledger.services import award, post_many

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
RULES = {"engagement": {"checkin": {"points": 2, "streaks": [{"days": 3, "bonus": 10}, {"days": 5, "bonus": 50}]}}}


class Calendar(Town):
    def __init__(self, blueprint=RULES) -> None:
        super().__init__(blueprint)
        self.owner = member_account(self.lin.pk)

    def days(self, *back: int) -> None:
        for n in back:
            self.say("checkin", at=NOW - n * DAY)
        run(CONSUMER)

    def card(self, cards: int = 1) -> None:
        post_many(
            community_id=self.community.pk, entries=[card_entry(self.lin.pk, cards, f"gift:{cards}", "", None)], now=NOW
        )

    def points(self, points: int) -> None:
        award(community_id=self.community.pk, member_id=self.lin.pk, amount=points, key="gift", kind="adjust", now=NOW)

    def makeup(self, args: str = "", **more) -> None:
        write(
            self.community, "command.posted", group=self.group, member=self.lin, text="补签", command="makeup",
            args=args, nickname="小林", **more,
        )  # fmt: skip
        run(CONSUMER)

    def has(self, unit: str = "PTS") -> int:
        return balance(self.community.pk, self.owner, unit)

    def streaks(self) -> list[int]:
        return [row[2] for row in self.rows()]

    def last(self) -> str:
        return Effect.objects.order_by("cause_seq").last().payload["text"]


def test_a_card_fills_the_latest_gap_and_pays_what_is_newly_reached():
    town = Calendar()
    town.days(5, 4, 3, 1, 0)  # 3 in a row (+10), a gap, 2 in a row
    town.card()
    assert (town.streaks(), town.has()) == ([1, 2, 3, 1, 2], 20)
    town.makeup()
    assert town.streaks() == [1, 2, 3, 4, 5, 6]
    assert town.last() == "已补上 11月22日，连续 6 天，+50 积分。剩 0 张补签卡，现有 70 积分。"
    assert (town.has(), town.has(CARD)) == (70, 0)
    (made,) = events_of(town.community, "checkin.madeup")
    assert made.body == {"day": "2026-11-22", "streak": 4, "run": 6, "points": 50, "price": 0, "via": "chat"}
    town.makeup()
    assert town.last() == "最近 7 天没有可以补的签到。"
    assert town.has() == 70
    town.check()


def test_without_a_card_it_is_bought_when_asked_to():
    town = Calendar()
    town.days(2, 0)
    town.makeup()
    assert town.last() == "你还没有补签卡，发“补签 买”用 30 积分补上 11月23日。"
    town.makeup("买")
    assert town.last() == "补签要 30 积分，你有 4。"
    town.points(40)
    town.makeup("买")
    assert town.last() == "已补上 11月23日，连续 3 天，+10 积分。-30 积分，现有 24 积分。"
    assert (town.has(), balance(town.community.pk, "sys:makeup")) == (24, 30)
    assert [e.body["amount"] for e in events_of(town.community, "points.posted")] == [2, 2, 10, -30]
    town.check()


def test_a_month_has_its_limit_and_newcomers_have_no_gap():
    town = Calendar()
    town.card(5)
    town.makeup()
    assert town.last() == "最近 7 天没有可以补的签到。"
    town.days(6, 0)
    for _ in range(3):
        town.makeup()
    assert town.last() == "11 月的 2 次补签已经用完。"
    assert (town.has(CARD), [str(d) for d in CheckIn.objects.filter(made_up=True).values_list("day", flat=True)]) == (
        3, ["2026-11-22", "2026-11-23"],
    )  # fmt: skip
    town.check()


def test_the_page_and_the_chat_see_each_other_before_anything_is_read_back():
    town = Calendar()
    town.days(3, 2)
    town.card()
    town.say("checkin", at=NOW)
    made = make_up(community=town.community, member_id=town.lin.pk, buy=False, now=NOW)
    assert (str(made.day), made.reached.run) == ("2026-11-23", 3)
    run(CONSUMER)  # the check-in counts on the made-up day, which no consumer has heard of yet
    assert events_of(town.community, "checkin.done")[-1].body == {"day": "2026-11-24", "streak": 4, "points": 2}
    assert (town.streaks(), town.has()) == ([1, 2, 3, 4], 16)
    with pytest.raises(NotMended) as refused:
        make_up(community=town.community, member_id=town.lin.pk, buy=False, now=NOW)
    assert refused.value.code == "no_gap"
    town.check()


def test_eight_taps_at_once_use_one_card():
    town = Calendar()
    town.days(4, 0)
    town.card()

    def tap(_: int) -> str:
        try:
            return str(make_up(community=town.community, member_id=town.lin.pk, buy=False, now=NOW).day)
        except NotMended as why:
            return why.code
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(tap, range(8))) == ["2026-11-23", *["no_card"] * 7]
    run(CONSUMER)
    assert (town.has(CARD), town.streaks()) == (0, [1, 1, 2])
    town.check()


@pytest.mark.parametrize("seed", range(6))
def test_any_order_in_batches_of_any_size_projects_the_streaks_of_the_set(seed):
    draw = random.Random(seed)
    town = Town(RULES)
    chen = make_member(town.community, "阿陈")
    for member in (town.lin, chen):
        days = draw.sample(range(30), 18)
        for n in days:
            kind = draw.choice(["checkin.done", "checkin.madeup"])
            day = (date(2026, 11, 1) + n * DAY).isoformat()
            write(town.community, kind, group=town.group, member=member, day=day, streak=99, points=0)
    run(dataclasses.replace(CONSUMER, batch=draw.choice([1, 3, 7, 5000])))
    for member in (town.lin, chen):
        rows = dict(CheckIn.objects.filter(member_id=member.pk).values_list("day", "streak"))
        assert rows == all_streaks(rows, date(2026, 11, 1))
        assert len(rows) == 18
    assert_rebuild_equals(town.community, CONSUMER)


def test_days_are_local_also_when_clocks_change():
    town = Town(RULES)
    type(town.community).objects.filter(pk=town.community.pk).update(timezone="America/New_York")
    for at in (
        datetime(2026, 10, 31, 3, 59, tzinfo=UTC),  # 23:59 on the 30th, summer time
        datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC),  # 23:59:59 on the 31st
        datetime(2026, 11, 1, 4, 0, tzinfo=UTC),  # midnight of the day of 25 hours
        datetime(2026, 11, 2, 4, 59, 59, tzinfo=UTC),  # 23:59:59 of the same day, winter time
        datetime(2026, 11, 2, 5, 0, tzinfo=UTC),  # midnight again
    ):
        town.say("checkin", at=at)
    run(CONSUMER)
    assert [row[1:3] for row in town.rows()] == [
        ("2026-10-30", 1), ("2026-10-31", 2), ("2026-11-01", 3), ("2026-11-02", 4),
    ]  # fmt: skip
    assert check_ledger(town.community.pk) == []


def test_a_card_of_the_mall_is_given_once_and_goes_back_with_a_refund():
    town = Calendar()
    write(town.community, "mall.done", member=town.lin, order=5, good=1, how="perk", perk="makeup-card")
    write(town.community, "mall.done", member=town.lin, order=6, good=2, how="perk", perk="other")
    run(CONSUMER)
    assert town.has(CARD) == 1
    write(
        town.community, "mall.ended", member=town.lin, order=6, good=2, how="refunded", why="staff", amount=1, stock=1
    )
    run(CONSUMER)
    assert town.has(CARD) == 1
    write(
        town.community, "mall.ended", member=town.lin, order=5, good=1, how="refunded", why="staff", amount=1, stock=1
    )
    run(CONSUMER)
    assert town.has(CARD) == 0
    assert [e.body for e in events_of(town.community, "card.granted")] == [
        {"cards": 1, "why": "mall"}, {"cards": -1, "why": "mall"},
    ]  # fmt: skip
    town.check()
