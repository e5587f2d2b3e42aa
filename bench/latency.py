"""From the post to the executed effect: 1,000 messages a second over HTTP, one in a hundred with a consequence.

A real receiver, one consumer process and one deliverer. Members post on a fixed timetable; a message that waits for a
free connection counts from the moment it was due. Six in ten consequences are warnings (a keyword), four mutes (the
sixth equal link), spread over many groups. A watcher beside waits for the log's NOTIFY and reads `effect.done`: an
effect counts as executed when another session can see that. Load, watcher, server and database share the machine.

Run: `.venv/bin/python bench/latency.py [--seconds 20] [--rate 1000]`
"""

import argparse
import asyncio
import multiprocessing
import random
import subprocess
import sys
import time
from collections import deque
from typing import Any

import common
import msgspec
import pipeline
import psycopg
import uvloop
from receiver import free_port, request, wait_for

LIMIT_MS = 300.0
RECEIVER_LIMIT_MS = 50.0
CONNECTIONS = 100
MEMBERS, GROUPS = 200, 60
RESERVED = 40  # the first groups hear links only, so that a mute never silences the rest of the load
WARM_UP = 3.0
SETTLE = 5.0
MUTE_EVERY, WARN_EVERY = 240, 170  # messages; six equal links make one mute
WORD = "黑灰产引流"


def rules() -> list[dict[str, Any]]:
    """Thirty live rules. Those that the load itself would break (so many messages a minute) are left out."""
    calm = [r for r in pipeline.rulebook() if r["id"] != "daily_cap" and r.get("window", {}).get("of") != "message"]
    warn = {
        "id": "bench_warn", "name": "bench", "chapter": "risk", "on": ["message.posted"], "then": [{"warn": {}}],
        "when": {"fact": "keyword.categories", "any_of": ["contact"]}, "explain": "{nickname},{consequence}",
    }  # fmt: skip
    more = [{**calm[-1], "id": f"calm_{n}", "name": f"calm {n}"} for n in range(29 - len(calm))]
    return [*calm, *more, warn]


def prepare() -> tuple[int, list[int], list[int]]:
    """A community with everybody in every room; its id, its groups, its members."""
    from qunzhu.kernel.clock import SYSTEM_CLOCK
    from qunzhu.kernel.community.directory import Directory
    from qunzhu.kernel.community.services import create_community, create_group
    from qunzhu.kernel.connectors.local.services import open_room
    from qunzhu.kernel.database import database_url
    from qunzhu.kernel.engine.rulebook_service import publish_rulebook
    from qunzhu.kernel.text.keywords import Word
    from qunzhu.risk.services import change_keywords

    now = SYSTEM_CLOCK.now()
    community = create_community(slug="bench", name="bench", timezone="Asia/Shanghai", blueprint={}, now=now)
    publish_rulebook(community_id=community.pk, rules=rules(), by="bench", now=now)
    words = [Word(w, "other", "", False) for w in common.keyword_list()]
    change_keywords(community_id=community.pk, added=[*words, Word(WORD, "contact", "", False)], by="bench", now=now)
    groups = []
    for n in range(GROUPS):
        group = create_group(community=community, name=f"g{n}", platform_id=f"bench-{n}", now=now)
        open_room(group=group)
        groups.append(group.pk)
    with psycopg.connect(database_url()) as conn:
        names = {f"u{n}": f"成员{n}" for n in range(MEMBERS)}
        members = list(Directory("local").members(conn, community.pk, names, now=now).values())
        conn.execute(
            "INSERT INTO local_occupant (group_id, member_id, community_id, nickname, role, joined_at, last_read_seq)"
            " SELECT g, m, %s, '成员', 'member', %s, 0 FROM unnest(%s::int8[]) AS g, unnest(%s::int8[]) AS m",
            [community.pk, now, groups, members],
        )
    return community.pk, groups, members


def timetable(community_id: int, groups: list[int], members: list[int], count: int) -> list[tuple[bytes, bool]]:
    """`count` requests in order, each with whether it will have a consequence."""
    from qunzhu.kernel.connectors.local.tokens import member_token

    cookies = [member_token(community_id, m) for m in members]
    draw = random.Random(11)
    links: deque[tuple[int, int, str, bool]] = deque()
    pairs = [(m, g) for g in range(RESERVED) for m in range(MEMBERS)]
    draw.shuffle(pairs)
    said = common.texts(5_000)
    plan = []
    for n in range(count):
        member, group = n % MEMBERS, RESERVED + draw.randrange(GROUPS - RESERVED)
        text, consequence = said[n % len(said)], False
        if n % MUTE_EVERY == 0 and pairs:
            who, where = pairs.pop()
            links.extend((who, where, f"看 https://example.com/a/{n}", last) for last in [*[False] * 5, True])
        if n % WARN_EVERY == 7:
            text, consequence = f"{text}{WORD}{text}", True
        elif n % 40 == 13 and links:
            member, group, text, consequence = links.popleft()
        body = {"group": groups[group], "client_id": f"c{n}", "text": text}
        plan.append((request(cookies[member], msgspec.json.encode(body)), consequence))
    return plan


class Line(asyncio.Protocol):
    """A connection that takes one request at a time from the desk."""

    def __init__(self, desk: "Desk") -> None:
        self.desk = desk
        self.buffer = b""
        self.due = 0.0
        self.consequence = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def send(self, due: float, data: bytes, consequence: bool) -> None:
        self.due, self.consequence = due, consequence
        self.transport.write(data)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.buffer = b""
        self.desk.answered(self, head[9:12], body)


class Desk:
    """Hands out requests when they are due; keeps the waits and which seq was sent when."""

    def __init__(self) -> None:
        self.idle: deque[Line] = deque()
        self.late: deque[tuple[float, bytes, bool]] = deque()
        self.waits: list[float] = []
        self.statuses: dict[bytes, int] = {}
        self.sent: dict[int, float] = {}
        self.awaited = -1
        self.done = asyncio.Event()

    async def all_answered(self, count: int) -> None:
        """Return once `count` answers have come."""
        self.awaited = count
        if len(self.waits) < count:
            await self.done.wait()

    def answered(self, line: Line, status: bytes, body: bytes) -> None:
        self.waits.append(time.perf_counter() - line.due)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if line.consequence and status == b"200":
            self.sent[msgspec.json.decode(body)["seq"]] = line.due
        if len(self.waits) == self.awaited:
            self.done.set()
        if self.late:
            line.send(*self.late.popleft())
        else:
            self.idle.append(line)

    def post(self, due: float, data: bytes, consequence: bool) -> None:
        if self.idle:
            self.idle.popleft().send(due, data, consequence)
        else:
            self.late.append((due, data, consequence))


async def load(port: int, plan: list[tuple[bytes, bool]], per_second: int) -> Desk:
    """Send the plan on its timetable; returns when all is answered."""
    desk = Desk()
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        _, line = await loop.create_connection(lambda: Line(desk), "127.0.0.1", port)
        desk.idle.append(line)
    began = time.perf_counter()
    number = 0
    while number < len(plan):
        due_now = min(len(plan), int((time.perf_counter() - began) * per_second))
        while number < due_now:
            desk.post(began + number / per_second, *plan[number])
            number += 1
        await asyncio.sleep(0.002)
    await desk.all_answered(len(plan))
    return desk


def watch(community_id: int, after: int, ready: Any, stop: Any, answers: Any) -> None:
    """In a process of its own: when (perf_counter, one clock for all processes) the end of each effect was seen."""
    from qunzhu.kernel.database import database_url

    seen: dict[int, float] = {}
    last = after
    with psycopg.connect(database_url(), autocommit=True) as conn:
        conn.execute("LISTEN qunzhu_events")
        ready.set()
        while not stop.is_set():
            for _ in conn.notifies(timeout=0.2, stop_after=1):
                pass
            rows = conn.execute(
                "SELECT seq, (body->>'cause_seq')::int8, body->>'result' FROM event WHERE community_id = %s"
                " AND kind = 'effect.done' AND kind <> 'message.posted' AND seq > %s ORDER BY seq",
                [community_id, last],
            ).fetchall()
            now = time.perf_counter()
            for seq, cause, result in rows:
                last = max(last, seq)
                if result == "done":
                    seen[cause] = now  # the last of several effects of one cause
    answers.put(seen)


def caught_up(community_id: int, seconds: float) -> None:
    """Return once every consumer has come to the head of the log."""
    from qunzhu.kernel.database import database_url

    until = time.monotonic() + seconds
    sql = (
        "SELECT h.seq > 0 AND bool_and(c.seq >= h.seq) FROM consumer_cursor c JOIN event_head h USING (community_id)"
        " WHERE community_id = %s GROUP BY h.seq"
    )
    with psycopg.connect(database_url(), autocommit=True) as conn:
        while time.monotonic() < until:
            row = conn.execute(sql, [community_id]).fetchone()
            if row and row[0]:
                return
            time.sleep(0.2)
    raise TimeoutError("the consumers did not catch up")


def marks(name: str, waits: list[float], limit: float) -> float:
    """Print percentiles in ms; returns p99."""
    p50, p95, p99 = (common.percentile(waits, q) * 1000 for q in (0.5, 0.95, 0.99))
    print(
        f"{name}: p50 {p50:.1f} ms · p95 {p95:.1f} ms · p99 {p99:.1f} ms · p99 of the limit of {limit:.0f} ms:", end=""
    )
    print(f" {p99 / limit:.2f}")
    return p99


def measure(port: int, per_second: int, seconds: int) -> None:
    """Warm up, then the timetable under the watcher's eyes; print."""
    community_id, groups, members = prepare()
    caught_up(community_id, 60)
    plan = timetable(community_id, groups, members, int(per_second * (seconds + WARM_UP)))
    warm = int(per_second * WARM_UP)
    uvloop.run(load(port, plan[:warm], per_second))
    caught_up(community_id, 60)
    context = multiprocessing.get_context("spawn")
    ready, stop, answers = context.Event(), context.Event(), context.Queue()
    watcher = context.Process(target=watch, args=(community_id, 0, ready, stop, answers))
    watcher.start()
    ready.wait(30)
    began = time.perf_counter()
    desk = uvloop.run(load(port, plan[warm:], per_second))
    took = time.perf_counter() - began
    caught_up(community_id, 60)
    time.sleep(SETTLE)
    stop.set()
    seen = answers.get(timeout=30)
    watcher.join()
    common.rate("posted on the timetable and acknowledged", len(desk.waits), took)
    both = desk.sent.keys() & seen
    print(f"    answers by status: {desk.statuses}; effects expected {len(desk.sent)}, seen {len(both)}")
    marks("receiver, from due to acknowledged", desk.waits, RECEIVER_LIMIT_MS)
    marks("from post to executed effect", [seen[s] - desk.sent[s] for s in both], LIMIT_MS)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--rate", type=int, default=1_000)
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
            measure(port, options.rate, options.seconds)
        finally:
            for part in parts:
                part.terminate()
            for part in parts:
                part.wait(20)


if __name__ == "__main__":
    main()
