"""The receiver under test: the real application on the test database, spoken to over ASGI."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.connectors.local.services import Joined
from qunzhu.kernel.connectors.local.tests.rooms_made import NOW
from qunzhu.receive.app import Limits, create_app, lifespan


def serve(work: Callable[..., Awaitable[Any]], limits: Limits | None = None, *, at: datetime = NOW) -> Any:
    """Run `work(client, app)` with the receiver alive; `app.state.clock` moves its time."""

    async def main() -> Any:
        app = create_app(limits)
        clock = FixedClock(at)
        async with lifespan(app, limits, clock):
            app.state.clock = clock
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await work(client, app)

    return asyncio.run(main())


def cookie(joined: Joined | None) -> dict[str, str]:
    return {"cookie": f"other=1; qz_member={joined.token}"} if joined else {}


async def post(client: httpx.AsyncClient, who: Joined | None, path: str = "", **fields: Any) -> httpx.Response:
    return await client.post(f"/in/local{path}", json=fields, headers=cookie(who))


class Page:
    """An open SSE page: `next(kind)` waits for the next frame of a kind."""

    def __init__(self, frames: AsyncIterator[tuple[str, dict[str, Any]]]) -> None:
        self.frames = frames

    async def next(self, kind: str = "log") -> dict[str, Any]:
        async with asyncio.timeout(10):
            async for name, data in self.frames:
                if name == kind:
                    return data
        raise EOFError("the page was closed")

    async def closed(self) -> bool:
        async with asyncio.timeout(10):
            async for _ in self.frames:
                pass
        return True


@contextlib.asynccontextmanager
async def page(app: Any, path: str, headers: dict[str, str], **query: Any) -> AsyncIterator[Page]:
    """GET an event stream; httpx's transport waits for the end of a body, so this speaks ASGI itself."""
    chunks: asyncio.Queue[bytes] = asyncio.Queue()
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.set_result(message["status"])
        elif message.get("body"):
            chunks.put_nowait(message["body"])
        if message["type"] == "http.response.body" and not message.get("more_body"):
            chunks.put_nowait(b"")

    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": urlencode(query).encode(), "http_version": "1.1", "scheme": "http", "server": ("test", 80),
        "client": ("127.0.0.1", 1), "headers": [(k.encode(), v.encode()) for k, v in headers.items()], "state": {},
        "asgi": {"version": "3.0", "spec_version": "2.3"},
    }  # fmt: skip
    task = asyncio.create_task(app(scope, receive, send))
    try:
        assert await asyncio.wait_for(started, 10) == 200
        yield Page(_frames(chunks))
    finally:
        gone.set()
        await asyncio.wait_for(task, 10)


async def _frames(chunks: asyncio.Queue[bytes]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    buffer = b""
    while chunk := await chunks.get():
        buffer += chunk
        while b"\n\n" in buffer:
            text, buffer = buffer.split(b"\n\n", 1)
            fields = dict(line.split(b": ", 1) for line in text.split(b"\n") if not line.startswith(b":"))
            if b"event" in fields:
                yield fields[b"event"].decode(), json.loads(fields[b"data"])
            elif text.startswith(b":"):
                yield "heartbeat", {}
