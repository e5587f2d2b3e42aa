"""Answers of one batch: one each while they are few, one message when many ask at once. Pure."""

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from qunzhu.kernel.effects.outbox import EffectRequest

TOGETHER = 3  # from so many answers of one group on, they come in one message
LINES = 20  # from more than so many on, that message counts instead of quoting
NAMES = 12  # that are named of each outcome


class Said(msgspec.Struct, frozen=True):
    """What is answered to one command. `line` is said among others, `outcome` heads those who heard the same."""

    seq: int
    group_id: int
    member_id: int
    nickname: str
    command: str
    text: str
    line: str = ""
    outcome: str = ""


def collect(said: Sequence[Said], *, part: str, community_id: int, more: str = "") -> list[EffectRequest]:
    """The effects that answer `said`, in order; `more` ends a message that only counts (where each finds the own)."""
    groups: dict[int, list[Said]] = defaultdict(list)
    for one in said:
        groups[one.group_id].append(one)
    wanted: list[EffectRequest] = []
    for group in groups.values():
        if len(group) < TOGETHER:
            wanted += [_alone(one, part, community_id) for one in group]
        else:
            wanted.append(_together(group, part, community_id, more))
    return wanted


def _alone(one: Said, part: str, community_id: int) -> EffectRequest:
    return EffectRequest(
        kind="answer",
        key=f"{part}:{community_id}:{one.seq}",
        group_id=one.group_id,
        member_id=one.member_id,
        payload={"text": one.text, "to": one.member_id, "reply_to": one.seq},
        cause_seq=one.seq,
        rule=f"command.{one.command}",
    )


def _together(group: Sequence[Said], part: str, community_id: int, more: str) -> EffectRequest:
    first = group[0]
    text = _quoted(group) if len(group) <= LINES else _counted(group, more)
    return EffectRequest(
        kind="say",
        key=f"{part}:{community_id}:{first.seq}",
        group_id=first.group_id,
        payload={"text": text},
        cause_seq=first.seq,
        rule=f"command.{first.command}",
    )


def _quoted(group: Sequence[Said]) -> str:
    return "\n".join(f"@{one.nickname} {one.line or one.text}" if one.nickname else one.text for one in group)


def _counted(group: Sequence[Said], more: str) -> str:
    outcomes: dict[str, dict[int, str]] = defaultdict(dict)
    for one in group:
        outcomes[one.outcome or "已答复"].setdefault(one.member_id, one.nickname)
    lines = []
    for outcome, people in outcomes.items():
        names = [name for name in people.values() if name][:NAMES]
        named = f"：{'、'.join(names)}{' 等' if len(people) > len(names) else ''}" if names else ""
        lines.append(f"{outcome} {len(people)} 人{named}")
    return "\n".join([*lines, more] if more else lines)
