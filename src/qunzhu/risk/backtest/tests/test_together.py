"""Who is kept together: nobody stands in two shares, and nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from qunzhu.risk.backtest.share import Share
from qunzhu.risk.backtest.together import share_out

_SPOKE = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40), st.integers(0, 50)), max_size=40)


@given(_SPOKE, st.integers(2, 4))
def test_every_group_and_member_is_in_one_share_with_all_it_is_tied_to(spoke, of):
    shares = share_out(spoke, of)
    if shares == [Share(0, 1)]:
        return
    assert [s.number for s in shares] == list(range(len(shares)))
    assert {s.of for s in shares} == {len(shares)}
    assert 2 <= len(shares) <= of
    for group, member, _ in spoke:
        (home,) = [s for s in shares if group in (s.groups or ())]
        assert [s for s in shares if member in s.members] == [home]
    for share in shares:
        assert share.others == {m for _, m, _ in spoke} - share.members


def test_shares_are_of_about_one_size():
    spoke = [(1, 1, 60), (2, 2, 50), (3, 3, 40), (3, 4, 10), (4, 5, 5)]
    assert [(s.groups, s.members) for s in share_out(spoke, 2)] == [({1, 4}, {1, 5}), ({2, 3}, {2, 3, 4})]


def test_what_hangs_together_is_not_divided():
    chain = [(n, n, 10) for n in range(1, 9)] + [(n + 1, n, 1) for n in range(1, 8)]
    assert share_out(chain, 2) == [Share(0, 1)]
    assert share_out([], 2) == [Share(0, 1)]
