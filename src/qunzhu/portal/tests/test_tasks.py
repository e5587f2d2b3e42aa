"""Tasks and the calendar on a phone, without a browser."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.engagement.consumer import CONSUMER as ENGAGEMENT
from qunzhu.engagement.makeup import CARD, card_entry
from qunzhu.engagement.tasks.consumer import CONSUMER as TASKS
from qunzhu.kernel.clock import SYSTEM_CLOCK
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.tests.factories import events_of, run, write
from qunzhu.kernel.ledger.selectors import balance, check_ledger
from qunzhu.kernel.ledger.services import post_many
from qunzhu.portal.tests.test_mall import Phone

pytestmark = pytest.mark.django_db(transaction=True)
TASK_LIST = [
    {"id": "talk", "name": "说两句", "kind": "daily", "on": "message", "count": 2, "points": 2},
    {
        "id": "new", "name": "新人之路", "kind": "newcomer", "within": 7, "points": 10, "cards": 1,
        "steps": [{"id": "look", "name": "看看积分", "on": "page", "page": "points", "points": 1}],
    },
]  # fmt: skip


@pytest.fixture
def phone():
    made = Phone()
    made.community.blueprint = {"engagement": {"tasks": TASK_LIST}}
    made.community.save()
    write(made.community, "rulebook.published", version=1, by="a", rules=[], settings={}, note="")
    run(TASKS)
    return made


def consume() -> None:
    run(ENGAGEMENT, TASKS, now=SYSTEM_CLOCK.now())


def check_in(phone, *back: int) -> None:
    group = Group.objects.get(community=phone.community)
    for n in back:
        write(
            phone.community, "command.posted", group=group, member=phone.lin.member, command="checkin", text="签到",
            at=SYSTEM_CLOCK.now() - timedelta(days=n),
        )  # fmt: skip
    consume()


def test_the_path_is_walked_by_opening_the_points_page(phone):
    consume()
    page = phone.browser.get("/me/tasks/").content.decode()
    assert "新人之路" in page
    assert "看看积分" in page
    assert '<progress class="gauge" max="2" value="0" aria-label="说两句">' in page
    for _ in range(2):
        assert phone.browser.get("/me/points/").status_code == 200
    consume()
    assert len(events_of(phone.community, "page.opened")) == 1
    page = phone.browser.get("/me/tasks/").content.decode()
    assert "全部走完" in page
    assert "补签卡 1 张" in page
    assert phone.points() == 111
    other = phone.other.get("/me/tasks/").content.decode()
    assert "全部走完" not in other
    assert "补签卡 0 张" in other


def test_a_gap_is_filled_with_a_card_then_with_points_and_both_are_said_at_once(phone):
    consume()
    check_in(phone, 2, 0)
    member = phone.lin.member.pk
    post_many(
        community_id=phone.community.pk, entries=[card_entry(member, 1, "gift:card", "", None)], now=SYSTEM_CLOCK.now()
    )
    assert "用补签卡补签" in phone.browser.get("/me/tasks/").content.decode()
    done = phone.browser.post("/me/tasks/makeup/")
    assert (done.status_code, done["Location"]) == (302, "/me/tasks/?mended=1#calendar")
    page = phone.browser.get("/me/tasks/?mended=1").content.decode()  # before any consumer has heard of it
    assert "已连续 3 天" in page
    assert "补好了" in page
    assert phone.browser.post("/me/tasks/makeup/")["Location"] == "/me/tasks/?problem=no_gap#calendar"
    assert "现在没有可以补的签到" in phone.browser.get("/me/tasks/?problem=no_gap").content.decode()
    assert balance(phone.community.pk, f"m:{member}", CARD) == 0
    assert check_ledger(phone.community.pk) == []


def test_without_a_card_the_button_names_the_price(phone):
    consume()
    check_in(phone, 2)
    page = phone.browser.get("/me/tasks/").content.decode()
    assert "用 30 积分补签" in page
    assert phone.browser.post("/me/tasks/makeup/")["Location"] == "/me/tasks/?problem=no_card#calendar"
    assert phone.browser.post("/me/tasks/makeup/", {"buy": "1"}).status_code == 302
    assert phone.points() == 100 + 2 - 30
    assert phone.browser.get("/me/tasks/makeup/").status_code == 405


def test_queries_do_not_grow_with_tasks(phone):
    consume()
    with CaptureQueriesContext(
        connection,
    ) as before:
        phone.browser.get("/me/tasks/")
    many = [{**TASK_LIST[0], "id": f"t{n}"} for n in range(30)]
    phone.community.blueprint = {"engagement": {"tasks": many}}
    phone.community.save()
    write(phone.community, "rulebook.published", version=2, by="a", rules=[], settings={}, note="")
    consume()
    with CaptureQueriesContext(connection) as after:
        phone.browser.get("/me/tasks/")
    assert len(after) == len(before) <= 20
