"""Whatever a message holds, the breaker reads it, in bounded time and space."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.risk.breaker.policy import Limits, Watcher
from qunzhu.risk.breaker.saying import MARKS_KEPT, WORDS_KEPT, Saying, alike, read

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.sampled_from(["https://", "[", "]", "//", ".com", "点", "?", "1", "一", "进群", "🧧", "\u200b"])).map(
        "".join
    ),
)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "text": TEXTS,
        "links": st.one_of(st.none(), st.lists(TEXTS, max_size=3)),
        "image": st.one_of(st.none(), st.fixed_dictionaries({"sha256": TEXTS, "codes": st.lists(TEXTS, max_size=3)})),
    },
)


def near(one: Saying, other: Saying) -> str:
    return alike(one, other, share=0.6, long_from=10, short_from=4)


@given(BODIES, BODIES)
def test_any_body_is_read_and_likeness_has_no_direction(one: dict[str, Any], other: dict[str, Any]) -> None:
    first, second = read(one), read(other)
    assert near(first, second) == near(second, first)


def test_a_huge_message_is_cut() -> None:
    says = read({"text": "".join(chr(0x4E00 + n % 20_000) for n in range(200_000)) + " 1234567" * 1_000})
    assert len(says.words) == WORDS_KEPT
    says = read(
        {"text": " ".join(f"e{n}.top" for n in range(2_000)), "links": [f"https://a{n}.top" for n in range(999)]}
    )
    assert len(says.marks) <= 3 * MARKS_KEPT


@given(
    st.lists(st.tuples(st.sampled_from(["member.joined", "message.posted"]), st.integers(1, 12), BODIES), max_size=60)
)
def test_any_stretch_of_a_log_is_heard(stretch: list[tuple[str, int, dict[str, Any]]]) -> None:
    watcher = Watcher(Limits(joins=3, people=2, short_people=3))
    for seq, (kind, member, body) in enumerate(stretch, 1):
        raid = watcher.hear(Event(1, seq, event_id(seq), kind, 3, member, NOW, NOW, "local", False, body))
        assert raid is None or raid.more or len(raid.members) >= 2
