"""End to end: append → every consumer caught up, against a raw COPY of the same rows, in one run.

fsync and synchronous_commit are on; 30 live rules, a library of 50,000 words, 1,000 groups, 100,000 members.
Run: `.venv/bin/python bench/pipeline.py [--messages 200000] [--consumers 2] [--profile]`
"""

import argparse
import multiprocessing
import random
import time
from pathlib import Path

import common

GROUPS = 1_000
MEMBERS_PER_GROUP = 100
APPEND = 1_000  # messages per group commit, what a busy receiver collects in a few tens of milliseconds


def rulebook() -> list[dict[str, object]]:
    """The workplace community's rules and variations of them, 30 in all, every one live."""
    from ruamel.yaml import YAML

    import qunzhu

    path = Path(qunzhu.__file__).parent / "kernel/engine/tests/rules_workplace.yaml"
    rules = list(YAML(typ="safe").load(path.read_text(encoding="utf-8"))["rules"])
    rules += [_variation(number) for number in range(1, 31 - len(rules))]
    return rules


def _variation(number: int) -> dict[str, object]:
    """What operators add: a word category of another level, a slower flood, long adverts, links at night …"""
    category = ("ad", "contact", "attack", "gambling", "porn", "fraud", "fundraising", "other")[number % 8]
    shapes: tuple[dict[str, object], ...] = (
        {"when": {"fact": "keyword.categories", "any_of": [category]}},
        {"when": {"all": [{"fact": "message.length", "over": 300 + number}, {"fact": "link.count", "over": 1}]}},
        {
            "window": {"of": "link", "count": "equal", "per": "group", "minutes": 10},
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


def prepare() -> int:
    """A community with groups, members, rulebook and keywords; returns its id."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.models import Group, Member
    from qunzhu.kernel.community.services import create_community
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    now = common.START
    community = create_community(slug="bench", name="bench", timezone="Asia/Shanghai", blueprint={}, now=now)
    Group.objects.bulk_create(
        Group(community=community, name=f"g{n}", connector="local", platform_id=f"bench-{n}", created_at=now)
        for n in range(GROUPS)
    )
    members = (
        Member(community=community, display_name=f"m{n}", created_at=now) for n in range(GROUPS * MEMBERS_PER_GROUP)
    )
    Member.objects.bulk_create(members, batch_size=5_000)
    publish_rulebook(community_id=community.pk, rules=rulebook(), by="bench", now=now)
    words = common.keyword_list()
    categories = ("ad", "attack", "gambling", "porn", "other")
    added = [Word(word, categories[n % 5], "", False) for n, word in enumerate(words)]
    change_keywords(community_id=community.pk, added=added, by="bench", now=SYSTEM_CLOCK.now())
    return community.pk


def joins(community_id: int) -> list[object]:
    """Everybody comes in before anybody speaks, as in life."""
    from qunzhu.kernel.community.models import Group, Member
    from qunzhu.kernel.events.schema import NewEvent, event_id

    groups = list(Group.objects.order_by("pk").values_list("pk", flat=True))
    first = Member.objects.order_by("pk").values_list("pk", flat=True)[0]
    return [
        NewEvent(
            community_id,
            event_id("join", number),
            "member.joined",
            common.START,
            {"nickname": f"m{first + number}", "via": "link", "platform_user_id": str(number)},
            groups[number // MEMBERS_PER_GROUP],
            first + number,
            "local",
        )
        for number in range(GROUPS * MEMBERS_PER_GROUP)
    ]


def messages(community_id: int, count: int) -> list[object]:
    """`count` new events in order of time."""
    from qunzhu.kernel.community.models import Group, Member
    from qunzhu.kernel.connectors.commands import parse_command
    from qunzhu.kernel.events.schema import NewEvent, event_id

    groups = list(Group.objects.order_by("pk").values_list("pk", flat=True))
    first = Member.objects.order_by("pk").values_list("pk", flat=True)[0]
    draw = random.Random(3)
    events = []
    for number, (text, at) in enumerate(zip(common.texts(count), common.spread(count), strict=True)):
        group = draw.randrange(GROUPS)
        member = first + group * MEMBERS_PER_GROUP + draw.randrange(MEMBERS_PER_GROUP)
        assert parse_command(text) is None
        platform_id = f"c{number}"
        events.append(
            NewEvent(
                community_id,
                event_id("local", groups[group], platform_id),
                "message.posted",
                at,
                {"platform_id": platform_id, "text": text, "type": "text", "nickname": f"m{member}"},
                groups[group],
                member,
                "local",
            )
        )
    return events


def raw_copy(events: list[object]) -> float:
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


def consume(stop_at: dict[str, int], profile: bool) -> None:
    """One consumer process, until every cursor has come as far as the log."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.events.runner import Runner

    runner = Runner(CONSUMERS)

    def work() -> None:
        while not runner.stopping:
            if not runner.run_once():
                if all_caught_up(stop_at["appended"]):
                    return
                time.sleep(0.005)

    if not profile:
        work()
        return
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def all_caught_up(at_least: int) -> bool:
    """Whether nobody lags behind the head and the head has come to `at_least`."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT min(c.seq), max(h.seq) FROM consumer_cursor c JOIN event_head h USING (community_id)")
        slowest, head = cursor.fetchone()
    return bool(head >= at_least and slowest == head)


def append_all(events: list[object]) -> float:
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
    parser.add_argument("--consumers", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        community_id = prepare()
        from django.db import connections

        from qunzhu.config.subscriptions import CONSUMERS
        from qunzhu.kernel.events.runner import Runner

        append_all(joins(community_id))
        Runner(CONSUMERS).run_once()
        already = len_of_log()
        events = messages(community_id, options.messages)
        copy = common.rate("raw COPY of the same rows", len(events), raw_copy(events))
        connections.close_all()
        context = multiprocessing.get_context("spawn")
        with multiprocessing.Manager() as manager:
            shared = manager.dict(appended=already + len(events))
            workers = [
                context.Process(target=consume, args=(shared, options.profile)) for _ in range(options.consumers)
            ]
            for worker in workers:
                worker.start()
            time.sleep(3)  # imports are not what is measured
            begun = time.perf_counter()
            alone = append_all(events)
            for worker in workers:
                worker.join()
            total = time.perf_counter() - begun
        common.rate("append alone, consumers running beside", len(events), alone)
        whole = common.rate(f"append → all {len(CONSUMERS)} consumers caught up", len(events), total)
        print(f"{'ratio to raw COPY':<58} {whole / copy:>12.3f}   (aim ≥ 0.10)")
        print(f"{'against the limit of 15,000 /s':<58} {whole / 15_000:>12.2f} x")
        report()


def len_of_log() -> int:
    """The head of the only community's log."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT max(seq) FROM event_head")
        return int(cursor.fetchone()[0])


def report() -> None:
    """What the run produced, so that a fast run that did nothing is noticed."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in ("event", "decision", "effect", "member_day", "group_hour", "engine_state", "sealed_block"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            print(f"  {table}: {cursor.fetchone()[0]:,}")


if __name__ == "__main__":
    main()
