"""Consumer `mall`: serves 兑换, goes on with orders that were left between their steps, undoes those of the erased.

Locks are taken for the whole batch first and in the one order of locks.py; events are queued, so the log comes last.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction

from qunzhu.engagement.mall import sayings, selectors, services, shelf
from qunzhu.engagement.mall.locks import lock_goods, lock_members
from qunzhu.engagement.mall.models import MallOrder
from qunzhu.engagement.mall.policy import NEEDS_ADDRESS, NEEDS_WORDS, PLACED, Offer, Refused, matching, sold_out
from qunzhu.engagement.mall.services import Wish
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event
from qunzhu.kernel.ledger.selectors import balance, member_account

COMMAND = "redeem"
LINES = 20  # of a message that answers many
ERASED = "成员的数据已抹除"


@dataclass
class Work:
    """A batch with the goods that it may touch, and the answers that came of it, by group."""

    batch: Batch
    offers: dict[int, Offer]
    by_itself: frozenset[int]
    answers: dict[int, list[tuple[Event, str]]] = field(default_factory=lambda: defaultdict(list))


def handle(batch: Batch) -> None:
    """Orders are no projection: a rebuild does nothing."""
    if batch.rebuilding:
        return
    commands = [event for event in batch.events if _is_command(event)]
    ordered = [e.body["order"] for e in batch.events if e.kind == "mall.ordered" and e.body]
    gone = [e.body["member"] for e in batch.events if e.kind == "member.erased"]
    left = _left(batch.community_id, ordered, gone)
    if commands or left:
        goods = lock_goods(batch.community_id, selectors.numbers(batch.community_id))
        lock_members(batch.community_id, [*(e.member_id or 0 for e in commands), *(o.member_id for o in left)])
        offers = {number: services.offer_of(good) for number, good in goods.items()}
        work = Work(batch, offers, frozenset(n for n, good in goods.items() if services.goes_by_itself(good)))
        _serve(work, commands)
        _go_on(batch, left, frozenset(gone))
    if any(event.kind == "rulebook.published" for event in batch.events):
        shelf.stock_shelf(Community.objects.get(pk=batch.community_id), now=batch.now, append=batch.append)


def _is_command(event: Event) -> bool:
    here = event.kind == "command.posted" and not event.historic and event.body.get("command") == COMMAND
    return here and event.member_id is not None and event.group_id is not None


def _left(community_id: int, ordered: Iterable[int], gone: Iterable[int]) -> list[MallOrder]:
    """Orders that wait for their second step, and the open ones of members who were erased."""
    placed = MallOrder.objects.filter(community_id=community_id, state=PLACED)
    return [*placed.filter(pk__in=list(ordered)), *placed.filter(member_id__in=list(gone))]


def _go_on(batch: Batch, left: Sequence[MallOrder], gone: frozenset[int]) -> None:
    for order in sorted(left, key=lambda o: o.pk):
        if order.member_id in gone:
            services.cancel(
                community_id=batch.community_id, order_id=order.pk, member_id=None, reason=ERASED, now=batch.now,
                append=batch.append,
            )  # fmt: skip
        else:
            services.advance(community_id=batch.community_id, order_id=order.pk, now=batch.now, append=batch.append)


def _serve(work: Work, commands: Sequence[Event]) -> None:
    batch = work.batch
    for event in commands:
        if event.group_id is not None and event.member_id is not None:
            text = _answer(work, event, event.member_id)
            work.answers[event.group_id].append((event, text))
    wanted = [request for group, said in work.answers.items() for request in _requests(batch, group, said)]
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _answer(work: Work, event: Event, member_id: int) -> str:
    """What comes of one 兑换, after all that was said before it."""
    words, community_id = str(event.body.get("args") or "").strip(), work.batch.community_id
    offers = sorted((o for o in work.offers.values() if o.on_sale), key=lambda o: o.number)
    if not words:
        return sayings.say_offers(offers, balance(community_id, member_account(member_id)), _link())
    found = matching(words, offers)
    if not found:
        return sayings.say_unknown(words)
    if len(found) > 1:
        return sayings.say_which(found)
    (offer,) = found
    if offer.kind in {NEEDS_ADDRESS, NEEDS_WORDS}:
        return sayings.say_form(offer, f"{_link()}{offer.number}/")
    return _redeem(work, event, member_id, offer)


def _redeem(work: Work, event: Event, member_id: int, offer: Offer) -> str:
    batch = work.batch
    if not offer.stock:  # its lock is held since the batch began, so nobody can have brought more
        return str(sold_out(offer))
    wish = Wish(member_id, offer.number, f"chat:{event.seq}", group_id=event.group_id, cause_seq=event.seq)
    try:
        with transaction.atomic():
            order = services.place(community_id=batch.community_id, wish=wish, now=batch.now, append=batch.append)
    except Refused as reason:
        return str(reason)
    work.offers[offer.number] = services.offer_of(lock_goods(batch.community_id, [offer.number])[offer.number])
    left = balance(batch.community_id, member_account(member_id))
    link = f"{_link()}orders/{order.pk}/"
    return sayings.say_redeemed(offer, left, link, by_itself=offer.number in work.by_itself)


def _requests(batch: Batch, group_id: int, said: Sequence[tuple[Event, str]]) -> list[EffectRequest]:
    """One answer each, or few messages for many."""
    rule = f"command.{COMMAND}"
    if len(said) < sayings.TOGETHER:
        return [
            EffectRequest(
                "answer", f"mall:{batch.community_id}:{event.seq}", group_id, event.member_id,
                {"text": text, "to": event.member_id, "reply_to": event.seq}, event.seq, rule,
            )
            for event, text in said
        ]  # fmt: skip
    parts = [said[start : start + LINES] for start in range(0, len(said), LINES)]
    return [
        EffectRequest(
            "say", f"mall:{batch.community_id}:{part[0][0].seq}", group_id, None,
            {"text": sayings.say_together([(str(e.body.get("nickname") or ""), text) for e, text in part])},
            part[0][0].seq, rule,
        )
        for part in parts
    ]  # fmt: skip


def _link() -> str:
    return f"{settings.PUBLIC_URL}/me/mall/"


CONSUMER = Consumer(
    "mall",
    handle,
    kinds=frozenset({"command.posted", "mall.ordered", "member.erased", "rulebook.published"}),
)
