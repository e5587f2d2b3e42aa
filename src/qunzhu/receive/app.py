"""HTTP of the local chat: posts are acknowledged after commit, pages hear what happens. Knows nothing of Django.

Every refusal is `{"error": code, "message": a sentence in the reader's language, …}` with its status:
400 malformed, empty, too_long · 401 no_member · 403 forged, not_member, removed, muted (until), frozen, closed …
404 unknown_group, unknown_message · 413 too_large · 415 not_an_image · 429 too_fast · 503 unavailable.
"""

import contextlib
import gc
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.connectors.local.admission import say
from qunzhu.kernel.connectors.local.parse import (
    BIGINT,
    ActRequest,
    Draft,
    GroupRequest,
    ReadRequest,
    RecallRequest,
    Refusal,
    RenameRequest,
    decode,
    parse_post,
)
from qunzhu.kernel.connectors.local.refusals import body_of
from qunzhu.kernel.connectors.local.tokens import MemberToken, read_console_token
from qunzhu.kernel.events.schema import Appended
from qunzhu.receive import hands, upload, views
from qunzhu.receive.answers import Head, Receive, Scope, Send, answer, answer_refusal, encode_json, read_body
from qunzhu.receive.database import LOST, Database
from qunzhu.receive.group_commit import TIMEOUT_SECONDS, GroupCommit, internal, unavailable
from qunzhu.receive.limits import RateLimit
from qunzhu.receive.stream import HEARTBEAT_SECONDS, Stream

POSTS = Counter("qunzhu_receive_posts", "Posts answered, by status.", ["status"])
POST_SECONDS = Histogram(
    "qunzhu_receive_post_seconds", "From the request to its answer after commit.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)  # fmt: skip
_POSTED = POSTS.labels("200")
OPEN_PAGES = Gauge("qunzhu_stream_pages", "Open live pages.", multiprocess_mode="livesum")
POST_PATH = "/in/local"
T = TypeVar("T")
logger = structlog.get_logger("qunzhu.receive")


@dataclass(frozen=True)
class Limits:
    """How fast one member may post and do other things (a second, and at once), and how long a sender waits."""

    posts_per_second: float = 5.0
    posts_at_once: int = 20
    acts_per_second: float = 5.0
    acts_at_once: int = 30
    commit_timeout: float = TIMEOUT_SECONDS
    heartbeat: float = HEARTBEAT_SECONDS


class Receiver:
    """Everything one receiving process holds; lives as `app.state.receiver`."""

    def __init__(self, limits: Limits | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        limits = limits or Limits()
        self.clock = clock
        self.database = Database()
        self.commit: GroupCommit[Draft] = GroupCommit(say, clock=clock, timeout=limits.commit_timeout)
        self.stream = Stream(self.database, heartbeat=limits.heartbeat)
        self.posts = RateLimit(limits.posts_per_second, limits.posts_at_once)
        self.acts = RateLimit(limits.acts_per_second, limits.acts_at_once)

    def start(self) -> None:
        """Begin; call it inside the running loop."""
        self.commit.start()
        self.stream.start()

    async def stop(self) -> None:
        """Close open pages, commit what waits, let go of the database."""
        await self.stream.stop()
        await self.commit.stop()
        await run_in_threadpool(self.database.close)


def receiver_of(scope: Scope) -> Receiver:
    """The receiver of the application that serves this request."""
    receiver: Receiver = scope["app"].state.receiver
    return receiver


class PostMessage:
    """POST /in/local as plain ASGI: the hottest path of the product has no framework in it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        receiver, head = receiver_of(scope), Head(scope)
        try:
            head.check_not_forged()
            sender = head.member()
            body = await read_body(receive, head.length)
            receiver.posts.check(sender.member_id)
            result: Appended | Refusal = await receiver.commit.submit(parse_post(body, sender))
        except Refusal as refusal:
            result = refusal
        except Exception as error:
            logger.exception("post failed", error=repr(error))
            result = internal()
        if isinstance(result, Appended):
            _POSTED.inc()
            await answer(send, b'{"seq":%d}' % result.seq)
        else:
            POSTS.labels(str(result.status)).inc()
            await answer_refusal(send, result, language=head.language, now=receiver.clock.now())
        POST_SECONDS.observe(time.perf_counter() - began)


class PostsFirst(Starlette):
    """An application whose posts are taken before middleware and routing, which cost more than reading the post."""

    _post = PostMessage()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == POST_PATH and scope["method"] == "POST":
            scope["app"] = self
            await self._post(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class Hand:
    """POST /in/local/<what>: one short transaction, as JSON in and out."""

    def __init__(self, kind: type[T], work: Callable[..., dict[str, Any]]) -> None:
        self.kind = kind
        self.work = work

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        receiver, head = receiver_of(scope), Head(scope)
        try:
            head.check_not_forged()
            sender = head.member()
            body = await read_body(receive, head.length)
            receiver.acts.check(sender.member_id)
            wanted = decode(body, self.kind)
            done = await _in_database(receiver, self.work, sender, wanted, now=receiver.clock.now())
        except Refusal as refusal:
            await answer_refusal(send, refusal, language=head.language, now=receiver.clock.now())
        else:
            await answer(send, encode_json(done))


async def _in_database(receiver: Receiver, work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    try:
        return await receiver.database.run(work, *args, **kwargs)
    except LOST as error:
        logger.warning("database away", error=repr(error))
        raise unavailable() from error


async def _json(request: Request, work: Callable[[], Any]) -> Response:
    """The answer of a GET, or its refusal."""
    try:
        return Response(encode_json(await work()), media_type="application/json", headers=_PRIVATE)
    except Refusal as refusal:
        return refused(request, refusal)


_PRIVATE = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def refused(request: Request, refusal: Refusal) -> Response:
    """A refusal as a Starlette response."""
    wait = refusal.more.get("retry_after")
    headers = {**_PRIVATE, "retry-after": str(wait)} if wait else _PRIVATE
    now = receiver_of(request.scope).clock.now()
    body = body_of(refusal, language=Head(request.scope).language, now=now)
    return Response(encode_json(body), refusal.status, headers, "application/json")


async def history(request: Request) -> Response:
    """GET /in/local/history?group&before&limit."""
    receiver = receiver_of(request.scope)

    async def work() -> dict[str, Any]:
        sender, group = Head(request.scope).member(), _number(request, "group")
        before, limit = _optional(request, "before"), _optional(request, "limit")
        return await _in_database(
            receiver, views.history, sender, group, before=before, limit=50 if limit is None else limit
        )

    return await _json(request, work)


async def members(request: Request) -> Response:
    """GET /in/local/members?group."""
    receiver = receiver_of(request.scope)

    async def work() -> dict[str, Any]:
        sender, group = Head(request.scope).member(), _number(request, "group")
        return await _in_database(receiver, views.members, sender, group, now=receiver.clock.now())

    return await _json(request, work)


async def state(request: Request) -> Response:
    """GET /in/local/state?group: what the SSE event `state` carries."""
    receiver = receiver_of(request.scope)

    async def work() -> dict[str, Any]:
        sender, group = Head(request.scope).member(), _number(request, "group")
        return await _in_database(receiver, _checked_state, sender, group)

    return await _json(request, work)


def _checked_state(conn: Any, sender: MemberToken, group: int) -> dict[str, Any]:
    views.seat_of(conn, sender, group)
    return views.room_state(conn, sender, group)


async def live_local(request: Request) -> Response:
    """GET /live/local?group&after: SSE for members of a group."""
    receiver = receiver_of(request.scope)
    try:
        sender, group = Head(request.scope).member(), _number(request, "group")
        after = _resume(request)
        await _in_database(receiver, views.seat_of, sender, group)
    except Refusal as refusal:
        return refused(request, refusal)
    return _sse(receiver.stream.member_pages(sender, group, after))


async def live_console(request: Request) -> Response:
    """GET /live/console?token&after: SSE of one community, for whoever holds its signed token."""
    receiver = receiver_of(request.scope)
    try:
        community = _console_community(request)
        after = _resume(request)
    except Refusal as refusal:
        return refused(request, refusal)
    return _sse(receiver.stream.console_pages(community, after))


def _console_community(request: Request) -> int:
    community = read_console_token(request.query_params.get("token", ""))
    if community is None:
        raise Refusal(403, "token", "页面已过期,请刷新")
    return community


def _sse(pages: AsyncIterator[bytes]) -> StreamingResponse:
    async def counted() -> AsyncIterator[bytes]:
        OPEN_PAGES.inc()
        try:
            async with contextlib.aclosing(pages) as frames:  # type: ignore[type-var]
                async for chunk in frames:
                    if chunk:
                        yield chunk
        finally:
            OPEN_PAGES.dec()

    headers = {"cache-control": "no-store", "x-accel-buffering": "no", "x-content-type-options": "nosniff"}
    return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)


class Upload:
    """POST /in/local/upload?group: the image is the body, its content-type image/*, with the header X-Qunzhu."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        receiver, head = receiver_of(scope), Head(scope)
        try:
            head.check_not_forged()
            sender = head.member()
            group = _number(Request(scope), "group")
            receiver.acts.check(sender.member_id)
            now = receiver.clock.now()
            await _in_database(receiver, upload.check_may_upload, sender, group, now=now)
            body = await read_body(receive, head.length, upload.UPLOAD_LIMIT)
            picture = await run_in_threadpool(upload.read_picture, body)
            kept = await _in_database(receiver, upload.keep, sender, group, picture, now=now)
        except Refusal as refusal:
            await answer_refusal(send, refusal, language=head.language, now=receiver.clock.now())
        else:
            await answer(send, encode_json(kept))


async def show_upload(request: Request) -> Response:
    """GET /in/local/upload/{id}[?token]: for members of its group and the console of its community."""
    receiver = receiver_of(request.scope)
    try:
        token = request.query_params.get("token")
        community = read_console_token(token) if token else None
        session = Head(request.scope).session()
        media_type, content = await _in_database(
            receiver, upload.find, _uuid(request.path_params["upload"]), session=session, community_id=community
        )
    except Refusal as refusal:
        return refused(request, refusal)
    headers = {
        "x-content-type-options": "nosniff",
        "cache-control": "private, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'",
        "content-disposition": "inline",
    }
    return Response(content, media_type=media_type, headers=headers)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Refusal(404, "unknown_image", "没有找到这张图片") from None


def _number(request: Request, name: str) -> int:
    value = _optional(request, name)
    if value is None:
        raise Refusal(400, "malformed", f"缺少 {name}")
    return value


def _optional(request: Request, name: str) -> int | None:
    text = request.query_params.get(name, "")
    return _whole(text, name) if text else None


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= BIGINT):
        raise Refusal(400, "malformed", f"{name} 应该是一个数字")
    return int(text)


def _resume(request: Request) -> int | None:
    """Where the browser was: Last-Event-ID when it comes back, else `after`, else None (from now on)."""
    last = request.headers.get("last-event-id")
    return _whole(last, "last-event-id") if last else _optional(request, "after")


def build_routes() -> list[BaseRoute]:
    """The routes of the receiver; the application's lifespan must run `lifespan`."""
    return [
        Route(POST_PATH, PostMessage(), methods=["POST"]),
        Route("/live/local", live_local, methods=["GET"]),
        Route("/live/console", live_console, methods=["GET"]),
        Route("/in/local/recall", Hand(RecallRequest, hands.recall), methods=["POST"]),
        Route("/in/local/leave", Hand(GroupRequest, hands.leave), methods=["POST"]),
        Route("/in/local/rename", Hand(RenameRequest, hands.rename), methods=["POST"]),
        Route("/in/local/read", Hand(ReadRequest, hands.read), methods=["POST"]),
        Route("/in/local/act", Hand(ActRequest, hands.act), methods=["POST"]),
        Route("/in/local/upload", Upload(), methods=["POST"]),
        Route("/in/local/upload/{upload}", show_upload, methods=["GET"]),
        Route("/in/local/history", history, methods=["GET"]),
        Route("/in/local/members", members, methods=["GET"]),
        Route("/in/local/state", state, methods=["GET"]),
    ]


@contextlib.asynccontextmanager
async def lifespan(app: Starlette, limits: Limits | None = None, clock: Clock = SYSTEM_CLOCK) -> AsyncIterator[None]:
    """Start the receiver of `app`, and stop it cleanly."""
    receiver = Receiver(limits, clock=clock)
    app.state.receiver = receiver
    # What was imported stays for good, and a post leaves next to nothing behind: full collections would only make
    # senders wait.
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
    # The commit thread needs the interpreter back after each of its waits for PostgreSQL; Python's 5 ms before a busy
    # event loop lets go of it, ten times a batch, were most of what senders waited for.
    sys.setswitchinterval(0.0002)
    receiver.start()
    try:
        yield
    finally:
        await receiver.stop()


def create_app(limits: Limits | None = None, clock: Clock = SYSTEM_CLOCK) -> PostsFirst:
    """The receiver alone, for tests and measurements."""
    return PostsFirst(routes=build_routes(), lifespan=lambda app: lifespan(app, limits, clock))
