"""Debates in pure code: when one is due, what counts as an argument, who may vote for what, who has won."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from qunzhu.kernel.calendar import Calendar
from qunzhu.kernel.text.likeness import alike

SPEAKING, VOTING, DONE, CANCELLED, SKIPPED = "speaking", "voting", "done", "cancelled", "skipped"
OPEN = (SPEAKING, VOTING)
PRO, CON = "pro", "con"
SIDES = {PRO: "正方", CON: "反方"}
FREE, SIGN_UP = "free", "sign_up"
COUNTED, STRUCK = "counted", "struck"
BEST_VOTES = 2  # distinct members without whom no argument is the best
LONGEST_EXTENSION = 24 * 60
LEAST_OPTIONS, MOST_OPTIONS = 2, 6
QUESTION_LENGTH, OPTION_LENGTH, POLL_MINUTES = 100, 40, 30
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPOKEN = re.compile(r"^[\[【(（]?(正方|反方)[\]】)）]?(?:[\s::,,。、!!]+|$|(?=\S))")
_MINUTES = re.compile(r"(\d{1,4})\s*(分钟|分|小时)")
_BEST = re.compile(r"(?:最佳|best)\s*[#＃]?\s*(\d{1,5})", re.IGNORECASE)


class Settings(msgspec.Struct, frozen=True):
    """`engagement.debate` of the blueprint. A debate keeps those with which it was opened."""

    day: str = "sat"
    at: str = "20:00"
    minutes: int = 60
    vote: int = 15
    mode: str = FREE
    anonymous: bool = False
    skip_holidays: bool = True
    late: int = 60
    part_points: int = 5
    best_points: int = 10
    win_points: int = 5
    length: int = 15
    per_member: int = 10
    speakers: int = 2
    voters: int = 3
    groups: list[str] = []


class Topic(msgspec.Struct, frozen=True):
    """A topic of the round; `last` is the number of the debate that had it last, 0 for never."""

    number: int
    last: int = 0
    pinned: bool = False


class Said(msgspec.Struct, frozen=True):
    """An argument that counts, for what comes after it."""

    n: int
    member_id: int
    side: str


class Ballot(msgspec.Struct, frozen=True):
    """A member's vote: a side, and the number of the best argument; either may be missing."""

    side: str = ""
    best: int | None = None


class Outcome(msgspec.Struct, frozen=True):
    """What came of it. `winner` is a side, "draw", or "" where too few spoke or voted."""

    winner: str
    votes: dict[str, int]
    voters: int
    speakers: dict[str, int]
    best: int | None


class Question(msgspec.Struct, frozen=True):
    """An ad-hoc poll as asked for."""

    question: str
    options: tuple[str, ...]
    minutes: int = POLL_MINUTES


class Refused(ValueError):
    """What was not taken, and why, for whoever asked."""


def settings_from(blueprint: Mapping[str, Any]) -> Settings:
    """The settings of `engagement.debate`, with defaults for what it leaves out."""
    given = dict(blueprint.get("engagement", {}).get("debate", {}))
    given.pop("topics", None)
    return msgspec.convert(given, Settings)


def is_day(day: date, wanted: str, calendar: Calendar) -> bool:
    """Whether debates are held on `day`; workdays follow the published calendar, else the days of the week."""
    if wanted in {"workday", "weekend"}:
        kind = calendar.kind(day)
        works = kind == "work" if kind else day.weekday() < 5  # noqa: PLR2004
        return works == (wanted == "workday")
    return WEEK[day.weekday()] == wanted


def slot_at(day: date, settings: Settings, zone: str) -> datetime:
    """When the debate of `day` begins."""
    hour, minute = map(int, settings.at.split(":"))
    return datetime.combine(day, time(hour, minute), ZoneInfo(zone))


def last_slot(settings: Settings, now: datetime, zone: str, calendar: Calendar) -> tuple[date, datetime] | None:
    """The latest day whose hour has come; older ones are not caught up."""
    today = now.astimezone(ZoneInfo(zone)).date()
    for back in range(15):
        day = today - timedelta(days=back)
        if is_day(day, settings.day, calendar) and (at := slot_at(day, settings, zone)) <= now:
            return day, at
    return None


def coming_slots(settings: Settings, now: datetime, zone: str, calendar: Calendar, n: int) -> list[tuple[date, bool]]:
    """The next `n` days with a debate and whether a holiday takes its place; the first 400 days are looked at."""
    today = now.astimezone(ZoneInfo(zone)).date()
    found = []
    for ahead in range(400):
        day = today + timedelta(days=ahead)
        if is_day(day, settings.day, calendar) and slot_at(day, settings, zone) > now:
            found.append((day, on_holiday(day, settings, calendar)))
            if len(found) == n:
                break
    return found


def on_holiday(day: date, settings: Settings, calendar: Calendar) -> bool:
    """Whether the setting skips the debate of this day."""
    return settings.skip_holidays and calendar.kind(day) == "holiday"


def too_late(slot: datetime, now: datetime, settings: Settings) -> bool:
    """A machine that was off starts late, with the whole time, for `late` minutes; after that not at all."""
    return now - slot > timedelta(minutes=settings.late)


def in_turn(topics: Iterable[Topic]) -> list[Topic]:
    """Topics in the order in which they come: pinned, then whose turn was longest ago, then by number."""
    return sorted(topics, key=lambda t: (not t.pinned, t.last, t.number))


def read_side(words: str) -> str:
    """The side that `words` name (正方, 反方, 1, 2, 正, 反), or ""."""
    plain = unicodedata.normalize("NFKC", words).strip().strip("。.!~ ").lower()
    return {"正方": PRO, "正": PRO, "1": PRO, "pro": PRO, "反方": CON, "反": CON, "2": CON, "con": CON}.get(plain, "")


def spoken_for(text: str) -> str:
    """The side that a message begins with, or ""."""
    found = _SPOKEN.match(unicodedata.normalize("NFKC", text.lstrip()[:8]))
    return read_side(found[1]) if found else ""


def substance(text: str) -> str:
    """What is left of a message without the name of its side."""
    plain = text.strip()
    if not spoken_for(plain):
        return plain
    return re.sub(r"^\W*(?:正方|反方)\W*", "", plain, count=1)


def long_enough(text: str, length: int) -> bool:
    """Whether it has so many letters, figures and characters, and not the same few over and over."""
    letters = [c for c in substance(text) if c.isalnum()]
    return len(letters) >= length and len(set(letters)) >= min(length, 6)


def stance(text: str, mode: str, own: str, quoted: str) -> str:
    """The side that a message speaks for, "" for none.

    Signed up: the member's own. Free: the side it begins with; an answer to an argument speaks for the member's own
    side, or joins the one it answers. Who has a side speaks for no other.
    """
    if mode == SIGN_UP:
        return own
    named = spoken_for(text)
    if named:
        return named if own in {"", named} else ""
    return (own or quoted) if quoted else ""


def repeats(shape: Sequence[int], known: Iterable[Sequence[int]]) -> bool:
    """Whether it is nearly what was said before, by whomever."""
    return any(alike(shape, other) for other in known)


def read_ballot(words: str) -> Ballot | None:
    """正方 · 反方 · 1 · 2 · 最佳 3; None when it is none of them."""
    plain = unicodedata.normalize("NFKC", words).strip()
    if found := _BEST.fullmatch(plain):
        return Ballot(best=int(found[1]))
    side = read_side(plain)
    return Ballot(side) if side else None


def vote_refusal(ballot: Ballot, member_id: int, said: Sequence[Said]) -> str:
    """Why it cannot be cast, "" where it can. Who spoke for a side has no vote for it, nor for an own argument."""
    if ballot.side and any(a.member_id == member_id and a.side == ballot.side for a in said):
        return f"你为{SIDES[ballot.side]}发过言，不能再投自己这一方。"
    if ballot.best is not None:
        found = [a for a in said if a.n == ballot.best]
        if not found:
            return f"没有 {ballot.best} 号论点。"
        if found[0].member_id == member_id:
            return "不能把自己的论点选为最佳。"
    return ""


def outcome(said: Sequence[Said], ballots: Mapping[int, Ballot], settings: Settings) -> Outcome:
    """Who has won. `said` are the arguments that still count, `ballots` are by member."""
    speakers = {side: len({a.member_id for a in said if a.side == side}) for side in SIDES}
    votes = {side: sum(b.side == side for b in ballots.values()) for side in SIDES}
    voters = sum(1 for b in ballots.values() if b.side)
    enough = sum(speakers.values()) >= settings.speakers and voters >= max(1, settings.voters)
    if not enough:
        winner = ""
    elif votes[PRO] == votes[CON]:
        winner = "draw"
    else:
        winner = PRO if votes[PRO] > votes[CON] else CON
    return Outcome(winner, votes, voters, speakers, _best(said, ballots))


def _best(said: Sequence[Said], ballots: Mapping[int, Ballot]) -> int | None:
    """The argument that most members named; of equal ones the earlier."""
    there = {a.n for a in said}
    named = Counter(b.best for b in ballots.values() if b.best in there)
    ranked = sorted(((-n, number) for number, n in named.items() if number is not None and n >= BEST_VOTES))
    return ranked[0][1] if ranked else None


def prizes(said: Sequence[Said], came: Outcome, settings: Settings) -> list[tuple[int, str, int]]:
    """(member, why, points): part, win and best, each once a member; nothing where too few spoke."""
    if sum(came.speakers.values()) < settings.speakers:
        return []
    people = sorted({a.member_id for a in said})
    given = [(member, "part", settings.part_points) for member in people]
    winners = {a.member_id for a in said if a.side == came.winner}
    given += [(member, "win", settings.win_points) for member in people if member in winners]
    given += [(a.member_id, "best", settings.best_points) for a in said if a.n == came.best]
    return [prize for prize in given if prize[2] > 0]


def read_question(words: str) -> Question:
    """问题 | 选项 | 选项 … | 30分钟, also on lines of their own. Raises `Refused`."""
    parts = [part.strip() for part in re.split(r"[|｜\n]", words) if part.strip()]
    minutes = POLL_MINUTES
    if parts and (found := _MINUTES.fullmatch(parts[-1])):
        minutes = int(found[1]) * (60 if found[2] == "小时" else 1)
        parts.pop()
    question, options = (parts[0], parts[1:]) if parts else ("", [])
    if not LEAST_OPTIONS <= len(options) <= MOST_OPTIONS or len(set(options)) < len(options):
        raise Refused("请这样发起：投票 发起 问题 | 选项一 | 选项二，选项 2 到 6 个，不能重复。")
    if len(question) > QUESTION_LENGTH or any(len(option) > OPTION_LENGTH for option in options):
        raise Refused(f"问题最多 {QUESTION_LENGTH} 个字，选项最多 {OPTION_LENGTH} 个字。")
    if not 1 <= minutes <= 7 * 24 * 60:
        raise Refused("投票时间从 1 分钟到 7 天。")
    return Question(question, tuple(options), minutes)


def read_option(words: str, options: Sequence[str]) -> int | None:
    """The option (from 1) that `words` mean: its number or its very words."""
    plain = unicodedata.normalize("NFKC", words).strip()
    if plain.isascii() and plain.isdigit() and 1 <= int(plain[:4]) <= len(options):
        return int(plain[:4])
    same = [n for n, option in enumerate(options, 1) if option.casefold() == plain.casefold()]
    return same[0] if same else None


def punished(kind: str, body: Mapping[str, Any]) -> list[int]:
    """The messages that an event punishes or takes back."""
    if kind == "message.recalled":
        return [body["target"]] if isinstance(body.get("target"), int) else []
    if kind == "case.decided":
        return [body["cause_seq"]] if body.get("step") and body.get("cause_seq") else []
    if kind == "decision.made" and body.get("outcome") == "live":
        acts = any(effect.get("kind") in {"warn", "mute", "remove", "recall"} for effect in body.get("effects") or ())
        return [body["cause_seq"]] if acts else []
    return []
