"""Who may mark what, and what is said: pure."""

from collections.abc import Mapping
from typing import Any

POINTS = 10  # 优质内容 +10

NO_QUOTE = "请引用要评的那条消息，再发“优质”。"
NOT_STAFF = "只有管理员可以评优质内容。"
NOT_A_MESSAGE = "只有成员发的消息可以评为优质内容。"
OWN = "不能评自己的消息，请让别的管理员来评。"
PUNISHED = "这条消息被处罚或撤回过，不能评为优质内容。"
ALREADY = "这条已经是优质内容了。"
NOT_MARKED = "这条还不是优质内容。"


def points_from(blueprint: Mapping[str, Any]) -> int:
    """What a mark gives: `governance.points.quality_content` (chapter 2 of the guide: 优质内容 +10 分)."""
    return int(blueprint.get("governance", {}).get("points", {}).get("quality_content", POINTS))


def say_marked(nickname: str, points: int) -> str:
    """What the group reads."""
    given = f"，+{points} 积分" if points else ""
    return f"{nickname} 的这条被评为优质内容{given}。"


def say_unmarked(points: int) -> str:
    """What whoever took the mark back reads."""
    return f"已取消优质内容{f'，收回 {points} 积分' if points else ''}。"
