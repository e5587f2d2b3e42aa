"""What people do by hand in a room: recall, leave, rename, mark as read, and the acts of its owner and admins."""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from qunzhu.kernel.connectors.local import rooms
from qunzhu.kernel.connectors.local.admission import Seat, seats
from qunzhu.kernel.connectors.local.locks import lock_occupants, lock_rooms
from qunzhu.kernel.connectors.local.parse import (
    ActRequest,
    GroupRequest,
    ReadRequest,
    RecallRequest,
    Refusal,
    RenameRequest,
    clean_nickname,
    clean_text,
)
from qunzhu.kernel.connectors.local.rooms import Act
from qunzhu.kernel.connectors.local.tokens import MemberToken
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import NewEvent
from qunzhu.receive.views import seat_of, unread

Connection = psycopg.Connection[Any]
RECALL_WITHIN = timedelta(minutes=2)  # as in WeChat
ANNOUNCEMENT_LENGTH = 2_000
NEEDS_MEMBER = frozenset({"remove", "mute", "unmute"})
RANK = {"member": 0, "admin": 1, "owner": 2}


def recall(conn: Connection, sender: MemberToken, wanted: RecallRequest, *, now: datetime) -> dict[str, Any]:
    """Withdraw one's own message within two minutes; owner and admins withdraw any. Raises Refusal."""
    seat = seat_of(conn, sender, wanted.group)
    lock_occupants(conn, [(wanted.group, sender.member_id)])
    act = Act(sender.community_id, wanted.group, "member", now)
    found = rooms.message(conn, act, wanted.seq)
    if found is None:
        raise Refusal(404, "unknown_message", "没有找到这条消息")
    author, at, recalled = found
    if author != sender.member_id:
        if not seat.leads:
            raise Refusal(403, "not_yours", "只能撤回自己的消息")
        act = Act(sender.community_id, wanted.group, f"owner:{sender.member_id}", now)
    elif not seat.leads and now - at > RECALL_WITHIN:
        raise Refusal(403, "too_late", "消息发出超过 2 分钟,不能撤回了")
    return _append(conn, None if recalled else rooms.recall(act, wanted.seq, author), now)


def leave(conn: Connection, sender: MemberToken, wanted: GroupRequest, *, now: datetime) -> dict[str, Any]:
    """Leave the room; leaving twice changes nothing. Raises Refusal for a room of another community."""
    seat = seats(conn, [(wanted.group, sender.member_id)]).get((wanted.group, sender.member_id))
    if seat is None or seat.community_id != sender.community_id:
        raise Refusal(404, "unknown_group", "没有找到这个群")
    lock_occupants(conn, [(wanted.group, sender.member_id)])
    act = Act(sender.community_id, wanted.group, "member", now)
    return _append(conn, rooms.leave(conn, act, sender.member_id), now)


def rename(conn: Connection, sender: MemberToken, wanted: RenameRequest, *, now: datetime) -> dict[str, Any]:
    """Change the name shown in the room. Names may repeat. Raises Refusal."""
    seat = seat_of(conn, sender, wanted.group)
    nickname = clean_nickname(wanted.nickname, leads=seat.role != "member")
    lock_occupants(conn, [(wanted.group, sender.member_id)])
    act = Act(sender.community_id, wanted.group, "member", now)
    return _append(conn, rooms.rename(conn, act, sender.member_id, nickname), now)


def read(conn: Connection, sender: MemberToken, wanted: ReadRequest, *, now: datetime) -> dict[str, Any]:  # noqa: ARG001
    """Move the read mark forward, never back and never beyond the log; answers how much is still unread."""
    seat_of(conn, sender, wanted.group)
    seq = min(wanted.seq, log.head(conn, sender.community_id))
    row = conn.execute(
        "UPDATE local_occupant SET last_read_seq = GREATEST(last_read_seq, %s)"
        " WHERE group_id = %s AND member_id = %s RETURNING last_read_seq",
        [seq, wanted.group, sender.member_id],
    ).fetchone()
    mark = int(row[0]) if row else seq
    return {
        "last_read_seq": mark,
        "unread": unread(conn, sender.community_id, wanted.group, sender.member_id, mark),
    }


def act(conn: Connection, sender: MemberToken, wanted: ActRequest, *, now: datetime) -> dict[str, Any]:
    """An owner or admin acts by hand, as far as the platform that the room plays lets people act. Raises Refusal."""
    seat = seat_of(conn, sender, wanted.group)
    if not seat.leads:
        raise Refusal(403, "not_leader", "只有群主和管理员可以这样做")
    _check_possible(seat, wanted)
    if wanted.action == "recall":
        return recall(conn, sender, RecallRequest(wanted.group, wanted.seq or 0), now=now)
    lock_rooms(conn, [wanted.group])
    target = wanted.member
    if wanted.action in NEEDS_MEMBER:
        if target is None:
            raise Refusal(400, "malformed", "没有指明成员")
        lock_occupants(conn, [(wanted.group, target)])
        _check_below(conn, seat, wanted.group, target)
    by_hand = Act(sender.community_id, wanted.group, f"owner:{sender.member_id}", now)
    return _append(conn, _do(conn, by_hand, wanted, target or 0), now)


def _check_possible(seat: Seat, wanted: ActRequest) -> None:
    """What no person could do in that platform's own client is refused here too."""
    profile = capability(seat.profile)
    if profile.how[wanted.action] not in {"native", "human"} or (
        wanted.action in {"mute", "unmute"} and profile.how["mute"] != "native"
    ):
        raise Refusal(403, "unsupported", f"{profile.title}没有这个功能")


def _check_below(conn: Connection, seat: Seat, group_id: int, target: int) -> None:
    row = conn.execute(
        "SELECT role FROM local_occupant WHERE group_id = %s AND member_id = %s AND removed_at IS NULL",
        [group_id, target],
    ).fetchone()
    if row is None:
        raise Refusal(404, "unknown_member", "这位成员不在群里")
    if RANK[row[0]] >= RANK[seat.role or "member"]:
        raise Refusal(403, "not_below", "不能对群主或同级管理员这样做")


def _do(conn: Connection, by_hand: Act, wanted: ActRequest, target: int) -> NewEvent | None:
    match wanted.action:
        case "remove":
            return rooms.remove(conn, by_hand, target)
        case "mute":
            return rooms.mute(conn, by_hand, target, by_hand.now + timedelta(minutes=wanted.minutes))
        case "unmute":
            return rooms.unmute(conn, by_hand, target)
        case "announce":
            text = clean_text(wanted.text, limit=ANNOUNCEMENT_LENGTH)
            if not text:
                raise Refusal(400, "empty", "群公告是空的")
            return rooms.announce(conn, by_hand, text)
        case "freeze" | "unfreeze":
            return rooms.set_frozen(conn, by_hand, frozen=wanted.action == "freeze")
    raise AssertionError(wanted.action)


def _append(conn: Connection, event: NewEvent | None, now: datetime) -> dict[str, Any]:
    """{"seq": where it stands, or null when nothing changed}."""
    return {"seq": log.append(conn, [event], now=now)[0].seq if event else None}
