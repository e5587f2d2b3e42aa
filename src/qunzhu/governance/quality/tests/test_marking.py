"""Marks against PostgreSQL: once, whoever presses how often; points there and back; nothing for what was punished."""

import threading

import pytest
from django.db import connection

from qunzhu.governance.quality import policy
from qunzhu.governance.quality.consumer import CONSUMER
from qunzhu.governance.quality.models import QualityMark
from qunzhu.governance.quality.services import NotTaken, mark, unmark
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    make_community,
    make_group,
    make_member,
    run,
    write,
)
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.models import LedgerTransaction
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)


class Scene:
    """A community, a member and a message of hers."""

    def __init__(self) -> None:
        self.community = make_community()
        self.group = make_group(self.community)
        self.author = make_member(self.community, "小林")
        self.seq = self.say("一篇很有用的长文")

    def say(self, text: str, **more: object) -> int:
        return write(
            self.community, "message.posted", group=self.group, member=self.author, text=text, type="text",
            nickname="小林", platform_id=text, **more,
        )  # fmt: skip

    def mark(self, by: str = "mei", **more: object) -> int:
        return mark(community_id=self.community.pk, seq=self.seq, by=by, now=NOW, **more)  # type: ignore[arg-type]

    def unmark(self, by: str = "mei") -> int:
        return unmark(community_id=self.community.pk, seq=self.seq, by=by, now=NOW)

    @property
    def points(self) -> int:
        return balance(self.community.pk, member_account(self.author.pk))

    def kinds(self) -> list[str]:
        """What the log has besides messages and the group."""
        every = log.read(raw_connection(), self.community.pk, after=0, upto=10**9)
        return [e.kind for e in every if e.kind not in {"message.posted", "group.created"}]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_mark_gives_ten_points_once_and_taking_it_back_takes_them(scene):
    scene.mark()
    with pytest.raises(NotTaken, match=policy.ALREADY):
        scene.mark(by="wang")
    run(CONSUMER)
    assert scene.points == 10
    assert scene.kinds() == ["quality.marked", "points.posted"]
    row = QualityMark.objects.get()
    assert (row.state, row.turn, row.by, row.points, row.member_id) == ("marked", 1, "mei", 10, scene.author.pk)

    scene.unmark(by="wang")
    with pytest.raises(NotTaken, match=policy.NOT_MARKED):
        scene.unmark()
    run(CONSUMER)
    assert scene.points == 0
    row.refresh_from_db()
    assert (row.state, row.ended_by, row.ended_why) == ("unmarked", "wang", "staff")

    scene.mark()  # on second thoughts
    run(CONSUMER)
    assert scene.points == 10
    assert LedgerTransaction.objects.count() == 3
    row.refresh_from_db()
    assert (row.state, row.turn, row.ended_by, row.ended_at) == ("marked", 2, "", None)


def test_points_that_are_spent_are_taken_back_as_far_as_they_are_there(scene):
    scene.mark()
    run(CONSUMER)
    award(
        community_id=scene.community.pk, member_id=scene.author.pk, amount=-7, key="spent", kind="adjustment", now=NOW
    )
    scene.unmark()
    run(CONSUMER)
    assert scene.points == 0


def test_many_who_press_at_once_are_one(scene):
    gate, taken, refused = threading.Barrier(8), [], []

    def press(name: str) -> None:
        try:
            gate.wait(timeout=30)
            taken.append(scene.mark(by=name))
        except NotTaken as error:
            refused.append(str(error))
        finally:
            connection.close()

    people = [threading.Thread(target=press, args=[f"m{n}"]) for n in range(8)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(set(taken)) == 1
    assert len(taken) + len(refused) == 8
    assert set(refused) <= {policy.ALREADY}
    run(CONSUMER)
    assert (scene.points, scene.kinds()) == (10, ["quality.marked", "points.posted"])


def test_nobody_marks_what_is_no_message_of_a_member_or_their_own(scene):
    join = write(scene.community, "member.joined", group=scene.group, member=scene.author, via="link")
    for seq in (join, 10_000):
        with pytest.raises(NotTaken, match=policy.NOT_A_MESSAGE):
            mark(community_id=scene.community.pk, seq=seq, by="mei", now=NOW)
    with pytest.raises(NotTaken, match=policy.OWN):
        scene.mark(own=scene.author.pk)
    other = make_community()
    with pytest.raises(NotTaken, match=policy.NOT_A_MESSAGE):
        mark(community_id=other.pk, seq=scene.seq, by="mei", now=NOW)
    imported = scene.say("旧消息", historic=True)
    with pytest.raises(NotTaken, match=policy.NOT_A_MESSAGE):
        mark(community_id=scene.community.pk, seq=imported, by="mei", now=NOW)
    assert scene.kinds() == ["member.joined"]


def test_what_is_taken_back_later_loses_mark_and_points_and_cannot_be_marked_again(scene):
    scene.mark()
    run(CONSUMER)
    write(scene.community, "message.recalled", group=scene.group, member=scene.author, target=scene.seq, by="staff")
    run(CONSUMER)
    run(CONSUMER)
    assert scene.points == 0
    row = QualityMark.objects.get()
    assert (row.state, row.ended_by, row.ended_why) == ("unmarked", "qunzhu", "punished")
    with pytest.raises(NotTaken, match=policy.PUNISHED):
        scene.mark()


def test_the_projection_comes_out_equal(scene):
    scene.mark()
    run(CONSUMER)
    scene.unmark()
    scene.mark()
    run(CONSUMER)
    assert_rebuild_equals(scene.community, CONSUMER)
