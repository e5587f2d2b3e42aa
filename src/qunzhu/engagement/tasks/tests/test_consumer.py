"""Tasks from what happens to progress, points, reversal and the answer in the group."""

import dataclasses
from datetime import timedelta

import pytest

from qunzhu.engagement.makeup import CARD
from qunzhu.engagement.tasks.consumer import CONSUMER
from qunzhu.engagement.tasks.models import TaskProgress
from qunzhu.engagement.tasks.selectors import cards_of, participants, rows_of
from qunzhu.engagement.tasks.services import opened
from qunzhu.kernel.clock import local_day
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
from qunzhu.kernel.ledger.selectors import balance, check_ledger, member_account
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)
TALK = {"id": "talk", "name": "今天说三句", "kind": "daily", "on": "message", "count": 3, "points": 2}
QUALITY = {"id": "good", "name": "优质", "kind": "contribution", "on": "quality", "count": 1, "points": 5, "cards": 1}
PATH = {
    "id": "new", "name": "新人之路", "kind": "newcomer", "within": 3, "points": 10, "announce": True,
    "steps": [
        {"id": "hello", "name": "介绍自己", "on": "message", "words": ["大家好"], "points": 1},
        {"id": "page", "name": "打开积分页", "on": "page", "page": "points"},
    ],
}  # fmt: skip
ZONE = "Asia/Shanghai"


class Square:
    def __init__(self, *tasks, batch: int = 5000) -> None:
        self.community = make_community({"engagement": {"tasks": list(tasks)}})
        self.id = self.community.pk
        self.group = make_group(self.community)
        self.lin = make_member(self.community)
        self.chen = make_member(self.community, "阿陈")
        self.consumer = dataclasses.replace(CONSUMER, batch=batch)
        self.publish()

    def publish(self) -> None:
        self.write("rulebook.published", None, version=1, by="qunzhu", rules=[], settings={}, note="")
        self.run()

    def write(self, kind: str, member="lin", at=NOW, historic=False, **body) -> int:
        who = self.lin if member == "lin" else member
        return write(self.community, kind, group=self.group, member=who, at=at, historic=historic, **body)

    def talk(self, text: str = "早上好", **more) -> int:
        return self.write("message.posted", text=text, nickname="小林", **more)

    def run(self) -> None:
        run(self.consumer)

    def rows(self) -> list[tuple]:
        rows = TaskProgress.objects.filter(community_id=self.id).order_by("member_id", "unit", "period")
        return [(r.unit, r.period, r.count, r.turn, r.completed_at is not None, r.taken_back) for r in rows]

    def points(self, member=None, unit: str = "PTS") -> int:
        return balance(self.id, member_account((member or self.lin).pk), unit)

    def said(self) -> list[str]:
        return [e.payload["text"] for e in Effect.objects.order_by("created_at", "cause_seq")]

    def check(self) -> None:
        assert check_ledger(self.id) == []
        assert_rebuild_equals(self.community, CONSUMER)


@pytest.mark.parametrize("size", [1, 2, 5000])
def test_a_daily_task_is_done_once_a_day_in_batches_of_any_size(size):
    town = Square(TALK, batch=size)
    for _ in range(5):
        town.talk()
    town.talk(at=NOW + timedelta(days=1))
    town.talk(member=town.chen)
    town.talk(historic=True)
    town.run()
    assert town.rows() == [
        ("talk", "2026-11-24", 3, 1, True, False),
        ("talk", "2026-11-25", 1, 0, False, False),
        ("talk", "2026-11-24", 1, 0, False, False),
    ]
    assert (town.points(), town.points(town.chen)) == (2, 0)
    done, posted = events_of(town.community, "task.completed", "points.posted")
    assert done.member_id == town.lin.pk
    assert {k: done.body[k] for k in ("unit", "name", "period", "turn", "points")} == {
        "unit": "talk", "name": "今天说三句", "period": "2026-11-24", "turn": 1, "points": 2,
    }  # fmt: skip
    assert (posted.body["amount"], posted.body["memo"]) == (2, "完成任务：今天说三句")
    assert town.said() == []
    town.check()


def test_a_punished_message_does_not_count_and_takes_the_completion_back_until_the_pardon():
    town = Square(TALK)
    seqs = [town.talk() for _ in range(3)]
    town.run()
    assert town.points() == 2
    town.write("decision.made", outcome="live", cause_seq=seqs[1], effects=[{"kind": "warn"}], rule="r", strike=False)
    town.run()
    assert (town.points(), town.rows()) == (0, [("talk", "2026-11-24", 2, 1, False, True)])
    town.write("penalty.reversed", cause_seq=seqs[1], rule="r", rulebook_version=1, by="a")
    town.run()
    assert (town.points(), town.rows()) == (2, [("talk", "2026-11-24", 3, 2, True, False)])
    town.write("message.recalled", target=seqs[0], by="member")
    town.run()
    assert town.points() == 0
    assert [e.kind for e in events_of(town.community, "task.completed", "task.reversed")] == [
        "task.completed", "task.reversed", "task.completed", "task.reversed",
    ]  # fmt: skip
    town.check()


def test_of_points_that_were_spent_what_is_there_is_taken():
    town = Square(QUALITY)
    town.write("quality.marked", message=1, by="a", via="chat", points=0, turn=1)
    town.run()
    assert (town.points(), town.points(unit=CARD)) == (5, 1)
    award(community_id=town.id, member_id=town.lin.pk, amount=-4, key="spent", kind="adjust", now=NOW)
    town.write("quality.unmarked", message=1, by="a", why="staff", turn=1)
    town.run()
    assert (town.points(), town.points(unit=CARD)) == (0, 0)
    assert events_of(town.community, "task.reversed")[0].body["points"] == 1
    town.write("quality.marked", message=1, by="a", via="chat", points=0, turn=2)
    town.run()
    assert (town.points(), town.points(unit=CARD)) == (5, 1)
    town.check()


def test_the_newcomer_path_from_the_door_to_the_end_and_not_after_its_days():
    town = Square(PATH)
    town.talk("大家好，我是路人")  # before joining: nobody's step
    town.write("member.joined", nickname="小林", via="link")
    town.write("member.joined", town.chen, at=NOW - timedelta(days=3), nickname="阿陈", via="link")
    town.talk("大家好，我是阿陈", member=town.chen)  # three days late
    town.talk("大家好，我是小林")
    town.run()
    assert town.points() == 1
    today = local_day(NOW, ZONE)
    (path,) = cards_of(town.id, town.lin.pk, today, ZONE)
    assert [(s.name, s.done) for s in path.steps] == [("介绍自己", True), ("打开积分页", False)]
    assert (path.count, path.goal, path.percent, str(path.last_day)) == (1, 2, 50, "2026-11-26")
    assert cards_of(town.id, town.chen.pk, today, ZONE) == []
    assert [opened(community_id=town.id, member_id=town.lin.pk, page="points", now=NOW) for _ in range(2)] == [
        True,
        False,
    ]
    town.run()
    assert (town.points(), town.points(town.chen)) == (11, 0)
    town.check()


def test_replies_count_different_people():
    town = Square(
        {"id": "p", "name": "回复", "kind": "weekly", "on": "reply", "count": 2, "distinct": "people", "points": 7}
    )
    third = make_member(town.community, "老王")
    asked = [town.talk("谁知道", member=m) for m in (town.chen, third, town.lin)]
    town.talk("我知道", reply_to=asked[0])
    town.talk("我也知道", reply_to=asked[0])
    town.talk("自言自语", reply_to=asked[2])
    town.run()
    assert town.rows() == [("p", "2026-W48", 1, 0, False, False)]
    town.talk("好", reply_to=asked[1])
    town.run()
    assert (town.rows(), town.points()) == ([("p", "2026-W48", 2, 1, True, False)], 7)
    town.check()


def test_what_was_before_a_book_does_not_count_and_a_new_book_counts_from_where_it_stands():
    town = Square()
    for _ in range(3):
        town.talk()
    town.run()
    town.community.blueprint = {"engagement": {"tasks": [TALK]}}
    town.community.save()
    town.publish()
    town.publish()  # the same tasks again: nothing new
    assert len(events_of(town.community, "tasks.changed")) == 1
    town.talk()
    town.run()
    assert town.rows() == [("talk", "2026-11-24", 1, 0, False, False)]
    town.check()


def test_the_command_says_what_is_open_and_many_are_told_at_once():
    town = Square(TALK, QUALITY)
    town.talk()
    ask = {"text": "任务", "command": "tasks", "args": ""}
    town.write("command.posted", nickname="小林", **ask)
    town.run()
    (said,) = town.said()
    assert said.startswith("今天说三句 1/3 +2 · 优质 0/1 +5。全部任务：")
    for _ in range(2):
        town.talk()
    for who, name in ((town.lin, "小林"), (town.chen, "阿陈"), (town.lin, "小林")):
        town.write("command.posted", who, nickname=name, **ask)
    town.run()
    assert town.said()[1:] == ["@小林 还有 1 个任务\n@阿陈 还有 2 个任务\n@小林 还有 1 个任务"]
    town.check()


def test_the_figures_of_the_console():
    town = Square(TALK, QUALITY)
    for _ in range(3):
        town.talk()
    town.talk(member=town.chen)
    town.run()
    found = rows_of(town.id, local_day(NOW, ZONE))
    assert [(r.unit.id, r.started, r.done, r.ever, r.taken_back, r.percent) for r in found] == [
        ("talk", 2, 1, 1, 0, 50), ("good", 0, 0, 0, 0, 0),
    ]  # fmt: skip
    assert [p.member_id for p in participants(town.id, "talk", state="done")] == [town.lin.pk]
    assert [p.member_id for p in participants(town.id, "talk", state="open")] == [town.chen.pk]
