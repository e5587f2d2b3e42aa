"""Answers to chat commands: one each, or, when many ask at once, few messages for many."""

from collections.abc import Callable, Sequence

from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.schema import Event

TOGETHER = 4  # so many answers of one batch in one group come as one message
LINES = 20  # of such a message

Said = Sequence[tuple[Event, str]]


def line(name: str, text: str) -> str:
    """One answer among many."""
    return f"@{name} {text}" if name else text


def answers(community_id: int, part: str, said: Said, rule: Callable[[Event], str]) -> list[EffectRequest]:
    """What is said to the commands of one group, in order; `part` keeps keys of different consumers apart."""
    if len(said) < TOGETHER:
        return [
            EffectRequest(
                "answer", f"{part}:{community_id}:{event.seq}", event.group_id or 0, event.member_id,
                {"text": text, "to": event.member_id, "reply_to": event.seq}, event.seq, rule(event),
            )
            for event, text in said
        ]  # fmt: skip
    parts = [said[start : start + LINES] for start in range(0, len(said), LINES)]
    return [
        EffectRequest(
            "say", f"{part}:{community_id}:{some[0][0].seq}", some[0][0].group_id or 0, None,
            {"text": "\n".join(line(str(e.body.get("nickname") or ""), text) for e, text in some)},
            some[0][0].seq, rule(some[0][0]),
        )
        for some in parts
    ]  # fmt: skip
