"""The live stream: one LISTEN connection a process, fanned out to every open page, without gaps or duplicates.

Per community one channel reads the log forward, once for all its subscribers. A new subscriber reads the log itself
from where it left off up to the channel's position and takes everything after that from the channel; one that cannot
keep up is sent back to the log, so no queue grows without bound and nothing is skipped.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import psycopg
import structlog

from qunzhu.kernel.connectors.local.rooms import STATE_CHANNEL
from qunzhu.kernel.connectors.local.tokens import MemberToken
from qunzhu.kernel.database import database_url
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event
from qunzhu.receive.answers import encode_json
from qunzhu.receive.database import LOST, Database
from qunzhu.receive.views import console_view, member_view, recalled_in, room_state

QUEUE = 1_000
PAGE = 500
HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 0.3
_HEARTBEAT = b": still here\n\n"
_STATE = object()
_END = object()
logger = structlog.get_logger("qunzhu.stream")


class Shared:
    """An event on its way to many: the console's frame is made once."""

    __slots__ = ("_frame", "event")

    def __init__(self, event: Event) -> None:
        self.event = event
        self._frame: bytes | None = None

    def console_frame(self) -> bytes:
        if self._frame is None:
            self._frame = frame("log", console_view(self.event), self.event.seq)
        return self._frame


class Subscriber:
    """One open page: a member's (with group) or a console's (without)."""

    def __init__(self, community_id: int, *, member_id: int | None = None, group_id: int | None = None) -> None:
        self.community_id = community_id
        self.member_id = member_id
        self.group_id = group_id
        self.queue: asyncio.Queue[Any] = asyncio.Queue(QUEUE)
        self.lagging = False

    def offer(self, item: Any) -> None:
        """Queue an item; a full queue is given up, the subscriber goes back to the log."""
        if self.lagging:
            return
        try:
            self.queue.put_nowait(item)
        except asyncio.QueueFull:
            self.lagging = True

    def offer_event(self, shared: Shared) -> None:
        event = shared.event
        if self.group_id is None:
            self.offer(shared)
        elif event.group_id == self.group_id:
            self.offer(shared)
            about_me = event.member_id == self.member_id and event.kind.startswith("member.")
            if about_me or event.kind.startswith("group."):
                self.offer(_STATE)

    def start_over(self) -> None:
        """An empty queue, before reading the log again."""
        self.queue = asyncio.Queue(QUEUE)
        self.lagging = False


class Channel:
    """The reading position in one community's log, and who listens."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.target = position
        self.subscribers: set[Subscriber] = set()
        self.pump: asyncio.Task[None] | None = None


class Stream:
    """The process's live stream. `start` and `stop` belong to the application's life."""

    def __init__(self, database: Database, *, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        self.database = database
        self.heartbeat = heartbeat
        self.channels: dict[int, Channel] = {}
        self.listening = asyncio.Event()
        self._stopping = False
        self._listener: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen; call it inside the running loop."""
        self._listener = asyncio.create_task(self._listen_forever())

    async def stop(self) -> None:
        """End every open page and the listener."""
        self._stopping = True
        for channel in self.channels.values():
            for subscriber in channel.subscribers:
                subscriber.offer(_END)  # wakes the page that waits; one with a queue looks before its next item
        tasks = [t for t in [self._listener, *(c.pump for c in self.channels.values())] if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def subscribers(self) -> int:
        """How many pages are open."""
        return sum(len(c.subscribers) for c in self.channels.values())

    async def member_pages(self, token: MemberToken, group_id: int, after: int | None) -> AsyncIterator[bytes]:
        """SSE frames for a member's chat page: `state`, then `log` from `after` (None: from now)."""
        subscriber = Subscriber(token.community_id, member_id=token.member_id, group_id=group_id)
        recalled: frozenset[int] = frozenset()

        def render(shared: Shared) -> bytes:
            view = member_view(shared.event, token.member_id, recalled)
            return frame("log", view, shared.event.seq) if view is not None else b""

        async def before_page(first: int) -> None:
            nonlocal recalled
            recalled = await self.database.run(recalled_in, token.community_id, group_id, first)

        async def state() -> tuple[bytes, bool]:
            now = await self.database.run(room_state, token, group_id)
            return frame("state", now), bool(now["me"]["inside"])

        async for chunk in self._frames(subscriber, after, render, before_page, state):
            yield chunk

    async def console_pages(self, community_id: int, after: int | None) -> AsyncIterator[bytes]:
        """SSE frames of everything that happens in a community."""
        async for chunk in self._frames(Subscriber(community_id), after, Shared.console_frame, None, None):
            yield chunk

    async def _frames(
        self,
        subscriber: Subscriber,
        after: int | None,
        render: Callable[[Shared], bytes],
        before_page: Callable[[int], Any] | None,
        state: Callable[[], Any] | None,
    ) -> AsyncIterator[bytes]:
        channel = await self._subscribe(subscriber)
        seen = channel.position if after is None else after
        try:
            yield b"retry: 1000\n\n"
            if state is not None:
                yield (await state())[0]
            while not self._stopping:
                async for shared in self._missed(subscriber, seen, channel.position, before_page):
                    seen = shared.event.seq
                    yield render(shared)
                async for item in self._live(subscriber):
                    if item is None:
                        yield _HEARTBEAT
                    elif item is _STATE:
                        if state is not None:
                            chunk, inside = await state()
                            yield chunk
                            if not inside:
                                return
                    elif item.event.seq > seen:
                        seen = item.event.seq
                        yield render(item)
                subscriber.start_over()
        finally:
            channel.subscribers.discard(subscriber)

    async def _subscribe(self, subscriber: Subscriber) -> Channel:
        channel = self.channels.get(subscriber.community_id)
        if channel is None or not (channel.subscribers or channel.pump):
            # Nobody listened: the position may be old. Later arrivals find the channel with its subscriber.
            await self.listening.wait()
            head = await self.database.run(log.head, subscriber.community_id)
            known = self.channels.get(subscriber.community_id)
            if known is None or not (known.subscribers or known.pump):
                known = Channel(head)
                self.channels[subscriber.community_id] = known
            channel = known
        channel.subscribers.add(subscriber)
        return channel

    async def _missed(
        self, subscriber: Subscriber, after: int, upto: int, before_page: Callable[[int], Any] | None
    ) -> AsyncIterator[Shared]:
        """What the log holds between the page's last event and the channel's position."""
        while after < upto and not self._stopping:
            page_end = min(upto, after + PAGE)
            if before_page is not None:
                await before_page(after + 1)
            for event in await self.database.run(log.read, subscriber.community_id, after=after, upto=page_end):
                if subscriber.group_id is None or event.group_id == subscriber.group_id:
                    yield Shared(event)
            after = page_end

    async def _live(self, subscriber: Subscriber) -> AsyncIterator[Any]:
        """Items of the queue, None for a heartbeat; ends when the page lags behind or the process stops."""
        while not self._stopping:
            if subscriber.lagging and subscriber.queue.empty():
                return
            try:
                item = await asyncio.wait_for(subscriber.queue.get(), self.heartbeat)
            except TimeoutError:
                yield None
                continue
            if item is _END:
                return
            yield item

    async def _listen_forever(self) -> None:
        while not self._stopping:
            try:
                url = await asyncio.to_thread(database_url)
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:
                    await conn.execute(f"LISTEN {log.CHANNEL}")
                    await conn.execute(f"LISTEN {STATE_CHANNEL}")
                    self.listening.set()
                    await self._catch_up()
                    async for notice in conn.notifies():
                        self._hear(notice.channel, notice.payload)
            except LOST as error:
                logger.warning("live stream lost the database, trying again", error=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def _catch_up(self) -> None:
        """After a new connection: notices may have been missed."""
        for community_id in list(self.channels):
            self._advance(community_id, await self.database.run(log.head, community_id))

    def _hear(self, channel_name: str, payload: str) -> None:
        first, _, second = payload.partition(":")
        if not (first.isdigit() and second.isdigit()):
            return
        if channel_name == log.CHANNEL:
            self._advance(int(first), int(second))
            return
        channel = self.channels.get(int(first))
        for subscriber in channel.subscribers if channel else ():
            if subscriber.group_id == int(second):
                subscriber.offer(_STATE)

    def _advance(self, community_id: int, head: int) -> None:
        channel = self.channels.get(community_id)
        if channel is None or not channel.subscribers:
            return
        channel.target = max(channel.target, head)
        if channel.pump is None and channel.target > channel.position:
            channel.pump = asyncio.create_task(self._pump(community_id, channel))

    async def _pump(self, community_id: int, channel: Channel) -> None:
        """Read forward to the target, once for everybody."""
        try:
            while channel.position < channel.target and channel.subscribers and not self._stopping:
                upto = min(channel.target, channel.position + PAGE)
                events = await self.database.run(log.read, community_id, after=channel.position, upto=upto)
                # No await from here to the new position: a subscriber either gets these from the queue, or reads them.
                for event in events:
                    shared = Shared(event)
                    for subscriber in channel.subscribers:
                        subscriber.offer_event(shared)
                channel.position = upto
        except LOST as error:
            logger.warning("live stream could not read the log", error=repr(error))
        finally:
            channel.pump = None
            if not self._stopping and channel.position < channel.target and channel.subscribers:
                with suppress(RuntimeError):
                    asyncio.get_running_loop().call_later(RETRY_SECONDS, self._advance, community_id, channel.target)


def frame(kind: str, data: dict[str, Any], seq: int | None = None) -> bytes:
    """One SSE frame; its id lets the browser resume where it was."""
    head = f"id: {seq}\n" if seq is not None else ""
    return f"{head}event: {kind}\ndata: ".encode() + encode_json(data) + b"\n\n"
