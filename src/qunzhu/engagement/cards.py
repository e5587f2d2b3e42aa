"""补签卡 from the mall: a perk of this name is a card, and a refund takes it back where it is still there."""

from qunzhu.engagement.makeup import CARD, card_entry, card_fact
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import event_id
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import post_many

PERK = "makeup-card"


def follow_mall(batch: Batch) -> None:
    """Give and take the cards of orders."""
    for event in batch.events:
        if event.member_id is None or not event.body:
            continue
        if event.kind == "mall.done" and event.body.get("perk") == PERK:
            _move(batch, event.member_id, 1, f"card:mall:{event.body['order']}", "商城兑换补签卡", event.seq)
        elif event.kind == "mall.ended" and event.body["how"] == "refunded":
            _take_back(batch, event.member_id, f"card:mall:{event.body['order']}", event.seq)


def _take_back(batch: Batch, member: int, key: str, seq: int) -> None:
    if log.find(batch.connection, batch.community_id, event_id("card.granted", batch.community_id, key)) is None:
        return  # another good
    lock_accounts(batch.connection, batch.community_id, [(member_account(member), CARD)])
    if balance(batch.community_id, member_account(member), CARD):
        _move(batch, member, -1, f"{key}:back", "退回补签卡", seq)


def _move(batch: Batch, member: int, cards: int, key: str, memo: str, seq: int) -> None:
    entry = card_entry(member, cards, key, memo, seq)
    post_many(community_id=batch.community_id, entries=[entry], now=batch.now)
    told = card_fact(batch.community_id, member, cards, key, why="mall", group_id=None, at=batch.now)
    batch.append(told)
