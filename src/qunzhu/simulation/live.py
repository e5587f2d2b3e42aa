"""Simulated people who talk in a running group: the demo's company, and load for measurements."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from qunzhu.simulation.people import Persona
from qunzhu.simulation.words import say


@dataclass
class Tally:
    """What became of the messages; `milliseconds` of each acknowledged one, in order of their answers."""

    acknowledged: int = 0
    refused: int = 0
    failed: int = 0
    milliseconds: list[float] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """Milliseconds below which `share` (0 … 1) of the answers came; 0 when there were none."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True)
class Speaker:
    """A simulated person inside a group of the local chat, with the cookie that proves it."""

    persona: Persona
    group_id: int
    member_id: int
    cookie: str


async def talk(
    url: str, speakers: Sequence[Speaker], *, messages: int, rate: float, seed: int, at_once: int = 100
) -> Tally:
    """Post `messages` messages, `rate` a second (0: as fast as answers come), by speakers in turn."""
    dice = random.Random(f"live:{seed}")
    tally = Tally()
    waiting: asyncio.Queue[tuple[float, Speaker, str, str] | None] = asyncio.Queue(at_once * 2)
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30, trust_env=False) as client:
        workers = [asyncio.create_task(_post(client, waiting, tally)) for _ in range(at_once)]
        started = time.monotonic()
        for number in range(messages):
            if rate:
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
            speaker = speakers[number % len(speakers)]
            family = dice.choices(
                [w for w, _ in speaker.persona.habit.words], [n for _, n in speaker.persona.habit.words]
            )
            text, _ = say(family[0], dice)
            await waiting.put((time.monotonic(), speaker, text, f"sim-{seed}-{number}"))
        for _ in workers:
            await waiting.put(None)
        await asyncio.gather(*workers)
    return tally


async def _post(
    client: httpx.AsyncClient, waiting: asyncio.Queue[tuple[float, Speaker, str, str] | None], tally: Tally
) -> None:
    while (job := await waiting.get()) is not None:
        started, speaker, text, client_id = job
        body = {"group": speaker.group_id, "type": "text", "text": text, "client_id": client_id}
        try:
            answer = await client.post("/in/local", json=body, headers={"cookie": f"qz_member={speaker.cookie}"})
        except httpx.HTTPError:
            tally.failed += 1
            continue
        if answer.status_code == httpx.codes.OK:
            tally.acknowledged += 1
            tally.milliseconds.append((time.monotonic() - started) * 1000)
        else:
            tally.refused += 1
