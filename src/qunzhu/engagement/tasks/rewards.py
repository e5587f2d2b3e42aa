"""What completions give and reversals take: points and cards through the ledger, each with its event, in one go."""

from collections.abc import Sequence
from dataclasses import dataclass

from qunzhu.engagement.makeup import CARD, card_entry, card_fact
from qunzhu.engagement.tasks.policy import award_key
from qunzhu.engagement.tasks.standing import eligible
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import balances, member_account
from qunzhu.kernel.ledger.services import ISSUE, POINTS, Award, Entry, award_many, post_many


@dataclass(frozen=True)
class Turn:
    """A completion, or its reversal; `cause` is the event that brought it about."""

    member_id: int
    unit: str
    task: str
    kind: str
    name: str
    period: str
    turn: int
    points: int
    cards: int
    group_id: int | None
    cause: int
    back: bool = False

    @property
    def key(self) -> str:
        return award_key(self.unit, self.member_id, self.period, self.turn)


def carry_out(batch: Batch, turns: Sequence[Turn]) -> None:
    """In the order of the log: awards first, then what is taken back, as far as it is there."""
    turns = [t for t in turns if eligible(batch.community_id, t.member_id, t.group_id)]
    if not turns:
        return
    people = {t.member_id for t in turns}
    accounts = {(member_account(m), unit) for m in people for unit in (POINTS, CARD)}
    lock_accounts(batch.connection, batch.community_id, accounts | {(ISSUE, POINTS), (ISSUE, CARD)})
    _give(batch, [t for t in turns if not t.back])
    _take(batch, [t for t in turns if t.back])


def _give(batch: Batch, done: Sequence[Turn]) -> None:
    awards = [
        Award(t.member_id, t.points, t.key, "task", f"完成任务：{t.name}", t.cause, t.group_id)
        for t in done
        if t.points
    ]
    for turn in done:
        batch.append(_fact(batch, turn, "task.completed", turn.points, turn.cards))
    for posted in award_many(community_id=batch.community_id, awards=awards, now=batch.now) if awards else []:
        if posted.event is not None:
            batch.append(posted.event)
    _cards(batch, [(t, t.cards, f"{t.key}:card") for t in done if t.cards])


def _take(batch: Batch, undone: Sequence[Turn]) -> None:
    owners = [member_account(t.member_id) for t in undone]
    has = balances(batch.community_id, owners)
    cards = balances(batch.community_id, owners, CARD)
    awards, back = list[Award](), list[tuple[Turn, int, str]]()
    for turn in undone:
        owner = member_account(turn.member_id)
        points, of_cards = min(turn.points, has[owner]), min(turn.cards, cards[owner])
        has[owner] -= points
        cards[owner] -= of_cards
        batch.append(_fact(batch, turn, "task.reversed", points, of_cards))
        if points:
            memo = f"任务取消：{turn.name}"
            awards.append(Award(turn.member_id, -points, f"{turn.key}:back", "task.reversed", memo, turn.cause))
        if of_cards:
            back.append((turn, -of_cards, f"{turn.key}:card:back"))
    for posted in award_many(community_id=batch.community_id, awards=awards, now=batch.now) if awards else []:
        if posted.event is not None:
            batch.append(posted.event)
    _cards(batch, back)


def _cards(batch: Batch, moved: Sequence[tuple[Turn, int, str]]) -> None:
    entries: list[Entry] = [
        card_entry(turn.member_id, cards, key, f"任务：{turn.name}", turn.cause) for turn, cards, key in moved
    ]
    if entries:
        post_many(community_id=batch.community_id, entries=entries, now=batch.now)
    for turn, cards, key in moved:
        told = card_fact(
            batch.community_id, turn.member_id, cards, key, why="task", group_id=turn.group_id, at=batch.now
        )
        batch.append(told)


def _fact(batch: Batch, turn: Turn, kind: str, points: int, cards: int) -> NewEvent:
    body = {
        "unit": turn.unit, "task": turn.task, "name": turn.name, "kind": turn.kind, "period": turn.period,
        "turn": turn.turn, "points": points, "cards": cards, "cause": turn.cause,
    }  # fmt: skip
    named = event_id(kind, batch.community_id, turn.unit, turn.member_id, turn.period, turn.turn)
    return NewEvent(batch.community_id, named, kind, batch.now, body, turn.group_id, turn.member_id)
