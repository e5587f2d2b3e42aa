"""Communities, groups and staff: refusals are Chinese sentences, changes of staff stand in the log."""

import pytest
from django.contrib.auth import get_user_model

from qunzhu.kernel.community import audit
from qunzhu.kernel.community.models import AuditEntry, Community, Group, Staff
from qunzhu.kernel.community.services import Refused, create_community, create_group, rename_group, set_staff
from qunzhu.kernel.community.tests.factories import NOW, events_of, make_community, make_group, make_member

pytestmark = pytest.mark.django_db(transaction=True)


def user(name):
    return get_user_model().objects.create_user(name)


def test_a_community_has_a_log_and_its_groups_stand_in_it():
    c = make_community({"a": 1})
    g = make_group(c, "一群")
    (created,) = events_of(c, "group.created")
    assert (created.seq, created.group_id, created.body) == (1, g.pk, {"name": "一群", "profile": "full"})
    rename_group(group=g, name="新一群")
    assert Group.objects.get(pk=g.pk).name == "新一群"


def test_what_is_taken_or_unknown_is_refused():
    c = make_community()
    with pytest.raises(Refused, match=f"代号“{c.slug}”已被使用"):
        create_community(slug=c.slug, name="x", timezone="Asia/Shanghai", blueprint={}, now=NOW)
    with pytest.raises(Refused, match="没有叫“Asia/Nowhere”的时区"):
        create_community(slug="other", name="x", timezone="Asia/Nowhere", blueprint={}, now=NOW)
    with pytest.raises(Refused, match="代号“Login”是系统保留的地址,请换一个,例如 login-club"):
        create_community(slug="Login", name="x", timezone="Asia/Shanghai", blueprint={}, now=NOW)
    g = make_group(c)
    with pytest.raises(Refused, match=f"平台群 local:{g.platform_id} 已经接入"):
        create_group(community=c, name="x", connector="local", platform_id=g.platform_id, now=NOW)
    assert (Community.objects.count(), Group.objects.count()) == (1, 1)


def test_staff_changes_stand_in_the_log_once():
    c = make_community()
    lin, chen = make_member(c), make_member(c, "阿陈")
    boss, mod = user("boss"), user("mod")
    set_staff(community=c, user=boss, role="owner", by="setup", now=NOW)
    set_staff(community=c, user=mod, role="moderator", member=lin, by="boss", now=NOW)
    set_staff(community=c, user=mod, role="moderator", member=lin, by="boss", now=NOW)
    set_staff(community=c, user=mod, role="manager", member=chen, by="boss", now=NOW)
    assert set_staff(community=c, user=mod, role=None, by="boss", now=NOW) is None
    assert [(e.member_id, e.body["member"], e.body["role"], e.body["user"]) for e in events_of(c, "staff.changed")] == [
        (None, None, "owner", "boss"),
        (lin.pk, lin.pk, "moderator", "mod"),
        (lin.pk, lin.pk, None, "mod"),
        (chen.pk, chen.pk, "manager", "mod"),
        (chen.pk, chen.pk, None, "mod"),
    ]
    assert [(s.user.username, s.role) for s in Staff.objects.all()] == [("boss", "owner")]


def test_the_last_owner_stays():
    c, boss, mod = make_community(), user("boss"), user("mod")
    set_staff(community=c, user=boss, role="owner", by="setup", now=NOW)
    for role in (None, "manager"):
        with pytest.raises(Refused, match="至少要留一位群主"):
            set_staff(community=c, user=boss, role=role, by="boss", now=NOW)
    set_staff(community=c, user=mod, role="owner", by="boss", now=NOW)
    set_staff(community=c, user=boss, role=None, by="mod", now=NOW)
    assert [s.user.username for s in Staff.objects.all()] == ["mod"]


def test_members_of_another_community_and_unknown_roles_are_refused():
    c, stranger, boss = make_community(), make_member(make_community()), user("boss")
    with pytest.raises(Refused, match="群内身份属于另一个社群"):
        set_staff(community=c, user=boss, role="owner", member=stranger, by="x", now=NOW)
    with pytest.raises(Refused, match="没有“king”这个角色"):
        set_staff(community=c, user=boss, role="king", by="x", now=NOW)
    assert events_of(c, "staff.changed") == []


def test_audit_keeps_refusals_too():
    c = make_community()
    audit.record(community_id=c.pk, user="mod", action="group.freeze", target="group:1", allowed=False, now=NOW)
    (entry,) = AuditEntry.objects.all()
    assert (entry.user, entry.action, entry.target, entry.allowed, entry.at) == (
        "mod", "group.freeze", "group:1", False, NOW,
    )  # fmt: skip
