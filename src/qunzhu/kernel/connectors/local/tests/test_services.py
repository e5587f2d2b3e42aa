"""Coming in and going out of rooms."""

import threading

import pytest
from django.db import connection

from qunzhu.kernel.community.models import Identity, Member
from qunzhu.kernel.connectors.local.models import Occupant
from qunzhu.kernel.connectors.local.services import (
    JoinRefused,
    join_room,
    leave_room,
    new_join_code,
    open_room,
    set_profile,
    set_role,
)
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW, make_scene
from qunzhu.kernel.connectors.local.tokens import MemberToken, read_session

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_newcomer_becomes_a_member_with_identity_seat_and_event():
    scene = make_scene(people=0)
    joined = join_room(room=scene.room, nickname=" 小明 ", via="qr", now=NOW)
    identity = Identity.objects.get(member=joined.member)
    (event,) = scene.events()
    assert (event.kind, event.member_id, event.group_id) == ("member.joined", joined.member.pk, scene.group.pk)
    assert event.body == {"nickname": "小明", "via": "qr", "platform_user_id": identity.platform_user_id}
    assert read_session(joined.token) == (MemberToken(scene.community.pk, joined.member.pk),)
    assert (joined.seq, joined.occupant.nickname) == (event.seq, "小明")


def test_coming_in_twice_changes_nothing_and_nicknames_may_repeat():
    scene = make_scene(people=0)
    first = join_room(room=scene.room, nickname="小明", now=NOW)
    again = join_room(room=scene.room, nickname="别的", member_id=first.member.pk, now=NOW)
    twin = join_room(room=scene.room, nickname="小明", now=NOW)
    assert (again.member.pk, again.seq, again.occupant.nickname) == (first.member.pk, None, "小明")
    assert twin.member.pk != first.member.pk
    assert scene.kinds() == ["member.joined"] * 2


def test_who_left_may_come_back_and_stays_the_same_member():
    scene = make_scene()
    one = scene.people[0]
    assert leave_room(room=scene.room, member_id=one.member.pk, now=NOW) == scene.start + 1
    assert leave_room(room=scene.room, member_id=one.member.pk, now=NOW) is None
    from datetime import timedelta

    back = join_room(room=scene.room, nickname="回来了", member_id=one.member.pk, now=NOW + timedelta(minutes=1))
    assert back.member.pk == one.member.pk
    assert Identity.objects.filter(member=one.member).count() == 1
    assert scene.kinds() == ["member.left", "member.joined"]


def test_removed_full_closed_and_nameless_are_refused_and_nothing_is_written():
    scene = make_scene(capacity=3)
    one = scene.people[0].member.pk
    codes = []

    def refused(**kwargs):
        with pytest.raises(JoinRefused) as caught:
            join_room(**{"room": scene.room, "nickname": "新人", "now": NOW, **kwargs})
        codes.append((caught.value.code, caught.value.message))

    refused()
    Occupant.objects.filter(member_id=one).update(removed_at=NOW)
    refused(member_id=one)
    refused(nickname="  ")
    refused(nickname="长" * 31)
    refused(nickname="a\u202eb")
    refused(nickname="群主 助手")
    refused(nickname="ＱｕｎＺｈｕ")
    scene.group.state = "closed"
    scene.group.save()
    refused()
    assert codes == [
        ("full", "群已满(3 人)，请联系群主"),
        ("removed", "你已被移出这个群，不能再次加入。觉得不对？在「我的处罚」里申诉"),
        ("nickname", "请填写昵称"),
        ("nickname", "昵称最多 30 个字"),
        ("nickname", "昵称里有不能显示的字符"),
        ("nickname_reserved", "这个昵称留给群里的管理人员，请换一个"),
        ("nickname_reserved", "这个昵称留给群里的管理人员，请换一个"),
        ("closed", "这个群已经关闭"),
    ]
    assert (Member.objects.count(), scene.kinds()) == (3, [])


def test_a_member_of_another_community_comes_in_as_somebody_new():
    scene = make_scene()
    other = make_scene(slug="other")
    stranger = other.people[0].member.pk
    joined = join_room(room=scene.room, nickname="客人", member_id=stranger, now=NOW)
    assert (joined.member.pk != stranger, joined.member.community_id) == (True, scene.community.pk)


def test_the_last_seat_is_given_once():
    scene = make_scene(capacity=4)
    results = []

    def come(n):
        try:
            join_room(room=scene.room, nickname=f"客{n}", now=NOW)
            results.append("in")
        except JoinRefused as refusal:
            results.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=come, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["full", "full", "full", "in"]
    assert Occupant.objects.filter(group_id=scene.group.pk).count() == 4


def test_a_room_is_opened_once_and_codes_roles_and_profiles_change():
    scene = make_scene()
    assert open_room(group=scene.group).join_code == scene.room.join_code
    old = scene.room.join_code
    assert new_join_code(room=scene.room) != old
    set_role(room=scene.room, member_id=scene.people[0].member.pk, role="admin")
    assert scene.occupant(scene.people[0].member.pk).role == "admin"
    with pytest.raises(LookupError):
        set_role(room=scene.room, member_id=10**6, role="admin")
    with pytest.raises(ValueError, match="unknown role 'king'"):
        set_role(room=scene.room, member_id=1, role="king")
    with pytest.raises(LookupError, match="unknown capability profile 'telepathy'"):
        set_profile(group=scene.group, profile="telepathy")
    scene.group.refresh_from_db()
    assert scene.group.profile == "full"
