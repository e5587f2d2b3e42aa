"""A raid: newcomers flood the group with one text; it is frozen first, and a human is asked after."""

import zipfile

import pytest
from django.contrib.auth import get_user_model

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.undo import undo_decision
from qunzhu.kernel.community.models import Group, Membership
from qunzhu.kernel.community.services import set_staff
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.connectors.local.services import JoinRefused, join_room
from qunzhu.risk.incident import services
from qunzhu.risk.incident.models import Incident, IncidentStep, Invitation

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "今晚八点老地方见不见不散各位兄弟姐妹"
RAIDERS = [f"路人{number}" for number in range(10)]


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path


def hire(world):
    user = get_user_model().objects.create_user("老板")
    set_staff(community=world.community, user=user, role="manager", by="owner", now=world.clock.now())


def lines():
    return dict(IncidentStep.objects.values_list("step", "state"))


def raid(world):
    world.join("小美")
    world.join("群主", role="owner")
    world.join(*RAIDERS)
    for name in RAIDERS[:5]:
        world.say(name, TEXT)
    world.settle()


def test_frozen_first_and_the_raiders_removed_after(world):
    raid(world)
    assert world.group.state == "frozen"
    assert world.cases() == [("raid", "red", "open", "疑似炸群:群已冻结")]
    members = sorted(world.id_of(name) for name in RAIDERS[:5])
    assert Case.objects.get().payload["members"] == members
    assert world.try_say("小美", "怎么了")[1]["error"] == "frozen"
    world.decide("raid", "remove_raiders")
    world.settle()
    removed = Membership.objects.filter(state="removed").order_by("member_id").values_list("member_id", flat=True)
    assert list(removed) == members
    assert world.group.state == "active"
    world.say("小美", "安静了")


def test_frozen_and_taken_back_before_anybody_looks(world):
    raid(world)
    assert sorted(world.effects()) == [("freeze", "done"), *[("recall", "done")] * 5]
    assert world.seen_by("小美")[:5] == ["〔撤回〕"] * 5
    evidence = [e.seq for e in world.events("message.posted") if e.body["text"] == TEXT]
    case = Case.objects.get()
    assert (case.decided_by, case.evidence, case.version) == ("", evidence, 1)
    assert [len(world.events(kind)) for kind in ("group.frozen", "case.opened", "case.decided")] == [1, 1, 0]


def test_a_second_raid_while_the_first_waits_is_the_same_case(world):
    raid(world)
    world.act("群主", "unfreeze")  # by hand, and nobody told the case
    for name in RAIDERS[5:]:
        world.say(name, TEXT)
    world.settle()
    assert world.cases() == [("raid", "red", "open", "疑似炸群:群已冻结")]
    case = Case.objects.get()
    assert case.payload["members"] == sorted(world.id_of(name) for name in RAIDERS)
    assert len(case.evidence) == 10
    assert sorted(world.effects()) == [("freeze", "done"), *[("recall", "done")] * 10]


def test_nothing_is_taken_back_where_that_needs_a_human(world):
    world.community.blueprint["risk"]["red"]["without_a_human"] = ["freeze"]
    world.community.save(update_fields=["blueprint"])
    raid(world)
    assert world.effects() == [("freeze", "done")]


def test_no_raid_after_all(world):
    raid(world)
    world.decide("raid", "unfreeze")
    world.settle()
    assert world.group.state == "active"
    assert not Membership.objects.filter(state="removed").exists()
    for name in RAIDERS[:5]:
        world.say(name, TEXT)  # a human said that these are no raiders
    world.settle()
    assert (world.group.state, len(world.cases())) == ("active", 1)


def test_what_was_taken_back_is_listed_on_the_case(world):
    raid(world)
    case = Case.objects.get()
    for shown in ("before", "after"):
        page = world.console(f"cases/{case.pk}/")
        listed = page[page.index('id="recalled"') :].partition("</section>")[0]
        assert "撤回了 5 条消息" in listed, shown
        assert [listed.count(TEXT), *(listed.count(name) for name in RAIDERS[:6])] == [5, 1, 1, 1, 1, 1, 0]
        if shown == "before":
            world.decide("raid", "unfreeze")
            world.settle()
    assert Incident.objects.get().state == "cancelled"


def test_two_people_close_and_rebuild_without_the_raiders(world):
    hire(world)
    raid(world)
    incident = Incident.objects.get()
    raiders = sorted(world.id_of(name) for name in RAIDERS[:5])
    assert (incident.state, incident.offenders, incident.allowed) == ("open", raiders, ["freeze", "recall"])
    assert lines() == {"freeze": "done", "evidence": "done"}
    with zipfile.ZipFile(services.evidence_file(world.community.pk, incident.seq)) as bundle:
        held = b"".join(bundle.read(name) for name in bundle.namelist()).decode("utf-8", "ignore")
    assert held.count(TEXT) >= 5
    world.decide("raid", "rebuild")
    world.settle()
    assert (world.cases()[0][2], world.group.state, Group.objects.count()) == ("open", "frozen", 2)
    world.decide("raid", "rebuild", by="老板", role="manager")
    world.settle()
    world.later(minutes=5)
    services.wake(now=world.clock.now())
    world.settle()
    incident.refresh_from_db()
    assert (incident.state, incident.proposed_by, incident.confirmed_by) == ("done", "owner", "老板")
    assert set(lines().values()) == {"done"}
    invited = {world.id_of(name) for name in ("小美", *RAIDERS[5:])}
    assert set(Invitation.objects.values_list("member_id", flat=True)) == invited
    assert world.group.state == "closed"
    new = Room.objects.get(group_id=incident.new_group_id)
    assert "被大量涌入的账号刷屏" in new.announcement
    with pytest.raises(JoinRefused, match="移出"):
        join_room(room=new, nickname=RAIDERS[0], member_id=raiders[0], now=world.clock.now())


def test_no_raid_undone_can_still_be_rebuilt(world):
    hire(world)
    raid(world)
    case = world.decide("raid", "unfreeze")
    world.settle()
    assert world.group.state == "active"
    undo_decision(
        community_id=world.community.pk, case_id=case.pk, user="owner", role="owner", version=case.version,
        now=world.clock.now(),
    )  # fmt: skip
    world.settle()
    assert world.group.state == "frozen"
    assert list(Incident.objects.order_by("seq").values_list("state", flat=True)) == ["cancelled", "open"]
    world.decide("raid", "rebuild")
    world.decide("raid", "rebuild", by="老板", role="manager")
    world.settle()
    assert world.group.state == "closed"


def test_a_raid_never_rebuilds_by_itself(world):
    world.community.blueprint["risk"]["red"]["without_a_human"] = ["freeze", "recall", "close", "rebuild"]
    world.community.save(update_fields=["blueprint"])
    raid(world)
    assert lines() == {"freeze": "done", "evidence": "done"}
    assert (world.group.state, Group.objects.count()) == ("frozen", 2)


def test_the_same_words_of_regular_members_freeze_nothing(world):
    world.join(*RAIDERS)
    world.later(minutes=15)
    for name in RAIDERS:
        world.say(name, TEXT)
    world.settle()
    assert (world.group.state, world.cases()) == ("active", [])
