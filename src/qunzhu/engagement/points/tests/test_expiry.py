"""Points expire first in, first out, once, exactly; who has some that soon will is told; refunds make nothing young."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.engagement.points.policy import Expiry, expiry_from, overdue
from qunzhu.engagement.points.schedule import expire, run_due
from qunzhu.engagement.points.selectors import expiring
from qunzhu.kernel.community.models import Community, Member, Membership
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, check_against_log, check_ledger
from qunzhu.kernel.ledger.services import Award, Leg, award, points_event, post, reverse

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
LIVES = {"engagement": {"points": {"expire_after": 30, "notice": 7}}}


def earn(c: Community, m: Member, points: int, day: int, key: str | None = None):
    done = award(
        community_id=c.pk,
        member_id=m.pk,
        amount=points,
        key=key or f"e{m.pk}{day}",
        kind="checkin",
        now=NOW + day * DAY,
    )
    log.append(raw_connection(), [done.event], now=NOW)
    return done


def spend(c: Community, m: Member, points: int, day: int, key: str = "s"):
    legs = [Leg(f"m:{m.pk}", "PTS", -points), Leg("sys:mall", "PTS", points)]
    return move(c, m, -points, post(community_id=c.pk, key=key, kind="mall", legs=legs, now=NOW + day * DAY))


def back(c: Community, m: Member, points: int, of, day: int):
    return move(c, m, points, reverse(community_id=c.pk, key=f"back{of.id}", of=of.id, now=NOW + day * DAY))


def move(c: Community, m: Member, points: int, done):
    told = points_event(c.pk, Award(m.pk, points, "", "x"), done.id, has(c, m), NOW)
    log.append(raw_connection(), [told], now=NOW)
    return done


def has(c: Community, m: Member) -> int:
    return balance(c.pk, f"m:{m.pk}")


def test_what_nobody_spent_in_time_goes_and_is_told():
    c = make_community(LIVES)
    lin, wang, calm = (make_member(c, name) for name in ("小林", "小王", "小安"))
    earn(c, lin, 20, 0)
    earn(c, lin, 7, 10)
    earn(c, wang, 9, 0)
    spend(c, wang, 9, 5)
    earn(c, calm, 4, 1)
    assert run_due(now=NOW + 30 * DAY - timedelta(seconds=1)) == 0
    assert run_due(now=NOW + 30 * DAY) == 1
    assert run_due(now=NOW + 30 * DAY) == 0
    assert (has(c, lin), has(c, wang), has(c, calm), balance(c.pk, "sys:expired")) == (7, 0, 4, 20)
    told = events_of(c, "points.posted")[-1]
    assert (told.member_id, told.body["amount"], told.body["balance"], told.body["kind"], told.body["memo"]) == (
        lin.pk, -20, 7, "expired", "超过 30 天未使用，已过期",
    )  # fmt: skip
    assert check_ledger(c.pk) == []
    assert check_against_log(c.pk) == []


def test_without_the_setting_points_live_for_ever():
    c = make_community()
    lin = make_member(c)
    earn(c, lin, 20, 0)
    assert run_due(now=NOW + 5000 * DAY) == 0
    assert has(c, lin) == 20
    assert expiry_from({"engagement": {"points": {"expire_after": 5}}}) == Expiry(5, 5)


def test_a_refund_is_as_old_as_what_was_paid_and_what_was_taken_back_never_was():
    c = make_community(LIVES)
    lin = make_member(c)
    earn(c, lin, 20, 0)
    paid = spend(c, lin, 20, 20)
    wrong = earn(c, lin, 50, 21, "wrong")
    back(c, lin, 20, paid, 25)
    back(c, lin, -50, wrong, 26)
    assert (has(c, lin), run_due(now=NOW + 30 * DAY), has(c, lin)) == (20, 1, 0)


def test_a_group_hears_once_a_week_of_how_many_members_and_of_nobody_s_balance():
    c = make_community(LIVES)
    group, other = make_group(c), make_group(c, "二群")
    for number in range(3):
        member = make_member(c, f"成员{number}")
        Membership.objects.create(community_id=c.pk, group_id=group.pk, member_id=member.pk)
        earn(c, member, 5, number)
    outsider = make_member(c, "外人")
    earn(c, outsider, 5, 0)
    run_due(now=NOW + 22 * DAY)
    assert Effect.objects.count() == 0
    run_due(now=NOW + 24 * DAY)
    run_due(now=NOW + 24 * DAY + timedelta(hours=5))
    told = Effect.objects.get()
    assert (told.kind, told.group_id, told.payload) == (
        "say", group.pk,
        {"text": "积分提醒：群里有 2 位成员的积分将在 7 天内过期。发送“积分”看看自己的，别浪费了。"},
    )  # fmt: skip
    run_due(now=NOW + 31 * DAY)
    assert Effect.objects.filter(group_id=other.pk).count() == 0
    assert Effect.objects.count() == 2


def test_a_member_sees_what_goes_soon():
    c = make_community(LIVES)
    lin, wang = make_member(c), make_member(c, "小王")
    earn(c, lin, 20, 0)
    earn(c, lin, 3, 8)
    found = expiring(c.pk, [lin.pk, wang.pk], Expiry(30, 7), now=NOW + 24 * DAY)
    assert found == {lin.pk: 20}
    assert expiring(c.pk, [lin.pk], Expiry(0, 0), now=NOW + 24 * DAY) == {}


_steps = st.lists(
    st.tuples(st.sampled_from(["earn", "spend", "refund", "undo", "expire"]), st.integers(1, 30), st.integers(0, 12)),
    min_size=1, max_size=14,
)  # fmt: skip


@dataclass
class Move:
    """A credit or debit of some day; `done` is its transaction, None for what cannot be undone."""

    day: int
    points: int
    done: Any
    alive: bool = True


class Lots:
    """The same by hand: debits eat the oldest credit; a debit given back and a credit taken back never were."""

    def __init__(self) -> None:
        self.moves: list[Move] = []

    def left(self) -> list[tuple[int, int]]:
        """(day, points) of the credits that are not eaten, oldest first."""
        owed = -sum(m.points for m in self.moves if m.alive and m.points < 0)
        left = []
        for move in self.moves:
            if move.alive and move.points > 0:
                eaten = min(owed, move.points)
                owed -= eaten
                left.append((move.day, move.points - eaten))
        return left

    def total(self) -> int:
        return sum(points for _, points in self.left())

    def undoable(self, sign: int) -> Move | None:
        """The oldest move of this sign that can be undone without going below zero."""
        fits = (m for m in self.moves if m.alive and m.done and m.points * sign > 0 and m.points <= self.total())
        return next(fits, None)


def step(c: Community, lin: Member, model: Lots, what: str, points: int, day: int, key: str) -> None:
    if what == "earn":
        model.moves.append(Move(day, points, earn(c, lin, points, day, key)))
    elif what == "spend" and (taken := min(points, model.total())):
        model.moves.append(Move(day, -taken, spend(c, lin, taken, day, key)))
    elif what in {"refund", "undo"} and (move := model.undoable(-1 if what == "refund" else 1)):
        back(c, lin, -move.points, move.done, day)
        move.alive = False
    elif what == "expire":
        old = sum(p for d, p in model.left() if d <= day - 30)
        assert expire(c, Expiry(30, 7), now=NOW + day * DAY) == (1 if old else 0)
        if old:
            model.moves.append(Move(day, -old, None))


@settings(max_examples=80, deadline=None)
@given(_steps)
def test_the_newest_credits_are_what_is_left(steps):
    c = make_community(LIVES)
    lin, model, day = make_member(c), Lots(), 0
    for number, (what, points, pause) in enumerate(steps):
        day += pause
        step(c, lin, model, what, points, day, f"k{number}")
        assert has(c, lin) == model.total()
    assert check_ledger(c.pk) == []
    assert check_against_log(c.pk) == []


def test_overdue_is_never_below_nought():
    assert (overdue(10, 3), overdue(3, 10), overdue(0, 0)) == (7, 0, 0)
