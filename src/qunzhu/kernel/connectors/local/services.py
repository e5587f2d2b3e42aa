"""Opening rooms, coming in, going out: the local chat's own writes."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from django.db import transaction
from django.db.models import Max

from qunzhu.kernel.community.models import Group, Identity, Member
from qunzhu.kernel.connectors.local import rooms
from qunzhu.kernel.connectors.local.locks import lock_occupants, lock_rooms
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.kernel.connectors.local.parse import Refusal, clean_nickname
from qunzhu.kernel.connectors.local.rooms import Act
from qunzhu.kernel.connectors.local.tokens import member_token
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

CONNECTOR = "local"
JOIN_CODE_BYTES = 9
VIA = frozenset({"link", "qr", "invite", "import"})
ROLES = frozenset({"member", "admin", "owner"})


class JoinRefused(ValueError):
    """Coming in was refused, with a message for the member.

    `code` is full, removed, closed, nickname or nickname_reserved.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Joined:
    """A member who is in the room. `token` is the value of the cookie `qz_member`; `seq` of the join, None if old."""

    member: Member
    occupant: Occupant
    token: str
    seq: int | None


def open_room(*, group: Group) -> Room:
    """The room of a local group, with its join code; the same room when it is open already."""
    if group.connector != CONNECTOR:
        raise ValueError(f"group {group.pk} is on connector {group.connector!r}, not local")
    room, _ = Room.objects.get_or_create(
        group_id=group.pk,
        defaults={
            "community_id": group.community_id,
            "join_code": secrets.token_urlsafe(JOIN_CODE_BYTES),
            "frozen": group.state == Group.State.FROZEN,
            "announcement": group.announcement,
        },
    )
    return room


def new_join_code(*, room: Room) -> str:
    """Replace the join code: links and QR codes given out before stop working."""
    room.join_code = secrets.token_urlsafe(JOIN_CODE_BYTES)
    room.save(update_fields=["join_code"])
    return room.join_code


def checked_nickname(nickname: str, *, leads: bool = False) -> str:
    """The nickname as it is kept. Raises JoinRefused("nickname" or "nickname_reserved")."""
    try:
        return clean_nickname(nickname, leads=leads)
    except Refusal as refusal:
        raise JoinRefused(refusal.code, refusal.message) from refusal


@transaction.atomic
def join_room(
    *,
    room: Room,
    nickname: str,
    now: datetime,
    member_id: int | None = None,
    via: str = "link",
    role: str = "member",
) -> Joined:
    """Let someone in: member, identity, occupant and `member.joined`, in one transaction.

    `member_id` is who the browser's cookie says it is; a member of another community counts as unknown. Coming in
    twice changes nothing. Raises JoinRefused.
    """
    if via not in VIA or role not in ROLES:
        raise ValueError(f"unknown via {via!r} or role {role!r}")
    raw = raw_connection()
    lock_rooms(raw, [room.group_id])
    group = Group.objects.get(pk=room.group_id)
    known = Member.objects.filter(community_id=room.community_id, erased_at=None)
    member = known.filter(pk=member_id).first() if member_id is not None else None
    occupant = Occupant.objects.filter(group_id=room.group_id, member_id=member.pk).first() if member else None
    if member and occupant:
        if occupant.removed_at:
            raise JoinRefused("removed", "你已被移出这个群，不能再次加入。觉得不对？在「我的处罚」里申诉")
        return Joined(member, occupant, member_token(room.community_id, member.pk), None)
    _check_open(group, room)
    nickname = checked_nickname(nickname, leads=role != "member")
    if member is None:
        member = _new_member(room.community_id, nickname, now)
    identity = _identity(member, nickname)
    occupant = Occupant.objects.create(
        group_id=room.group_id, member_id=member.pk, community_id=room.community_id, nickname=nickname, role=role,
        joined_at=now, last_read_seq=log.head(raw, room.community_id),
    )  # fmt: skip
    event = NewEvent(
        room.community_id, event_id("joined", CONNECTOR, room.group_id, member.pk, now.isoformat()), "member.joined",
        now, {"nickname": nickname, "via": via, "platform_user_id": identity.platform_user_id}, room.group_id,
        member.pk, CONNECTOR,
    )  # fmt: skip
    events = [event, *_mute_of_closed_rooms(raw, group, member, now)]
    seq = log.append(raw, events, now=now)[0].seq
    return Joined(member, occupant, member_token(room.community_id, member.pk), seq)


def _mute_of_closed_rooms(raw: Any, group: Group, member: Member, now: datetime) -> list[NewEvent]:
    """A mute does not end because its group was closed: it goes where its member goes, for the rest of its time."""
    closed = Group.objects.filter(community_id=group.community_id, state=Group.State.CLOSED).values("pk")
    running = Occupant.objects.filter(group_id__in=closed, member_id=member.pk, removed_at=None, muted_until__gt=now)
    until = running.aggregate(until=Max("muted_until"))["until"]
    if until is None:
        return []
    told = rooms.mute(raw, Act(group.community_id, group.pk, "qunzhu", now), member.pk, until)
    return [told] if told is not None else []


def _check_open(group: Group, room: Room) -> None:
    if group.state == Group.State.CLOSED:
        raise JoinRefused("closed", "这个群已经关闭")
    if Occupant.objects.filter(group_id=room.group_id, removed_at=None).count() >= group.capacity:
        raise JoinRefused("full", f"群已满({group.capacity} 人)，请联系群主")


def _new_member(community_id: int, nickname: str, now: datetime) -> Member:
    return Member.objects.create(community_id=community_id, display_name=nickname, created_at=now)


def _identity(member: Member, nickname: str) -> Identity:
    found = Identity.objects.filter(member=member, connector=CONNECTOR).first()
    return found or Identity.objects.create(
        community_id=member.community_id, member=member, connector=CONNECTOR,
        platform_user_id=secrets.token_hex(12), display_name=nickname,
    )  # fmt: skip


@transaction.atomic
def leave_room(*, room: Room, member_id: int, now: datetime) -> int | None:
    """Take a member out by own will; returns the seq of `member.left`, None when not inside."""
    raw = raw_connection()
    lock_occupants(raw, [(room.group_id, member_id)])
    left = rooms.leave(raw, Act(room.community_id, room.group_id, "member", now), member_id)
    return log.append(raw, [left], now=now)[0].seq if left else None


@transaction.atomic
def set_role(*, room: Room, member_id: int, role: str) -> None:
    """Make an occupant owner, admin or member of the room: owners and admins act by hand in the chat page."""
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}")
    lock_occupants(raw_connection(), [(room.group_id, member_id)])
    if not Occupant.objects.filter(group_id=room.group_id, member_id=member_id, removed_at=None).update(role=role):
        raise LookupError(f"member {member_id} is not in room {room.group_id}")


@transaction.atomic
def set_profile(*, group: Group, profile: str) -> None:
    """Switch a local group to the capabilities of another platform; effects from now on follow them."""
    capability(profile)
    if group.connector != CONNECTOR:
        raise ValueError("only local groups can take the profile of another platform")
    lock_rooms(raw_connection(), [group.pk])
    group.profile = profile
    group.save(update_fields=["profile"])
    notify_state(raw_connection(), group.community_id, group.pk)


def notify_state(conn: psycopg.Connection[Any], community_id: int, group_id: int) -> None:
    """Tell open chat pages that the room's state changed without an event."""
    conn.execute("SELECT pg_notify(%s, %s)", [rooms.STATE_CHANNEL, f"{community_id}:{group_id}"])
