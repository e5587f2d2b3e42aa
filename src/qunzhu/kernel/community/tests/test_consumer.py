"""Memberships follow the log: each group for itself, live and imported, and equal to a rebuild."""

from datetime import timedelta

import pytest

from qunzhu.kernel.community.consumer import CONSUMER
from qunzhu.kernel.community.models import Group, Membership
from qunzhu.kernel.community.selectors import (
    member_timeline,
    members_in,
    memberships_of,
    muted_now,
    sizes_of_groups,
)
from qunzhu.kernel.community.tests.factories import (
    NOW,
    assert_rebuild_equals,
    make_community,
    make_group,
    make_member,
    run,
    write,
)

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def state(group, member) -> tuple:
    m = Membership.objects.get(group_id=group.pk, member_id=member.pk)
    return (m.state, m.joined_at, m.left_at, m.muted_until, m.nickname, m.last_seq)


def test_leaving_one_group_says_nothing_about_another():
    c = make_community()
    one, two, lin = make_group(c), make_group(c, "二群"), make_member(c)
    a = write(c, "member.joined", group=one, member=lin, nickname="小林", via="link", platform_user_id="u1")
    b = write(c, "member.joined", group=two, member=lin, nickname="林", via="qr", platform_user_id="u1")
    assert (a, b) == (3, 4)
    left = write(c, "member.left", group=one, member=lin, at=NOW + HOUR)
    run(CONSUMER)
    assert state(one, lin) == ("left", NOW, NOW + HOUR, None, "小林", left)
    assert state(two, lin) == ("active", NOW, None, None, "林", b)
    assert members_in(c.pk) == 1
    assert sizes_of_groups(c.pk) == {two.pk: 1}
    assert [m.group_id for m in memberships_of(c.pk, lin.pk)] == [two.pk, one.pk]
    assert_rebuild_equals(c, CONSUMER)


def test_rejoining_starts_anew_and_a_late_message_does_not_bring_anybody_back():
    c = make_community()
    g, lin = make_group(c), make_member(c)
    write(c, "member.joined", group=g, member=lin, nickname="小林", via="link", platform_user_id="u1")
    left = write(c, "member.removed", group=g, member=lin, at=NOW + HOUR, by="qunzhu")
    write(c, "message.posted", group=g, member=lin, at=NOW + HOUR + timedelta(seconds=59), text="在路上", nickname="x")
    run(CONSUMER)
    assert state(g, lin) == ("removed", NOW, NOW + HOUR, None, "小林", left)
    again = write(
        c, "member.joined", group=g, member=lin, at=NOW + 2 * HOUR, nickname="林二", via="qr", platform_user_id="u1"
    )
    run(CONSUMER)
    assert state(g, lin) == ("active", NOW + 2 * HOUR, None, None, "林二", again)
    assert_rebuild_equals(c, CONSUMER)


def test_first_message_of_somebody_unknown_makes_a_membership_once():
    c = make_community()
    g, lin = make_group(c), make_member(c)
    first = write(c, "message.posted", group=g, member=lin, text="大家好", nickname="小林")
    write(c, "message.posted", group=g, member=lin, at=NOW + HOUR, text="在吗", nickname="改名了")
    run(CONSUMER)
    write(c, "message.posted", group=g, member=lin, at=NOW + 2 * HOUR, text="嗯", nickname="改名了")
    run(CONSUMER)
    assert state(g, lin) == ("active", NOW, None, None, "小林", first)
    assert_rebuild_equals(c, CONSUMER)


def test_a_mute_ends_early_or_with_the_first_message_after_its_time():
    c = make_community()
    g, lin, chen = make_group(c), make_member(c), make_member(c, "阿陈")
    for member in (lin, chen):
        write(c, "member.joined", group=g, member=member, nickname="n", via="link", platform_user_id="u")
        muted = write(c, "member.muted", group=g, member=member, until=(NOW + HOUR).isoformat(), by="qunzhu")
    run(CONSUMER)
    assert state(g, chen) == ("muted", NOW, None, NOW + HOUR, "n", muted)
    assert [m.member_id for m in muted_now(c.pk, chen.pk, now=NOW)] == [chen.pk]
    assert muted_now(c.pk, chen.pk, now=NOW + HOUR) == []
    early = write(c, "member.unmuted", group=g, member=lin, at=NOW + HOUR / 2, by="qunzhu")
    over = write(c, "message.posted", group=g, member=chen, at=NOW + HOUR, text="回来了", nickname="n")
    run(CONSUMER)
    assert state(g, lin) == ("active", NOW, None, None, "n", early)
    assert state(g, chen) == ("active", NOW, None, None, "n", over)
    assert_rebuild_equals(c, CONSUMER)


def test_imported_history_does_not_move_what_is_known_of_today():
    c = make_community()
    g, lin = make_group(c), make_member(c)
    write(c, "member.joined", group=g, member=lin, nickname="小林", via="link", platform_user_id="u1")
    run(CONSUMER)
    year = timedelta(days=365)
    old = write(c, "message.posted", group=g, member=lin, at=NOW - year, historic=True, text="旧", nickname="旧名")
    write(c, "member.left", group=g, member=lin, at=NOW - year / 2, historic=True)
    run(CONSUMER)
    assert state(g, lin) == ("active", NOW - year, None, None, "小林", old)
    assert_rebuild_equals(c, CONSUMER)


def test_frozen_and_announced_are_noted_on_the_group():
    c = make_community()
    g = make_group(c)
    write(c, "group.frozen", group=g, by="qunzhu")
    write(c, "group.announced", group=g, text="新的群规", by="qunzhu")
    run(CONSUMER)
    g.refresh_from_db()
    assert (g.state, g.announcement) == (Group.State.FROZEN, "新的群规")
    write(c, "group.unfrozen", group=g, by="qunzhu")
    run(CONSUMER)
    g.refresh_from_db()
    assert g.state == Group.State.ACTIVE


def test_a_timeline_is_read_backwards_page_by_page():
    c = make_community()
    g, lin = make_group(c), make_member(c)
    seqs = [write(c, "message.posted", group=g, member=lin, text=str(n), nickname="小林") for n in range(5)]
    page = member_timeline(c.pk, lin.pk, limit=3)
    assert [e.seq for e in page] == seqs[:1:-1]
    assert [e.seq for e in member_timeline(c.pk, lin.pk, before_seq=page[-1].seq, limit=3)] == [seqs[1], seqs[0]]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_batches_of_any_size_give_the_same_rows(size):
    import dataclasses

    c = make_community()
    g, lin = make_group(c), make_member(c)
    write(c, "message.posted", group=g, member=lin, text="a", nickname="小林")
    write(c, "member.muted", group=g, member=lin, until=(NOW + HOUR).isoformat(), by="qunzhu")
    write(c, "message.posted", group=g, member=lin, at=NOW + 2 * HOUR, text="b", nickname="小林")
    write(c, "member.renamed", group=g, member=lin, at=NOW + 2 * HOUR, nickname="林")
    left = write(c, "member.left", group=g, member=lin, at=NOW + 3 * HOUR)
    run(dataclasses.replace(CONSUMER, batch=size))
    assert state(g, lin) == ("left", NOW, NOW + 3 * HOUR, None, "林", left)
    assert_rebuild_equals(c, CONSUMER)
