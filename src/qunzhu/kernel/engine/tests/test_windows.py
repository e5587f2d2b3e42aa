"""Windows against a naive model that remembers everything."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.engine.windows import MAX_ENTRIES, MAX_EVIDENCE, Days, Series, Windows

SPAN = 100
EVENTS = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 4)), max_size=60)


def naive(past: list[tuple[int, int, int]], at: int) -> list[tuple[int, int, int]]:
    return [(t, k, s) for t, k, s in past if at - SPAN < t <= at]


@given(EVENTS)
def test_a_series_equals_the_naive_model_also_out_of_order(events):
    series, past = Series(), []
    for seq, (at, key) in enumerate(events):
        series.add(at, seq, (key,), SPAN)
        past.append((at, key, seq))
        series = msgspec.msgpack.decode(msgspec.msgpack.encode(series), type=Series)  # survives a restart anywhere
        if not series.knows(at, SPAN, SPAN):
            assert at < max(t for t, _, _ in past) - SPAN
            continue
        window = naive(past, at)
        assert series.count(at, SPAN) == len(window)
        assert series.distinct(at, SPAN) == len({k for _, k, _ in window})
        assert series.equal(at, SPAN, (key,)) == sum(k == key for _, k, _ in window)
        assert series.evidence(at, SPAN, (key,)) == sorted(s for _, k, s in window if k == key)[-MAX_EVIDENCE:]


@given(EVENTS)
def test_shorter_spans_share_a_series(events):
    series, past = Series(), []
    for seq, (at, key) in enumerate(sorted(events)):
        series.add(at, seq, (key,), SPAN)
        past.append(at)
        assert series.count(at, 30) == sum(at - 30 < t <= at for t in past)


@given(st.lists(st.tuples(st.integers(0, 9), st.just(0)), max_size=80), st.integers(1, 3))
def test_days_equal_the_naive_model_also_out_of_order(events, span):
    days, past = Days(), []
    for seq, (day, _) in enumerate(events):
        days.add(day, seq, 3)
        past.append((day, seq))
        days = msgspec.msgpack.decode(msgspec.msgpack.encode(days), type=Days)
        if days.knows(day, span, 3):
            assert days.count(day, span) == sum(day - span < d <= day for d, _ in past)
        else:
            assert day - span + 1 < max(d for d, _ in past) - 3


def test_memory_is_bounded():
    series, days = Series(), Days()
    for n in range(10_000):
        series.add(1, n, (1, 2), SPAN)
        days.add(n // 100, n, 3)
    assert len(series.times) == len(series.keys) == len(series.seqs) == MAX_ENTRIES
    assert len(days.days) == 4
    assert days.count(99, 1) == 100
    assert len(days.evidence(99, 1)) == MAX_EVIDENCE
    assert len(msgspec.msgpack.encode(days)) < 300


def test_an_ordinary_member_is_small():
    windows = Windows()
    for seq in range(5):
        windows.days_of("message").add(739_000, 1_000_000 + seq, 1)
    assert len(msgspec.msgpack.encode(windows)) < 60
