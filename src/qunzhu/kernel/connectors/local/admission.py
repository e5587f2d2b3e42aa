"""Whether drafts may be said, decided for a whole batch against the rooms as they are at this point of the log.

The community's log is locked first: a mute that is in the log before a message always stops it.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg

from qunzhu.kernel.bulk import Array, execute
from qunzhu.kernel.connectors.local.client import spoken_time
from qunzhu.kernel.connectors.local.parse import Draft, Refusal
from qunzhu.kernel.connectors.local.rooms import CONNECTOR, SPOKEN
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Appended, NewEvent
from qunzhu.kernel.text.links import find_links

Connection = psycopg.Connection[Any]

_SEATS = """
SELECT p.group_id, p.member_id, r.community_id, r.frozen, g.profile, g.state, g.name, c.timezone, o.nickname, o.role,
       o.muted_until, o.removed_at, o.last_read_seq
FROM unnest(%b::int8[], %b::int8[]) AS p(group_id, member_id)
JOIN local_room r ON r.group_id = p.group_id
JOIN community_group g ON g.id = p.group_id
JOIN community c ON c.id = r.community_id
LEFT JOIN LATERAL (
    SELECT * FROM local_occupant WHERE group_id = p.group_id AND member_id = p.member_id LIMIT 1
) AS o ON true
"""


class Seat(msgspec.Struct, frozen=True, gc=False):
    """A member's place in a room, with the room's own state; `nickname` is None for strangers."""

    group_id: int
    member_id: int
    community_id: int
    frozen: bool
    profile: str
    group_state: str
    group_name: str
    timezone: str
    nickname: str | None
    role: str | None
    muted_until: datetime | None
    removed_at: datetime | None
    last_read_seq: int | None

    @property
    def leads(self) -> bool:
        """Owner or admin of the room."""
        return self.role in {"owner", "admin"}


def seats(conn: Connection, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Seat]:
    """The seats of (group, member) pairs; groups without a room are absent."""
    return {(row[0], row[1]): Seat(*row) for row in _take_seats(conn, pairs).fetchall()}


def _take_seats(conn: Connection, pairs: Sequence[tuple[int, int]]) -> psycopg.Cursor[Any]:
    return execute(conn, _SEATS, [Array("int8", [g for g, _ in pairs]), Array("int8", [m for _, m in pairs])])


def check_inside(seat: Seat | None, community_id: int) -> Seat:
    """The seat, if its member is in the room. Raises Refusal 404 (unknown group) or 403 (stranger, removed)."""
    if seat is None or seat.community_id != community_id:
        raise Refusal(404, "unknown_group", "没有找到这个群")
    if seat.nickname is None:
        raise Refusal(403, "not_member", "你还不在这个群里，请先加入")
    if seat.removed_at is not None:
        raise Refusal(403, "removed", "你已被移出这个群。觉得不对？在「我的处罚」里申诉")
    return seat


def check_may_speak(seat: Seat, now: datetime, *, appeals: bool = False) -> None:
    """Raise Refusal 403 when the room is closed, frozen, or its member muted, as far as its platform can do that.

    Who is muted may still appeal: nobody else sees it.
    """
    if seat.group_state == "closed":
        raise Refusal(403, "closed", "这个群已经关闭")
    how = capability(seat.profile).how
    muted = seat.muted_until is not None and seat.muted_until > now and how["mute"] == "native"
    if seat.muted_until is not None and muted and not appeals:
        until = spoken_time(seat.muted_until, now, seat.timezone)
        raise Refusal(
            403, "muted", f"先休息一下，{until} 恢复发言。觉得不对？发“申诉 原因”",
            until=seat.muted_until.isoformat(),
        )  # fmt: skip
    if seat.frozen and not seat.leads and how["freeze"] != "emulated":
        raise Refusal(403, "frozen", "群主暂时关闭了发言，请稍后再来")


def say(conn: Connection, drafts: Sequence[Draft], *, now: datetime) -> list[Appended | Refusal]:
    """Append what may be said, within the caller's transaction; result i belongs to draft i.

    In a pipeline the log is locked and everything that most batches need is read in one trip.
    """
    held = log.Held(conn, [(d.community_id, d.id) for d in drafts])
    taken = _take_seats(conn, list({(d.group_id, d.member_id) for d in drafts}))
    heads, known = held.heads(), held.known()
    admitted = _admit(conn, drafts, {(row[0], row[1]): Seat(*row) for row in taken.fetchall()}, known, now)
    places = iter(log.append_held(conn, [a for a in admitted if isinstance(a, NewEvent)], heads, known, now=now))
    return [next(places) if isinstance(a, NewEvent) else a for a in admitted]


def _admit(
    conn: Connection,
    drafts: Sequence[Draft],
    found: dict[tuple[int, int], Seat],
    known: dict[tuple[int, UUID], int],
    now: datetime,
) -> list[NewEvent | Refusal | Appended]:
    """The event to append, a refusal, or where the message stands already: said before its sender was muted."""
    images = _images(conn, [d.image for d in drafts if d.image])
    quoted = _authors(conn, [(d.community_id, d.reply_to, d.group_id) for d in drafts if d.reply_to])
    named = _named(conn, [(d.group_id, d.command.args) for d in drafts if d.command and d.command.name == "report"])
    results: list[NewEvent | Refusal | Appended] = []
    for draft in drafts:
        try:
            seat = check_inside(found.get((draft.group_id, draft.member_id)), draft.community_id)
            appeals = draft.command is not None and draft.command.name == "appeal"
            check_may_speak(seat, now, appeals=appeals)
            results.append(_event(draft, seat, images, quoted, named, now))
        except Refusal as refusal:
            seq = known.get((draft.community_id, draft.id))
            results.append(refusal if seq is None else Appended(seq, duplicate=True))
    return results


def _event(
    draft: Draft,
    seat: Seat,
    images: dict[UUID, tuple[int, int, dict[str, Any]]],
    quoted: dict[tuple[int, int], int | None],
    named: dict[tuple[int, str], list[int]],
    now: datetime,
) -> NewEvent:
    body: dict[str, Any] = {"platform_id": draft.id.hex, "text": draft.text, "type": "text", "nickname": seat.nickname}
    if draft.links:
        body["links"] = draft.links
        if draft.links == [draft.text]:
            body["type"] = "link"
    if draft.mentions:
        body["mentions"] = draft.mentions
    if draft.reply_to is not None:
        if (draft.group_id, draft.reply_to) not in quoted:
            raise Refusal(400, "unknown_message", "没有找到要引用的消息")
        body["reply_to"] = draft.reply_to
        body["type"] = "quote"
    if draft.image is not None:
        group_id, member_id, picture = images.get(draft.image, (0, 0, {}))
        if (group_id, member_id) != (draft.group_id, draft.member_id):
            raise Refusal(400, "unknown_image", "没有找到这张图片，请重新上传")
        body["image"] = picture
        body["type"] = "image"
        coded = [link for code in picture.get("codes", ()) for link in find_links(code)]
        if coded:
            body["links"] = list(dict.fromkeys([*draft.links, *coded]))
    kind = "message.posted"
    if draft.command is not None:
        kind = "command.posted"
        body["command"], body["args"] = draft.command.name, draft.command.args
        if draft.command.name == "report":
            body.update(_report_target(draft, quoted, named.get((draft.group_id, draft.command.args), [])))
    return NewEvent(
        draft.community_id, draft.id, kind, now, body, draft.group_id, draft.member_id, CONNECTOR
    )  # fmt: skip


def _report_target(draft: Draft, quoted: dict[tuple[int, int], int | None], named: list[int]) -> dict[str, Any]:
    """Whom a report is about: the author of the quoted message, else the first one mentioned, else the one named.

    A name that several have says `target_unclear`: nobody is reported by mistake.
    """
    if draft.reply_to is not None and (author := quoted.get((draft.group_id, draft.reply_to))) is not None:
        return {"target": author, "target_seq": draft.reply_to}
    if draft.mentions:
        return {"target": draft.mentions[0]}
    if len(named) > 1:
        return {"target_unclear": True}
    return {"target": named[0]} if named else {}


def _named(conn: Connection, reports: list[tuple[int, str]]) -> dict[tuple[int, str], list[int]]:
    """(group, what follows 举报) → who in the room has the longest nickname that it starts with, with or without @.

    The name must end there: at the end, a space or a mark, so that 举报 Bobby is never about Bob.
    """
    wanted = sorted({(group, args, args.removeprefix("@").lstrip()) for group, args in reports if args})
    if not wanted:
        return {}
    groups, args, names = (list(column) for column in zip(*wanted, strict=True))
    rows = conn.execute(
        "SELECT w.g, w.a, w.n, o.member_id, normalize(o.nickname, NFKC) FROM unnest(%s::int8[], %s::text[], %s::text[])"
        " AS w(g, a, n) JOIN local_occupant o ON o.group_id = w.g AND o.removed_at IS NULL"
        " AND starts_with(w.n, normalize(o.nickname, NFKC)) ORDER BY o.member_id",
        [groups, args, names],
    ).fetchall()
    found: dict[tuple[int, str], tuple[int, list[int]]] = {}
    for group, typed, name, member_id, nickname in rows:
        if not _ends(name, len(nickname)):
            continue
        length, members = found.get((group, typed), (0, []))
        if len(nickname) > length:
            found[group, typed] = (len(nickname), [member_id])
        elif len(nickname) == length:
            members.append(member_id)
    return {key: members for key, (_, members) in found.items()}


def _ends(text: str, at: int) -> bool:
    """Whether a name may end at `at`: nothing, a space or a mark follows."""
    return at == len(text) or unicodedata.category(text[at])[0] in "ZCP"


def _images(conn: Connection, ids: list[UUID]) -> dict[UUID, tuple[int, int, dict[str, Any]]]:
    if not ids:
        return {}
    rows = conn.execute(
        "SELECT id, group_id, member_id, media_type, width, height, sha256, codes FROM local_upload WHERE id = ANY(%s)",
        [ids],
    ).fetchall()
    return {upload: (group, member, _picture(upload, *rest)) for upload, group, member, *rest in rows}


def _picture(upload: UUID, media: str, width: int, height: int, digest: str, codes: list[str]) -> dict[str, Any]:
    """A picture as its message tells it; the digest is sealed too, so that an evidence bundle proves the picture."""
    told = {"upload": str(upload), "width": width, "height": height, "media_type": media, "sha256": digest}
    return {**told, "codes": codes} if codes else told


def _authors(conn: Connection, wanted: list[tuple[int, int, int]]) -> dict[tuple[int, int], int | None]:
    """(group, seq) → author of what was said there; absent when nothing was."""
    if not wanted:
        return {}
    communities, seqs, groups = (list(column) for column in zip(*set(wanted), strict=True))
    rows = conn.execute(
        "SELECT e.group_id, e.seq, e.member_id FROM unnest(%s::int8[], %s::int8[], %s::int8[]) AS w(c, s, g)"
        " JOIN event e ON e.community_id = w.c AND e.seq = w.s AND e.group_id = w.g WHERE e.kind = ANY(%s)",
        [communities, seqs, groups, list(SPOKEN)],
    ).fetchall()
    return {(group, seq): author for group, seq, author in rows}
