"""What the local platform itself does to its rooms: each act changes the state and returns the event that says so.

No Django: the receiver (members acting by hand) and the client (the product acting) both call it. The caller locks
the occupants first, appends the returned events last, and commits both together.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from qunzhu.kernel.connectors.port import Refused
from qunzhu.kernel.events.schema import NewEvent, event_id

CONNECTOR = "local"
STATE_CHANNEL = "qunzhu_local_state"
SPOKEN = ("message.posted", "command.posted", "message.sent")


class Act(msgspec.Struct, frozen=True):
    """Who acts where. `by` is qunzhu, member or owner:<member_id>; `effect` is the effect id when the product acts.

    `asked_by` is the person who told the product to; "" when a rule did.
    """

    community_id: int
    group_id: int
    by: str
    now: datetime
    effect: str | None = None
    asked_by: str = ""

    def event(self, kind: str, body: dict[str, Any], *fact: object, member_id: int | None = None) -> NewEvent:
        """The event of this act; an effect's fact is the effect itself, a hand's fact is given."""
        marked = {**body, "effect": self.effect} if self.effect else body
        if self.asked_by:
            marked["asked_by"] = self.asked_by
        unique = (self.effect,) if self.effect else (*fact, self.now.isoformat())
        return NewEvent(
            self.community_id, event_id(CONNECTOR, self.group_id, kind, *unique), kind, self.now, marked,
            self.group_id, member_id, CONNECTOR,
        )  # fmt: skip


def leave(conn: psycopg.Connection[Any], act: Act, member_id: int) -> NewEvent | None:
    """Take a member out by own will; None when not inside."""
    gone = conn.execute(
        "DELETE FROM local_occupant WHERE group_id = %s AND member_id = %s AND removed_at IS NULL",
        [act.group_id, member_id],
    ).rowcount
    return act.event("member.left", {}, member_id, member_id=member_id) if gone else None


def rename(conn: psycopg.Connection[Any], act: Act, member_id: int, nickname: str) -> NewEvent | None:
    """Change the name shown in the room; None when not inside or named so already."""
    changed = conn.execute(
        "UPDATE local_occupant SET nickname = %s"
        " WHERE group_id = %s AND member_id = %s AND removed_at IS NULL AND nickname <> %s",
        [nickname, act.group_id, member_id, nickname],
    ).rowcount
    return act.event("member.renamed", {"nickname": nickname}, member_id, member_id=member_id) if changed else None


def mute(conn: psycopg.Connection[Any], act: Act, member_id: int, until: datetime) -> NewEvent | None:
    """Let a member not speak until a time; a longer mute stays. None when the member is not inside."""
    row = conn.execute(
        "UPDATE local_occupant SET muted_until = GREATEST(muted_until, %s)"
        " WHERE group_id = %s AND member_id = %s AND removed_at IS NULL RETURNING muted_until",
        [until, act.group_id, member_id],
    ).fetchone()
    if row is None:
        return None
    return act.event("member.muted", {"until": row[0].isoformat(), "by": act.by}, member_id, member_id=member_id)


def unmute(conn: psycopg.Connection[Any], act: Act, member_id: int) -> NewEvent | None:
    """End a mute before its time; None when the member is not inside or not muted."""
    changed = conn.execute(
        "UPDATE local_occupant SET muted_until = NULL"
        " WHERE group_id = %s AND member_id = %s AND removed_at IS NULL AND muted_until > %s",
        [act.group_id, member_id, act.now],
    ).rowcount
    return act.event("member.unmuted", {"by": act.by}, member_id, member_id=member_id) if changed else None


def inside(conn: psycopg.Connection[Any], act: Act, member_id: int) -> bool:
    """Whether the member has a seat in the room."""
    found = conn.execute(
        "SELECT 1 FROM local_occupant WHERE group_id = %s AND member_id = %s AND removed_at IS NULL",
        [act.group_id, member_id],
    )
    return found.fetchone() is not None


def bring_in(
    conn: psycopg.Connection[Any], act: Act, member_id: int, nickname: str, *, observed: bool
) -> NewEvent | None:
    """Put a member of another room into this one, also after a removal; None when inside. Raises Refused.

    The caller holds the room, so that its seats are counted by one at a time.
    """
    row = conn.execute(
        "SELECT g.capacity, g.state, (SELECT count(*) FROM local_occupant o WHERE o.group_id = r.group_id"
        " AND o.removed_at IS NULL), EXISTS (SELECT 1 FROM local_occupant o WHERE o.group_id = r.group_id"
        " AND o.member_id = %s AND o.removed_at IS NULL), (SELECT max(platform_user_id) FROM identity"
        " WHERE member_id = %s AND connector = %s) FROM local_room r JOIN community_group g ON g.id = r.group_id"
        " WHERE r.group_id = %s AND r.community_id = %s",
        [member_id, member_id, CONNECTOR, act.group_id, act.community_id],
    ).fetchone()
    if row is None:
        raise Refused("no_such_group")
    capacity, state, people, inside, platform_user_id = row
    if inside:
        return None
    if state == "closed":
        raise Refused("target_closed")
    if people >= capacity:
        raise Refused("target_full", capacity=capacity)
    conn.execute(
        "INSERT INTO local_occupant (group_id, member_id, community_id, nickname, role, joined_at, last_read_seq)"
        " VALUES (%s, %s, %s, %s, 'member', %s, (SELECT seq FROM event_head WHERE community_id = %s))"
        " ON CONFLICT (group_id, member_id) DO UPDATE SET removed_at = NULL, joined_at = excluded.joined_at",
        [act.group_id, member_id, act.community_id, nickname, act.now, act.community_id],
    )
    body: dict[str, Any] = {"nickname": nickname, "via": "move", "platform_user_id": platform_user_id or ""}
    if observed:
        body["observed"] = True
    return act.event("member.joined", body, member_id, member_id=member_id)


def remove(conn: psycopg.Connection[Any], act: Act, member_id: int, *, moved_to: int | None = None) -> NewEvent | None:
    """Put a member out; the seat stays marked, so that the same browser cannot come back. None when not inside."""
    changed = conn.execute(
        "UPDATE local_occupant SET removed_at = %s WHERE group_id = %s AND member_id = %s AND removed_at IS NULL",
        [act.now, act.group_id, member_id],
    ).rowcount
    body = {"by": act.by, **({"moved_to": moved_to} if moved_to is not None else {})}
    return act.event("member.removed", body, member_id, member_id=member_id) if changed else None


def readmit(conn: psycopg.Connection[Any], act: Act, member_id: int) -> NewEvent | None:
    """Take the mark of a removal off the seat, so that the member may come in again; None when there is none."""
    marked = conn.execute(
        "DELETE FROM local_occupant WHERE group_id = %s AND member_id = %s AND removed_at IS NOT NULL",
        [act.group_id, member_id],
    ).rowcount
    return act.event("member.readmitted", {"by": act.by}, member_id, member_id=member_id) if marked else None


def recall(act: Act, seq: int, author: int | None) -> NewEvent:
    """Withdraw a message. The log keeps it (evidence); rooms no longer show it."""
    by = act.by if act.by in {"qunzhu", "member"} else "staff"
    return act.event("message.recalled", {"target": seq, "by": by}, seq, member_id=author)


def announce(conn: psycopg.Connection[Any], act: Act, text: str) -> NewEvent:
    """Replace the announcement."""
    conn.execute("UPDATE local_room SET announcement = %s WHERE group_id = %s", [text, act.group_id])
    return act.event("group.announced", {"text": text, "by": act.by})


def set_frozen(conn: psycopg.Connection[Any], act: Act, *, frozen: bool) -> NewEvent | None:
    """Close the room for all but its owner and admins, or open it again; None when it is so already."""
    changed = conn.execute(
        "UPDATE local_room SET frozen = %s WHERE group_id = %s AND frozen <> %s", [frozen, act.group_id, frozen]
    ).rowcount
    return act.event("group.frozen" if frozen else "group.unfrozen", {"by": act.by}) if changed else None


def close(conn: psycopg.Connection[Any], act: Act) -> NewEvent | None:
    """Close the room for good: nobody speaks, nobody comes in. None when it is closed already."""
    changed = conn.execute(
        "UPDATE community_group SET state = 'closed' WHERE id = %s AND state <> 'closed'", [act.group_id]
    ).rowcount
    return act.event("group.closed", {"by": act.by}) if changed else None


def reopen(conn: psycopg.Connection[Any], act: Act) -> NewEvent | None:
    """Open a closed room again, for everybody; None when it is not closed."""
    changed = conn.execute(
        "UPDATE community_group SET state = 'active' WHERE id = %s AND state = 'closed'", [act.group_id]
    ).rowcount
    if not changed:
        return None
    conn.execute("UPDATE local_room SET frozen = false WHERE group_id = %s", [act.group_id])
    return act.event("group.reopened", {"by": act.by})


def bar(conn: psycopg.Connection[Any], act: Act, member_id: int, nickname: str) -> None:
    """Mark a seat that was never taken as removed, so that this member cannot take it."""
    conn.execute(
        "INSERT INTO local_occupant (group_id, member_id, community_id, nickname, role, joined_at, removed_at,"
        " last_read_seq) VALUES (%s, %s, %s, %s, 'member', %s, %s, 0) ON CONFLICT DO NOTHING",
        [act.group_id, member_id, act.community_id, nickname, act.now, act.now],
    )


def sent(
    act: Act,
    purpose: str,
    text: str,
    *,
    to: int | None = None,
    reply_to: int | None = None,
    private: bool = False,
    image: dict[str, Any] | None = None,
) -> NewEvent:
    """The product speaks in the room; what is `private` only `to` gets to see."""
    body: dict[str, Any] = {"text": text, "purpose": purpose}
    if to is not None:
        body["to"] = to
    if reply_to is not None:
        body["reply_to"] = reply_to
    if private:
        body["private"] = True
    if image:
        body["image"] = image
    return act.event("message.sent", body, purpose)


def message(conn: psycopg.Connection[Any], act: Act, seq: int) -> tuple[int | None, datetime, bool] | None:
    """(author, when, recalled already) of what was said at `seq` in this room; None when nothing was said there."""
    row = conn.execute(
        "SELECT e.member_id, e.occurred_at, EXISTS (SELECT 1 FROM event r WHERE r.community_id = e.community_id"
        " AND r.kind = 'message.recalled' AND r.seq > e.seq AND (r.body->>'target')::bigint = e.seq)"
        " FROM event e WHERE e.community_id = %s AND e.seq = %s AND e.group_id = %s AND e.kind = ANY(%s)",
        [act.community_id, seq, act.group_id, list(SPOKEN)],
    ).fetchone()
    return (row[0], row[1], row[2]) if row else None
