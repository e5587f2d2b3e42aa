"""Members that never stop talking and never take no for an answer: each message is sent until it is acknowledged."""

import asyncio
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.scene import FRAUD, Seat

RETRY_SECONDS = 0.05
PAUSE_SECONDS = 0.25  # between two messages of a member, on average: below what the receiver allows
SILENCED = {"muted": "unmute", "frozen": "unfreeze"}
LINK = "看看这个 https://example.com/{}"  # said by every fourth member only
LINES = {"": 620, LINK: 230, "签到": 50, "大家好": 25, "积分": 10, "帮助": 10, "举报 广告": 20, f"投资{FRAUD}": 5}
LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Said:
    """An acknowledged message: what the member's browser named it, and the seq it was told."""

    seat: Seat
    client_id: str
    seq: int


@dataclass
class Talk:
    """What was said and what the receiver answered. `odd` are answers that no fault explains."""

    url: str
    seats: Sequence[Seat]
    seed: int
    said: list[Said] = field(default_factory=list)
    silenced: int = 0
    tries: int = 0
    odd: list[str] = field(default_factory=list)
    stopping: bool = False
    heard: threading.Event = field(default_factory=threading.Event)  # set by every acknowledgement

    def begin(self) -> threading.Thread:
        """Talk on a thread of its own until `stopping`, and until the last message is acknowledged."""
        thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="talk")
        thread.start()
        return thread

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=len(self.seats))
        async with httpx.AsyncClient(base_url=self.url, timeout=15, limits=limits, trust_env=False) as client:
            await asyncio.gather(*(self._talk(client, n, seat) for n, seat in enumerate(self.seats)))

    async def _talk(self, client: httpx.AsyncClient, number: int, seat: Seat) -> None:
        draw = random.Random(f"{self.seed}:{number}")
        count = 0
        while not self.stopping:
            count += 1
            message = {"group": seat.group, "type": "text", "client_id": f"{number}-{count}"}
            message.update(self._line(draw, number, seat))
            silence = await self._say(client, seat, message)
            if silence is not None:
                self.silenced += 1
                await asyncio.sleep(draw.random())
                await self._let_speak(client, seat, SILENCED[silence])
            await asyncio.sleep(2 * PAUSE_SECONDS * draw.random())

    async def _say(self, client: httpx.AsyncClient, seat: Seat, message: dict[str, Any]) -> str | None:
        """Send until there is an answer; returns why the member may not speak, None when it was said."""
        while True:
            answer = await self._post(client, "/in/local", seat.cookie, message)
            if answer is not None and answer.status_code == httpx.codes.OK:
                self.said.append(Said(seat, message["client_id"], answer.json()["seq"]))
                self.heard.set()
                return None
            if answer is not None and answer.status_code not in LATER:
                error = answer.json()["error"]
                if error in SILENCED:
                    return str(error)
                self.odd.append(f"{answer.status_code} {answer.text}")
                return None
            await asyncio.sleep(RETRY_SECONDS)

    async def _let_speak(self, client: httpx.AsyncClient, seat: Seat, action: str) -> None:
        """The room's owner opens it again, or ends the mute; when that does not get through, another refusal will."""
        wanted = {"group": seat.group, "action": action, "member": seat.member}
        answer = await self._post(client, "/in/local/act", seat.leader, wanted)
        if answer is not None and answer.status_code not in LATER and answer.status_code != httpx.codes.OK:
            self.odd.append(f"{action}: {answer.status_code} {answer.text}")

    async def _post(
        self, client: httpx.AsyncClient, path: str, cookie: str, body: dict[str, Any]
    ) -> httpx.Response | None:
        self.tries += 1
        try:
            return await client.post(path, json=body, headers={"cookie": f"qz_member={cookie}", "x-qunzhu": "1"})
        except httpx.TransportError:
            return None

    def _line(self, draw: random.Random, number: int, seat: Seat) -> dict[str, Any]:
        """Mostly harmless; some check in, report, repeat a link until they are muted, or cry fraud."""
        what = draw.choices(list(LINES), LINES.values())[0]
        there = [said for said in self.said[-200:] if said.seat.group == seat.group]
        if what == "举报 广告" and there:
            return {"text": what, "reply_to": draw.choice(there).seq}
        if what == LINK and number % 4 == 0:
            return {"text": LINK.format(draw.randint(1, 2))}
        if what in {"", LINK}:
            what = "".join(draw.choices("今天天气不错大家早上好有没有人一起学习财务模型", k=draw.randint(3, 20)))
        return {"text": what}
