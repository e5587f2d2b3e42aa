"""Two groups of one community: what happens in one does not touch the other."""

import pytest

from qunzhu.kernel.community.models import Membership

pytestmark = pytest.mark.django_db(transaction=True)


def states(world, name):
    rows = Membership.objects.filter(member_id=world.id_of(name)).order_by("group_id")
    return list(rows.values_list("state", flat=True))


def test_leaving_and_muting_stay_in_their_group(world):
    world.join("小林")
    world.join("小林", group=1)
    for _ in range(6):
        world.say("小林", "https://a.example.com/x")
    world.settle()
    assert states(world, "小林") == ["muted", "active"]
    assert world.try_say("小林", "?")[1]["error"] == "muted"
    world.log()
    world.later(days=1)
    world.say("小林", "在观察群", group=1)
    assert world.post("小林", "/leave").status_code == 200
    world.settle()
    assert world.log() == ["message.posted 小林 在观察群", "member.left 小林"]
    assert states(world, "小林") == ["left", "active"]
    assert world.try_say("小林", "还在吗")[1]["error"] == "not_member"
    world.say("小林", "这边还在", group=1)
    world.settle()
    assert world.log() == ["message.posted 小林 这边还在"]
    assert [e.group_id for e in world.events("member.left")] == [world.groups[0].pk]
