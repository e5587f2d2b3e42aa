"""Leaderboard, badges and hall of fame on a phone: my place, exact figures, fixed cost, nobody else's community."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.honours.models import Badge, HonourClosed, HonourPlace, HonourWeek
from qunzhu.engagement.honours.policy import badges_from, week_of
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.models import Member
from qunzhu.portal.templatetags.portal import quarter
from qunzhu.portal.tests.test_mall import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone() -> Phone:
    return Phone()


def rise(phone: Phone, others: int) -> None:
    """小林 has 5 points this week, others 10 and more; one is named like a tag."""
    week = week_of(local_day(SYSTEM_CLOCK.now(), "Asia/Shanghai"))
    now = SYSTEM_CLOCK.now()
    people = [
        Member.objects.create(community=phone.community, display_name=f"<i>甲{n}</i>", created_at=now)
        for n in range(others)
    ]
    for n, member in enumerate([phone.lin.member, *people]):
        HonourWeek.objects.create(
            community_id=phone.community.pk, week=week, member_id=member.pk, points=5 if not n else 9 + n, past=0,
            reached_seq=n + 1,
        )  # fmt: skip


def test_an_empty_list_says_how_to_begin(phone):
    page = phone.browser.get("/me/honours/").content.decode()
    assert "这个榜还空着" in page
    assert "第一届周榜还没揭晓" in phone.browser.get("/me/honours/fame/").content.decode()


def test_my_own_place_is_pinned_below_the_list_at_a_fixed_cost(phone):
    rise(phone, 3)
    phone.browser.get("/me/honours/")
    with CaptureQueriesContext(connection) as few:
        page = phone.browser.get("/me/honours/").content.decode()
    assert "我" in page
    assert "own-place" not in page  # named anyhow
    rise_more = 25
    week = HonourWeek.objects.first().week
    for n in range(rise_more):
        HonourWeek.objects.create(
            community_id=phone.community.pk, week=week, member_id=10_000 + n, points=100 + n, past=0, reached_seq=90 + n
        )
    with CaptureQueriesContext(connection) as many:
        page = phone.browser.get("/me/honours/").content.decode()
    assert len(many) - len(few) <= 1  # whether the cut tie is counted
    assert "own-place" in page
    assert "&lt;i&gt;" not in page or "<i>甲" not in page
    assert '<span class="rank-number">29</span>' in page


@pytest.mark.parametrize("board", ["week", "newcomers", "progress", "all", "nothing"])
def test_every_list_answers(phone, board):
    rise(phone, 2)
    assert phone.browser.get(f"/me/honours/?board={board}").status_code == 200


def test_badges_show_what_is_held_and_what_is_missing(phone):
    page = phone.browser.get("/me/honours/badges/").content.decode()
    assert "已得 0 /" in page
    first = badges_from(phone.community.blueprint)[0]
    Badge.objects.create(
        community_id=phone.community.pk, member_id=phone.lin.member.pk, badge=first.id, turn=1, held=True,
        at=SYSTEM_CLOCK.now(), seq=1,
    )  # fmt: skip
    page = phone.browser.get("/me/honours/badges/").content.decode()
    assert "已得 1 /" in page
    assert page.count("已获得") == 1


def test_the_hall_of_fame_names_who_was_in_the_list_how_often(phone):
    today = local_day(SYSTEM_CLOCK.now(), "Asia/Shanghai")
    HonourClosed.objects.create(
        community_id=phone.community.pk, week=week_of(today), seq=1, at=SYSTEM_CLOCK.now(), people=3, more=0
    )
    HonourPlace.objects.create(
        community_id=phone.community.pk, week=week_of(today), board="top", member_id=phone.lin.member.pk, rank=1,
        place=1, points=321,
    )  # fmt: skip
    page = phone.browser.get("/me/honours/fame/").content.decode()
    for said in ("小林", "上榜 1 次", "第一 1 次", "321"):
        assert said in page, said


def test_quarter_points_are_said_exactly():
    assert [quarter(n) for n in (0, 1, 2, 9, 4_000)] == ["0", "0.25", "0.5", "2.25", "1,000"]
