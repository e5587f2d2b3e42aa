"""调整积分: alone up to a sum a day, above it with a second person, never to oneself alone."""

import threading

import pytest
from django.db import connections

from qunzhu.console.tests.desk import Desk, make_desk, permitted, refused
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.ledger.selectors import balance, check_ledger

pytestmark = pytest.mark.django_db(transaction=True)


def ask(desk: Desk, role: str, amount: str, key: str) -> int:
    form = {"do": "points", "amount": amount, "text": "活动奖励", "key": key}
    return desk.client(role).post(desk.url(f"members/{desk.member.pk}/act/"), form).status_code


def press(desk: Desk, role: str, case: Case, action: str = "adjust") -> int:
    case.refresh_from_db()
    form = {"action": action, "version": str(case.version), "note": "核对过"}
    return desk.client(role).post(desk.url(f"cases/{case.pk}/decide/"), form).status_code


def has(desk: Desk) -> int:
    return balance(desk.community.pk, f"m:{desk.member.pk}")


def told(desk: Desk) -> list[str]:
    return list(Event.objects.filter(community_id=desk.community.pk).order_by("seq").values_list("kind", flat=True))


def test_up_to_the_sum_one_person_is_enough_above_it_a_second_one_confirms():
    desk = make_desk()
    before = told(desk)
    assert ask(desk, "manager", "200", "a") == 302
    assert (has(desk), Case.objects.count()) == (200, 0)
    assert ask(desk, "manager", "+1", "b") == 302  # the day's sum counts, not the single gift
    case = Case.objects.get()
    assert (case.kind, case.title, case.summary) == (
        "points_adjustment", f"调整成员 #{desk.member.pk} 的积分：+1", "活动奖励",
    )  # fmt: skip
    assert has(desk) == 200
    assert press(desk, "manager", case) == 422  # who asked is no second person
    assert permitted(desk, {"owner", "manager"}, f"cases/{case.pk}/decide/", {"action": "adjust", "version": "2"}) == (
        refused("moderator", "analyst", "finance")
    )
    assert has(desk) == 200
    assert press(desk, "owner", case) == 302
    assert has(desk) == 201
    case.refresh_from_db()
    assert (case.state, case.proposed_by, case.decided_by) == ("decided", "manager-desk", "owner-desk")
    assert told(desk)[len(before) :] == [
        "points.posted", "case.opened", "case.proposed", "points.posted", "case.decided",
    ]  # fmt: skip
    page = desk.client("manager").get(desk.url(f"members/{desk.member.pk}/")).content.decode()
    assert "活动奖励" in page
    assert check_ledger(desk.community.pk) == []


def test_the_same_form_asks_once_and_what_was_done_alone_stays_done():
    desk = make_desk()
    for _ in range(2):
        assert ask(desk, "manager", "500", "a") == 302
        assert ask(desk, "manager", "200", "b") == 302
    assert (has(desk), Case.objects.count()) == (200, 1)
    assert press(desk, "owner", Case.objects.get(), "drop") == 302
    assert ask(desk, "manager", "500", "a") == 302  # the old form once more is no new wish
    assert (has(desk), Case.objects.count()) == (200, 1)


def test_taking_counts_too_and_cannot_take_what_is_not_there():
    desk = make_desk()
    ask(desk, "manager", "150", "a")
    assert ask(desk, "manager", "-200", "b") == 422
    assert ask(desk, "manager", "-100", "c") == 302
    case = Case.objects.get()
    assert (has(desk), case.payload) == (150, {"amount": -100, "reason": "活动奖励"})
    ask(desk, "manager", "-50", "d")  # 150 + 50 of 200
    ask(desk, "owner", "-50", "e")  # past it: proposed as well
    assert (has(desk), Case.objects.count()) == (100, 2)
    assert press(desk, "owner", case) == 302
    assert has(desk) == 0
    late = Case.objects.get(state="open")
    assert press(desk, "manager", late) == 422  # the points are gone meanwhile
    assert (has(desk), Case.objects.get(pk=late.pk).state) == (0, "open")


def test_nobody_gives_to_oneself_alone_and_a_setting_of_nought_asks_nobody():
    desk = make_desk()
    Staff.objects.filter(user=desk.users["manager"]).update(member_id=desk.member.pk)
    assert ask(desk, "manager", "1", "a") == 302
    assert (has(desk), Case.objects.count()) == (0, 1)
    desk.community.blueprint = {"engagement": {"points": {"alone_up_to": 0}}}
    desk.community.save()
    assert ask(desk, "owner", "90000", "b") == 302
    assert (has(desk), Case.objects.count()) == (90_000, 1)


def test_two_who_give_at_once_do_not_pass_the_sum_together():
    desk = make_desk()
    start = threading.Barrier(2)

    def one(role: str) -> None:
        try:
            start.wait()
            ask(desk, role, "150", role)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(role,)) for role in ("manager", "owner")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (has(desk), Case.objects.filter(state="open").count()) == (150, 1)
