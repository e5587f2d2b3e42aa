"""补签 Making up for a missed day: who may, what it costs, what it brings, what is said. Pure.

A card (补签卡) is a unit of the ledger, so that one is never used twice. Without a card the day may be bought.
A made-up day gives no points of its own; bonuses of lengths that the mended run reaches for the first time are paid.
"""

from dataclasses import dataclass
from datetime import date, datetime

from qunzhu.engagement.policy import CheckInSettings, bonus_between
from qunzhu.engagement.streaks import Reached, Streaks
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.services import ISSUE, POINTS, Award, Entry, Leg

CARD = "CARD"
USED = "sys:makeup"  # where used cards and what was paid for days end
BUY = frozenset({"买", "购买", "買", "購買", "buy"})


class NotMended(ValueError):
    """Why no day is made up: a code for pages, and the sentence of the chat."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Purse:
    """What a member has for it, and the days made up so far."""

    cards: int
    points: int
    made_up: frozenset[date] = frozenset()


@dataclass(frozen=True)
class Mended:
    """A made-up day: paid with a card, or `price` points; `bonus` is what the mended run brings."""

    member_id: int
    day: date
    reached: Reached
    bonus: int
    price: int  # 0: a card
    group_id: int | None
    cause_seq: int | None
    via: str


def refusal(gap: date | None, purse: Purse, settings: CheckInSettings, *, buy: bool) -> NotMended | None:
    """What stands in the way of making up for `gap`; None for nothing."""
    rules = settings.makeup
    if gap is None:
        return NotMended("no_gap", f"最近 {rules.back} 天没有可以补的签到。")
    if sum((d.year, d.month) == (gap.year, gap.month) for d in purse.made_up) >= rules.per_month:
        return NotMended("month", f"{gap.month} 月的 {rules.per_month} 次补签已经用完。")
    return None if purse.cards else _unpaid(gap, purse, rules.price, buy=buy)


def _unpaid(gap: date, purse: Purse, price: int, *, buy: bool) -> NotMended | None:
    """What stands in the way of who has no card."""
    if not price:
        return NotMended("no_card", "你还没有补签卡。")
    if not buy:
        return NotMended("no_card", f"你还没有补签卡，发“补签 买”用 {price} 积分补上 {gap:%-m月%-d日}。")
    if purse.points < price:
        return NotMended("points", f"补签要 {price} 积分，你有 {purse.points}。")
    return None


def mend(
    member_id: int,
    streaks: Streaks,
    today: date,
    purse: Purse,
    settings: CheckInSettings,
    *,
    buy: bool,
    via: str,
    group_id: int | None = None,
    cause_seq: int | None = None,
) -> Mended:
    """Fill the latest gap in `streaks`. Raises NotMended; then nothing changed."""
    gap = streaks.gap(today, settings.makeup.back)
    why = refusal(gap, purse, settings, buy=buy)
    if why is not None or gap is None:
        raise why or NotMended("no_gap", "")
    reached = streaks.add(gap)
    bonus = bonus_between(reached.settled, reached.run, settings)
    price = 0 if purse.cards else settings.makeup.price
    return Mended(member_id, gap, reached, bonus, price, group_id, cause_seq, via)


def payment(made: Mended) -> Entry:
    """The entry that takes the card or the points; one a day, whatever comes twice."""
    owner = f"m:{made.member_id}"
    unit, amount = (POINTS, made.price) if made.price else (CARD, 1)
    legs = (Leg(owner, unit, -amount), Leg(USED, unit, amount))
    return Entry(f"makeup:{made.member_id}:{made.day}", "makeup", legs, f"补签 {made.day:%-m月%-d日}", made.cause_seq)


def paid(made: Mended) -> Award:
    """The same as an award, for the event that announces it."""
    entry = payment(made)
    return Award(made.member_id, -made.price, entry.key, entry.kind, entry.memo, made.cause_seq, made.group_id)


def reward(made: Mended) -> Award | None:
    """The bonus, if the run reached one."""
    if not made.bonus:
        return None
    memo = f"补签后连续 {made.reached.run} 天"
    key = f"madeup:{made.member_id}:{made.day}"
    return Award(made.member_id, made.bonus, key, "checkin", memo, made.cause_seq, made.group_id)


def fact(community_id: int, made: Mended, at: datetime) -> NewEvent:
    """`checkin.madeup`: once a member and day."""
    body = {
        "day": made.day.isoformat(), "streak": made.reached.streak, "run": made.reached.run, "points": made.bonus,
        "price": made.price, "via": made.via,
    }  # fmt: skip
    named = event_id("checkin.madeup", community_id, made.member_id, made.day)
    return NewEvent(community_id, named, "checkin.madeup", at, body, made.group_id, made.member_id)


def card_entry(member_id: int, cards: int, key: str, memo: str, cause_seq: int | None) -> Entry:
    """The entry that gives cards, or takes them back when negative."""
    legs = (Leg(f"m:{member_id}", CARD, cards), Leg(ISSUE, CARD, -cards))
    return Entry(key, "card", legs, memo, cause_seq)


def card_fact(
    community_id: int, member_id: int, cards: int, key: str, *, why: str, group_id: int | None, at: datetime
) -> NewEvent:
    """`card.granted`, named by the ledger's key."""
    named = event_id("card.granted", community_id, key)
    return NewEvent(community_id, named, "card.granted", at, {"cards": cards, "why": why}, group_id, member_id)


def say_mended(made: Mended, cards: int, balance: int) -> str:
    """The answer to 补签."""
    cost = f"-{made.price} 积分" if made.price else f"剩 {cards} 张补签卡"
    more = f"，+{made.bonus} 积分" if made.bonus else ""
    return f"已补上 {made.day:%-m月%-d日}，连续 {made.reached.run} 天{more}。{cost}，现有 {balance} 积分。"
