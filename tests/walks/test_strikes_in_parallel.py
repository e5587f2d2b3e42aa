"""Violations that arrive at once (群规 3.1): strikes are counted exactly, each step follows, none twice."""

import asyncio
import threading

import pytest
from django.db import connections

from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.governance.models import Penalty
from qunzhu.kernel.effects.deliver import Deliverer
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events.runner import Runner

pytestmark = pytest.mark.django_db(transaction=True)
AD = "限时优惠,点击 https://shop.example.com/{}/{} 下单"
LINK = "https://a.example.com/{}"
PEOPLE = ["阿强", "阿伟", "阿杰", "阿明"]
CONSUMING, DELIVERING = 3, 2


def post_at_once(world, texts):
    """All messages (name, text) over HTTP at the same time; each is taken. Their seqs."""

    async def all_of_them():
        sending = [
            world._client.post(
                "/in/local",
                json={"group": world.groups[0].pk, "client_id": f"p{number}", "text": text},
                headers={"cookie": f"qz_member={world.people[name].token}"},
            )
            for number, (name, text) in enumerate(texts)
        ]
        return await asyncio.gather(*sending)

    answers = world._loop.run(all_of_them())
    assert [answer.status_code for answer in answers] == [200] * len(texts)
    return [answer.json()["seq"] for answer in answers]


def working(work, stop):
    def loop():
        try:
            while not stop.is_set():
                work()
        finally:
            connections.close_all()

    return threading.Thread(target=loop)


def race(world, texts):
    """Post all at once while several consumers and deliverers work; then let everything come to rest."""
    stop = threading.Event()
    parts = [Runner(CONSUMERS, clock=world.clock).run_once for _ in range(CONSUMING)]
    parts += [Deliverer(clock=world.clock, jitter=lambda: 1.0).run_once for _ in range(DELIVERING)]
    threads = [working(part, stop) for part in parts]
    for thread in threads:
        thread.start()
    try:
        return post_at_once(world, texts)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        world.settle()


def decided(world, name):
    """(message, step) of every live decision that was a strike, in the order of the log."""
    made = [e.body for e in world.events("decision.made") if e.member_id == world.id_of(name)]
    return [(d["cause_seq"], d["step"]) for d in made if d["outcome"] == "live" and d["strike"]]


def assert_applied(world, name, steps):
    """These steps, each of its message, are what was decided, recorded and done: in this order, and each once."""
    member = world.id_of(name)
    assert decided(world, name) == steps
    penalties = Penalty.objects.filter(member_id=member, strike=True).order_by("seq")
    assert list(penalties.values_list("seq", "step")) == steps
    effects = Effect.objects.filter(member_id=member, kind__in=["warn", "mute", "remove"]).order_by("number")
    assert list(effects.values_list("cause_seq", "kind", "status")) == [(*step, "done") for step in steps]
    done = [e.body for e in world.events("effect.done") if e.member_id == member]
    ended = [(d["cause_seq"], d["kind"]) for d in done if d["kind"] in {"warn", "mute", "remove"}]
    assert sorted(ended) == sorted(steps)
    acted = [e.kind for e in world.events("member.muted", "member.removed") if e.member_id == member]
    assert sorted(acted) == [
        f"member.{what}" for what in ("muted", "removed") if what[:4] in {step[:4] for _, step in steps}
    ]


def test_second_and_third_violation_of_one_member_at_once(world):
    """An ad and the sixth equal link in one instant: whichever the log took first is a mute, the other the removal."""
    world.publish(without="daily_cap")  # which else mutes for the sixth message of a day
    world.join(*PEOPLE)
    first = {name: world.say(name, AD.format(name, 1)) for name in PEOPLE}
    world.settle()
    world.later(days=1)
    for name in PEOPLE:
        for _ in range(5):
            world.say(name, LINK.format(name))
    world.settle()
    ads, links = ([(name, text.format(name, 2)) for name in PEOPLE] for text in (AD, LINK))
    seqs = race(world, [*ads, *links])
    for number, name in enumerate(PEOPLE):
        second, third = sorted((seqs[number], seqs[len(PEOPLE) + number]))
        assert_applied(world, name, [(first[name], "warn"), (second, "mute"), (third, "remove")])
    assert world.cases() == []


def test_the_same_violation_twice_at_once_is_one_step(world):
    """Who is muted for it is not muted longer for one that was on its way; it is on record, and is no strike."""
    world.join(*PEOPLE)
    first = {name: world.say(name, AD.format(name, 1)) for name in PEOPLE}
    world.settle()
    seqs = race(world, [(name, AD.format(name, number)) for number in (2, 3) for name in PEOPLE])
    for number, name in enumerate(PEOPLE):
        second, third = sorted((seqs[number], seqs[len(PEOPLE) + number]))
        assert_applied(world, name, [(first[name], "warn"), (second, "mute")])
        yielded = Decision.objects.filter(member_id=world.id_of(name), rule="ad_without_clearance", outcome="yielded")
        assert list(yielded.values_list("seq", "yielded_to", "yield_reason", "strike")) == [
            (third, "ad_without_clearance", "running", False)
        ]
