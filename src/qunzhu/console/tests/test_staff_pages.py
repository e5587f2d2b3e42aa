"""Posts: only owners give and take them, and one owner always remains."""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.tests.desk import ROLES, make_desk, permitted, refused
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Member, Staff

pytestmark = pytest.mark.django_db
OTHERS = [role for role in ROLES if role != "owner"]


@pytest.fixture
def desk():
    return make_desk()


def role_of(desk, role):
    return Staff.objects.filter(community=desk.community, user=desk.users[role]).values_list("role", flat=True).first()


def test_only_owners_see_and_change_posts(desk):
    before = Staff.objects.count()
    target = desk.users["finance"].pk
    assert desk.client("manager").get(desk.url("staff/")).status_code == 403
    new = {"username": "xiaowen", "password": "long-enough-words", "role": "owner"}
    assert permitted(desk, {"owner"}, "staff/add/", new) == refused(*OTHERS)
    assert permitted(desk, {"owner"}, f"staff/{target}/change/", {"role": "owner"}) == refused(*OTHERS)
    assert permitted(desk, {"owner"}, f"staff/{target}/remove/") == refused(*OTHERS)
    assert (Staff.objects.count(), role_of(desk, "finance")) == (before, "finance")
    assert not get_user_model().objects.filter(username="xiaowen").exists()


def test_adding_makes_the_account_once(desk):
    client = desk.client("owner")
    new = {"username": "xiaowen", "password": "long-enough-words", "role": "moderator", "member": str(desk.member.pk)}
    assert client.post(desk.url("staff/add/"), new).status_code == 302
    post = Staff.objects.get(user__username="xiaowen")
    assert (post.role, post.member_id, post.user.check_password("long-enough-words")) == (
        "moderator", desk.member.pk, True,
    )  # fmt: skip
    assert desk.audit() == [("owner-desk", "staff.add", "user:xiaowen")]
    again = client.post(desk.url("staff/add/"), {**new, "password": ""})
    assert again.status_code == 422
    assert "已经是这个社群的运营人员" in again.content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": "newcomer", "role": "moderator"}, "还不存在"),
        ({"username": "newcomer", "password": "short", "role": "moderator"}, "10"),
        ({"username": "stranger-desk", "password": "long-enough-words", "role": "moderator"}, "已存在"),
        ({"username": "a b<c>", "password": "long-enough-words", "role": "moderator"}, "errorlist"),
        ({"username": "newcomer", "password": "long-enough-words", "role": "king"}, "errorlist"),
        ({"username": "newcomer", "password": "long-enough-words", "role": "owner", "member": "999999"}, "999999"),
    ],
)
def test_a_wrong_form_says_what_to_do_and_changes_nothing(desk, fields, said):
    before = Staff.objects.count()
    response = desk.client("owner").post(desk.url("staff/add/"), fields)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert Staff.objects.count() == before
    assert not get_user_model().objects.filter(username="newcomer").exists()


def test_the_last_owner_stays(desk):
    client, me = desk.client("owner"), desk.users["owner"].pk
    for path, data in ((f"staff/{me}/remove/", {}), (f"staff/{me}/change/", {"role": "analyst"})):
        page = client.post(desk.url(path), data, follow=True)
        assert "至少要留一位群主" in page.content.decode()
    assert role_of(desk, "owner") == "owner"
    assert desk.audit() == []
    client.post(desk.url(f"staff/{desk.users['manager'].pk}/change/"), {"role": "owner"})
    assert client.post(desk.url(f"staff/{me}/remove/")).status_code == 302
    assert role_of(desk, "owner") is None


def test_a_member_of_another_community_cannot_be_linked(desk):
    stranger = Member.objects.create(
        community=make_desk("other").community, display_name="外人", created_at=SYSTEM_CLOCK.now()
    )
    path = desk.url(f"staff/{desk.users['moderator'].pk}/change/")
    desk.client("owner").post(path, {"role": "moderator", "member": str(stranger.pk)})
    assert Staff.objects.get(user=desk.users["moderator"]).member_id is None


def test_the_page_costs_the_same_at_any_size(desk):
    client, counted = desk.client("owner"), []
    for more in (0, 20):
        for n in range(more):
            user = get_user_model().objects.create(username=f"u{n}")
            Staff.objects.create(user=user, community=desk.community, role="analyst", created_at=SYSTEM_CLOCK.now())
        client.get(desk.url("staff/"))
        with CaptureQueriesContext(connection) as seen:
            assert client.get(desk.url("staff/")).status_code == 200
        counted.append(len(seen))
    assert counted[0] == counted[1]
