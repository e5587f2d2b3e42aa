"""Platform ids to members: cached, made in batches, and never twice."""

import threading
from datetime import UTC, datetime

import psycopg
import pytest

from qunzhu.kernel.community.directory import Directory, GroupRef
from qunzhu.kernel.community.models import Identity, Member
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.database import database_url

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


@pytest.fixture
def group():
    community = create_community(slug="dir", name="d", timezone="Asia/Shanghai", blueprint={}, now=NOW)
    return create_group(community=community, name="g", connector="qq", platform_id="g-1", now=NOW)


def test_groups_are_found_and_unknown_ones_are_not(group):
    directory = Directory("qq")
    with psycopg.connect(database_url()) as conn:
        assert directory.group(conn, "g-1") == GroupRef(group.community_id, group.pk)
        assert directory.group(conn, "g-2") is None
        assert Directory("local").group(conn, "g-1") is None


def test_newcomers_become_members_once_and_keep_their_names(group):
    names = {f"u{n}": f"昵称{n}" for n in range(300)} | {"nameless": ""}
    with psycopg.connect(database_url()) as conn:
        directory = Directory("qq")
        first = directory.members(conn, group.community_id, names, now=NOW)
        conn.commit()
        assert directory.members(conn, group.community_id, {"u5": "换了名"}, now=NOW) == {"u5": first["u5"]}
        assert Directory("qq").members(conn, group.community_id, names, now=NOW) == first
        conn.commit()
    assert Member.objects.count() == Identity.objects.count() == 301
    told = {i.platform_user_id: (i.member_id, i.member.display_name) for i in Identity.objects.select_related("member")}
    assert told == {user: (first[user], name or user) for user, name in names.items()}


def test_two_processes_that_meet_the_same_people_make_them_once(group):
    results = []

    def meet() -> None:
        with psycopg.connect(database_url()) as conn:
            results.append(Directory("qq").members(conn, group.community_id, dict.fromkeys("abcdef", "n"), now=NOW))

    threads = [threading.Thread(target=meet) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(r == results[0] for r in results)
    assert Member.objects.count() == 6


def test_after_a_rollback_nothing_is_believed(group):
    directory = Directory("qq")
    with psycopg.connect(database_url()) as conn:
        directory.members(conn, group.community_id, {"u": "n"}, now=NOW)
        conn.rollback()
        directory.forget()
        member = directory.members(conn, group.community_id, {"u": "n"}, now=NOW)["u"]
        conn.commit()
    assert Member.objects.get().pk == member
