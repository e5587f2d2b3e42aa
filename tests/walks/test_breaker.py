"""A raid: newcomers flood the group with one text; it is frozen first, and a human is asked after."""

import pytest

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "今晚八点老地方见不见不散各位兄弟姐妹"
RAIDERS = [f"路人{number}" for number in range(10)]


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


def test_the_same_words_of_regular_members_freeze_nothing(world):
    world.join(*RAIDERS)
    world.later(minutes=15)
    for name in RAIDERS:
        world.say(name, TEXT)
    world.settle()
    assert (world.group.state, world.cases()) == ("active", [])
