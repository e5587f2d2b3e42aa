"""What is said in the group about red packets: short, and few messages however many grab. Pure."""

from collections.abc import Sequence
from datetime import timedelta

TOGETHER = 3  # from so many answers on, the group gets them in one message
PAUSE = timedelta(seconds=10)  # between two messages about one packet
NAMES = 30
NONE_OPEN = "现在没有可以抢的红包，下一场开始时会在群里喊大家。"


def say_opened(budget: int, shares: int, greeting: str, link: str) -> str:
    """The announcement."""
    words = f"{greeting}\n" if greeting else ""
    return f"🧧 红包雨来了！{words}{budget} 积分，{shares} 份，发“抢”就有机会。也可以点这里：{link}"


def say_won(amount: int, balance: int) -> str:
    """The answer to who was quick."""
    return f"🧧 抢到 {amount} 积分，余 {balance}。"


def say_had(amount: int) -> str:
    """The answer to who tries again."""
    return f"你已经抢到 {amount} 积分了，每人一份。"


def say_together(won: Sequence[tuple[str, int]], late: int, others: Sequence[str] = ()) -> str:
    """Many answers in one message: (name, amount) of who got a share, how many came too late, what else was said."""
    lines = []
    if won:
        named = " · ".join(f"{name or '成员'} {amount}" for name, amount in won[:NAMES])
        lines.append(f"🧧 抢到红包：{named}" + (f" 等 {len(won)} 人" if len(won) > NAMES else ""))
    if late:
        lines.append(f"{late} 位手慢了，下次早点来。")
    lines += dict.fromkeys(others)
    return "\n".join(lines)


def say_closed(taken: int, shares: int, paid: int, lucky: tuple[str, int] | None, link: str) -> str:
    """The end of a packet."""
    if lucky is None:
        return "🧧 红包到时间了，没有人抢，积分原路退回。"
    name, amount = lucky
    rest = "抢完了" if taken == shares else f"到时间了，抢走 {taken}/{shares} 份"
    return f"🧧 红包{rest}，共 {paid} 积分。手气最佳：{name or '一位成员'}（{amount}）。公平证明：{link}"
