"""The events of challenges, and the points that go with them. Every id is derived: the same step is one fact."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from qunzhu.engagement.challenge.locks import account_of
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.ledger.services import (
    ISSUE,
    POINTS,
    Award,
    Entry,
    Leg,
    points_event,
    post,
    post_many,
    reverse,
    transaction_id,
)


def fact(challenge: Challenge, kind: str, body: dict[str, Any], now: datetime, *, named: object = "") -> NewEvent:
    """Something that happened to a challenge; `named` tells apart what may happen more than once."""
    number = event_id(kind, challenge.community_id, challenge.pk, named)
    told = {"challenge": challenge.pk, **body}
    return NewEvent(challenge.community_id, number, kind, now, told, challenge.group_id)


def about(
    challenge: Challenge, kind: str, member_id: int, body: dict[str, Any], now: datetime, named: object
) -> NewEvent:
    """Something that a member did in a challenge."""
    number = event_id(kind, challenge.community_id, challenge.pk, member_id, named)
    told = {"challenge": challenge.pk, **body}
    return NewEvent(challenge.community_id, number, kind, now, told, challenge.group_id, member_id)


def _key(entry: ChallengeEntry, what: str) -> str:
    return f"challenge:{entry.challenge_id}:{entry.member_id}:{entry.turn}:{what}"


def hold(challenge: Challenge, entry: ChallengeEntry, *, cause_seq: int | None, now: datetime) -> list[NewEvent]:
    """Put the stake aside. Raises Insufficient."""
    if not challenge.stake:
        return []
    key, memo = _key(entry, "hold"), f"打卡挑战押金：{challenge.name}"
    owner = member_account(entry.member_id)
    legs = (Leg(owner, POINTS, -challenge.stake), Leg(account_of(challenge.pk), POINTS, challenge.stake))
    posted = post(
        community_id=challenge.community_id, key=key, kind="challenge", legs=legs, memo=memo, cause_seq=cause_seq,
        now=now,
    )  # fmt: skip
    told = Award(entry.member_id, -challenge.stake, key, "challenge", memo, cause_seq, challenge.group_id)
    has = balances(challenge.community_id, [owner])[owner]
    return [points_event(challenge.community_id, told, posted.id, has, now)]


def give_back(challenge: Challenge, entry: ChallengeEntry, *, memo: str, now: datetime) -> list[NewEvent]:
    """The own stake, by reversal: it is as old as it was."""
    if not challenge.stake:
        return []
    key, held = _key(entry, "back"), transaction_id(challenge.community_id, _key(entry, "hold"))
    posted = reverse(community_id=challenge.community_id, key=key, of=held, memo=memo, now=now)
    told = Award(entry.member_id, challenge.stake, key, "challenge.reversed", memo, None, challenge.group_id)
    owner = member_account(entry.member_id)
    has = balances(challenge.community_id, [owner])[owner]
    return [points_event(challenge.community_id, told, posted.id, has, now)]


def pay(
    challenge: Challenge, entries: Mapping[int, ChallengeEntry], won: Mapping[int, int], now: datetime
) -> list[NewEvent]:
    """Hand the lost stakes out as `won` (member → points) says, in one posting."""
    memo = f"打卡挑战完成：{challenge.name}"
    paid = {member: points for member, points in won.items() if points}
    posted = post_many(
        community_id=challenge.community_id,
        entries=[
            Entry(
                _key(entries[member], "won"), "challenge.won",
                (Leg(member_account(member), POINTS, points), Leg(account_of(challenge.pk), POINTS, -points)), memo,
            )
            for member, points in paid.items()
        ],
        now=now,
    )  # fmt: skip
    has = balances(challenge.community_id, map(member_account, paid))
    return [
        points_event(
            challenge.community_id,
            Award(member, points, _key(entries[member], "won"), "challenge.won", memo, None, challenge.group_id),
            done.id, has[member_account(member)], now,
        )
        for (member, points), done in zip(paid.items(), posted, strict=True)
    ]  # fmt: skip


def burn(challenge: Challenge, points: int, now: datetime) -> None:
    """Nobody finished: the stakes go out of circulation."""
    if points:
        legs = (Leg(account_of(challenge.pk), POINTS, -points), Leg(ISSUE, POINTS, points))
        key = f"challenge:{challenge.pk}:burnt"
        post(community_id=challenge.community_id, key=key, kind="challenge_burnt", legs=legs, now=now)
