"""How a budget is cut: exact sums, bounds, and the expectation by counting every case there is."""

from collections import Counter
from datetime import UTC, datetime
from itertools import combinations, product
from math import comb
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.engagement.redpacket import policy
from qunzhu.engagement.redpacket.policy import Refused, Terms
from qunzhu.kernel.blueprint.chapters.engagement import RedPacketRain

SEEDS = st.binary(min_size=32, max_size=32)


@settings(max_examples=300, deadline=None)
@given(SEEDS, st.integers(1, 60), st.integers(1, 5), st.integers(0, 5_000))
def test_the_shares_are_exactly_the_budget_and_none_is_too_small(seed, shares, least, more):
    budget = shares * least + more
    cut = policy.split(seed, budget, shares, least)
    assert (sum(cut), len(cut)) == (budget, shares)
    assert min(cut) >= least
    assert max(cut) <= budget - least * (shares - 1)
    assert policy.split(seed, budget, shares, least) == cut


@pytest.mark.parametrize(("budget", "shares"), [(5, 2), (6, 3), (7, 7), (9, 4), (10, 1), (8, 6)])
def test_over_all_cuts_every_position_expects_the_same(budget, shares):
    every = [policy.gaps(cuts, budget) for cuts in combinations(range(1, budget), shares - 1)]
    assert len(every) == comb(budget - 1, shares - 1)
    for position in range(shares):
        assert sum(cut[position] for cut in every) * shares == budget * len(every)


@pytest.mark.parametrize(("n", "k", "length"), [(4, 1, 2), (4, 2, 4), (5, 2, 4), (4, 3, 2), (3, 3, 1)])
def test_every_set_of_cuts_is_equally_likely(n, k, length):
    """All rows of `length` draws, each as likely as any other: those that end give every set equally often."""
    found: Counter[tuple[int, ...]] = Counter()
    for row in product(range(n), repeat=length):
        drawn = iter(row)
        try:
            found[tuple(policy.choose(lambda _n, drawn=drawn: next(drawn), n, k))] += 1
        except StopIteration:
            continue
    assert set(found) == set(combinations(range(n), k))
    assert len(set(found.values())) == 1


@pytest.mark.parametrize("n", [1, 3, 7, 100, 129, 256])
def test_no_remainder_is_favoured(n):
    found = Counter(policy.within(word, n, bits=8) for word in range(256))
    rejected = found.pop(None, 0)
    assert set(found.values()) == {256 // n}
    assert rejected == 256 % n


def test_a_known_seed_gives_known_shares():
    assert policy.split(bytes(32), 10, 3) == policy.split(bytes(32), 10, 3)
    assert policy.split(bytes(32), 3, 3) == [1, 1, 1]
    assert policy.split(bytes(32), 7, 1) == [7]
    assert policy.digest_of("00", 7, 500, 50, 1) == (__import__("hashlib").sha256(b"00:7:500:50:1").hexdigest())


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        (Terms(49, 50), "budget"), (Terms(99, 50, 2), "budget"), (Terms(10, 0), "shares"), (Terms(0, 1), "budget"),
        (Terms(10, 3, unit="CNY"), "unit"), (Terms(10, 3, minutes=0), "minutes"),
        (Terms(10, 3, greeting="恭" * 61), "greeting"), (Terms(1_000_001, 3), "budget"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(terms, code):
    with pytest.raises(Refused) as refused:
        policy.check_terms(terms)
    assert refused.value.code == code


def proof():
    seed = "11" * 32
    cut = policy.split(bytes.fromhex(seed), 20, 4)
    opened = {"packet": 7, "budget": 20, "shares": 4, "least": 1, "digest": policy.digest_of(seed, 7, 20, 4, 1)}
    paid = dict(enumerate(cut[:3]))
    return opened, {"seed": seed, "returned": cut[3]}, paid


def test_anybody_can_check_and_every_lie_is_found():
    opened, closed, paid = proof()
    assert policy.verify(opened, closed, paid) == []
    assert policy.verify(opened, {**closed, "seed": "22" * 32}, paid)[0] == "the seed does not belong to the digest"
    assert policy.verify(opened, closed, {**paid, 0: paid[0] + 1}) == [
        f"share 0 is {paid[0] + 1}, not {paid[0]}", "the shares and the rest are not the budget",
    ]  # fmt: skip
    assert policy.verify(opened, {**closed, "returned": 0}, paid) == ["the shares and the rest are not the budget"]
    del paid[0]
    assert "the shares were not handed out in their order" in policy.verify(opened, closed, paid)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(0, 40), st.sampled_from(["Asia/Shanghai", "America/New_York", "UTC"]), st.integers(1, 28))
def test_packets_by_lot_lie_in_the_window_one_a_day(seed, count, zone, day):
    now = datetime(2026, 11, day, 4, 0, tzinfo=UTC)
    rules = RedPacketRain(window_from="19:00", window_to="22:00")
    drawn = policy.plan_month(seed, rules, [3, 5], count=count, now=now, zone=zone)
    local = [at.astimezone(ZoneInfo(zone)) for at, _ in drawn]
    today = now.astimezone(ZoneInfo(zone)).day
    assert len(drawn) == min(count, 30 - today)
    assert all(19 <= at.hour < 22 and (at.month, at.year) == (11, 2026) and at.day > today for at in local)
    assert len({at.day for at in local}) == len(local)
    assert {group for _, group in drawn} <= {3, 5}
    assert policy.plan_month(seed, rules, [3, 5], count=count, now=now, zone=zone) == drawn


def test_the_first_of_the_luckiest_is_named():
    assert policy.luckiest([(2, 5), (1, 5), (0, 4)]) == 1
    assert policy.luckiest([]) is None
