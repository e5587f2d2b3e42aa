"""The two-person rule: proposed by one, carried out by another, and by nobody who may not."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connections, transaction

from qunzhu.config.jobs import end_proposals
from qunzhu.kernel.cases import two_person
from qunzhu.kernel.cases.kinds import KINDS
from qunzhu.kernel.cases.models import Case, CaseNote, CaseProposal
from qunzhu.kernel.cases.services import (
    NotAllowed,
    SecondPersonNeeded,
    Stale,
    UnknownAction,
    decide_case,
    open_case,
    withdraw_proposal,
)
from qunzhu.kernel.community.models import AuditEntry
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + timedelta(minutes=5)


class House:
    """A community whose rule guards removal out of all groups; a, b are moderators, c is an analyst."""

    def __init__(self, **governance) -> None:
        rule = {"two_person_rule": ["remove_all"], **governance}
        self.community = make_community({"governance": rule})
        self.group = make_group(self.community)
        self.lin = make_member(self.community)
        self.users = {name: get_user_model().objects.create(username=name) for name in "abc"}
        for name, role in (("a", "moderator"), ("b", "moderator"), ("c", "analyst")):
            self.post(name, role)
        with transaction.atomic():
            opened = open_case(
                community_id=self.community.pk, kind="rule_review", key="k", title="骗子", member_id=self.lin.pk,
                now=NOW,
            )  # fmt: skip
            log.append(raw_connection(), [opened.event], now=NOW)
        self.case = Case.objects.get(pk=opened.case_id)

    def post(self, name: str, role: str | None, member=None) -> None:
        set_staff(community=self.community, user=self.users[name], role=role, member=member, by="t", now=NOW)

    def press(self, user: str, action: str = "remove", *, version: int | None = None, **more) -> Case:
        values = {"role": "moderator", "note": "", "now": NOW, **more}
        return decide_case(
            community_id=self.community.pk, case_id=self.case.pk, action=action, user=user,
            version=version or self.now().version, **values,
        )  # fmt: skip

    def withdraw(self, user: str, role: str | None = "moderator", version: int | None = None, now=NOW) -> Case:
        return withdraw_proposal(
            community_id=self.community.pk, case_id=self.case.pk, user=user, role=role,
            version=version or self.now().version, now=now,
        )  # fmt: skip

    def now(self) -> Case:
        return Case.objects.get(pk=self.case.pk)

    def proposals(self) -> list[tuple[str, str, str]]:
        return list(CaseProposal.objects.order_by("pk").values_list("proposed_by", "state", "ended_by"))

    def carried_out(self) -> int:
        return len(events_of(self.community, "case.decided"))


def test_the_first_press_proposes_and_the_second_person_carries_out():
    house = House()
    proposed = house.press("a", note="拉人进骗局")
    assert (proposed.state, proposed.version, house.carried_out(), Effect.objects.count()) == ("open", 2, 0, 0)
    (event,) = events_of(house.community, "case.proposed")
    assert (event.member_id, event.body) == (
        house.lin.pk,
        {
            "case": house.case.pk, "kind": "rule_review", "action": "remove", "guard": "remove_all", "by": "a",
            "note": "拉人进骗局", "expires_at": (NOW + timedelta(hours=24)).isoformat(),
        },
    )  # fmt: skip
    done = house.press("b", note="核实过", now=LATER)
    assert (done.state, done.decided_by, done.proposed_by, done.note) == ("decided", "b", "a", "拉人进骗局")
    (decided,) = events_of(house.community, "case.decided")
    assert decided.body == {
        "case": house.case.pk, "kind": "rule_review", "action": "remove", "by": "b", "note": "拉人进骗局",
        "proposed_by": "a", "step": "remove", "sentence": "管理员核实后移出:拉人进骗局", "evidence": [],
    }  # fmt: skip
    assert events_of(house.community, "case.withdrawn") == []
    assert house.proposals() == [("a", "confirmed", "b")]
    assert list(CaseNote.objects.values_list("author", "text")) == [
        ("a", "提议“移出”,等另一位同事确认:拉人进骗局"), ("b", "确认 a 的提议:核实过"), ("b", "移出:拉人进骗局"),
    ]  # fmt: skip
    assert list(AuditEntry.objects.order_by("pk").values_list("user", "action", "allowed", "detail")) == [
        ("a", "case.propose.remove", True, {"note": "拉人进骗局"}),
        ("b", "case.remove", True, {"note": "拉人进骗局", "proposed_by": "a"}),
    ]


def test_one_person_is_not_two():
    house = House()
    house.press("a")
    with pytest.raises(SecondPersonNeeded, match="“移出”需要两个人:你已经提议过,请另一位同事确认"):
        house.press("a", now=LATER)
    assert (house.now().version, house.proposals(), house.carried_out()) == (2, [("a", "standing", "")], 0)
    assert list(AuditEntry.objects.filter(allowed=False).values_list("user", "action")) == [("a", "case.remove")]


def test_two_accounts_of_one_member_are_one_person():
    house = House()
    me = make_member(house.community, "老王")
    house.post("a", "moderator", me)
    house.post("b", "manager", me)
    house.press("a")
    with pytest.raises(SecondPersonNeeded):
        house.press("b", role="manager")
    assert house.carried_out() == 0


def test_who_may_not_neither_proposes_nor_confirms():
    house = House()
    with pytest.raises(NotAllowed):
        house.press("c", role="analyst")
    house.press("a")
    with pytest.raises(NotAllowed):
        house.press("c", role="analyst")
    with pytest.raises(NotAllowed):
        house.withdraw("c", role="analyst")
    assert (house.proposals(), house.carried_out()) == ([("a", "standing", "")], 0)


def test_a_confirmer_who_lost_the_permission_while_the_page_was_open_is_refused():
    house = House()
    house.press("a")
    house.post("b", "finance")
    with pytest.raises(NotAllowed, match="你的角色不能“移出”"):
        house.press("b", role="moderator")  # what the request thought a moment ago
    assert (house.proposals(), house.carried_out()) == ([("a", "standing", "")], 0)


@pytest.mark.parametrize("role", ["analyst", None])
def test_a_proposal_of_somebody_who_lost_the_permission_is_void_and_the_press_proposes_anew(role):
    house = House()
    house.press("a")
    house.post("a", role)
    again = house.press("b", now=LATER)
    assert (again.state, house.carried_out()) == ("open", 0)
    assert house.proposals() == [("a", "void", "qunzhu"), ("b", "standing", "")]
    (ended,) = events_of(house.community, "case.withdrawn")
    assert (ended.body["why"], ended.body["proposed_by"], ended.body["by"]) == ("void", "a", "qunzhu")
    house.post("a", "owner")  # promoted since: may confirm b's, her own old one stays void
    assert house.press("a", role="owner", now=LATER).proposed_by == "b"


def test_a_role_change_that_keeps_the_permission_keeps_the_proposal():
    house = House()
    house.press("a")
    house.post("a", "manager")
    assert house.press("b").state == "decided"


def test_an_account_that_was_closed_confirms_nothing():
    house = House()
    house.press("a")
    get_user_model().objects.filter(username="a").update(is_active=False)
    assert house.press("b").state == "open"
    assert house.proposals() == [("a", "void", "qunzhu"), ("b", "standing", "")]


def test_a_superuser_is_an_owner_here_too():
    house = House()
    get_user_model().objects.create(username="root", is_superuser=True)
    house.press("root", role="owner")
    assert house.press("a").proposed_by == "root"


def test_who_proposed_withdraws_and_a_colleague_refuses():
    house = House()
    house.press("a")
    assert house.withdraw("a").state == "open"
    house.press("a")
    house.withdraw("b")
    assert house.proposals() == [("a", "withdrawn", "a"), ("a", "refused", "b")]
    assert [e.body["why"] for e in events_of(house.community, "case.withdrawn")] == ["withdrawn", "refused"]
    assert list(AuditEntry.objects.order_by("pk").values_list("user", "action")) == [
        ("a", "case.propose.remove"), ("a", "case.withdraw.remove"), ("a", "case.propose.remove"),
        ("b", "case.refuse.remove"),
    ]  # fmt: skip
    with pytest.raises(UnknownAction, match="没有等待确认的提议"):
        house.withdraw("a")
    assert house.carried_out() == 0


def test_an_old_page_confirms_nothing():
    house = House()
    house.press("a")
    with pytest.raises(Stale):
        house.press("b", version=1)  # saw the case before anything was proposed
    house.withdraw("a")
    house.press("a")
    with pytest.raises(Stale):
        house.press("b", version=2)  # saw the proposal that was withdrawn
    with pytest.raises(Stale):
        house.withdraw("b", version=2)
    assert (house.carried_out(), house.now().version) == (0, 4)


def test_another_guarded_button_waits_until_the_proposal_has_ended():
    house = House()
    house.press("a")
    CaseProposal.objects.update(action="freeze")  # any other button of the kind
    with pytest.raises(SecondPersonNeeded, match="a 已提议“冻结群”,先确认或撤回它"):
        house.press("b")
    assert house.carried_out() == 0


def test_an_act_that_one_person_may_do_ends_the_proposal():
    house = House()
    house.press("a")
    assert house.press("b", "dismiss").action == "dismiss"
    assert house.proposals() == [("a", "overruled", "b")]
    assert [e.kind for e in events_of(house.community, "case.proposed", "case.withdrawn", "case.decided")] == [
        "case.proposed", "case.withdrawn", "case.decided",
    ]  # fmt: skip
    assert Effect.objects.count() == 0


def test_a_proposal_expires_after_the_setting_whether_or_not_the_job_came():
    house = House(second_person_within=2)
    house.press("a")
    assert end_proposals.func((NOW + timedelta(minutes=119)).timestamp()) == 0
    late = NOW + timedelta(hours=2)
    house.press("b", now=late)
    assert (house.proposals(), house.carried_out()) == ([("a", "expired", "qunzhu"), ("b", "standing", "")], 0)
    assert end_proposals.func((late + timedelta(hours=2)).timestamp()) == 1
    assert end_proposals.func((late + timedelta(hours=3)).timestamp()) == 0
    assert house.proposals() == [("a", "expired", "qunzhu"), ("b", "expired", "qunzhu")]
    with pytest.raises(UnknownAction):
        house.withdraw("b", now=late + timedelta(hours=2))


def test_without_the_guard_in_the_blueprint_or_within_one_group_one_person_is_enough():
    house = House(two_person_rule=[])
    assert house.press("a").state == "decided"
    remove = KINDS["rule_review"].action("remove")
    listed = two_person.guarded(make_community({"governance": {"two_person_rule": ["remove_all"]}}).pk)
    assert two_person.guard_of(Case(group_id=7), remove, listed) == ""
    assert two_person.guard_of(Case(group_id=None), remove, listed) == "remove_all"
    assert two_person.guarded(make_community().pk) == {"rebuild_group", "erase_member"}


def at_once(*presses) -> list[str]:
    """Do all at the same moment; what each came to."""
    outcomes = [""] * len(presses)
    ready = threading.Barrier(len(presses))

    def one(number: int) -> None:
        try:
            ready.wait()
            outcomes[number] = presses[number]().state
        except Exception as refusal:  # noqa: BLE001  (what it was is what the test asks)
            outcomes[number] = type(refusal).__name__
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=[n]) for n in range(len(presses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(outcomes)


def test_two_confirmers_at_once_carry_out_once():
    house = House()
    house.users["d"] = get_user_model().objects.create(username="d")
    house.post("d", "manager")
    house.press("a")
    assert at_once(lambda: house.press("b", version=2), lambda: house.press("d", version=2)) == ["Stale", "decided"]
    assert house.carried_out() == 1


def test_two_proposers_at_once_are_one_proposal_and_nothing_else():
    house = House()
    assert at_once(lambda: house.press("a", version=1), lambda: house.press("b", version=1)) == ["Stale", "open"]
    assert (len(house.proposals()), house.carried_out(), Effect.objects.count()) == (1, 0, 0)


def test_confirming_and_withdrawing_at_once_only_one_happens():
    house = House()
    house.press("a")
    outcomes = at_once(lambda: house.press("b", version=2), lambda: house.withdraw("a", version=2))
    carried = house.carried_out()
    assert outcomes == (["Stale", "decided"] if carried else ["Stale", "open"])
    assert house.proposals() == ([("a", "confirmed", "b")] if carried else [("a", "withdrawn", "a")])
