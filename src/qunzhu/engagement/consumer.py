"""Consumer `engagement`: 签到 and 积分.

`check_in` is a projection of `checkin.done`. A command may come before the `checkin.done` of an earlier one has been
read back, so the day of a member is looked up in the table, in the log ahead of the cursor, and in this batch.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg

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
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.ledger.services import Award, award_many

_COLUMNS = {
    "community_id": "int8",
    "member_id": "int8",
    "day": "date",
    "seq": "int8",
    "streak": "int4",
    "points": "int4",
}


@dataclass
class Work:
    """What a batch is worked with: settings, what is known of the members' days, and what came of it."""

    batch: Batch
    zone: str
    settings: CheckInSettings
    expiry: Expiry
    days: dict[tuple[int, date], CheckedIn] = field(default_factory=dict)
    balance: dict[str, int] = field(default_factory=dict)
    soon: dict[int, int] = field(default_factory=dict)  # member → points that expire soon
    answers: list[EffectRequest] = field(default_factory=list)

    def streak_of(self, member_id: int, day: date) -> int:
        """How long the member's streak was on `day`; 0 when there was no check-in."""
        known = self.days.get((member_id, day))
        return known.streak if known else 0


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
        and event.body.get("command") in _SERVE
    ]
    if commands:
        _serve(batch, commands)


def _project(batch: Batch) -> None:
    rows: list[tuple[Any, ...]] = [
        (
            batch.community_id, event.member_id, date.fromisoformat(event.body["day"]), event.seq,
            event.body["streak"], event.body["points"],
        )
        for event in batch.events
        if event.kind == "checkin.done"
    ]  # fmt: skip
    upsert(batch.connection, "check_in", _COLUMNS, rows, "(community_id, member_id, day) DO NOTHING")


def _serve(batch: Batch, commands: list[tuple[Event, int]]) -> None:
    blueprint = blueprint_of(batch.community_id)
    work = Work(batch, zone_of(batch.community_id), settings_from(blueprint), expiry_from(blueprint))
    members = {member for _, member in commands}
    days = {local_day(event.occurred_at, work.zone) for event, _ in commands}
    work.days = _known_days(batch, members, days | {day - timedelta(days=1) for day in days})
    work.balance = balances(batch.community_id, map(member_account, members))
    asking = [member for event, member in commands if event.body["command"] == "points"]
    work.soon = expiring(batch.community_id, asking, work.expiry, now=batch.now)
    done: dict[int, CheckedIn] = {}
    for event, member_id in commands:  # each is answered as things stood when it was said
        if event.body["command"] == "checkin" and (made := _new_check_in(work, event, member_id)):
            done[event.seq] = made
        text = _SERVE[event.body["command"]](work, event, member_id, done.get(event.seq))
        work.answers.append(_answer(batch.community_id, event, member_id, text))
    _award(work, done)
    outbox.request(batch.connection, batch.community_id, work.answers, now=batch.now)


def _known_days(batch: Batch, members: Iterable[int], days: Iterable[date]) -> dict[tuple[int, date], CheckedIn]:
    """Check-ins of these members on these days: those read back already, and those ahead of the cursor."""
    values = {"c": batch.community_id, "m": list(members), "d": list(days), "after": batch.after}
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT member_id, day, streak, points FROM check_in"
        " WHERE community_id = %(c)s AND member_id = ANY(%(m)s) AND day = ANY(%(d)s)"
        " UNION SELECT member_id, (body->>'day')::date, (body->>'streak')::int4, (body->>'points')::int4 FROM event"
        " WHERE community_id = %(c)s AND kind = 'checkin.done' AND seq > %(after)s AND member_id = ANY(%(m)s)",
        values,
    )
    return {(member, day): CheckedIn(day, streak, points) for member, day, streak, points in rows.fetchall()}


def _new_check_in(work: Work, event: Event, member_id: int) -> CheckedIn | None:
    """The check-in that this command makes; None when the member has checked in on that day."""
    day = local_day(event.occurred_at, work.zone)
    if (member_id, day) in work.days:
        return None
    made = check_in(day, lambda other: work.streak_of(member_id, other), work.settings)
    work.days[member_id, day] = made
    return made


def _award(work: Work, done: dict[int, CheckedIn]) -> None:
    """Post the points and say in the log what happened."""
    batch = work.batch
    awards: list[Award] = []
    for event in batch.events:
        if event.seq not in done or event.member_id is None:
            continue
        made = done[event.seq]
        batch.append(
            NewEvent(
                batch.community_id,
                event_id("checkin.done", batch.community_id, event.member_id, made.day),
                "checkin.done",
                event.occurred_at,
                {"day": made.day.isoformat(), "streak": made.streak, "points": made.points},
                group_id=event.group_id,
                member_id=event.member_id,
            )
        )
        if made.points > 0:
            key = f"checkin:{event.member_id}:{made.day}"
            memo = f"签到，连续 {made.streak} 天"
            awards.append(Award(event.member_id, made.points, key, "checkin", memo, event.seq, event.group_id))
    for posted in award_many(community_id=batch.community_id, awards=awards, now=batch.now) if awards else []:
        if posted.event is not None:
            batch.append(posted.event)


def _say_check_in(work: Work, event: Event, member_id: int, made: CheckedIn | None) -> str:
    account = member_account(member_id)
    if made is None:
        return say_again(work.days[member_id, local_day(event.occurred_at, work.zone)], work.balance[account])
    work.balance[account] += made.points  # commands of one batch are answered in their order
    return say_done(made, work.balance[account], work.settings)


def _say_points(work: Work, event: Event, member_id: int, made: CheckedIn | None) -> str:  # noqa: ARG001
    day = local_day(event.occurred_at, work.zone)
    balance = work.balance[member_account(member_id)]
    soon = say_soon(work.soon.get(member_id, 0), work.expiry.notice)
    if (streak := work.streak_of(member_id, day)) > 0:
        return say_points(balance, streak, 0) + soon
    streak = work.streak_of(member_id, day - timedelta(days=1))
    return say_points(balance, streak, work.settings.points + bonus_for(streak + 1, work.settings)) + soon


_SERVE = {"checkin": _say_check_in, "points": _say_points}


def _answer(community_id: int, event: Event, member_id: int, text: str) -> EffectRequest:
    if event.group_id is None:
        raise ValueError(f"command {event.seq} was posted in no group")
    return EffectRequest(
        kind="answer",
        key=f"engagement:{community_id}:{event.seq}",
        group_id=event.group_id,
        member_id=member_id,
        payload={"text": text, "to": member_id, "reply_to": event.seq},
        cause_seq=event.seq,
        rule=f"command.{event.body['command']}",
    )


CONSUMER = Consumer("engagement", handle, kinds=frozenset({"command.posted", "checkin.done"}), tables=("check_in",))
