"""Two servers on one port (decision 2): Starlette receives, streams and answers probes; Django makes the pages.

`web()`, `receive()` and `console()` are the applications of the processes of the same name.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount

from qunzhu.config.health import health_routes
from qunzhu.config.metrics import metrics_routes
from qunzhu.config.parent import die_with_parent

PAGE_THREADS = int(os.environ.get("QUNZHU_PAGE_THREADS", "10"))


def web() -> Starlette:
    """Everything on one port."""
    return _receiving([*_receive_routes(), *_pages()])


def receive() -> Starlette:
    """The receiver and the live stream; no Django in this process."""
    return _receiving(_receive_routes())


def console() -> Starlette:
    """The console and the member pages."""
    return _application(_pages())


def _receiving(routes: list[BaseRoute]) -> Starlette:
    from qunzhu.receive.app import PostsFirst

    return _application(routes, PostsFirst)


def _application(routes: list[BaseRoute], kind: type[Starlette] = Starlette) -> Starlette:
    _end_with_the_server()
    return kind(routes=[*health_routes(), *metrics_routes(), *routes], lifespan=_lifespan(routes))


def _receive_routes() -> list[BaseRoute]:
    from qunzhu.receive.app import build_routes

    return list(build_routes())


def _pages() -> list[BaseRoute]:
    from a2wsgi import WSGIMiddleware

    from qunzhu.config.wsgi import application

    pages = WSGIMiddleware(application, workers=PAGE_THREADS)  # type: ignore[arg-type]
    return [Mount("/", app=_receiving_by_coroutine(pages))]


def _receiving_by_coroutine(app: Any) -> Any:
    """Granian's `receive()` answers a future; a2wsgi hands it to another thread, which takes coroutines only."""

    async def wrapped(scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        async def receive_by_coroutine() -> Any:
            return await receive()

        await app(scope, receive_by_coroutine, send)

    return wrapped


def _lifespan(routes: list[BaseRoute]) -> Callable[[Starlette], Any]:
    """The receiver's own start and stop, where this process has one."""
    has_receiver = any(getattr(route, "path", "").startswith("/in/") for route in routes)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        if not has_receiver:
            gc.freeze()  # what was imported stays for good: walking it again would only make a page wait
            yield
            return
        from qunzhu.receive.app import lifespan as receiver_lifespan

        async with receiver_lifespan(app):
            if multiprocessing.parent_process() is not None:
                _close_pages_first(app)
            yield

    return lifespan


def _close_pages_first(app: Starlette) -> None:
    """Granian ends the application only when every connection has ended; live pages never end by themselves.

    A worker is stopped with SIGTERM: the pages are closed, then granian hears it as SIGINT, which means the same to it.
    """
    loop = asyncio.get_running_loop()
    closing: list[asyncio.Task[None]] = []

    async def close() -> None:
        try:
            await app.state.receiver.stream.stop()
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def on_signal() -> None:
        if not closing:
            closing.append(loop.create_task(close()))

    loop.add_signal_handler(signal.SIGTERM, on_signal)


def _end_with_the_server() -> None:
    """A worker of granian must not outlive a granian that was killed: it would keep the port."""
    if multiprocessing.parent_process() is not None:
        die_with_parent(signal.SIGKILL)
