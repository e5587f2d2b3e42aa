"""What is said of levels: in the group, in private, and one message for all who rose. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date

from qunzhu.engagement.levels.policy import Missing

TOGETHER, LINES, NAMED = 3, 20, 20


def say_level(
    name: str, *, number: int, score: int, following: str, missing: Missing | None, until: date | None
) -> str:
    """The answer to 等级. `name` and `following` are names of levels."""
    text = f"你现在是“{name}”（{number} 级），{score} 分。"
    if until is not None:
        return f"{text}最近活跃少了，{until.month}月{until.day}日前补上来就能保住。"
    if missing is None:
        return f"{text}已是最高等级。"
    ways = [f"约 {missing.messages} 条优质内容"] if missing.messages else []
    ways += [f" {missing.hours} 个活跃小时"] if missing.hours else []
    how = f"，比如{'，或'.join(ways).strip()}" if ways else "，内容和活跃要一起提高"
    return f"{text}距“{following}”还差 {missing.score} 分{how}。"


def say_new(name: str) -> str:
    """The answer to 等级 before the first run has looked at the member."""
    return f"你现在是“{name}”（0 级）。等级每天凌晨更新，多发有内容的消息、常来聊聊就会升。"


def say_together(lines: Sequence[tuple[str, str]]) -> str:
    """Many answers in one message: (nickname, answer)."""
    return "\n".join(f"@{name} {text}" if name else text for name, text in lines)


def say_risen(risen: Mapping[str, Sequence[str]]) -> str:
    """Level name → who rose to it, the highest first."""
    total = sum(map(len, risen.values()))
    parts, left = [], NAMED
    for level, names in risen.items():
        if shown := names[:left]:
            parts.append(f"{'、'.join(shown)} 升为“{level}”")
            left -= len(shown)
    more = f"，共 {total} 位" if total > NAMED else ""
    return f"恭喜升级：{'；'.join(parts)}{more}。"


def say_at_risk(name: str, below: str, until: date) -> str:
    """The notice before a fall."""
    return f"最近来得少了，你的等级“{name}”在 {until.month}月{until.day}日前补上来就能保住，否则会变为“{below}”。"
