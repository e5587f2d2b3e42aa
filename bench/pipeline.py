"""End to end: append → every consumer caught up, against a raw COPY of the same rows, in one run.

fsync and synchronous_commit are on; 30 live rules, a library of 50,000 words, 1,000 groups and 100,000 members in four
communities. The day before is worked off first, so that what is measured is a running installation, not its start.
Run: `.venv/bin/python bench/pipeline.py [--messages 200000] [--communities 4] [--consumers 2] [--profile]`
"""

import argparse
import multiprocessing
import random
import time
from dataclasses import dataclass
from datetime import timedelta

import common

from qunzhu.kernel.events.schema import NewEvent, event_id

GROUPS = 1_000
MEMBERS_PER_GROUP = 100
APPEND = 1_000  # messages per group commit, what a busy receiver collects in a few tens of milliseconds


def rulebook(per: str = "group") -> list[dict[str, object]]:
    """The shipped rules and variations of them, 30 in all; some count equal links `per` member or group."""
    rules = common.shipped()["rules"]
    return [*rules, *(_variation(number, per) for number in range(1, 31 - len(rules)))]


def _variation(number: int, per: str) -> dict[str, object]:
    """What operators add: a word category of another level, a slower flood, long adverts, links at night …"""
    category = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other")[number % 8]
    shapes: tuple[dict[str, object], ...] = (
        {"when": {"fact": "keyword.categories", "any_of": [category]}},
        {"when": {"all": [{"fact": "message.length", "over": 300 + number}, {"fact": "link.count", "over": 1}]}},
        {
            "window": {"of": "link", "count": "equal", "per": per, "minutes": 10},
            "when": {"fact": "window.count", "over": 20 + number},
        },
        {
            "window": {"of": "message", "per": "member", "minutes": 1},
            "when": {"fact": "window.count", "over": 20 + number},
        },
        {"when": {"all": [{"fact": "time.hour", "under": 6}, {"fact": "link.count", "at_least": 1}]}},
    )
    return {
        "id": f"bench_{number}",
        "name": f"bench {number}",
        "chapter": "risk",
        "on": ["message.posted"],
        "explain": "{nickname},{consequence}",
        "then": [{"warn": {}}],
        **shapes[number % 5],
    }


@dataclass
class Place:
    """One community with the ids of its groups; members stand in a row, group by group."""

    community_id: int
    groups: list[int]
    first_member: int


def prepare(communities: int) -> list[Place]:
    """Communities that share out the groups, each with members, the rulebook and the whole keyword library."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Group, Member
    from qunzhu.kernel.community.services import create_community
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    now = common.START
    categories = ("ad", "attack", "gambling", "porn", "other")
    words = [Word(word, categories[n % 5], "", False) for n, word in enumerate(common.keyword_list())]
    share = GROUPS // communities
    places = []
    for number in range(communities):
        slug = f"bench-{number}"
        community = create_community(slug=slug, name=slug, timezone="Asia/Shanghai", blueprint={}, now=now)
        groups = Group.objects.bulk_create(
            Group(community=community, name=f"g{n}", platform_id=f"{slug}-{n}", created_at=now) for n in range(share)
        )
        members = Member.objects.bulk_create(
            (
                Member(community=community, display_name=f"m{n}", created_at=now)
                for n in range(share * MEMBERS_PER_GROUP)
            ),
            batch_size=5_000,
        )
        publish_rulebook(community_id=community.pk, rules=rulebook(), by="bench", now=now)
        change_keywords(community_id=community.pk, added=words, by="bench", now=SYSTEM_CLOCK.now())
        places.append(Place(community.pk, [g.pk for g in groups], members[0].pk))
    return places


def joins(places: list[Place]) -> list[NewEvent]:
    """Everybody comes in before anybody speaks, as in life."""
    return [
        NewEvent(
            place.community_id,
            event_id("join", place.first_member + number),
            "member.joined",
            common.START,
            {"nickname": f"m{number}", "via": "link", "platform_user_id": str(number)},
            place.groups[number // MEMBERS_PER_GROUP],
            place.first_member + number,
            "local",
        )
        for place in places
        for number in range(len(place.groups) * MEMBERS_PER_GROUP)
    ]


def messages(places: list[Place], count: int, day: int) -> list[NewEvent]:
    """`count` new messages in order of time, on the `day`-th day."""
    draw = random.Random(day)
    events = []
    moments = common.spread(count)
    for number, text in enumerate(common.texts(count, seed=day)):
        place = draw.choice(places)
        group = draw.randrange(len(place.groups))
        member = place.first_member + group * MEMBERS_PER_GROUP + draw.randrange(MEMBERS_PER_GROUP)
        platform_id = f"{day}-{number}"
        events.append(
            NewEvent(
                place.community_id,
                event_id("local", place.groups[group], platform_id),
                "message.posted",
                moments[number] + timedelta(days=day),
                {"platform_id": platform_id, "text": text, "type": "text", "nickname": f"m{member}"},
                place.groups[group],
                member,
                "local",
            )
        )
    return events


def raw_copy(events: list[NewEvent]) -> float:
    """Seconds to COPY the same rows (text, one transaction) into a table of the same columns without any index."""
    import io

    import psycopg

    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.events.log import encode_body

    lines = io.StringIO()
    for seq, e in enumerate(events, 1):
        body = encode_body(e.body).replace("\\", "\\\\")
        at = e.occurred_at.isoformat()
        lines.write(
            f"{e.community_id}\t{seq}\t{e.id}\t{e.kind}\t{e.group_id}\t{e.member_id}\t{at}\t{at}\tlocal\tf\t{body}\t\\\\x00\t\\\\x00\n"
        )
    data = lines.getvalue().encode()
    with psycopg.connect(database_url()) as conn:
        conn.execute("CREATE TABLE raw_event (LIKE event)")
        with common.clocked() as took:
            with conn.cursor() as cursor, cursor.copy("COPY raw_event FROM STDIN") as copy:
                for start in range(0, len(data), 1 << 20):
                    copy.write(data[start : start + (1 << 20)])
            conn.commit()
        conn.execute("DROP TABLE raw_event")
        conn.commit()
    return took[0]


def consume(shared: dict[str, bool], profile: bool) -> None:
    """One consumer process, until it is told to end."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.events.runner import Runner

    runner = Runner(CONSUMERS)

    def work() -> None:
        while not shared["stop"]:
            if not runner.run_once():
                time.sleep(0.005)

    if not profile:
        work()
        return
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def wait_until_caught_up(least: int) -> None:
    """Return when nobody lags behind a head and the heads together have come to `least`."""
    import psycopg

    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.database import database_url

    with psycopg.connect(database_url(), autocommit=True) as conn:
        while True:
            row = conn.execute(
                "SELECT sum(h.seq), bool_and(c.slowest = h.seq AND c.known = %s) FROM event_head h"
                " JOIN (SELECT community_id, min(seq) slowest, count(*) known FROM consumer_cursor GROUP BY 1) c"
                " USING (community_id)",
                [len(CONSUMERS)],
            ).fetchone()
            if row and row[1] and row[0] >= least:
                return
            time.sleep(0.01)


def append_all(events: list[NewEvent]) -> float:
    """Append in group-commit-sized transactions; seconds."""
    import psycopg

    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.events import log

    with psycopg.connect(database_url()) as conn, common.clocked() as took:
        for start in range(0, len(events), APPEND):
            log.append(conn, events[start : start + APPEND], now=SYSTEM_CLOCK.now())
            conn.commit()
    return took[0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--communities", type=int, default=4)
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        places = prepare(options.communities)
        append_all(joins(places))
        yesterday, today = (messages(places, options.messages, day) for day in (1, 2))
        from django.db import connections

        from qunzhu.config.subscriptions import CONSUMERS

        copy = common.rate("raw COPY of the same rows", len(today), raw_copy(today))
        connections.close_all()
        context = multiprocessing.get_context("spawn")
        with multiprocessing.Manager() as manager:
            shared = manager.dict(stop=False)
            workers = [
                context.Process(target=consume, args=(shared, options.profile)) for _ in range(options.consumers)
            ]
            for worker in workers:
                worker.start()
            append_all(yesterday)
            wait_until_caught_up(len_of_logs())
            before = len_of_logs()
            begun = time.perf_counter()
            alone = append_all(today)
            wait_until_caught_up(before + len(today))
            total = time.perf_counter() - begun
            shared["stop"] = True
            for worker in workers:
                worker.join()
        common.rate("append alone, consumers running beside", len(today), alone)
        whole = common.rate(f"append → all {len(CONSUMERS)} consumers caught up", len(today), total)
        print(f"{'ratio to raw COPY':<58} {whole / copy:>12.3f}   (aim ≥ 0.10)")
        print(f"{'against the limit of 15,000 /s':<58} {whole / 15_000:>12.2f} x")
        report()


def len_of_logs() -> int:
    """All heads together."""
    import psycopg

    from qunzhu.kernel.database import database_url

    with psycopg.connect(database_url()) as conn:
        row = conn.execute("SELECT sum(seq) FROM event_head").fetchone()
    return int(row[0]) if row else 0


def report() -> None:
    """What the run produced, so that a fast run that did nothing is noticed."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("event", "decision", "effect", "member_day", "group_hour", "engine_state", "sealed_block"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            print(f"  {table}: {cursor.fetchone()[0]:,}")


if __name__ == "__main__":
    main()
