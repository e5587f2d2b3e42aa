"""补签 on the member page: the same rules and the same locks as in the chat."""

from datetime import datetime, timedelta

from django.db import transaction

from qunzhu.engagement import makeup
from qunzhu.engagement.days import load_streaks, made_up_days
from qunzhu.engagement.locks import lock_purses
from qunzhu.engagement.makeup import CARD, Mended, Purse
from qunzhu.engagement.policy import settings_from
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import ConsumerCursor
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import award, points_event, post_many


@transaction.atomic
def make_up(*, community: Community, member_id: int, buy: bool, now: datetime) -> Mended:
    """Fill the member's latest gap with a card, or with points where there is none. Raises NotMended."""
    conn, owner = raw_connection(), member_account(member_id)
    settings, today = settings_from(community.blueprint), local_day(now, community.timezone)
    lock_purses(conn, community.pk, [member_id], [member_id])
    cursor = ConsumerCursor.objects.filter(consumer="engagement", community_id=community.pk)
    after = cursor.values_list("seq", flat=True).first() or 0
    first = today - timedelta(days=settings.makeup.back + 1)
    streaks = load_streaks(conn, community.pk, {member_id: first}, after=after)[member_id]
    made_up = made_up_days(conn, community.pk, [member_id], after=after)[member_id]
    purse = Purse(balance(community.pk, owner, CARD), balance(community.pk, owner), frozenset(made_up))
    made = makeup.mend(member_id, streaks, today, purse, settings, buy=buy, via="page")
    events = [makeup.fact(community.pk, made, now)]
    (paid,) = post_many(community_id=community.pk, entries=[makeup.payment(made)], now=now)
    if made.price:
        events.append(points_event(community.pk, makeup.paid(made), paid.id, purse.points - made.price, now))
    if bonus := makeup.reward(made):
        given = award(
            community_id=community.pk, member_id=member_id, amount=bonus.amount, key=bonus.key, kind=bonus.kind,
            memo=bonus.memo, now=now,
        )  # fmt: skip
        events += [given.event] if given.event else []
    log.append(conn, events, now=now)
    return made
