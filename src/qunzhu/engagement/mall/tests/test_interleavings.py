"""Two deeds at once, in every order that a database can be asked in: one is stopped before each of its statements in
turn, the other runs until it is done or waits for the first one's lock, then the first goes on.

So redeem, cancel, ship, receive and refund meet at every point where they can meet, always the same ones.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread, current_thread
from typing import Any

import psycopg
import pytest
from django.db import connection

from qunzhu.engagement.mall import services
from qunzhu.engagement.mall.models import MallOrder
from qunzhu.engagement.mall.policy import Refused
from qunzhu.engagement.mall.tests.shop import HOME, Shop
from qunzhu.kernel.community.tests.factories import NOW
from qunzhu.kernel.events.runner import raw_connection

pytestmark = pytest.mark.django_db(transaction=True)
Deed = Callable[[], object]


class Runner(Thread):
    """Does one deed with a connection of its own; `came_of_it` is "ok" or the code of the refusal."""

    def __init__(self, deed: Deed, stop_at: int = 0) -> None:
        super().__init__()
        self.deed, self.stop_at, self.made = deed, stop_at, 0
        self.pid, self.came_of_it, self.error = 0, "", ""
        self.stopped, self.go, self.done = Event(), Event(), Event()

    def run(self) -> None:
        try:
            self.pid = raw_connection().info.backend_pid
            self.deed()
            self.came_of_it = "ok"
        except Refused as reason:
            self.came_of_it = reason.code
        except Exception as error:  # noqa: BLE001  (told by the test)
            self.error = repr(error)
        finally:
            connection.close()
            self.done.set()
            self.stopped.set()

    def before_statement(self) -> None:
        self.made += 1
        if self.made == self.stop_at:
            self.stopped.set()
            self.go.wait()


@contextmanager
def counted() -> Iterator[None]:
    """Every statement of a Runner passes its `before_statement` first."""
    execute = psycopg.Cursor.execute

    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        here = current_thread()
        if isinstance(here, Runner):
            here.before_statement()
        return execute(self, *args, **kwargs)

    psycopg.Cursor.execute = watched  # type: ignore[method-assign]
    try:
        yield
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]


def waits(runner: Runner) -> bool:
    """Whether its connection waits for another one's lock."""
    row = raw_connection().execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [runner.pid]).fetchone()
    return bool(runner.pid and row and row[0])


def meet(first: Deed, second: Deed, stop_at: int) -> tuple[str, str, bool]:
    """What both came to, and whether the first was stopped at all."""
    one, other = Runner(first, stop_at), Runner(second)
    one.start()
    one.stopped.wait()
    stopped = not one.done.is_set()
    other.start()
    while not other.done.wait(0.002) and not waits(other):
        pass
    one.go.set()
    one.join()
    other.join()
    assert (one.error, other.error) == ("", "")
    return one.came_of_it, other.came_of_it, stopped


def everywhere(shop: Shop, pair: Callable[[int], tuple[Deed, Deed]]) -> set[tuple[str, str]]:
    """Let fresh pairs meet at each statement of the first; every outcome, with all that always holds checked."""
    seen, stop_at, stopped = set(), 1, True
    with counted():
        while stopped:
            first, second = pair(stop_at)
            one, other, stopped = meet(first, second, stop_at)
            shop.check()
            seen.add((one, other))
            stop_at += 1
    assert stop_at > 12
    return seen


def act(shop: Shop, what: Callable[..., object], order: MallOrder, **more: Any) -> Deed:
    return lambda: what(community_id=shop.id, order_id=order.pk, now=NOW, **more)


def buy(shop: Shop, good: Any, member: Any, **more: Any) -> Deed:
    wish = shop.wish(good, member, **more)
    return lambda: services.redeem(community_id=shop.id, wish=wish, now=NOW)


def test_the_last_piece_goes_to_one():
    shop = Shop()
    one, other = shop.member("甲", points=500), shop.member("乙", points=500)

    def pair(n: int) -> tuple[Deed, Deed]:
        good = shop.good(codes=[f"C{n}"], price=1)
        return buy(shop, good, one), buy(shop, good, other)

    assert everywhere(shop, pair) == {("ok", "sold_out"), ("sold_out", "ok")}


def test_points_for_one_buy_one():
    shop = Shop()
    book, cup = shop.good(stock=500, price=30, content="x"), shop.good(stock=500, price=30, content="x")

    def pair(n: int) -> tuple[Deed, Deed]:
        member = shop.member(f"成员{n}", points=50)
        return buy(shop, book, member), buy(shop, cup, member)

    assert everywhere(shop, pair) == {("ok", "points"), ("points", "ok")}


def test_the_same_tap_twice_is_one_order():
    shop = Shop()
    good = shop.good(stock=500, price=1, content="x")

    def pair(n: int) -> tuple[Deed, Deed]:
        return buy(shop, good, shop.lin, key=f"tap{n}"), buy(shop, good, shop.lin, key=f"tap{n}")

    assert everywhere(shop, pair) == {("ok", "ok")}
    assert shop.points() == 100 - MallOrder.objects.count()
    assert MallOrder.objects.values("key").distinct().count() == MallOrder.objects.count()


def test_an_order_is_sent_or_cancelled_never_both():
    shop = Shop()
    good = shop.good(kind="physical", stock=500, price=1)

    def pair(n: int) -> tuple[Deed, Deed]:
        order = shop.redeem(good, shop.member(f"成员{n}", points=5), delivery=HOME)
        sent = act(shop, services.ship, order, carrier="顺丰", tracking="SF123456", by="owner")
        cancelled = act(shop, services.cancel, order, member_id=order.member_id)
        return (sent, cancelled) if n % 2 else (cancelled, sent)

    assert everywhere(shop, pair) == {("ok", "state"), ("state", "ok")}


def test_received_and_refunded_pays_back_once():
    shop = Shop()
    good = shop.good(kind="physical", stock=500, price=1)

    def pair(n: int) -> tuple[Deed, Deed]:
        order = shop.redeem(good, shop.member(f"成员{n}", points=5), delivery=HOME)
        act(shop, services.ship, order, carrier="顺丰", tracking="SF123456", by="owner")()
        received = act(shop, services.receive, order, member_id=order.member_id)
        refunded = act(shop, services.refund, order, by="owner", reason="丢了", restock=True)
        return (received, refunded) if n % 2 else (refunded, received)

    assert everywhere(shop, pair) <= {("ok", "ok"), ("state", "ok"), ("ok", "state")}
    assert set(MallOrder.objects.values_list("state", flat=True)) == {"refunded"}
    assert shop.again(good).stock == 500


def test_what_comes_back_can_be_had_by_the_next():
    shop = Shop()
    buyer = shop.member("甲", points=500)

    def pair(n: int) -> tuple[Deed, Deed]:
        good = shop.good(kind="physical", stock=1, price=1, name=f"第{n}件")
        order = shop.redeem(good, shop.member(f"成员{n}", points=5), delivery=HOME)
        back = act(shop, services.cancel, order, member_id=order.member_id)
        return back, buy(shop, good, buyer, delivery=HOME)

    assert everywhere(shop, pair) <= {("ok", "ok"), ("ok", "sold_out")}
