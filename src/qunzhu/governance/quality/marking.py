"""Mark a message and take the mark back: what the log already says decides, so that nothing happens twice.

A message's marks are numbered. The id of `quality.marked` and `quality.unmarked` is made of message and number, so two
people who press at once append one event.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from qunzhu.governance.quality import policy
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

_PUNISHED = """
SELECT EXISTS (SELECT 1 FROM penalty
               WHERE community_id = %(c)s AND (seq = %(s)s OR cause_seq = %(s)s) AND reversed_at IS NULL)
    OR EXISTS (SELECT 1 FROM event WHERE community_id = %(c)s AND kind = 'message.recalled' AND seq > %(s)s
               AND body IS NOT NULL AND (body->>'target')::int8 = %(s)s)
"""


class NotTaken(ValueError):
    """The message cannot be marked, or its mark cannot be taken back; the message says why."""


@dataclass(frozen=True)
class Standing:
    """How often the message was marked, and whether it is now."""

    turn: int = 0
    marked: bool = False


def standing_of(conn: psycopg.Connection[Any], community_id: int, seq: int) -> Standing:
    """As the log has it: the projection may be behind."""
    row = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT turn, state = 'marked' FROM quality_mark WHERE community_id = %s AND message_seq = %s",
            [community_id, seq],
        )
        .fetchone()
    )
    turn, marked = row or (0, False)
    while log.find(conn, community_id, fact("marked", community_id, seq, turn + 1)) is not None:
        turn, marked = turn + 1, True
    if marked and log.find(conn, community_id, fact("unmarked", community_id, seq, turn)) is not None:
        marked = False
    return Standing(turn, marked)


def fact(what: str, community_id: int, seq: int, turn: int) -> UUID:
    """The id of the event that marks or unmarks message `seq` for the `turn`-th time."""
    return event_id(f"quality.{what}", community_id, seq, turn)


def marking(
    conn: psycopg.Connection[Any],
    message: Event | None,
    now_stands: Standing,
    *,
    by: str,
    own: int | None,
    via: str,
    points: int,
    at: datetime,
) -> NewEvent:
    """The event that marks `message`. `own`: the member whom the judge is in the groups. Raises NotTaken."""
    if message is None or message.kind != "message.posted" or message.member_id is None or message.group_id is None:
        raise NotTaken(policy.NOT_A_MESSAGE)
    if not message.body or message.historic:
        raise NotTaken(policy.NOT_A_MESSAGE)
    if own == message.member_id:
        raise NotTaken(policy.OWN)
    if now_stands.marked:
        raise NotTaken(policy.ALREADY)
    values = {"c": message.community_id, "s": message.seq}
    if (punished := psycopg.Cursor(conn).execute(_PUNISHED, values).fetchone()) and punished[0]:
        raise NotTaken(policy.PUNISHED)
    turn = now_stands.turn + 1
    return NewEvent(
        message.community_id,
        fact("marked", message.community_id, message.seq, turn),
        "quality.marked",
        at,
        {"message": message.seq, "by": by, "via": via, "points": points, "turn": turn},
        group_id=message.group_id,
        member_id=message.member_id,
    )


def unmarking(mark: tuple[int, int, int, int], *, community_id: int, by: str, why: str, at: datetime) -> NewEvent:
    """The event that takes back a mark, given as (message, turn, group, member)."""
    seq, turn, group_id, member_id = mark
    return NewEvent(
        community_id,
        fact("unmarked", community_id, seq, turn),
        "quality.unmarked",
        at,
        {"message": seq, "by": by, "why": why, "turn": turn},
        group_id=group_id,
        member_id=member_id,
    )
