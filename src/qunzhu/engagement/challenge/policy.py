"""打卡挑战 in pure code: which day is it, who has finished, how the pot is shared, what is said."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

DAYS, STAKE = 21, 20
MOST_DAYS, MOST_STAKE, NAME_LENGTH, ABOUT_LENGTH, REASON_LENGTH = 100, 10_000, 40, 500, 200
LEAST_WORDS = 4  # letters of a proof in words
PROOFS = ("any", "text", "picture")


class Refused(ValueError):
    """Something that was not done, and why; nothing happened. `code` is for programs, the text for the member."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class Terms(msgspec.Struct, frozen=True):
    """What a challenge asks: `need` of `days` days from `starts_on`, for a stake in points."""

    name: str
    starts_on: date
    days: int = DAYS
    need: int = DAYS
    stake: int = STAKE
    proof: str = "any"
    buddies: bool = True
    about: str = ""

    @property
    def last_day(self) -> date:
        return self.starts_on + timedelta(days=self.days - 1)

    @property
    def settles_on(self) -> date:
        """The first day on which it is settled: buddies have a day more to look at the last proof."""
        return self.last_day + timedelta(days=2 if self.buddies else 1)

    def number_of(self, day: date) -> int:
        """Which day of the challenge it is, from 1; 0 before, more than `days` after."""
        return max(0, (day - self.starts_on).days + 1)


def settings_from(blueprint: Mapping[str, Any]) -> tuple[int, int]:
    """(days, stake) that a new challenge is offered with: `engagement.challenge`."""
    given = blueprint.get("engagement", {}).get("challenge", {})
    return int(given.get("days", DAYS)), int(given.get("stake", STAKE))


def check_terms(terms: Terms, today: date) -> None:
    """Raise `Refused` with the field (`code`) and what is wrong with it."""
    if not terms.name or len(terms.name) > NAME_LENGTH:
        raise Refused("name", f"请写名称，最多 {NAME_LENGTH} 个字。")
    if len(terms.about) > ABOUT_LENGTH:
        raise Refused("about", f"说明最多 {ABOUT_LENGTH} 个字。")
    if not 1 <= terms.days <= MOST_DAYS:
        raise Refused("days", f"天数在 1 到 {MOST_DAYS} 之间。")
    if not 1 <= terms.need <= terms.days:
        raise Refused("need", "要完成的天数不能多于总天数。")
    if not 0 <= terms.stake <= MOST_STAKE:
        raise Refused("stake", f"押金在 0 到 {MOST_STAKE} 积分之间。")
    if terms.proof not in PROOFS:
        raise Refused("proof", "请选择怎么证明。")
    if terms.starts_on <= today:
        raise Refused("starts_on", "开始日期要在今天之后，给大家留出报名时间。")


def shares(pot: int, finishers: Sequence[int]) -> dict[int, int]:
    """How the lost stakes are shared: equally, what does not divide one by one in the given order. Sums to `pot`."""
    if not finishers:
        return {}
    each, left = divmod(pot, len(finishers))
    return {member: each + (1 if place < left else 0) for place, member in enumerate(finishers)}


def ring(members: Sequence[int]) -> dict[int, int]:
    """Who looks at whose proofs: each at those of the one before; nobody at the own."""
    if len(members) < 2:  # noqa: PLR2004
        return {}
    return {member: members[(place + 1) % len(members)] for place, member in enumerate(members)}


def check_proof(terms: Terms, *, words: str, picture: bool) -> None:
    """Raise `Refused` when this proves nothing."""
    if terms.proof == "picture" and not picture:
        raise Refused("proof", "这个挑战要用图片证明：先发图片，再引用它发“打卡”。")
    if terms.proof == "text" and not words.strip():
        raise Refused("proof", "这个挑战要写几句话：发“打卡 今天做了什么”。")
    if not picture and len(set(words)) < LEAST_WORDS:
        raise Refused("proof", f"请写清楚今天做了什么，至少 {LEAST_WORDS} 个不同的字。")


def say_opened(terms: Terms, link: str) -> str:
    """The announcement in the groups."""
    asks = f"{terms.days} 天都要" if terms.need == terms.days else f"{terms.days} 天里完成 {terms.need} 天"
    stake = f"押 {terms.stake} 积分，完成的人退回押金并平分没完成的" if terms.stake else "不用押积分"
    return (
        f"新的打卡挑战“{terms.name}”，{terms.starts_on.month}月{terms.starts_on.day}日开始，{asks}打卡，{stake}。"
        f"发送“挑战 报名”参加。{link}"
    )


def say_started(terms: Terms, people: int) -> str:
    """On the first day."""
    return f"打卡挑战“{terms.name}”今天开始，{people} 人参加。每天发“打卡 今天做了什么”，或引用自己的图片发“打卡”。"


def say_settled(terms: Terms, *, finished: int, people: int, pot: int) -> str:
    """After the last day."""
    if not people:
        return f"打卡挑战“{terms.name}”结束了。"
    if not finished:
        return f"打卡挑战“{terms.name}”结束，{people} 人参加，这次没有人完成。下次再来！"
    shared = f"，平分 {pot} 积分" if pot else ""
    return f"打卡挑战“{terms.name}”结束，{people} 人参加，{finished} 人完成{shared}。恭喜！"


def say_standing(terms: Terms, *, day: int, done: int, today_done: bool) -> str:
    """A participant's progress."""
    rest = "" if today_done else "，今天还没打卡"
    return f"“{terms.name}”第 {day}/{terms.days} 天，已完成 {done}/{terms.need} 天{rest}。"
