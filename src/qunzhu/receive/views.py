"""What a member, or a console, gets to see of the log and of a room."""

from datetime import datetime
from typing import Any

import psycopg

from qunzhu.kernel.connectors.commands import PRIVATE
from qunzhu.kernel.connectors.local.admission import Seat, check_inside, seats
from qunzhu.kernel.connectors.local.parse import Refusal
from qunzhu.kernel.connectors.local.rooms import SPOKEN
from qunzhu.kernel.connectors.local.tokens import MemberToken
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event

Connection = psycopg.Connection[Any]
ROOM_KINDS = frozenset({
    "message.posted", "command.posted", "message.sent", "message.recalled", "member.joined", "member.left",
    "member.removed", "member.muted", "member.unmuted", "member.renamed", "group.announced", "group.frozen",
    "group.unfrozen", "group.closed", "group.reopened",
})  # fmt: skip
# What concerns the machine, not the room.
_HIDDEN = frozenset({"platform_user_id", "effect", "platform_id", "private", "target_unclear", "moved_to"})
UNREAD_CAP = 100
MOST_EVENTS = 200


def member_view(event: Event, member_id: int, recalled: frozenset[int] = frozenset()) -> dict[str, Any] | None:
    """An event as a member of the group may see it; None when it is not for this member.

    A private command and what is answered to it reach the page of its author only; a recalled message has lost its
    content.
    """
    if event.kind not in ROOM_KINDS:
        return None
    if event.body.get("command") in PRIVATE and event.member_id != member_id:
        return None
    if event.body.get("private") and event.body.get("to") != member_id:
        return None
    body = {k: v for k, v in event.body.items() if k not in _HIDDEN}
    if event.seq in recalled:
        body = {"recalled": True, "type": body.get("type", "text"), "nickname": body.get("nickname", ""), "text": ""}
    return {
        "seq": event.seq,
        "kind": event.kind,
        "group": event.group_id,
        "member": event.member_id,
        "at": event.occurred_at.isoformat(),
        "body": body,
    }


def console_view(event: Event) -> dict[str, Any]:
    """An event as the console sees it: all of it."""
    return {
        "seq": event.seq,
        "id": str(event.id),
        "kind": event.kind,
        "group": event.group_id,
        "member": event.member_id,
        "at": event.occurred_at.isoformat(),
        "received_at": event.received_at.isoformat(),
        "connector": event.connector,
        "historic": event.historic,
        "body": event.body,
    }


def seat_of(conn: Connection, token: MemberToken, group_id: int) -> Seat:
    """The sender's seat. Raises Refusal 404 or 403."""
    found = seats(conn, [(group_id, token.member_id)]).get((group_id, token.member_id))
    return check_inside(found, token.community_id)


def recalled_in(conn: Connection, community_id: int, group_id: int, first: int) -> frozenset[int]:
    """Which messages of a group were withdrawn at or after seq `first`."""
    rows = conn.execute(
        "SELECT (body->>'target')::bigint FROM event WHERE community_id = %s AND kind = 'message.recalled'"
        " AND seq >= %s AND group_id = %s",
        [community_id, first, group_id],
    ).fetchall()
    return frozenset(target for (target,) in rows if target is not None)


def history(conn: Connection, token: MemberToken, group_id: int, *, before: int | None, limit: int) -> dict[str, Any]:
    """{"events": oldest first, "more": whether older ones exist}. Raises Refusal."""
    seat_of(conn, token, group_id)
    limit = max(1, min(limit, MOST_EVENTS))
    top = before if before is not None else log.head(conn, token.community_id) + 1
    rows = conn.execute(
        "SELECT seq FROM event WHERE community_id = %s AND group_id = %s AND seq < %s AND kind = ANY(%s)"
        " AND (member_id = %s OR kind <> 'command.posted' OR coalesce(body->>'command', '') <> ALL(%s))"
        " AND (body->'private' IS NULL OR (body->>'to')::bigint = %s) ORDER BY seq DESC LIMIT %s",
        [
            token.community_id,
            group_id,
            top,
            list(ROOM_KINDS),
            token.member_id,
            list(PRIVATE),
            token.member_id,
            limit + 1,
        ],
    ).fetchall()
    wanted = sorted(seq for (seq,) in rows)[-limit:]
    events = log.read_at(conn, token.community_id, wanted)
    recalled = recalled_in(conn, token.community_id, group_id, wanted[0]) if wanted else frozenset()
    seen = [member_view(e, token.member_id, recalled) for e in events]
    return {"events": [v for v in seen if v is not None], "more": len(rows) > limit}


def room_state(conn: Connection, token: MemberToken, group_id: int) -> dict[str, Any]:
    """What a chat page shows besides messages: the room, the member's own place in it, and what is unread."""
    found = seats(conn, [(group_id, token.member_id)]).get((group_id, token.member_id))
    if found is None or found.community_id != token.community_id:
        raise Refusal(404, "unknown_group", "没有找到这个群")
    row = conn.execute(
        "SELECT r.announcement, (SELECT count(*) FROM local_occupant o WHERE o.group_id = r.group_id"
        " AND o.removed_at IS NULL), g.capacity FROM local_room r JOIN community_group g ON g.id = r.group_id"
        " WHERE r.group_id = %s",
        [group_id],
    ).fetchone()
    announcement, members, capacity = row or ("", 0, 0)
    profile = capability(found.profile)
    muted = found.muted_until if profile.how["mute"] == "native" else None
    return {
        "group": group_id,
        "name": found.group_name,
        "profile": profile.name,
        "profile_title": profile.title,
        "state": found.group_state,
        "frozen": found.frozen and profile.how["freeze"] != "emulated",
        "announcement": announcement,
        "members": members,
        "capacity": capacity,
        "head": log.head(conn, token.community_id),
        "me": _me(found, muted),
        "unread": unread(conn, token.community_id, group_id, token.member_id, found.last_read_seq or 0),
    }


def _me(seat: Seat, muted: datetime | None) -> dict[str, Any]:
    return {
        "member": seat.member_id,
        "inside": seat.nickname is not None and seat.removed_at is None,
        "removed": seat.removed_at is not None,
        "nickname": seat.nickname or "",
        "role": seat.role or "",
        "muted_until": muted.isoformat() if muted else None,
        "last_read_seq": seat.last_read_seq or 0,
    }


def unread(conn: Connection, community_id: int, group_id: int, member_id: int, after: int) -> int:
    """How many messages of others lie after seq `after`; counted up to 100."""
    row = conn.execute(
        "SELECT count(*) FROM (SELECT 1 FROM event WHERE community_id = %s AND group_id = %s AND seq > %s"
        " AND kind = ANY(%s) AND member_id IS DISTINCT FROM %s"
        " AND (kind <> 'command.posted' OR coalesce(body->>'command', '') <> ALL(%s))"
        " AND (body->'private' IS NULL OR (body->>'to')::bigint = %s) LIMIT %s) AS n",
        [community_id, group_id, after, list(SPOKEN), member_id, list(PRIVATE), member_id, UNREAD_CAP],
    ).fetchone()
    return int(row[0]) if row else 0


def members(conn: Connection, token: MemberToken, group_id: int, *, now: datetime) -> dict[str, Any]:
    """Who is in the room, leaders first, for the member list and for @. Raises Refusal."""
    seat = seat_of(conn, token, group_id)
    can_mute = capability(seat.profile).how["mute"] == "native"
    rows = conn.execute(
        "SELECT member_id, nickname, role, muted_until FROM local_occupant WHERE group_id = %s AND removed_at IS NULL"
        " ORDER BY CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, joined_at, member_id",
        [group_id],
    ).fetchall()
    return {
        "members": [
            {"member": member, "nickname": nickname, "role": role, "muted": bool(can_mute and until and until > now)}
            for member, nickname, role, until in rows
        ]
    }
