"""HTTP at the size this needs: reading a bounded body, answering JSON."""

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from typing import Any

import msgspec

from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.refusals import CHINESE, ENGLISH, LANGUAGE_COOKIE, body_of, size
from qunzhu.kernel.connectors.local.tokens import COOKIE, MemberToken, Session, read_session

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_LIMIT = 64 * 1024
CUSTOM_HEADER = b"x-qunzhu"
_COOKIE = COOKIE.encode() + b"="
_LANGUAGE = LANGUAGE_COOKIE.encode() + b"="
_AS = b"as="  # which member of a session acts
_JSON_HEADERS = [
    (b"content-type", b"application/json; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]
encode_json = msgspec.json.encode


class Head:
    """What the receiver wants to know of a request's headers, read once."""

    __slots__ = ("_cookies", "_query", "cookie", "custom", "length", "media_type")

    def __init__(self, scope: Scope) -> None:
        self._cookies = b""
        self._query: bytes = scope.get("query_string", b"")
        self.cookie = ""
        self.custom = False
        self.length = 0
        self.media_type = ""
        for name, value in scope["headers"]:
            if name == b"cookie":
                self._cookies = value
                self.cookie = _find_cookie(value, _COOKIE) or self.cookie
            elif name == b"content-type":
                self.media_type = value.decode("latin-1").partition(";")[0].strip().lower()
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() else 0
            elif name == CUSTOM_HEADER:
                self.custom = True

    def session(self) -> Session:
        """Whom this browser is known as, in each community."""
        return read_session(self.cookie) if self.cookie else ()

    def member(self) -> MemberToken:
        """Who acts: the member that the page names with `as`, else the one who looks now. Raises Refusal 401.

        A page of one community stays with its own member while the browser looks at another one.
        """
        session = self.session()
        named = _named_member(self._query)
        for token in session:
            if named is None or token.member_id == named:
                return token
        raise Refusal(401, "no_member", "还没有认出你是谁,请用群链接重新进入")

    @property
    def language(self) -> str:
        """The language that the reader chose, by the cookie that pages go by."""
        return ENGLISH if _find_cookie(self._cookies, _LANGUAGE) == ENGLISH else CHINESE

    def check_not_forged(self) -> None:
        """A form on another site can send neither JSON nor a custom header. Raises Refusal 403."""
        if self.media_type != "application/json" and not self.custom:
            raise Refusal(403, "forged", "这个请求不是从群聊页面发出的")


def _named_member(query: bytes) -> int | None:
    """`as` of the query; 0, who is nobody, when it is no number."""
    if _AS not in query:
        return None
    for part in query.split(b"&"):
        if part.startswith(_AS):
            digits = part[len(_AS) :]
            return int(digits) if digits.isdigit() and len(digits) < 20 else 0  # noqa: PLR2004  (of a bigint)
    return None


def _find_cookie(header: bytes, name: bytes) -> str:
    start = header.find(name)
    while start > 0 and header[start - 1 : start] not in {b" ", b";"}:
        start = header.find(name, start + 1)
    if start < 0:
        return ""
    return header[start + len(name) :].split(b";", 1)[0].strip().strip(b'"').decode("latin-1")


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
    return Refusal(413, "too_large", f"内容太大,最多 {size(limit)}", limit=limit)


async def answer(send: Send, body: bytes, status: int = 200, extra: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a JSON answer."""
    headers = [*_JSON_HEADERS, (b"content-length", str(len(body)).encode())]
    if extra:
        headers += extra
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_refusal(send: Send, refusal: Refusal, *, language: str, now: datetime) -> None:
    """Send a refusal in the reader's language; 429 and 503 say when to come back."""
    wait = refusal.more.get("retry_after")
    extra = [(b"retry-after", str(wait).encode())] if wait else None
    await answer(send, encode_json(body_of(refusal, language=language, now=now)), refusal.status, extra)
