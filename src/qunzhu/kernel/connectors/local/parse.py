"""What browsers send to the local chat, checked: bytes in, a draft or a refusal out. Pure: no database, no clock."""

import unicodedata
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from qunzhu.kernel.connectors.commands import Command, parse_command
from qunzhu.kernel.connectors.local.rooms import CONNECTOR
from qunzhu.kernel.connectors.local.tokens import MemberToken
from qunzhu.kernel.events.schema import event_id
from qunzhu.kernel.text.links import find_links

TEXT_LENGTH = 4_000
NICKNAME_LENGTH = 30
# The product and those who lead a group speak under these; a member who took one could give orders in their name.
RESERVED_NAMES = frozenset({"群主", "群主助手", "管理员", "系统", "机器人", "qunzhu"})
MENTIONS = 50
BIGINT = 2**63 - 1
# A ValidationError is a DecodeError; deep nesting ends in a RecursionError.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
T = TypeVar("T")

Id = Annotated[int, msgspec.Meta(ge=1, le=BIGINT)]
ClientId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Refusal(Exception):
    """Why a request is refused: HTTP status, a code for programs, a kind Chinese sentence, more fields."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more

    def body(self) -> dict[str, Any]:
        """What the sender gets as JSON."""
        return {"error": self.code, "message": self.message, **self.more}


class Post(msgspec.Struct):
    """POST /in/local. `type` is what the page believes; the server decides by the content."""

    group: Id
    client_id: ClientId
    type: Literal["text", "image", "link", "quote"] = "text"
    text: str = ""
    reply_to: Id | None = None
    mentions: Annotated[list[Id], msgspec.Meta(max_length=MENTIONS)] = []
    image: UUID | None = None


class RecallRequest(msgspec.Struct):
    """POST /in/local/recall."""

    group: Id
    seq: Id


class GroupRequest(msgspec.Struct):
    """POST /in/local/leave."""

    group: Id


class RenameRequest(msgspec.Struct):
    """POST /in/local/rename."""

    group: Id
    nickname: str


class ReadRequest(msgspec.Struct):
    """POST /in/local/read: everything up to `seq` was seen."""

    group: Id
    seq: Annotated[int, msgspec.Meta(ge=0, le=BIGINT)]


class ActRequest(msgspec.Struct):
    """POST /in/local/act: an owner or admin of the room acts by hand, as in a WeChat client."""

    group: Id
    action: Literal["remove", "mute", "unmute", "recall", "announce", "freeze", "unfreeze"]
    member: Id | None = None
    seq: Id | None = None
    text: str = ""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=60 * 24 * 30)] = 60


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A message that wants to be said; whether it may is decided against the room in the commit's transaction."""

    id: UUID
    community_id: int
    group_id: int
    member_id: int
    text: str
    links: list[str]
    command: Command | None
    mentions: list[int]
    reply_to: int | None
    image: UUID | None


_decode_post = msgspec.json.Decoder(Post).decode


def decode(body: bytes, kind: type[T]) -> T:
    """`body` as `kind`. Raises Refusal 400 for anything that is not exactly that."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise malformed(error) from error


def malformed(error: Exception) -> Refusal:
    """400: the request could not be read."""
    return Refusal(400, "malformed", "没有看懂这个请求，请刷新页面再试", detail=str(error)[:200])


def parse_post(body: bytes, sender: MemberToken) -> Draft:
    """The draft in a POST /in/local. Raises Refusal 400 (malformed, empty, too_long)."""
    try:
        post = _decode_post(body)
    except UNREADABLE as error:
        raise malformed(error) from error
    text = clean_text(post.text)
    if not text and post.image is None:
        raise Refusal(400, "empty", "消息是空的")
    command = None if post.image else parse_command(text, quoting=post.reply_to is not None)
    return Draft(
        message_id(post.group, sender.member_id, post.client_id), sender.community_id, post.group, sender.member_id,
        text, list(dict.fromkeys(find_links(text))), command, list(dict.fromkeys(post.mentions)), post.reply_to,
        post.image,
    )  # fmt: skip


def message_id(group_id: int, member_id: int, client_id: str) -> UUID:
    """The id of a message: the same client_id of the same member in the same room is the same message."""
    return event_id(CONNECTOR, group_id, member_id, client_id)


def clean_text(text: str, *, limit: int = TEXT_LENGTH) -> str:
    """Text as it is kept: no NUL, trimmed; "" when nothing in it can be seen.

    Raises Refusal 400 when it is too long or not Unicode.
    """
    cleaned = text.replace("\x00", "").strip()
    if len(cleaned) > limit:
        raise Refusal(400, "too_long", f"一条消息最多 {limit} 字，现在有 {len(cleaned)} 字", limit=limit)
    if not cleaned.isascii():
        try:
            cleaned.encode()
        except UnicodeEncodeError as error:
            raise Refusal(400, "malformed", "消息里有无法识别的字符") from error
        if all(map(_invisible, cleaned)):  # ends at the first one that can be seen
            return ""
    return cleaned


def _invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in {"Cf", "Cc"}


def clean_nickname(nickname: str, *, leads: bool = False) -> str:
    """The nickname as it is kept: trimmed, one line, printable; only who `leads` may have one that is reserved.

    Raises Refusal 400 (nickname, nickname_reserved).
    """
    cleaned = " ".join(nickname.replace("\x00", "").split())
    if not cleaned:
        raise Refusal(400, "nickname", "请填写昵称")
    if len(cleaned) > NICKNAME_LENGTH:
        raise Refusal(400, "nickname", f"昵称最多 {NICKNAME_LENGTH} 个字")
    if not cleaned.isprintable():
        raise Refusal(400, "nickname", "昵称里有不能显示的字符")
    if not leads and unicodedata.normalize("NFKC", cleaned).casefold().replace(" ", "") in RESERVED_NAMES:
        raise Refusal(400, "nickname_reserved", "这个昵称留给群里的管理人员，请换一个")
    return cleaned
