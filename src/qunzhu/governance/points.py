"""What strikes and reversals do to points: taken by setting, given back exactly, never below zero.

Only the consumer calls this, in the order of the log: what is given back has been taken before.
"""

from dataclasses import dataclass

import psycopg

from qunzhu.governance.policy import strike_cost
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import (
    ISSUE,
    POINTS,
    Award,
    NotReversible,
    award,
    points_event,
    reverse,
    transaction_id,
)


@dataclass(frozen=True)
class Undo:
    """Points to be moved back: the key under which they were posted, to or from whom, and why."""

    key: str
    member_id: int
    group_id: int | None
    memo: str


def follow(batch: Batch) -> None:
    """Take points for strikes, give them back for reversals, take back what wrong reports earned."""
    struck = [event for event in batch.events if _strikes(event)]
    cost = strike_cost(blueprint_of(batch.community_id)) if struck else 0
    undone: list[Undo] = []
    for event in batch.events:
        if event.kind == "penalty.reversed" and event.member_id is not None and event.body:
            seq = event.body["cause_seq"]
            undone.append(Undo(strike_key(seq), event.member_id, event.group_id, "处罚撤销，退回所扣积分"))
            undone += _overturn_reports(batch, event)
    people = {u.member_id for u in undone} | ({e.member_id or 0 for e in struck} if cost else set())
    if not people:
        return
    # All accounts at once, in the ledger's order: a second call could wait in a circle with another consumer.
    lock_accounts(
        batch.connection, batch.community_id, [(member_account(m), POINTS) for m in people] + [(ISSUE, POINTS)]
    )
    for event in struck if cost else ():
        _take(batch, event, cost)
    for wanted in undone:
        moved = move_back(batch, wanted)
        if moved is not None:
            batch.append(moved)


def strike_key(seq: int) -> str:
    """The ledger key of what the strike of penalty `seq` took."""
    return f"strike:{seq}"


def _strikes(event: Event) -> bool:
    body = event.body
    return event.kind == "decision.made" and bool(body) and body["outcome"] == "live" and body["strike"] is True


def _take(batch: Batch, event: Event, cost: int) -> None:
    """As much as there is, up to the cost."""
    member_id = event.member_id or 0
    there = balance(batch.community_id, member_account(member_id))
    if min(there, cost) <= 0:
        return
    seq = event.body["cause_seq"]
    taken = award(
        community_id=batch.community_id, member_id=member_id, amount=-min(there, cost), key=strike_key(seq),
        kind="strike", memo="违规扣分", cause_seq=seq, group_id=event.group_id, now=batch.now,
    )  # fmt: skip
    if taken.event is not None:
        batch.append(taken.event)


def _overturn_reports(batch: Batch, event: Event) -> list[Undo]:
    """When the penalty came from a case about reports, the reports that it found right were wrong."""
    of_case = event.body.get("of_case")
    if of_case is None:
        return []
    found = psycopg.Cursor(batch.connection).execute(
        "SELECT seq, reporter_id, group_id FROM report WHERE community_id = %s AND case_id = %s AND state = 'upheld'"
        " ORDER BY seq",
        [batch.community_id, of_case],
    )
    undone = []
    for seq, reporter, group_id in found.fetchall():
        batch.append(
            NewEvent(
                batch.community_id,
                event_id("report.overturned", batch.community_id, seq),
                "report.overturned",
                event.occurred_at,
                {"report": seq, "by": event.body["by"], "case": of_case, "cause_seq": event.body["cause_seq"]},
                group_id=group_id,
                member_id=reporter,
            )
        )
        undone.append(Undo(f"report:{seq}", reporter, group_id, "举报核实后推翻，收回奖励"))
    return undone


def move_back(batch: Batch, wanted: Undo) -> NewEvent | None:
    """Reverse the posting; from an account that has less by now, take what is there. None when nothing moves."""
    original = transaction_id(batch.community_id, wanted.key)
    owner = member_account(wanted.member_id)
    row = (
        psycopg.Cursor(batch.connection)
        .execute(
            "SELECT amount FROM posting WHERE community_id = %s AND transaction_id = %s AND owner = %s",
            [batch.community_id, original, owner],
        )
        .fetchone()
    )
    there = balance(batch.community_id, owner)
    if row is None or (row[0] > 0 and there == 0):
        return None
    amount, key = -int(row[0]), f"{wanted.key}:undone"
    if there + amount < 0:
        memo = f"{wanted.memo}（余额不足，收回 {there}/{-amount}）"
        return award(
            community_id=batch.community_id, member_id=wanted.member_id, amount=-there, key=key, kind="undone",
            memo=memo, group_id=wanted.group_id, now=batch.now,
        ).event  # fmt: skip
    try:
        done = reverse(community_id=batch.community_id, key=key, of=original, memo=wanted.memo, now=batch.now)
    except NotReversible:
        return None  # by hand, before
    if done.duplicate:
        return None
    told = Award(wanted.member_id, amount, key, "undone", wanted.memo, None, wanted.group_id)
    return points_event(batch.community_id, told, done.id, there + amount, batch.now)
