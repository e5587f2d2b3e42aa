"""The storm: members talk while everything below them is killed; then the load ends and everything must drain.

`python -m tests.faults.storm SCENE RESULT KILLS SEED`, in the QUNZHU_HOME where SCENE was made. It is a process of its
own so that the parts are forked from a clean one. RESULT gets a JSON object: what was killed, said and seen.
"""

import json
import random
import socket
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

import psycopg
from psycopg import sql

from qunzhu.kernel.database import home, start_embedded
from tests.faults import parts
from tests.faults.load import Talk
from tests.faults.scene import Seat

SHARES = {"consumer": 36, "deliverer": 28, "receiver": 20, "postgres": 10, "backend": 6}  # of a hundred kills
LONGEST_PAUSE = 0.7  # seconds between two kills
QUIET_SECONDS = 45.0  # nothing acknowledged for so long: somebody hangs
DRAIN_SECONDS = 90.0
_BEHIND = """
SELECT (SELECT count(*) FROM consumer_cursor c JOIN event_head h USING (community_id) WHERE c.seq < h.seq),
       (SELECT count(*) FROM effect WHERE status = 'pending')
"""


@dataclass
class Storm:
    """The parts, the load, and what happened to them."""

    talk: Talk
    draw: random.Random
    database: parts.Database
    parts: list[parts.Part]
    kills: Counter[str] = field(default_factory=Counter)
    hung: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def rage(self, plan: list[str]) -> None:
        """Kill according to `plan`, each after a random pause; a part that is gone comes back at once."""
        for part in self.parts:
            part.ensure()
        self._wait_for_talk("the first message")
        for victim in plan:
            while not self._kill(victim):
                self.pause(0.05)
            self.kills[victim] += 1
            say(f"{time.monotonic() - self.began:.2f} s: killed {victim}; {len(self.talk.said)} acknowledged")
            # Half of the time the next blow falls while the last one is still being mended.
            if victim in {"postgres", "backend"} and self.draw.random() < 0.5:
                self._wait_for_talk(f"after {victim}")
            self.pause(self.draw.random() * LONGEST_PAUSE)

    def _kill(self, victim: str) -> bool:
        if victim == "postgres":
            return self.database.kill()
        if victim == "backend":
            return self.database.kill_backend(self.draw.choice)
        return self.draw.choice([p for p in self.parts if p.kind == victim]).kill()

    def pause(self, seconds: float) -> None:
        """Let time pass, and start again whatever fell."""
        end = time.monotonic() + seconds
        while True:
            for part in self.parts:
                part.ensure()
            left = end - time.monotonic()
            if left <= 0:
                return
            wait([p.process.sentinel for p in self.parts if p.process is not None], timeout=left)

    def _wait_for_talk(self, when: str) -> None:
        self.talk.heard.clear()
        end = time.monotonic() + QUIET_SECONDS
        while not self.talk.heard.wait(0.05):
            self.pause(0)
            if time.monotonic() > end:
                self.hung.append(when)
                return

    def drain(self, url: str) -> bool:
        """Whether every consumer catches up and every effect ends while the parts run undisturbed."""
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end:
            try:
                with psycopg.connect(url) as conn:
                    if conn.execute(_BEHIND).fetchone() == (0, 0):
                        return True
            except psycopg.OperationalError:
                pass
            self.pause(0.2)
        return False

    def end(self) -> None:
        for part in self.parts:
            part.kill()


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201  (seen when the storm fails)


def plan_of(kills: int, draw: random.Random) -> list[str]:
    """At least `kills` victims in random order, PostgreSQL at least 15 of 200."""
    plan = [victim for victim, share in SHARES.items() for _ in range(-(-kills * share // 100))]
    draw.shuffle(plan)
    return plan


def ledger_problems(communities: set[int]) -> list[str]:
    """What `check_ledger` finds, of all communities."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.ledger.selectors import check_ledger

    return [problem for community in sorted(communities) for problem in check_ledger(community)]


def count(url: str, table: str) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(scene: Path, result: Path, kills: int, seed: int) -> None:
    draw = random.Random(seed)
    port = free_port()
    talk = Talk(f"http://127.0.0.1:{port}", [Seat(**seat) for seat in json.loads(scene.read_text())], seed)
    everyone = [
        parts.Part("receiver", parts.receive, port),
        *(parts.Part("consumer", parts.consume) for _ in range(2)),
        *(parts.Part("deliverer", parts.deliver) for _ in range(2)),
    ]
    storm = Storm(talk, draw, parts.Database(home()), everyone)
    began = time.monotonic()
    thread = talk.begin()
    try:
        storm.rage(plan_of(kills, draw))
        raged = time.monotonic()
        talk.stopping = True
        while thread.is_alive():
            storm.pause(0.1)
            if time.monotonic() > raged + QUIET_SECONDS:
                storm.hung.append("the last messages")
                break
        url = start_embedded(home() / "pg")
        drained = storm.drain(url)
    finally:
        talk.stopping = True
        storm.end()
    outcome = {
        "seed": seed,
        "kills": dict(storm.kills),
        "fell": {p.kind: p.fell for p in everyone if p.fell},
        "hung": storm.hung,
        "drained": drained,
        "ledger": ledger_problems({seat.community for seat in talk.seats}),
        "odd": talk.odd,
        "effects": count(url, "effect"),
        "silenced": talk.silenced,
        "tries": talk.tries,
        "said": [asdict(said) for said in talk.said],
        "seconds": {"storm": round(raged - began, 1), "drain": round(time.monotonic() - raged, 1)},
    }
    result.write_text(json.dumps(outcome))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
