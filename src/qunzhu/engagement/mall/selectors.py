"""What pages and other chapters read of the mall, and what must always hold there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db.models import Count, Q, QuerySet

from qunzhu.engagement.mall.models import MallCode, MallGood, MallOrder, MallPicture
from qunzhu.engagement.mall.policy import DONE, OPEN, PLACED, Delivery
from qunzhu.kernel.events.runner import raw_connection

ORDERS_SHOWN = 20


def numbers(community_id: int) -> list[int]:
    """The numbers of all goods, sold or not."""
    return list(MallGood.objects.filter(community_id=community_id).values_list("number", flat=True))


def goods(community_id: int) -> list[MallGood]:
    """What members see: on sale, what is left of it first."""
    rows = MallGood.objects.filter(community_id=community_id, on_sale=True)
    return sorted(rows, key=lambda good: (good.stock == 0, good.number))


def good(community_id: int, number: int) -> MallGood | None:
    """One good, whether it is on sale or not."""
    return MallGood.objects.filter(community_id=community_id, number=number).first()


def picture(community_id: int, sha256: str) -> bytes | None:
    """A picture's bytes (WebP)."""
    found = MallPicture.objects.filter(community_id=community_id, sha256=sha256).first()
    return bytes(found.data) if found else None


def had(community_id: int, member_id: int) -> dict[int, int]:
    """Good → how many the member has that were not undone."""
    own = MallOrder.objects.filter(community_id=community_id, member_id=member_id, state__in=(*OPEN, DONE))
    return dict(own.order_by("good").values_list("good").annotate(n=Count("id")))


def orders_of(community_id: int, member_id: int, *, before: int | None = None) -> list[MallOrder]:
    """A member's own orders, newest first; one more than a page where there are older ones."""
    rows = MallOrder.objects.filter(community_id=community_id, member_id=member_id)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return list(rows.order_by("-pk")[: ORDERS_SHOWN + 1])


def order_of(community_id: int, member_id: int, order_id: int) -> MallOrder | None:
    """An order, if it is this member's."""
    return MallOrder.objects.filter(community_id=community_id, member_id=member_id, pk=order_id).first()


def last_address(community_id: int, member_id: int) -> Delivery:
    """Where the member's latest parcel went, to fill the form in advance."""
    rows = MallOrder.objects.filter(community_id=community_id, member_id=member_id).exclude(address="")
    last = rows.order_by("-pk").first()
    return Delivery(last.recipient, last.phone, last.address) if last else Delivery()


def perks_of(community_id: int, member_id: int, *, now: datetime) -> set[str]:
    """The perks that the member holds now: what rules and other parts may ask for."""
    rows = MallOrder.objects.filter(
        community_id=community_id, member_id=member_id, kind="perk", state=DONE, holds_until__gt=now
    )
    held = set(rows.values_list("good", flat=True))
    found = MallGood.objects.filter(community_id=community_id, number__in=held).exclude(perk="")
    return set(found.values_list("perk", flat=True))


@dataclass(frozen=True)
class OrderFilter:
    """What the back office looks for; empty values ask for nothing."""

    state: str = ""
    good: int | None = None
    member: int | None = None
    text: str = ""


def orders(community_id: int, wanted: OrderFilter) -> QuerySet[MallOrder]:
    """Orders, newest first. The text is a number of an order, a tracking number or a recipient."""
    rows = MallOrder.objects.filter(community_id=community_id)
    if wanted.state:
        rows = rows.filter(state=wanted.state)
    if wanted.good:
        rows = rows.filter(good=wanted.good)
    if wanted.member:
        rows = rows.filter(member_id=wanted.member)
    if wanted.text:
        number = int(wanted.text) if wanted.text.isascii() and wanted.text.isdigit() and len(wanted.text) < 19 else 0  # noqa: PLR2004
        rows = rows.filter(Q(pk=number) | Q(tracking=wanted.text) | Q(recipient__icontains=wanted.text))
    return rows.order_by("-pk")


def states(community_id: int) -> dict[str, int]:
    """State → how many orders."""
    rows = MallOrder.objects.filter(community_id=community_id).order_by("state")
    return dict(rows.values_list("state").annotate(n=Count("id")))


def sold(community_id: int, wanted: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Good → (pieces not undone, orders that wait)."""
    rows = MallOrder.objects.filter(community_id=community_id, good__in=list(wanted)).order_by("good")
    counted = rows.values_list("good").annotate(
        n=Count("id", filter=Q(state__in=(*OPEN, DONE))), waiting=Count("id", filter=Q(state=PLACED))
    )
    return {number: (n, waiting) for number, n, waiting in counted}


def free_codes(community_id: int, number: int) -> int:
    """How many codes are not taken."""
    return MallCode.objects.filter(community_id=community_id, good=number, order_id=None).count()


def check_mall(community_id: int) -> list[str]:
    """Every broken invariant as one sentence; an empty list is health.

    Stock is what the log said last; codes cover stock and waiting orders; each order stands where its last event left
    it, and holds its points exactly while it is open; what the mall earned is what was handed over.
    """
    problems: list[str] = []
    cursor = psycopg.Cursor(raw_connection())
    for sql, words in _INVARIANTS:
        rows: list[tuple[Any, ...]] = cursor.execute(sql, {"c": community_id}).fetchall()
        problems += [words.format(*row) for row in rows]
    return problems


_INVARIANTS = (
    (
        (
            "SELECT g.number, g.stock, e.stock FROM mall_good g LEFT JOIN (SELECT DISTINCT ON ((body->>'good')::int)"
            " (body->>'good')::int AS good, (body->>'stock')::int AS stock FROM event WHERE community_id = %(c)s"
            " AND kind IN ('mall.changed', 'mall.ordered', 'mall.ended') ORDER BY (body->>'good')::int, seq DESC) e"
            " ON e.good = g.number WHERE g.community_id = %(c)s AND g.stock IS DISTINCT FROM e.stock ORDER BY 1"
        ),
        "good {0} has {1} pieces, the log says {2}",
    ),
    (
        (
            "SELECT g.number, g.stock, (SELECT count(*) FROM mall_code c WHERE c.community_id = g.community_id"
            " AND c.good = g.number AND c.order_id IS NULL) AS free, (SELECT count(*) FROM mall_order o WHERE"
            " o.community_id = g.community_id AND o.good = g.number AND o.state = 'placed') AS waiting FROM mall_good g"
            " WHERE g.community_id = %(c)s AND g.with_codes AND g.stock + (SELECT count(*) FROM mall_order o WHERE"
            " o.community_id = g.community_id AND o.good = g.number AND o.state = 'placed') > (SELECT count(*)"
            " FROM mall_code c WHERE c.community_id = g.community_id AND c.good = g.number AND c.order_id IS NULL)"
            " ORDER BY 1"
        ),
        "good {0} has {1} pieces and {3} waiting orders, but {2} free codes",
    ),
    (
        (
            "SELECT o.id, o.state, e.said FROM mall_order o LEFT JOIN (SELECT DISTINCT ON ((body->>'order')::bigint)"
            " (body->>'order')::bigint AS id, CASE kind WHEN 'mall.ordered' THEN 'placed' WHEN 'mall.shipped' THEN"
            " 'shipped' WHEN 'mall.done' THEN 'done' ELSE body->>'how' END AS said FROM event"
            " WHERE community_id = %(c)s AND kind IN ('mall.ordered', 'mall.shipped', 'mall.done', 'mall.ended')"
            " ORDER BY (body->>'order')::bigint, seq DESC) e ON e.id = o.id"
            " WHERE o.community_id = %(c)s AND o.state IS DISTINCT FROM e.said ORDER BY 1"
        ),
        "order {0} is {1}, the log says {2}",
    ),
    (
        (
            "SELECT o.id, o.state, CASE WHEN o.state IN ('placed', 'shipped') THEN o.price ELSE 0 END,"
            " coalesce(a.balance, 0) FROM mall_order o LEFT JOIN account a ON a.community_id = o.community_id"
            " AND a.owner = 'sys:mall:' || o.id AND a.unit = 'PTS' WHERE o.community_id = %(c)s AND"
            " coalesce(a.balance, 0) <> CASE WHEN o.state IN ('placed', 'shipped') THEN o.price ELSE 0 END ORDER BY 1"
        ),
        "order {0} is {1} and should hold {2} points, it holds {3}",
    ),
    (
        (
            "SELECT d.total, coalesce(a.balance, 0) FROM (SELECT coalesce(sum(price), 0) AS total FROM mall_order"
            " WHERE community_id = %(c)s AND state = 'done') d LEFT JOIN account a ON a.community_id = %(c)s"
            " AND a.owner = 'sys:mall' AND a.unit = 'PTS' WHERE d.total <> coalesce(a.balance, 0)"
        ),
        "orders for {0} points are done, the mall has {1}",
    ),
)
