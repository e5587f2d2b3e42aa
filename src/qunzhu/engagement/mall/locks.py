"""Every row lock of the mall, in one order: goods by number, then the order, then (elsewhere) accounts and the log."""

from collections.abc import Iterable

from qunzhu.engagement.mall.facts import INCOME, account_of
from qunzhu.engagement.mall.models import MallCode, MallGood, MallOrder
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import POINTS


def lock_goods(community_id: int, numbers: Iterable[int]) -> dict[int, MallGood]:
    """Lock goods, by number; those that do not exist are left out."""
    rows = MallGood.objects.select_for_update().filter(community_id=community_id, number__in=sorted(set(numbers)))
    return {good.number: good for good in rows.order_by("number")}


def lock_order(community_id: int, order_id: int) -> tuple[MallOrder, MallGood]:
    """Lock an order and, first, its good. Raises MallOrder.DoesNotExist."""
    good = MallOrder.objects.values_list("good", flat=True).get(community_id=community_id, pk=order_id)
    goods = lock_goods(community_id, [good])
    return MallOrder.objects.select_for_update().get(community_id=community_id, pk=order_id), goods[good]


def lock_free_code(community_id: int, good: int) -> MallCode | None:
    """The oldest free code; the good's lock keeps everybody else away from it."""
    free = MallCode.objects.select_for_update().filter(community_id=community_id, good=good, order_id=None)
    return free.order_by("pk").first()


def lock_points(order: MallOrder) -> None:
    """Every account that undoing the order may move, at once: two reversals must not take them one by one."""
    owners = (member_account(order.member_id), INCOME, account_of(order.pk))
    lock_accounts(raw_connection(), order.community_id, [(owner, POINTS) for owner in owners])


def lock_members(community_id: int, members: Iterable[int]) -> None:
    """The accounts of many members and the mall's own, for a batch that works off one order after the other."""
    owners = {*map(member_account, members), INCOME}
    lock_accounts(raw_connection(), community_id, [(owner, POINTS) for owner in owners])
