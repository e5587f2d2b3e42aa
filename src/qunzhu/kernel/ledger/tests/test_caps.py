"""Daily caps: over one kind or several, per local day, exact when many earn at once, with room for what is reversed."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from hypothesis import given, settings
from hypothesis import strategies as st

from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.tests.factories import NOW, make_community
from qunzhu.kernel.ledger.caps import CAPS, Cap, grant
from qunzhu.kernel.ledger.selectors import balances, check_ledger
from qunzhu.kernel.ledger.services import Award, KeyReused, award_many, reverse

CAP = [{"kinds": ["quality"], "per_day": 15}, {"kinds": ["quality", "task"], "per_day": 20}]


@pytest.fixture
def community(transactional_db) -> Community:
    made = make_community()
    made.blueprint = {**made.blueprint, "engagement": {"points": {"caps": CAP}}}
    made.save()
    return made


def earn(community: Community, *awards: Award, now: datetime = NOW):
    return award_many(community_id=community.pk, awards=awards, now=now)


def test_the_day_s_cap_cuts_an_award_then_refuses_and_says_so(community):
    done = earn(
        community,
        Award(1, 10, "a", "quality", "优质内容"),
        Award(1, 10, "b", "quality", "优质内容"),
        Award(1, 10, "c", "quality", "优质内容", group_id=4),
        Award(2, 10, "d", "quality", "优质内容"),
        Award(1, 7, "e", "task", "任务"),
        Award(1, 7, "f", "checkin", "签到"),
    )
    assert [(d.amount, d.duplicate, d.balance) for d in done] == [
        (10, False, 10), (5, False, 15), (0, False, 0), (10, False, 10), (5, False, 20), (7, False, 27),
    ]  # fmt: skip
    assert [d.event.kind for d in done if d.event] == [
        "points.posted", "points.posted", "points.capped", "points.posted", "points.posted", "points.posted",
    ]  # fmt: skip
    cut, refused = done[1].event, done[2].event
    assert cut is not None
    assert refused is not None
    assert (cut.body["amount"], cut.body["wanted"], cut.body["memo"]) == (5, 10, "优质内容（今日上限，应得 10）")
    assert refused.body == {"kind": "quality", "wanted": 10, "unit": "PTS", "memo": "优质内容"}
    assert (refused.member_id, refused.group_id) == (1, 4)
    assert balances(community.pk, ["m:1", "m:2", "sys:issue"]) == {"m:1": 27, "m:2": 10, "sys:issue": -37}
    assert check_ledger(community.pk) == []


def test_what_was_cut_is_the_same_award_when_it_comes_again(community):
    wanted = [Award(1, 10, "a", "quality"), Award(1, 10, "b", "quality")]
    first = earn(community, *wanted)
    again = earn(community, *wanted)
    assert [(d.id, d.duplicate, d.amount, d.event) for d in again] == [
        (first[0].id, True, 10, None), (first[1].id, True, 10, None),
    ]  # fmt: skip
    for other in (Award(2, 10, "b", "quality"), Award(1, 4, "b", "quality"), Award(1, 10, "b", "task")):
        with pytest.raises(KeyReused):
            earn(community, other)
    assert balances(community.pk, ["m:1", "m:2"]) == {"m:1": 15, "m:2": 0}


def test_a_new_local_day_has_room_again_and_so_has_what_was_reversed(community):
    late = datetime(2026, 3, 2, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai
    (first,) = earn(community, Award(1, 15, "a", "quality"), now=late)
    assert [d.amount for d in earn(community, Award(1, 10, "b", "quality"), now=late)] == [0]
    assert [d.amount for d in earn(community, Award(1, 10, "c", "quality"), now=late + timedelta(minutes=1))] == [10]
    reverse(community_id=community.pk, key="undo", of=first.id, now=late)
    assert [d.amount for d in earn(community, Award(1, 12, "d", "quality"), now=late)] == [12]


def test_without_a_word_the_usual_caps_hold_and_an_empty_list_is_none(community):
    community.blueprint = {**community.blueprint, "engagement": {}}
    community.save()
    assert CAPS[0] == Cap(("quality",), 100)
    assert [d.amount for d in earn(community, Award(1, 120, "a", "quality"))] == [100]
    community.blueprint = {**community.blueprint, "engagement": {"points": {"caps": []}}}
    community.save()
    assert [d.amount for d in earn(community, Award(1, 120, "b", "quality"))] == [120]


def test_many_at_once_earn_exactly_the_cap(community):
    start = threading.Barrier(8)
    given_out: list[int] = []

    def one(number: int) -> None:
        try:
            start.wait()
            for turn in range(3):
                given_out.extend(d.amount for d in earn(community, Award(1, 3, f"{number}:{turn}", "quality")))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(given_out) == [0] * 19 + [3] * 5
    assert balances(community.pk, ["m:1"]) == {"m:1": 15}
    assert check_ledger(community.pk) == []


_wishes = st.lists(st.tuples(st.integers(1, 2), st.sampled_from("abc"), st.integers(-5, 9).filter(bool)), max_size=20)
_caps = st.lists(
    st.builds(Cap, st.sets(st.sampled_from("abc"), min_size=1).map(lambda s: tuple(sorted(s))), st.integers(1, 20)),
    max_size=3,
)


@settings(max_examples=300, deadline=None)
@given(_wishes, _caps)
def test_no_cap_is_ever_passed_and_nothing_is_withheld_without_one(wishes, caps):
    given_out = grant(wishes, {}, caps)
    for (member, kind, wanted), got in zip(wishes, given_out, strict=True):
        assert got == wanted if wanted < 0 else 0 <= got <= wanted
        if 0 <= got < wanted:  # then a cap of this kind is full now
            spent = [
                sum(g for (m, k, w), g in zip(wishes, given_out, strict=True) if m == member and k in c.kinds and w > 0)
                for c in caps
                if kind in c.kinds
            ]
            limits = [c.per_day for c in caps if kind in c.kinds]
            assert any(total == limit for total, limit in zip(spent, limits, strict=True))
    for cap in caps:
        for member in (1, 2):
            earned = [
                g for (m, k, w), g in zip(wishes, given_out, strict=True) if m == member and k in cap.kinds and w > 0
            ]
            assert sum(earned) <= cap.per_day
