"""A raid: newcomers flood the group with one text; it is frozen first, and a human is asked after."""

import pytest

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "今晚八点老地方见不见不散各位兄弟姐妹"
RAIDERS = [f"路人{number}" for number in range(10)]


def raid(world):
    world.join("小美")
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


def test_no_raid_after_all(world):
    raid(world)
    world.decide("raid", "unfreeze")
    world.settle()
    assert world.group.state == "active"
    assert not Membership.objects.filter(state="removed").exists()
    world.say(RAIDERS[0], "我们是来听讲座的")


def test_the_same_words_of_regular_members_freeze_nothing(world):
    world.join(*RAIDERS)
    world.later(minutes=5)
    for name in RAIDERS:
        world.say(name, TEXT)
    world.settle()
    assert (world.group.state, world.cases()) == ("active", [])
