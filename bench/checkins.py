"""签到 at eight: 5,000 members post it within a second; each is answered in the group, many in one message.

A real receiver, one consumer process with every consumer, one deliverer. A member counts as answered when another
session sees the end of the effect that speaks for that member: of a group, each effect answers the commands from its
cause up to the next one's. A post that waits for a free connection counts from the moment it was due.

Run: `.venv/bin/python bench/checkins.py [--members 5000] [--groups 10] [--rate 5000]`
"""

import argparse
import multiprocessing
import subprocess
import sys
import time
from bisect import bisect_right
from collections import defaultdict
from pathlib import Path
from typing import Any

import common
import latency
import msgspec
import psycopg
import uvloop
from receiver import free_port, request, wait_for

LIMIT = 5.0
SHIPPED = Path(__file__).parent.parent / "blueprints/workplace-knowledge.yaml"


def prepare(members: int, groups: int) -> tuple[int, list[tuple[int, int]]]:
    """A community with the shipped blueprint, everybody in one of its groups; its id and (member, group) pairs."""
    from qunzhu.kernel.blueprint.loader import load
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.directory import Directory
    from qunzhu.kernel.community.services import create_community, create_group
    from qunzhu.kernel.connectors.local.services import open_room
    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook

    now, blueprint = SYSTEM_CLOCK.now(), load(SHIPPED).data
    community = create_community(slug="bench", name="bench", timezone="Asia/Shanghai", blueprint=blueprint, now=now)
    publish_rulebook(community_id=community.pk, rules=list(blueprint["rules"]), by="bench", now=now)
    rooms = []
    for n in range(groups):
        group = create_group(community=community, name=f"g{n}", platform_id=f"bench-{n}", now=now)
        open_room(group=group)
        rooms.append(group.pk)
    with psycopg.connect(database_url()) as conn:
        names = {f"u{n}": f"成员{n}" for n in range(members)}
        people = list(Directory("local").members(conn, community.pk, names, now=now).values())
        seats = [(member, rooms[n % groups]) for n, member in enumerate(people)]
        conn.execute(
            "INSERT INTO local_occupant (group_id, member_id, community_id, nickname, role, joined_at, last_read_seq)"
            " SELECT g, m, %s, '成员' || m, 'member', %s, 0 FROM unnest(%s::int8[], %s::int8[]) AS s(m, g)",
            [community.pk, now, [m for m, _ in seats], [g for _, g in seats]],
        )
    return community.pk, seats


def watch(community_id: int, ready: Any, stop: Any, answers: Any) -> None:
    """In a process of its own: (group, cause) → when the end of the effect was seen."""
    from qunzhu.kernel.database import database_url

    seen: dict[tuple[int, int], float] = {}
    last = 0
    with psycopg.connect(database_url(), autocommit=True) as conn:
        conn.execute("LISTEN qunzhu_events")
        ready.set()
        while not stop.is_set():
            for _ in conn.notifies(timeout=0.1, stop_after=1):
                pass
            rows = conn.execute(
                "SELECT seq, group_id, (body->>'cause_seq')::int8 FROM event WHERE community_id = %s"
                " AND kind = 'effect.done' AND body->>'rule' = 'command.checkin' AND body->>'result' = 'done'"
                " AND seq > %s ORDER BY seq",
                [community_id, last],
            ).fetchall()
            now = time.perf_counter()
            for seq, group, cause in rows:
                last = max(last, seq)
                seen[group, cause] = now
    answers.put(seen)


def waits(community_id: int, sent: dict[int, float], seen: dict[tuple[int, int], float]) -> tuple[list[float], int]:
    """How long each command waited for its answer, and how many check-ins the log has."""
    from qunzhu.kernel.database import database_url

    causes: dict[int, list[int]] = defaultdict(list)
    for group, cause in sorted(seen):
        causes[group].append(cause)
    with psycopg.connect(database_url()) as conn:
        rows = conn.execute(
            "SELECT seq, group_id FROM event WHERE community_id = %s AND kind = 'command.posted'", [community_id]
        ).fetchall()
        done = conn.execute(
            "SELECT count(*) FROM event WHERE community_id = %s AND kind = 'checkin.done'", [community_id]
        ).fetchone()
    found = []
    for seq, group in rows:
        place = bisect_right(causes[group], seq)
        if place and seq in sent:
            found.append(seen[group, causes[group][place - 1]] - sent[seq])
    return found, done[0] if done else 0


def measure(port: int, members: int, groups: int, per_second: int) -> None:
    """Post, wait until all is quiet, print."""
    from qunzhu.kernel.connectors.local.tokens import member_token

    community_id, seats = prepare(members, groups)
    latency.caught_up(community_id, 60)
    plan = [
        (
            request(member_token(community_id, m), msgspec.json.encode({"group": g, "client_id": "c", "text": "签到"})),
            True,
        )
        for m, g in seats
    ]
    context = multiprocessing.get_context("spawn")
    ready, stop, answers = context.Event(), context.Event(), context.Queue()
    watcher = context.Process(target=watch, args=(community_id, ready, stop, answers))
    watcher.start()
    ready.wait(30)
    began = time.perf_counter()
    desk = uvloop.run(latency.load(port, plan, per_second))
    common.rate("posted and acknowledged", len(desk.waits), time.perf_counter() - began)
    latency.caught_up(community_id, 120)
    time.sleep(2)
    stop.set()
    seen = answers.get(timeout=30)
    watcher.join()
    found, done = waits(community_id, desk.sent, seen)
    print(f"    statuses {desk.statuses}; check-ins {done}; answered {len(found)} with {len(seen)} messages")
    if not found:
        sys.exit("nobody was answered")
    p50, p99, worst = common.percentile(found, 0.5), common.percentile(found, 0.99), max(found)
    print(f"unanswered: {members - len(found)}")
    print(
        f"post → answer: p50 {p50:.2f} s · p99 {p99:.2f} s · max {worst:.2f} s · of {LIMIT:.0f} s: {worst / LIMIT:.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=5_000)
    parser.add_argument("--groups", type=int, default=10)
    parser.add_argument("--rate", type=int, default=5_000)
    options = parser.parse_args()
    with common.scratch_home():
        common.set_up()
        port = free_port()
        commands = (["receive", "--port", str(port)], ["consume"], ["deliver"])
        parts = [
            subprocess.Popen([sys.executable, "-m", "qunzhu.config.cli", *words], stdout=subprocess.DEVNULL)
            for words in commands
        ]
        try:
            wait_for(port)
            measure(port, options.members, options.groups, options.rate)
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait(20)


if __name__ == "__main__":
    main()
