"""`qunzhu blackbox erase`: whoever is named must hold the permission; a refused order changes nothing."""

import pytest
from click.testing import CliRunner
from django.contrib.auth import get_user_model

from qunzhu.kernel.community.models import AuditEntry, Member, Staff
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_group, make_member, write
from qunzhu.kernel.events.blackbox_command import command
from qunzhu.kernel.events.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def box():
    community = make_community()
    lin = make_member(community)
    write(community, "message.posted", group=make_group(community), member=lin, text="x", nickname="林", type="text")
    for name, role in (("boss", "owner"), ("second", "manager"), ("counts", "analyst")):
        user = get_user_model().objects.create_user(name, password="a-long-one-1")
        Staff.objects.create(community=community, user=user, role=role, created_at=NOW)
    return community, lin


def order(lin, *names):
    slug = lin.community.slug
    said = ["--by", names[0], *(["--confirmed-by", names[1]] if names[1:] else [])]
    return CliRunner().invoke(command, ["erase", "--community", slug, "--member", str(lin.pk), "--yes", *said])


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("boss",), "two people are needed"),
        (("boss", "boss "), "two people are needed"),
        (("boss", "someone-invented"), "someone-invented: holds no permission"),
        (("nobody", "boss"), "nobody: holds no permission"),
        (("boss", "counts"), "counts: holds no permission"),
    ],
)
def test_nobody_is_erased_by_who_may_not(box, names, why):
    _, lin = box
    before = Event.objects.count()
    done = order(lin, *names)
    assert (done.exit_code, why in done.output) == (1, True), done.output
    assert (Event.objects.count(), AuditEntry.objects.count()) == (before, 0)
    assert Member.objects.get(pk=lin.pk).erased_at is None


def test_one_person_under_two_names_is_not_two(box):
    community, lin = box
    other = make_member(community)
    Staff.objects.filter(community=community, role__in=("owner", "manager")).update(member=other)
    assert "two people are needed" in order(lin, "boss", "second").output
    assert Member.objects.get(pk=lin.pk).erased_at is None


def test_two_who_may_erase(box):
    community, lin = box
    done = order(lin, "boss", "second")
    assert done.exit_code == 0, done.output
    assert Member.objects.get(pk=lin.pk).erased_at is not None
    entry = AuditEntry.objects.get(community_id=community.pk)
    assert (entry.action, entry.user, entry.detail) == ("member.erase", "second", {"proposed_by": "boss"})
