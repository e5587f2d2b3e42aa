"""My level on a phone: what a newcomer and an old hand see, and nothing of anybody else."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.levels.models import LevelFigure, LevelRun, MemberLevel
from qunzhu.engagement.quality.models import MessageScore
from qunzhu.kernel.clock import SYSTEM_CLOCK, local_day
from qunzhu.kernel.community.tests.factories import write
from qunzhu.portal.tests.test_mall import Phone

pytestmark = pytest.mark.django_db


@pytest.fixture
def phone() -> Phone:
    return Phone()


def risen(phone: Phone) -> None:
    """小林 is at level 2 with one scored message, and may redeem a mug for it."""
    today, lin = local_day(SYSTEM_CLOCK.now(), "Asia/Shanghai"), phone.lin.member
    LevelRun.objects.create(
        community_id=phone.community.pk, day=today, quality_reference=60_000, active_reference=6_000, threshold=30,
        members=1, started_at=SYSTEM_CLOCK.now(), done_at=SYSTEM_CLOCK.now(),
    )  # fmt: skip
    LevelFigure.objects.create(
        community_id=phone.community.pk, member_id=lin.pk, day=today, quality=20_000, active=3_000, messages=5,
        hours=40, quality_points=200, active_points=200, score=400, level=2,
    )  # fmt: skip
    MemberLevel.objects.create(
        community_id=phone.community.pk, member_id=lin.pk, level=2, since=today, until=today + timedelta(days=9)
    )
    said = "<b>周报模板</b>只有四行"
    seq = write(phone.community, "message.posted", member=lin, text=said, at=SYSTEM_CLOCK.now())
    MessageScore.objects.create(
        community_id=phone.community.pk, message_seq=seq, group_id=1, member_id=lin.pk, day=today, historic=False,
        length=12, information=25, sources=0, copy_of=0, replies=4, reactions=2, word="", punished_by="", score=52,
    )  # fmt: skip
    phone.good(name="马克杯", min_level=3)


def test_a_newcomer_sees_all_levels_and_how_to_begin(phone):
    page = phone.browser.get("/me/level/").content.decode()
    assert "等级每天凌晨更新" in page
    assert [page.index(name) for name in ("领航", "专家", "骨干", "常客")] == sorted(
        page.index(name) for name in ("领航", "专家", "骨干", "常客")
    )
    assert "还没有优质内容" in page
    assert "新芽" in phone.browser.get("/me/").content.decode()


def test_progress_what_is_missing_perks_and_my_best_with_its_parts(phone):
    risen(phone)
    with CaptureQueriesContext(connection) as seen:
        page = phone.browser.get("/me/level/").content.decode()
    assert len(seen) <= 12
    for words in (
        "骨干", "2 级", "400 分", "距「专家」还差 200 分", "约 7 条优质内容", "或 30 个活跃小时", "5 条计入",
        "40 个小时", "最近来得少了",
        "商城可兑:马克杯", "&lt;b&gt;周报模板&lt;/b&gt;", "长度 <b>+12</b>", "信息量 <b>+25</b>",
        "回复 <b>+12</b>", "表态 <b>+3</b>", '<progress class="rank-bar" max="100" value="50"',
    ):  # fmt: skip
        assert words in page, words
    assert "骨干" in phone.browser.get("/me/").content.decode()
    other = phone.other.get("/me/level/").content.decode()
    assert "周报模板" not in other
    assert "还没有优质内容" in other


def test_nobody_looks_without_being_a_member(phone, client):
    assert client.get("/me/level/").status_code == 403
