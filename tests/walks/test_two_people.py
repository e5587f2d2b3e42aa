"""What cannot be undone takes two people (governance.two_person_rule): one proposes, another one confirms."""

import pytest
from django.contrib.auth import get_user_model

from qunzhu.config import jobs
from qunzhu.kernel.cases.erasure import request_erasure
from qunzhu.kernel.cases.models import Case, CaseProposal
from qunzhu.kernel.cases.services import NotAllowed, SecondPersonNeeded, withdraw_proposal
from qunzhu.kernel.community.models import AuditEntry, Member
from qunzhu.kernel.community.services import set_staff

pytestmark = pytest.mark.django_db(transaction=True)
KIND, NAME = "member_erasure", "想离开的人"


@pytest.fixture
def asked(world):
    """A member has asked to be erased, and the owner has proposed it."""
    world.join(NAME, "小美")
    world.say(NAME, "请把我忘了")
    world.settle()
    for name, role in (("老板", "manager"), ("小管", "moderator")):
        user = get_user_model().objects.create_user(name)
        set_staff(community=world.community, user=user, role=role, by="owner", now=world.clock.now())
    request_erasure(
        community_id=world.community.pk, member_id=world.id_of(NAME), user="owner", role="owner", reason="来信要求",
        now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    world.log()
    return Case.objects.get(kind=KIND)


def states():
    return list(CaseProposal.objects.order_by("pk").values_list("state", flat=True))


def erased(world):
    return Member.objects.get(pk=world.id_of(NAME)).erased_at is not None


def test_proposed_by_one_and_carried_out_by_another(world, asked):
    with pytest.raises(SecondPersonNeeded):
        world.decide(KIND, "erase", by="owner")
    with pytest.raises(NotAllowed):
        world.decide(KIND, "erase", by="小管", role="moderator")
    world.settle()
    assert (erased(world), states(), world.log()) == (False, ["standing"], [])
    refused = AuditEntry.objects.filter(action="case.erase", allowed=False).order_by("pk")
    assert list(refused.values_list("user", flat=True)) == ["owner", "小管"]

    done = world.decide(KIND, "erase", by="老板", role="manager", note="核实过")
    world.settle()
    assert (done.state, done.decided_by, done.proposed_by) == ("decided", "老板", "owner")
    assert (erased(world), states()) == (True, ["confirmed"])
    assert [line.split()[0] for line in world.log()] == ["member.left", "member.erased", "case.decided"]
    world.check_what_always_holds()


def test_a_refused_a_withdrawn_and_a_late_proposal_erase_nobody(world, asked):
    def end(user, role):
        case = Case.objects.get(pk=asked.pk)
        withdraw_proposal(
            community_id=world.community.pk, case_id=case.pk, user=user, role=role, version=case.version,
            now=world.clock.now(),
        )  # fmt: skip

    end("老板", "manager")
    world.decide(KIND, "erase", by="owner")
    end("owner", "owner")
    world.decide(KIND, "erase", by="老板", role="manager")
    world.later(hours=24)
    assert jobs.end_proposals(int(world.clock.now().timestamp())) == 1
    world.settle()
    assert (erased(world), states()) == (False, ["refused", "withdrawn", "expired"])
    again = [f"case.proposed {NAME}", f"case.withdrawn {NAME}"]
    assert world.log() == [again[1], *again, *again]
    assert Case.objects.get(pk=asked.pk).state == "open"
    # Too late to confirm: this is the first of two again.
    world.decide(KIND, "erase", by="owner")
    assert (erased(world), states()[-1]) == (False, "standing")
    world.check_what_always_holds()
