"""积分账本: every movement, opened down to its legs; taken back once, by who may, with a reason."""

from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from qunzhu.console.pages.ledger import kind_name
from qunzhu.console.reading import ledger as reading
from qunzhu.console.reading.ledger import Wanted
from qunzhu.console.reading.slices import parse_position
from qunzhu.console.tests.desk import Desk, make_desk, permitted, refused
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, check_against_log, check_ledger
from qunzhu.kernel.ledger.services import Leg, award, post

pytestmark = pytest.mark.django_db(transaction=True)


def give(desk: Desk, amount: int, key: str, kind: str = "checkin", member: Member | None = None, **more) -> UUID:
    who = member or desk.member
    done = award(
        community_id=desk.community.pk, member_id=who.pk, amount=amount, key=key, kind=kind, memo="签到，连续 3 天",
        now=NOW, **more,
    )  # fmt: skip
    log.append(raw_connection(), [done.event], now=NOW)
    return done.id


def read(desk: Desk, path: str, role: str = "analyst") -> str:
    answer = desk.client(role).get(desk.url(path))
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_the_list_shows_filters_and_leaves_as_a_file():
    desk = make_desk()
    wang = Member.objects.create(community=desk.community, display_name="小王", created_at=NOW)
    first = give(desk, 12, "a")
    give(desk, 5, "b", "report.upheld", wang)
    give(desk, -7, "c", "strike")
    page = read(desk, "ledger/")
    assert page.count("data-row") == 3
    assert f"/ledger/{first}/" in page
    assert read(desk, "ledger/?sign=out").count("data-row") == 1
    assert read(desk, f"ledger/?member={wang.pk}").count("data-row") == 1
    assert read(desk, "ledger/?kind=checkin").count("data-row") == 1
    assert read(desk, "ledger/?account=sys:issue").count("data-row") == 3
    assert "data-row" not in read(desk, "ledger/?kind=nothing")
    file = desk.client("analyst").get(desk.url("ledger/export.csv?sign=in"))
    rows = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()
    assert len(rows) == 3
    assert sorted(row.split(",")[1:3] for row in rows[1:]) == [["小林", "12"], ["小王", "5"]]
    assert reading.kinds(desk.community.pk) == ["checkin", "report.upheld", "strike"]
    assert kind_name("strike.reversed") == "撤回:违规扣分"
    found = reading.totals(desk.community.pk)
    assert (found.members, found.holders, found.held, found.issued) == (10, 2, 0, 10)


def test_a_page_costs_the_same_at_any_length_and_goes_on_where_it_ended():
    desk = make_desk()
    give(desk, 1, "first")
    browser = desk.client("analyst")
    browser.get(desk.url("ledger/"))
    with CaptureQueriesContext(connection) as short:
        browser.get(desk.url("ledger/"))
    for number in range(120):
        give(desk, 1, f"k{number}")
    with CaptureQueriesContext(connection) as long:
        browser.get(desk.url("ledger/"))
    assert len(short) == len(long)
    seen: list[str] = []
    before = None
    while True:
        found = reading.movements(desk.community.pk, Wanted(), before=before)
        seen += [row.place for row in found.rows]
        if not found.older:
            break
        before = parse_position(found.older)
    assert len(seen) == len(set(seen)) == 121


@pytest.mark.parametrize("query", ["before=x", "before=1-x", "before=1-x.y", "before=99-" + "a" * 90, "member=0"])
def test_a_place_that_is_none_is_the_newest(query):
    desk = make_desk()
    give(desk, 1, "first")
    assert read(desk, f"ledger/?{query}").count("data-row") == 1


def test_a_transaction_opens_down_to_the_message_and_is_of_this_community():
    desk, other = make_desk(), make_desk("other")
    seq = desk.message("签到")
    number = give(desk, 12, "a", cause_seq=seq)
    page = read(desk, f"ledger/{number}/")
    for said in ("sys:issue", "小林", "+12", "-12", f">#{seq}</a>", "签到，连续 3 天"):
        assert said in page, said
    assert other.client("owner").get(other.url(f"ledger/{number}/")).status_code == 404
    assert other.client("owner").post(other.url(f"ledger/{number}/reverse/"), {"text": "x"}).status_code == 404
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 12


def test_taken_back_once_with_a_reason_by_who_may():
    desk = make_desk()
    number = give(desk, 12, "a")
    path = f"ledger/{number}/reverse/"
    assert permitted(desk, {"owner", "manager"}, path, {"text": "刷分"}) == refused("moderator", "analyst", "finance")
    browser = desk.client("manager")
    assert browser.post(desk.url(path), {"text": " "}).status_code == 422
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 12
    assert browser.post(desk.url(path), {"text": "刷分"}).status_code == 302
    again = browser.post(desk.url(path), {"text": "又一次"})
    assert (again.status_code, "已经撤回过了" in again.content.decode()) == (422, True)
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 0
    assert "已撤回" in read(desk, f"ledger/{number}/")
    assert desk.audit()[-1] == ("manager-desk", "points.reverse", f"transaction:{number}")
    assert check_ledger(desk.community.pk) == check_against_log(desk.community.pk) == []


def test_what_belongs_to_an_order_is_above_the_sum_or_is_spent_is_not_taken_back_here():
    desk = make_desk()
    large = give(desk, 500, "big")
    legs = [Leg(f"m:{desk.member.pk}", "PTS", -480), Leg("sys:mall:1", "PTS", 480)]
    order = post(community_id=desk.community.pk, key="o", kind="mall", legs=legs, now=NOW).id
    small = give(desk, 100, "small")
    spent = [Leg(f"m:{desk.member.pk}", "PTS", -60), Leg("sys:mall:2", "PTS", 60)]
    post(community_id=desk.community.pk, key="p", kind="mall", legs=spent, now=NOW)
    browser = desk.client("owner")
    for number, said in ((order, "属于订单或活动"), (large, "超过一个人"), (small, "积分不够扣")):
        answer = browser.post(desk.url(f"ledger/{number}/reverse/"), {"text": "x"})
        assert (answer.status_code, said in answer.content.decode()) == (422, True), said
    assert balance(desk.community.pk, f"m:{desk.member.pk}") == 60
    assert check_ledger(desk.community.pk) == []
