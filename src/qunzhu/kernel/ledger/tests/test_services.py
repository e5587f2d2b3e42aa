"""Double entry: balanced, once, never negative, undone by reversal, exact under concurrency."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, connections, transaction

from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.ledger.models import Account, LedgerTransaction, Posting
from qunzhu.kernel.ledger.selectors import balance, balances, check_ledger, statement
from qunzhu.kernel.ledger.services import (
    Entry,
    Insufficient,
    KeyReused,
    Leg,
    NotReversible,
    Unbalanced,
    award,
    post,
    post_many,
    reverse,
)

pytestmark = pytest.mark.django_db(transaction=True)
C = 5


def give(member: int, amount: int, key: str, **more):
    return award(community_id=C, member_id=member, amount=amount, key=key, kind="checkin", memo="签到", now=NOW, **more)


def pay(giver: str, taker: str, amount: int, key: str):
    legs = [Leg(giver, "PTS", -amount), Leg(taker, "PTS", amount)]
    return post(community_id=C, key=key, kind="transfer", legs=legs, now=NOW)


def test_an_award_moves_points_out_of_the_issue_account():
    given = give(17, 5, "a", cause_seq=9, group_id=3)
    assert (given.duplicate, given.balance) == (False, 5)
    assert given.event is not None
    assert (given.event.kind, given.event.member_id, given.event.group_id) == ("points.posted", 17, 3)
    assert given.event.body == {
        "transaction": str(given.id), "amount": 5, "unit": "PTS", "balance": 5, "memo": "签到", "kind": "checkin",
    }  # fmt: skip
    assert balances(C, ["m:17", "sys:issue", "m:18"]) == {"m:17": 5, "sys:issue": -5, "m:18": 0}
    assert Account.objects.get(owner="sys:issue").overdraft is True
    assert check_ledger(C) == []


def test_the_same_entry_twice_is_one_and_another_under_its_key_is_an_error():
    first = give(17, 5, "a")
    again = give(17, 5, "a")
    assert (again.id, again.duplicate, again.balance, again.event) == (first.id, True, 5, None)
    with pytest.raises(KeyReused) as error:
        give(17, 6, "a")
    assert str(error.value) == (
        "key 'a' was posted before as checkin ['m:17 5 PTS', 'sys:issue -5 PTS'] '签到' (event None),"
        " now it is wanted as checkin ['m:17 6 PTS', 'sys:issue -6 PTS'] '签到' (event None)"
    )
    legs = (Leg("m:1", "PTS", 1), Leg("sys:issue", "PTS", -1))
    with pytest.raises(KeyReused, match="stands twice in one call"):
        post_many(community_id=C, entries=[Entry("k", "x", legs), Entry("k", "y", legs)], now=NOW)
    assert (balance(C, "m:17"), LedgerTransaction.objects.count()) == (5, 1)


@pytest.mark.parametrize(
    "legs",
    [
        [],
        [Leg("m:1", "PTS", 0), Leg("m:2", "PTS", 0)],
        [Leg("m:1", "PTS", 1)],
        [Leg("m:1", "PTS", 1), Leg("sys:issue", "CNY", -1)],
    ],
)
def test_unbalanced_entries_are_refused(legs):
    with pytest.raises(Unbalanced):
        post(community_id=C, key="u", kind="x", legs=legs, now=NOW)
    assert LedgerTransaction.objects.count() == 0


def test_nobody_spends_what_they_have_not_and_nothing_of_it_remains():
    give(17, 5, "a")
    with pytest.raises(Insufficient) as error:
        pay("m:17", "sys:mall", 6, "buy")
    assert (error.value.owner, error.value.balance, error.value.needed) == ("m:17", 5, 6)
    assert str(error.value) == "余额不足:m:17 现有 5 PTS,需要 6 PTS"
    assert LedgerTransaction.objects.count() == 1
    pay("m:17", "sys:mall", 5, "buy")  # the key is free: the refused entry left nothing
    assert (balance(C, "m:17"), check_ledger(C)) == (0, [])


def test_the_database_itself_refuses_a_negative_balance():
    give(17, 5, "a")
    with pytest.raises(IntegrityError, match="balance_not_negative"), connection.cursor() as cursor:
        cursor.execute("UPDATE account SET balance = -1 WHERE owner = 'm:17'")


def test_a_reversal_is_the_mirror_image_and_happens_once():
    given = give(17, 5, "a")
    undone = reverse(community_id=C, key="undo", of=given.id, memo="申诉成立", now=NOW)
    assert (balance(C, "m:17"), balance(C, "sys:issue")) == (0, 0)
    assert reverse(community_id=C, key="undo", of=given.id, memo="申诉成立", now=NOW).duplicate is True
    with pytest.raises(NotReversible, match="was reversed before"):
        reverse(community_id=C, key="undo-2", of=given.id, now=NOW)
    with pytest.raises(NotReversible, match="is itself a reversal"):
        reverse(community_id=C, key="undo-3", of=undone.id, now=NOW)
    with pytest.raises(NotReversible, match="there is no transaction"):
        reverse(community_id=C, key="undo-4", of=uuid4(), now=NOW)
    lines = [(x.kind, x.memo, x.amount, x.balance, x.reverses) for x in statement(C, "m:17")]
    assert sorted(lines, key=lambda x: -x[2]) == [
        ("checkin", "签到", 5, 5, None),
        ("checkin.reversed", "申诉成立", -5, 0, given.id),
    ]
    assert check_ledger(C) == []


def test_what_is_spent_cannot_be_taken_back():
    given = give(17, 5, "a")
    pay("m:17", "sys:mall", 1, "buy")
    with pytest.raises(Insufficient):
        reverse(community_id=C, key="undo", of=given.id, now=NOW)
    assert (balance(C, "m:17"), check_ledger(C)) == (4, [])


def test_all_entries_of_a_call_or_none():
    legs = (Leg("m:1", "PTS", 3), Leg("sys:issue", "PTS", -3))
    spend = (Leg("m:1", "PTS", -4), Leg("sys:mall", "PTS", 4))
    with pytest.raises(Insufficient):
        post_many(community_id=C, entries=[Entry("a", "x", legs), Entry("b", "x", spend)], now=NOW)
    assert (LedgerTransaction.objects.count(), Posting.objects.count(), Account.objects.count()) == (0, 0, 0)


def test_communities_do_not_share_accounts_or_keys():
    give(17, 5, "a")
    other = award(community_id=C + 1, member_id=17, amount=7, key="a", kind="x", memo="", now=NOW)
    assert (other.duplicate, balance(C, "m:17"), balance(C + 1, "m:17")) == (False, 5, 7)


def test_check_ledger_names_what_is_wrong():
    given = give(17, 5, "a")
    Posting.objects.filter(owner="m:17").update(amount=6)
    Account.objects.filter(owner="sys:issue").update(balance=-4)
    assert check_ledger(C) == [
        f"transaction {given.id} sums to 1 PTS, not to 0",
        "account m:17 has 5 PTS, its postings sum to 6",
        "account sys:issue has -4 PTS, its postings sum to -5",
    ]


def test_concurrent_spenders_never_overdraw_and_keys_are_posted_once():
    for member in range(4):
        give(member, 10, f"start:{member}")
    outcomes: list[str] = []

    def spend(offset: int) -> None:
        try:
            for n in range(12):
                giver, taker = (n + offset) % 4, (n + offset + 1) % 4
                key = f"pay:{n}" if offset == 0 else f"pay:{n}:{offset}"
                try:
                    pay(f"m:{giver}", f"m:{taker}", 3, key)
                    outcomes.append("paid")
                except Insufficient:
                    outcomes.append("refused")
                given = give(0, 1, f"shared:{n}")
                outcomes.append("duplicate" if given.duplicate else "given")
        finally:
            connections.close_all()

    threads = [threading.Thread(target=spend, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (outcomes.count("given"), outcomes.count("duplicate")) == (12, 36)
    assert outcomes.count("paid") + outcomes.count("refused") == 48
    assert sum(balances(C, [f"m:{n}" for n in range(4)]).values()) == 52
    assert check_ledger(C) == []


def test_a_rolled_back_caller_leaves_nothing():
    with transaction.atomic():
        give(17, 5, "a")
        transaction.set_rollback(True)
    assert (LedgerTransaction.objects.count(), balance(C, "m:17")) == (0, 0)


def test_a_statement_goes_on_in_the_middle_of_a_moment():
    for number in range(5):
        give(17, 1, f"k{number}")
    seen: list = []
    before = None
    while page := statement(C, "m:17", before=before, limit=2):
        seen += [line.transaction for line in page]
        before = (page[-1].at, page[-1].transaction)
    assert len(seen) == len(set(seen)) == 5
