"""The receiver under load: acknowledged posts a second and their waiting times, against what the server's floor is.

100 connections send as soon as they are answered; 4,000 members take turns, so no rate limit is touched. The floor is
the same server answering a request that it refuses without the database. Load and server share this machine's cores;
with `wrk` installed the load costs next to nothing, without it a sender in Python takes a good part of them.

Run: .venv/bin/python bench/receiver.py [seconds] [workers]
"""

import asyncio
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import uvloop
from common import rate, scratch_home, set_up, texts

CONNECTIONS = 100
MEMBERS = 4_000
SECONDS = 6.0


def people() -> tuple[int, list[str]]:
    """A room with everybody in it; returns its group id and each member's cookie."""
    from django.utils import timezone

    from qunzhu.kernel.community.directory import Directory
    from qunzhu.kernel.community.services import create_community, create_group
    from qunzhu.kernel.connectors.local.services import open_room
    from qunzhu.kernel.connectors.local.tokens import member_token
    from qunzhu.kernel.database import database_url

    now = timezone.now()
    community = create_community(slug="bench", name="bench", timezone="Asia/Shanghai", blueprint={}, now=now)
    group = create_group(community=community, name="g", platform_id="bench", capacity=MEMBERS, now=now)
    open_room(group=group)
    with psycopg.connect(database_url()) as conn:
        names = {f"u{n}": f"成员{n}" for n in range(MEMBERS)}
        ids = list(Directory("local").members(conn, community.pk, names, now=now).values())
        conn.execute(
            "INSERT INTO local_occupant (group_id, member_id, community_id, nickname, role, joined_at, last_read_seq)"
            " SELECT %s, m, %s, '成员', 'member', %s, 0 FROM unnest(%s::int8[]) AS m",
            [group.pk, community.pk, now, ids],
        )
    return group.pk, [member_token(community.pk, m) for m in ids]


def request(cookie: str, body: bytes) -> bytes:
    """One HTTP/1.1 request, ready to be sent."""
    return (
        f"POST /in/local HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nCookie: qz_member={cookie}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Sender(asyncio.Protocol):
    """One connection: sends, waits for the answer, sends again, until the time is over."""

    def __init__(self, requests: list[bytes], until: float, waits: list[float], done: asyncio.Event) -> None:
        self.requests, self.until, self.waits, self.done = requests, until, waits, done
        self.statuses: dict[bytes, int] = {}
        self.next = 0
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.began = time.perf_counter()
        if self.began >= self.until or self.next >= len(self.requests):
            self.transport.close()
            self.done.set()
            return
        self.transport.write(self.requests[self.next])  # type: ignore[attr-defined]
        self.next += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, body = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        if len(body) < length:
            return
        self.waits.append(time.perf_counter() - self.began)
        status = head[9:12]
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.buffer = b""
        self.send()


async def load(port: int, plans: list[list[bytes]], seconds: float) -> tuple[float, list[float], dict[bytes, int]]:
    """Drive all plans at once; returns elapsed seconds, the sorted waits, and answers by status."""
    loop = asyncio.get_running_loop()
    waits: list[float] = []
    began = time.perf_counter()
    senders = []
    for plan in plans:
        done = asyncio.Event()
        sender = Sender(plan, began + seconds, waits, done)
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)
        senders.append(sender)
    for sender in senders:
        await sender.done.wait()
    statuses: dict[bytes, int] = {}
    for sender in senders:
        for status, count in sender.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    return time.perf_counter() - began, sorted(waits), statuses


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return once the server takes connections."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the receiver did not start")


def plans(group: int, cookies: list[str], name: str, seconds: float) -> list[list[bytes]]:
    """For each connection its own members in turn, each with its own words."""
    import msgspec

    said = texts(2_000)
    share = MEMBERS // CONNECTIONS
    result = []
    for number in range(CONNECTIONS):
        mine = cookies[number * share : (number + 1) * share]
        result.append(
            [
                request(
                    mine[n % share],
                    msgspec.json.encode(
                        {"group": group, "client_id": f"{name}{n}", "text": said[(number + n) % 2_000]}
                    ),
                )
                for n in range(int(seconds * 180))
            ]
        )
    return result


def report(name: str, elapsed: float, waits: list[float], statuses: dict[bytes, int]) -> float:
    """Print rate and percentiles."""
    per_second = rate(name, len(waits), elapsed)
    marks = [waits[int(len(waits) * q)] * 1000 for q in (0.5, 0.95, 0.99)]
    print(f"    p50 {marks[0]:.1f} ms · p95 {marks[1]:.1f} ms · p99 {marks[2]:.1f} ms · {dict(statuses)}")
    return per_second


WRK_SCRIPT = """
local cookies, texts, number = {}, {}, 0
for line in io.lines(os.getenv("BENCH_COOKIES")) do cookies[#cookies + 1] = line end
for line in io.lines(os.getenv("BENCH_TEXTS")) do texts[#texts + 1] = line end
request = function()
  number = number + 1
  local headers = {["Content-Type"] = "application/json", ["Cookie"] = "qz_member=" .. cookies[number % #cookies + 1]}
  local body = string.format('{"group":%s,"client_id":"%s%d","text":"%s"}', os.getenv("BENCH_GROUP"),
    os.getenv("BENCH_NAME"), number, texts[number % #texts + 1])
  return wrk.format("POST", "/in/local", headers, body)
end
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(95), latency:percentile(99),
    e.status + e.connect + e.read + e.write + e.timeout))
end
"""


def wrk(port: int, group: int, cookies: list[str], name: str, seconds: float) -> float:
    """Drive the server with wrk; prints and returns acknowledged posts a second."""
    with tempfile.TemporaryDirectory() as folder:
        files = {"BENCH_COOKIES": cookies, "BENCH_TEXTS": texts(2_000)}
        environment = {**os.environ, "BENCH_GROUP": str(group), "BENCH_NAME": name}
        for variable, lines in files.items():
            path = Path(folder) / variable
            path.write_text("\n".join(lines))
            environment[variable] = str(path)
        script = Path(folder) / "post.lua"
        script.write_text(WRK_SCRIPT)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{int(seconds)}s", "-s", str(script)]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{port}"], env=environment, capture_output=True, text=True, check=True
        )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    assert found, done.stdout
    posts, microseconds, p50, p95, p99, errors = map(int, found.groups())
    per_second = rate("acknowledged after commit (wrk)", posts - errors, microseconds / 1e6)
    print(f"    p50 {p50 / 1000:.1f} ms · p95 {p95 / 1000:.1f} ms · p99 {p99 / 1000:.1f} ms · {errors} not 200")
    return per_second


def main(seconds: float, workers: int) -> None:
    with scratch_home():
        set_up()
        group, cookies = people()
        port = free_port()
        server = subprocess.Popen([
            sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1", "--port",
            str(port), "--loop", "uvloop", "--log-level", "warning", "--workers", str(workers),
            "qunzhu.receive.app:create_app",
        ])  # fmt: skip
        try:
            wait_for(port)
            uvloop.run(load(port, plans(group, cookies, "warm", 1.0), 1.0))
            refused = [[request("x", b"{}")] * int(seconds * 300) for _ in range(CONNECTIONS)]
            floor = report("refused without the database (floor)", *uvloop.run(load(port, refused, seconds)))
            elapsed, waits, statuses = uvloop.run(load(port, plans(group, cookies, "run", seconds), seconds))
            acked = report("acknowledged after commit", elapsed, waits, statuses)
            if shutil.which("wrk"):
                acked = wrk(port, group, cookies, "wrk", seconds)
            print(f"    ratio to the floor: {acked / floor:.2f}")
        finally:
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS, int(sys.argv[2]) if len(sys.argv) > 2 else 1)
