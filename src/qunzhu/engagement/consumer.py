"""Consumer `engagement`: 签到, 补签 and 积分.

`check_in` is a projection of `checkin.done` and `checkin.madeup`: streaks follow from the set of days, not from what
the events said. A command may come before the event of an earlier one has been read back, so a member's days are
looked up in the table, in the log ahead of the cursor, and in this batch; the member's accounts are locked first, so
that a make-up on the page and a command in the chat see each other.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg
from django.conf import settings as installation

from qunzhu.engagement import cards, makeup
from qunzhu.engagement.answers import Said, collect
from qunzhu.engagement.days import load_streaks, made_up_days
from qunzhu.engagement.locks import lock_purses
from qunzhu.engagement.makeup import CARD, Mended, NotMended, Purse
from qunzhu.engagement.points.policy import Expiry, expiry_from, say_soon
from qunzhu.engagement.points.selectors import expiring
from qunzhu.engagement.policy import (
    CheckedIn,
    CheckInSettings,
    bonus_for,
    check_in,
    say_again,
    say_done,
    say_points,
    settings_from,
)
from qunzhu.engagement.streaks import ONE, Streaks, all_streaks
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.ledger.services import Award, award_many, points_event, post_many

COMMANDS = frozenset({"checkin", "points", "makeup"})
_COLUMNS = {
    "community_id": "int8", "member_id": "int8", "day": "date", "seq": "int8", "streak": "int4", "points": "int4",
    "made_up": "bool",
}  # fmt: skip


@dataclass
class Work:
    """What a batch is worked with: settings, what is known of the members, and what came of it."""

    batch: Batch
    zone: str
    settings: CheckInSettings
    days: Mapping[int, Streaks]
    balance: dict[str, int]
    expiry: Expiry
    soon: dict[int, int] = field(default_factory=dict)  # member → points that expire soon
    cards: dict[str, int] = field(default_factory=dict)
    made_up: dict[int, set[date]] = field(default_factory=dict)
    done: list[tuple[Event, int, CheckedIn]] = field(default_factory=list)
    mended: list[tuple[Event, Mended]] = field(default_factory=list)


def handle(batch: Batch) -> None:
    """Project check-ins; outside a rebuild, also serve the commands."""
    _project(batch)
    if batch.rebuilding:
        return
    commands = [
        (event, event.member_id)
        for event in batch.events
        if event.kind == "command.posted"
        and not event.historic
        and event.member_id is not None
        and event.group_id is not None
        and event.body.get("command") in COMMANDS
    ]
    if commands:
        _serve(batch, commands)
    cards.follow_mall(batch)


def _project(batch: Batch) -> None:
    """New days, and the streaks of those after them that change."""
    new: dict[tuple[int, date], Event] = {}
    for event in batch.events:
        if event.kind in {"checkin.done", "checkin.madeup"} and event.body and event.member_id is not None:
            new.setdefault((event.member_id, date.fromisoformat(event.body["day"])), event)
    if not new:
        return
    firsts: dict[int, date] = {}
    fresh: dict[int, set[date]] = defaultdict(set)
    for member, day in new:
        firsts[member] = min(day, firsts.get(member, day))
        fresh[member].add(day)
    known: dict[int, dict[date, tuple[int, int, int, bool]]] = {member: {} for member in firsts}
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT c.member_id, c.day, c.seq, c.streak, c.points, c.made_up FROM check_in c"
        " JOIN unnest(%s::int8[], %s::date[]) AS w(member_id, first) USING (member_id)"
        " WHERE c.community_id = %s AND c.day >= w.first - 1",
        [list(firsts), list(firsts.values()), batch.community_id],
    )
    for member, day, *row in rows.fetchall():
        known[member][day] = tuple(row)
    written: list[tuple[Any, ...]] = []
    for member, first in firsts.items():
        own = known[member]
        before = own[first - ONE][1] if first - ONE in own else 0
        days = {day for day in own if day >= first} | fresh[member]
        for day, streak in all_streaks(days, first, before).items():
            if day not in own:
                event = new[member, day]
                row = (event.seq, streak, event.body["points"], event.kind == "checkin.madeup")
            elif own[day][1] == streak:
                continue
            else:
                row = (own[day][0], streak, *own[day][2:])
            written.append((batch.community_id, member, day, *row))
    update = "(community_id, member_id, day) DO UPDATE SET streak = excluded.streak"
    upsert(batch.connection, "check_in", _COLUMNS, written, update)


def _serve(batch: Batch, commands: Sequence[tuple[Event, int]]) -> None:
    work = _work(batch, commands)
    said = [_answer(work, event, member) for event, member in commands]  # each as things stood when it was said
    _post(work)
    link = f"积分和连续天数看这里：{installation.PUBLIC_URL}/me/points/"
    wanted = collect(said, part="engagement", community_id=batch.community_id, more=link)
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _work(batch: Batch, commands: Sequence[tuple[Event, int]]) -> Work:
    """Lock first, then read: nothing that another process does to these members comes in between."""
    community_id, zone = batch.community_id, zone_of(batch.community_id)
    blueprint = blueprint_of(community_id)
    settings, life = settings_from(blueprint), expiry_from(blueprint)
    menders = sorted({member for event, member in commands if event.body["command"] == "makeup"})
    lock_purses(batch.connection, community_id, {member for _, member in commands}, menders)
    firsts: dict[int, date] = {}
    for event, member in commands:
        back = settings.makeup.back + 1 if member in menders else 1
        day = local_day(event.occurred_at, zone) - timedelta(days=back)
        firsts[member] = min(day, firsts.get(member, day))
    days = load_streaks(batch.connection, community_id, firsts, after=batch.after)
    work = Work(batch, zone, settings, days, balances(community_id, map(member_account, firsts)), life)
    asking = [member for event, member in commands if event.body["command"] == "points"]
    work.soon = expiring(community_id, asking, life, now=batch.now)
    if menders:
        work.cards = balances(community_id, map(member_account, menders), CARD)
        work.made_up = made_up_days(batch.connection, community_id, menders, after=batch.after)
    return work


def _answer(work: Work, event: Event, member: int) -> Said:
    command = event.body["command"]
    text, line, outcome = _SERVE[command](work, event, member)
    nickname = str(event.body.get("nickname") or "")
    return Said(event.seq, event.group_id or 0, member, nickname, command, text, line, outcome)


def _say_check_in(work: Work, event: Event, member: int) -> tuple[str, str, str]:
    day, own, account = local_day(event.occurred_at, work.zone), work.days[member], member_account(member)
    if day in own.days:
        streak = own.upto(day)
        return say_again(streak, work.balance[account]), f"今天签过了，连续 {streak} 天", "今天已经签过"
    made = check_in(day, own, work.settings)
    work.done.append((event, member, made))
    work.balance[account] += made.points
    text = say_done(made, work.balance[account], work.settings)
    return text, f"签到成功，连续 {made.streak} 天，+{made.points}", "签到成功"


def _say_points(work: Work, event: Event, member: int) -> tuple[str, str, str]:
    day, own = local_day(event.occurred_at, work.zone), work.days[member]
    balance = work.balance[member_account(member)]
    soon = say_soon(work.soon.get(member, 0), work.expiry.notice)
    if (streak := own.upto(day)) > 0:
        return say_points(balance, streak, 0) + soon, f"{balance} 积分", "查了积分"
    left = work.settings.points + bonus_for(own.upto(day - ONE) + 1, work.settings)
    return say_points(balance, own.upto(day - ONE), left) + soon, f"{balance} 积分，今天还没签到", "查了积分"


def _say_makeup(work: Work, event: Event, member: int) -> tuple[str, str, str]:
    account, today = member_account(member), local_day(event.occurred_at, work.zone)
    purse = Purse(work.cards[account], work.balance[account], frozenset(work.made_up[member]))
    buy = str(event.body.get("args") or "").strip().lower() in makeup.BUY
    try:
        made = makeup.mend(
            member, work.days[member], today, purse, work.settings, buy=buy, via="chat", group_id=event.group_id,
            cause_seq=event.seq,
        )  # fmt: skip
    except NotMended as why:
        return str(why), "", "没有补上"
    work.mended.append((event, made))
    work.made_up[member].add(made.day)
    work.balance[account] += made.bonus - made.price
    work.cards[account] -= 0 if made.price else 1
    text = makeup.say_mended(made, work.cards[account], work.balance[account])
    return text, f"已补上 {made.day:%-m月%-d日}，连续 {made.reached.run} 天", "补签成功"


_SERVE = {"checkin": _say_check_in, "points": _say_points, "makeup": _say_makeup}


def _post(work: Work) -> None:
    """Move points and cards and say in the log what happened."""
    batch, awards = work.batch, list[Award]()
    for event, member, made in work.done:
        batch.append(_checked_in(batch.community_id, event, member, made))
        if made.points > 0:
            key, memo = f"checkin:{member}:{made.day}", f"签到，连续 {made.streak} 天"
            awards.append(Award(member, made.points, key, "checkin", memo, event.seq, event.group_id))
    for event, mended in work.mended:
        batch.append(makeup.fact(batch.community_id, mended, event.occurred_at))
        awards += filter(None, [makeup.reward(mended)])
    for posted in award_many(community_id=batch.community_id, awards=awards, now=batch.now) if awards else []:
        if posted.event is not None:
            batch.append(posted.event)
    pay_for(batch, [made for _, made in work.mended], work.balance)


def pay_for(batch: Batch, mended: Sequence[Mended], balance: Mapping[str, int]) -> None:
    """Take cards and points; after the bonuses, which may be what the next day is bought with."""
    entries = [makeup.payment(made) for made in mended]
    posted = post_many(community_id=batch.community_id, entries=entries, now=batch.now) if entries else []
    for made, done in zip(mended, posted, strict=True):
        if made.price:
            has = balance[member_account(made.member_id)]
            batch.append(points_event(batch.community_id, makeup.paid(made), done.id, has, batch.now))


def _checked_in(community_id: int, event: Event, member: int, made: CheckedIn) -> NewEvent:
    return NewEvent(
        community_id,
        event_id("checkin.done", community_id, member, made.day),
        "checkin.done",
        event.occurred_at,
        {"day": made.day.isoformat(), "streak": made.streak, "points": made.points},
        group_id=event.group_id,
        member_id=member,
    )


CONSUMER = Consumer(
    "engagement",
    handle,
    kinds=frozenset({"command.posted", "checkin.done", "checkin.madeup", "mall.done", "mall.ended"}),
    tables=("check_in",),
)
