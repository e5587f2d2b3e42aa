"""Red packets in pure code: how a budget is cut, how the cut is proved, when packets come, who may take part."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.blueprint.chapters.engagement import RedPacketRain

PLANNED, OPEN, CLOSED, CANCELLED = "planned", "open", "closed", "cancelled"
POINTS = "PTS"
MOST_SHARES, MOST_BUDGET, MOST_MINUTES = 10_000, 1_000_000, 1_440
GREETING_LENGTH = 60
MISSED_AFTER = timedelta(hours=1)  # so late a packet is a surprise for nobody
BITS = 64


class Refused(ValueError):
    """What was not done, and why; nothing happened. `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


class Terms(msgspec.Struct, frozen=True):
    """What a packet promises."""

    budget: int
    shares: int
    least: int = 1
    unit: str = POINTS
    minutes: int = 30
    greeting: str = ""


def settings_from(blueprint: Mapping[str, Any]) -> RedPacketRain:
    """The section `engagement.red_packet_rain`, with defaults for what it leaves out."""
    return msgspec.convert(blueprint.get("engagement", {}).get("red_packet_rain", {}), RedPacketRain)


def terms_of(settings: RedPacketRain) -> Terms:
    """What a packet of these settings promises."""
    return Terms(settings.budget, settings.shares, settings.least, POINTS, settings.minutes)


def check_terms(terms: Terms) -> None:
    """Raise `Refused` for a packet that cannot be."""
    if terms.unit != POINTS:
        raise Refused("unit", "现在只能发积分红包；现金红包要等支付接通以后。")
    if not 1 <= terms.shares <= MOST_SHARES:
        raise Refused("shares", f"份数在 1 到 {MOST_SHARES} 之间。")
    if not 1 <= terms.least <= MOST_BUDGET or not 1 <= terms.budget <= MOST_BUDGET:
        raise Refused("budget", f"积分在 1 到 {MOST_BUDGET} 之间。")
    if terms.budget < terms.shares * terms.least:
        raise Refused(
            "budget", f"{terms.budget} 积分不够分成 {terms.shares} 份、每份至少 {terms.least}，请加预算或减份数。"
        )
    if not 1 <= terms.minutes <= MOST_MINUTES:
        raise Refused("minutes", f"开放时间在 1 到 {MOST_MINUTES} 分钟之间。")
    if len(terms.greeting) > GREETING_LENGTH:
        raise Refused("greeting", f"祝福语最多 {GREETING_LENGTH} 个字。")


def within(word: int, n: int, bits: int = BITS) -> int | None:
    """A uniform word of `bits` bits as one of 0..n-1, or None: rejected, because it would favour the low ones."""
    return word % n if word < (1 << bits) // n * n else None


def words(seed: bytes, label: str) -> Iterator[int]:
    """The endless row of 64-bit words that a seed stands for: HMAC-SHA256(seed, "<label>:<i>"), its first 8 bytes."""
    i = 0
    while True:
        yield int.from_bytes(hmac.digest(seed, f"{label}:{i}".encode(), "sha256")[: BITS // 8])
        i += 1


def draws(seed: bytes, label: str) -> Callable[[int], int]:
    """A function that draws one of 0..n-1, again and again."""
    row = words(seed, label)

    def draw(n: int) -> int:
        return next(found for word in row if (found := within(word, n)) is not None)

    return draw


def choose(draw: Callable[[int], int], n: int, k: int) -> list[int]:
    """`k` distinct ones of 0..n-1, each set as likely as any other: drawn again until they are distinct.

    Of more than half, those that are left out are drawn: the same likelihood, and no endless search for the last ones.
    """
    if k > n // 2:
        out = set(choose(draw, n, n - k))
        return [i for i in range(n) if i not in out]
    found: set[int] = set()
    while len(found) < k:
        found.add(draw(n))
    return sorted(found)


def gaps(cuts: Sequence[int], total: int) -> list[int]:
    """The lengths between 0, the cuts and `total`."""
    return [b - a for a, b in pairwise((0, *cuts, total))]


def split(seed: bytes, budget: int, shares: int, least: int = 1) -> list[int]:
    """Exactly `budget` in `shares` parts of at least `least`: the gaps of shares-1 distinct uniform cut points.

    All compositions are equally likely, so every position expects budget/shares, whoever comes first or last.
    """
    check_terms(Terms(budget, shares, least))
    free = budget - shares * (least - 1)  # every gap is at least 1
    cuts = [1 + i for i in choose(draws(seed, "cut"), free - 1, shares - 1)]
    return [gap + least - 1 for gap in gaps(cuts, free)]


def proof_text(seed: str, packet: int, budget: int, shares: int, least: int) -> str:
    """The line whose SHA-256 is published at the opening."""
    return f"{seed}:{packet}:{budget}:{shares}:{least}"


def digest_of(seed: str, packet: int, budget: int, shares: int, least: int) -> str:
    """SHA-256 of `proof_text`, in hexadecimal."""
    return hashlib.sha256(proof_text(seed, packet, budget, shares, least).encode()).hexdigest()


def verify(opened: Mapping[str, Any], closed: Mapping[str, Any], paid: Mapping[int, int]) -> list[str]:
    """What does not fit between the bodies of redpacket.opened and redpacket.closed and the shares paid.

    `paid` maps position to amount. An empty list is the proof: the cuts were fixed before anybody grabbed.
    """
    packet, budget, shares, least = (int(opened[name]) for name in ("packet", "budget", "shares", "least"))
    seed = str(closed["seed"])
    problems = []
    if digest_of(seed, packet, budget, shares, least) != opened["digest"]:
        problems.append("the seed does not belong to the digest")
    cut = split(bytes.fromhex(seed), budget, shares, least)
    problems += [
        f"share {position} is {amount}, not {cut[position] if position < shares else 0}"
        for position, amount in sorted(paid.items())
        if position >= shares or cut[position] != amount
    ]
    if sorted(paid) != list(range(len(paid))):
        problems.append("the shares were not handed out in their order")
    if sum(paid.values()) + int(closed["returned"]) != budget:
        problems.append("the shares and the rest are not the budget")
    return problems


def luckiest(amounts: Iterable[tuple[int, int]]) -> int | None:
    """The position of the greatest of (position, amount), the first of equals; None where there is none."""
    best = min(amounts, key=lambda share: (-share[1], share[0]), default=None)
    return best[0] if best else None


def month_of(at: datetime, zone: str) -> str:
    """The month of a moment where the community lives, as "2026-11"."""
    return at.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


def month_bounds(month: str, zone: str) -> tuple[datetime, datetime]:
    """The first moment of a month and that of the next."""
    first = date.fromisoformat(f"{month}-01")
    after = (first + timedelta(days=32)).replace(day=1)
    where = ZoneInfo(zone)
    return (
        datetime(first.year, first.month, 1, tzinfo=where),
        datetime(after.year, after.month, 1, tzinfo=where),
    )


def plan_month(
    seed: bytes, settings: RedPacketRain, groups: Sequence[int], *, count: int, now: datetime, zone: str
) -> list[tuple[datetime, int]]:
    """(when, in which group) for the rest of the month, at most one a day, each moment of the window equally likely."""
    local = now.astimezone(ZoneInfo(zone))
    end = month_bounds(month_of(now, zone), zone)[1].date()
    days = [local.date() + timedelta(days=n) for n in range(1, (end - local.date()).days)]
    if not groups or not days:
        return []
    draw = draws(seed, "when")
    start, minutes = _window(settings)
    planned = []
    for i in choose(draw, len(days), min(count, len(days))):
        at = datetime(days[i].year, days[i].month, days[i].day) + timedelta(minutes=start + draw(minutes))  # noqa: DTZ001  (the zone comes next)
        planned.append((at.replace(tzinfo=ZoneInfo(zone)), groups[draw(len(groups))]))
    return planned


def _window(settings: RedPacketRain) -> tuple[int, int]:
    """The first minute of the day's window and how many it has; one that ends before it begins ends at midnight."""
    begins, ends = (int(t[:2]) * 60 + int(t[3:]) for t in (settings.window_from, settings.window_to))
    return begins, (ends if ends > begins else 24 * 60) - begins


def taking_part(
    state: str | None, *, muted: bool, staff: bool, settings: RedPacketRain, eligible: bool = True
) -> Refused | None:
    """Why somebody may not grab; None where they may. `state` is that of the membership, None without one."""
    if state in {None, "left", "removed", "candidate"}:
        return Refused("outside", "在群里的成员才能抢红包。")
    if muted and not settings.muted_take_part:
        return Refused("muted", "禁言期间不能抢红包。")
    if staff and not settings.staff_take_part:
        return Refused("staff", "管理员把机会留给大家。")
    return None if eligible else Refused("eligible", "这一场你不在参加范围。")


def over() -> Refused:
    """Nothing is left."""
    return Refused("over", "手慢了，红包已经抢完。")
