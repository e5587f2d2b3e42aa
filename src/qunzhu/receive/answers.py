"""HTTP at the size this needs: reading a bounded body, answering JSON."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.tokens import COOKIE, MemberToken, read_member_token

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_LIMIT = 64 * 1024
CUSTOM_HEADER = b"x-qunzhu"
_COOKIE = COOKIE.encode() + b"="
_JSON_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
encode_json = msgspec.json.encode


class Head:
    """What the receiver wants to know of a request's headers, read once."""

    __slots__ = ("cookie", "custom", "length", "media_type")

    def __init__(self, scope: Scope) -> None:
        self.cookie = ""
        self.custom = False
        self.length = 0
        self.media_type = ""
        for name, value in scope["headers"]:
            if name == b"cookie":
                self.cookie = _find_cookie(value) or self.cookie
            elif name == b"content-type":
                self.media_type = value.decode("latin-1").partition(";")[0].strip().lower()
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() else 0
            elif name == CUSTOM_HEADER:
                self.custom = True

    def member(self) -> MemberToken:
        """Whose browser this is. Raises Refusal 401."""
        token = read_member_token(self.cookie) if self.cookie else None
        if token is None:
            raise Refusal(401, "no_member", "还没有认出你是谁,请用群链接重新进入")
        return token

    def check_not_forged(self) -> None:
        """A form on another site can send neither JSON nor a custom header. Raises Refusal 403."""
        if self.media_type != "application/json" and not self.custom:
            raise Refusal(403, "forged", "这个请求不是从群聊页面发出的")


def _find_cookie(header: bytes) -> str:
    start = header.find(_COOKIE)
    while start > 0 and header[start - 1 : start] not in {b" ", b";"}:
        start = header.find(_COOKIE, start + 1)
    if start < 0:
        return ""
    return header[start + len(_COOKIE) :].split(b";", 1)[0].strip().strip(b'"').decode("latin-1")


async def read_body(receive: Receive, length: int, limit: int = JSON_LIMIT) -> bytes:
    """The request's body. Raises Refusal 413 when it is larger than `limit` bytes."""
    if length > limit:
        raise too_large(limit)
    message = await receive()
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > limit:
            raise too_large(limit)
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise too_large(limit)
        parts.append(part)
    return b"".join(parts)


def too_large(limit: int) -> Refusal:
    """413."""
    size = f"{limit // 1024 // 1024} MB" if limit >= 1024 * 1024 else f"{limit // 1024} KB"
    return Refusal(413, "too_large", f"内容太大,最多 {size}", limit=limit)


async def answer(send: Send, body: bytes, status: int = 200, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a JSON answer."""
    headers = [*_JSON_HEADERS, (b"content-length", str(len(body)).encode())]
    if extra:
        headers += extra
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_refusal(send: Send, refusal: Refusal) -> None:
    """Send a refusal; 429 and 503 say when to come back."""
    wait = refusal.more.get("retry_after")
    extra = [(b"retry-after", str(wait).encode())] if wait else None
    await answer(send, encode_json(refusal.body()), refusal.status, extra)
