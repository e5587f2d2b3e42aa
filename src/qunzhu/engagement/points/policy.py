"""过期: what of a balance is older than points live. First in, first out: who spends, spends the oldest.

So what is left of a balance are its newest credits, and what exceeds the credits of the last `expire_after` days is
older than that. No lots need be kept, and no more history is read than points live. A refund gives old points back,
no new ones; what was given and taken back again never was.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

NOTICE = 14


class Expiry(msgspec.Struct, frozen=True):
    """`expire_after` and `notice` in days; `expire_after` 0: points never expire."""

    expire_after: int = 0
    notice: int = NOTICE


def expiry_from(blueprint: Mapping[str, Any]) -> Expiry:
    """The settings of `engagement.points`. The notice is never longer than points live."""
    given = blueprint.get("engagement", {}).get("points", {})
    after = int(given.get("expire_after", 0))
    return Expiry(after, min(int(given.get("notice", NOTICE)), after))


def overdue(balance: int, young: int) -> int:
    """Points that expire of `balance`, when credits of `young` points are not too old yet."""
    return max(0, balance - young)


def say_notice(people: int, days: int) -> str:
    """What a group reads; nobody's balance is told there."""
    return f"积分提醒：群里有 {people} 位成员的积分将在 {days} 天内过期。发送“积分”看看自己的，别浪费了。"


def say_soon(points: int, days: int) -> str:
    """What is added to the answer to 积分; "" where nothing expires soon."""
    return f"其中 {points} 积分将在 {days} 天内过期。" if points else ""
