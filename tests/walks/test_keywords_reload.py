"""A moderator imports words while people talk: every message is judged once, by the library before it in the log."""

import threading

import pytest
from django.db import connections

from qunzhu.config.subscriptions import CONSUMERS
from qunzhu.console.reading.word_files import parse_words
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.engine.rulebook_service import publish_rulebook
from qunzhu.kernel.events.runner import Runner
from qunzhu.risk.services import change_keywords

pytestmark = pytest.mark.django_db(transaction=True)
OLD, NEW = "旧词引流号", "新词引流号"
WORDS, MESSAGES, PEOPLE = 12_000, 120, 6


def on_trial(name, category):
    return {
        "id": name, "name": name, "chapter": "risk", "state": "shadow", "on": ["message.posted"],
        "then": [{"warn": {}}],
        "when": {"fact": "keyword.categories", "any_of": [category]}, "explain": "{nickname},{consequence}",
    }  # fmt: skip


def library():
    lines = ["word,category", *(f"词{n:05d}甲,ad" for n in range(WORDS - 1)), f"{NEW},gambling"]
    words, bad = parse_words("\n".join(lines).encode())
    assert (len(words), bad) == (WORDS, [])
    return words


def consume(stop):
    """A consumer of its own, as another process would be: works as long as there is work, until told to stop."""
    try:
        runner = Runner(CONSUMERS)
        while not stop.is_set():
            runner.run_once()
    finally:
        connections.close_all()


def import_words(world, words, ready):
    try:
        ready.wait()
        change_keywords(community_id=world.community.pk, added=words, by="owner", now=world.clock.now())
    finally:
        connections.close_all()


def test_no_message_is_missed_and_none_is_judged_by_another_library(world):
    """Two consumers race for every batch, the import commits somewhere in between; where it did says the log alone."""
    names = [f"成员{n}" for n in range(PEOPLE)]
    world.join(*names)
    community, now = world.community.pk, world.clock.now()
    publish_rulebook(
        community_id=community,
        rules=[on_trial("by_old", "contact"), on_trial("by_new", "gambling")],
        by="owner",
        now=now,
    )
    old, _ = parse_words(f"{OLD},contact".encode())
    change_keywords(community_id=community, added=old, by="owner", now=now)
    words, stop, ready = library(), threading.Event(), threading.Event()
    threads = [threading.Thread(target=consume, args=(stop,)) for _ in range(2)]
    importing = threading.Thread(target=import_words, args=(world, words, ready))
    for thread in (*threads, importing):
        thread.start()
    said = []
    try:
        for number in range(MESSAGES):
            said.append(world.say(names[number % PEOPLE], f"{number} {OLD}和{NEW}"))
            if number == MESSAGES // 3:
                ready.set()
            if number == 2 * MESSAGES // 3:
                importing.join()
    finally:
        ready.set()
        importing.join()
        stop.set()
        for thread in threads:
            thread.join()
    world.settle()
    changes = [e.seq for e in world.events("keywords.changed")]
    assert len(changes) == 1 + -(-WORDS // 5_000) + 1  # the blueprint's own, the old word, and the file in parts
    last = changes[-1]
    before, behind = [s for s in said if s < last], [s for s in said if s > last]
    assert len(before) > MESSAGES // 3
    assert behind
    judged = Decision.objects.filter(community_id=community).order_by("seq", "rule").values_list("seq", "rule")
    assert list(judged) == sorted([(s, "by_old") for s in said] + [(s, "by_new") for s in behind])
    made = [(e.body["cause_seq"], e.body["rule"]) for e in world.events("decision.made")]
    assert sorted(made) == list(judged)
