"""The outgoing side of the local chat: effects act on its rooms for real, in the transaction that records them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg

from qunzhu.kernel.connectors.local import rooms
from qunzhu.kernel.connectors.local.locks import lock_occupants, lock_rooms
from qunzhu.kernel.connectors.local.rooms import Act
from qunzhu.kernel.connectors.port import BY_RULE, How, Outcome, Refused, Task, capability, detail
from qunzhu.kernel.events.schema import NewEvent

Connection = psycopg.Connection[Any]
ROOM_ACTS = frozenset({"announce", "freeze", "unfreeze", "close", "reopen"})
GONE = detail("member_gone")


class LocalClient:
    """Executes effects in the local chat; emulates where the room plays a platform that cannot do it."""

    name = rooms.CONNECTOR
    transactional = True
    per_second: float | None = None

    def prepare(self, conn: Connection, tasks: Sequence[Task]) -> None:
        """Lock rooms, then occupants, each in the order of their ids, so that deliverers never wait in a circle."""
        moves = [(_target(t), t.member_id) for t in tasks if t.kind == "move" and t.member_id is not None]
        lock_rooms(conn, [t.group_id for t in tasks if t.kind in ROOM_ACTS] + [group for group, _ in moves])
        lock_occupants(conn, [(t.group_id, t.member_id) for t in tasks if t.member_id is not None] + moves)

    def execute(self, conn: Connection, task: Task, how: How, *, now: datetime) -> Outcome:
        asked_by = "" if task.requested_by == BY_RULE else task.requested_by
        act = Act(task.community_id, task.group_id, "qunzhu", now, str(task.id), asked_by)
        if how == "emulated":
            why = detail("profile", profile=task.profile, kind=task.kind)
            return Outcome("emulated", why, _EMULATED[task.kind](conn, act, task))
        return _NATIVE[task.kind](conn, act, task)


def _speak(_conn: Connection, act: Act, task: Task) -> Outcome:
    payload = task.payload
    to = payload.get("to", task.member_id)
    reply_to = payload.get("reply_to", payload.get("seq"))
    private = bool(payload.get("private"))
    image = payload.get("image") if capability(task.profile).pictures else None  # without, the words go alone
    said = rooms.sent(act, task.kind, payload["text"], to=to, reply_to=reply_to, private=private, image=image)
    return Outcome("done", detail("told" if private else "said"), (said,))


def _with_text(act: Act, task: Task, happened: NewEvent) -> tuple[NewEvent, ...]:
    text = task.payload.get("text")
    return (happened, rooms.sent(act, "warn", text, to=task.member_id)) if text else (happened,)


def _mute(conn: Connection, act: Act, task: Task) -> Outcome:
    wanted = datetime.fromisoformat(task.payload["until"])
    if wanted <= act.now:  # a late retry: nobody can be muted in the past, and nobody is told so
        return Outcome("unsupported", detail("mute_over"))
    muted = rooms.mute(conn, act, _member(task), wanted)
    if muted is None:
        return Outcome("unsupported", GONE)
    return Outcome("done", detail("muted", until=muted.body["until"]), _with_text(act, task, muted))


def _unmute(conn: Connection, act: Act, task: Task) -> Outcome:
    unmuted = rooms.unmute(conn, act, _member(task))
    return Outcome("done", detail("unmuted"), (unmuted,)) if unmuted else Outcome("done", detail("not_muted"))


def _remove(conn: Connection, act: Act, task: Task) -> Outcome:
    removed = rooms.remove(conn, act, _member(task))
    return Outcome("done", detail("removed"), _with_text(act, task, removed)) if removed else Outcome("done", GONE)


def _move(conn: Connection, act: Act, task: Task) -> Outcome:
    """First into the other room, then out of this one: nobody stands in the street because the other is full."""
    there = msgspec.structs.replace(act, group_id=_target(task))
    member, stays = _member(task), bool(task.payload.get("stays"))
    if not rooms.inside(conn, act, member):
        return Outcome("done", GONE)
    into = rooms.bring_in(conn, there, member, task.nickname, observed=bool(task.payload.get("observed")))
    out = None if stays else rooms.remove(conn, act, member, moved_to=there.group_id)
    happened = [event for event in (into, out) if event is not None]
    if into is not None and (text := task.payload.get("text")):
        happened.append(rooms.sent(there, "say", text, to=task.member_id, private=True))
    return Outcome("done", detail("moved", to=task.to_name), tuple(happened))


def _readmit(conn: Connection, act: Act, task: Task) -> Outcome:
    back = rooms.readmit(conn, act, _member(task))
    return Outcome("done", detail("readmitted"), (back,)) if back else Outcome("done", detail("not_removed"))


def _recall(conn: Connection, act: Act, task: Task) -> Outcome:
    seq = int(task.payload["seq"])
    found = rooms.message(conn, act, seq)
    if found is None:
        raise Refused("unknown_message", seq=seq)
    author, _, recalled = found
    if recalled:
        return Outcome("done", detail("recalled_before"))
    return Outcome("done", detail("recalled"), (rooms.recall(act, seq, author),))


def _announce(conn: Connection, act: Act, task: Task) -> Outcome:
    return Outcome("done", detail("announced"), (rooms.announce(conn, act, task.payload["text"]),))


def _freeze(conn: Connection, act: Act, task: Task) -> Outcome:
    frozen = rooms.set_frozen(conn, act, frozen=True)
    if frozen is None:
        return Outcome("done", detail("frozen_before"))
    return Outcome("done", detail("frozen"), _with_text(act, task, frozen))


def _unfreeze(conn: Connection, act: Act, _task: Task) -> Outcome:
    opened = rooms.set_frozen(conn, act, frozen=False)
    return Outcome("done", detail("unfrozen"), (opened,)) if opened else Outcome("done", detail("not_frozen"))


def _close(conn: Connection, act: Act, _task: Task) -> Outcome:
    closed = rooms.close(conn, act)
    return Outcome("done", detail("closed"), (closed,)) if closed else Outcome("done", detail("closed_before"))


def _reopen(conn: Connection, act: Act, _task: Task) -> Outcome:
    opened = rooms.reopen(conn, act)
    return Outcome("done", detail("reopened"), (opened,)) if opened else Outcome("done", detail("not_closed"))


def _ask_to_be_quiet(_conn: Connection, act: Act, task: Task) -> tuple[NewEvent, ...]:
    until = spoken_time(datetime.fromisoformat(task.payload["until"]), act.now, task.timezone)
    text = task.payload.get("text") or f"{task.nickname}，请先休息一下，{until} 前不要发言。"
    return (rooms.sent(act, "warn", text, to=task.member_id),)


def _say_may_speak(_conn: Connection, act: Act, task: Task) -> tuple[NewEvent, ...]:
    return (rooms.sent(act, "say", f"{task.nickname}，现在可以继续发言了。", to=task.member_id),)


def _announce_pause(conn: Connection, act: Act, task: Task) -> tuple[NewEvent, ...]:
    return (rooms.announce(conn, act, task.payload.get("text") or "本群暂停发言，请大家等待管理员处理。"),)


def _announce_reopening(conn: Connection, act: Act, _task: Task) -> tuple[NewEvent, ...]:
    return (rooms.announce(conn, act, "本群恢复发言，谢谢大家的耐心。"),)


def _target(task: Task) -> int:
    return int(task.payload["to"])


def _member(task: Task) -> int:
    if task.member_id is None:
        raise Refused("no_member")
    return task.member_id


def spoken_time(at: datetime, now: datetime, zone: str) -> str:
    """A time as people say it: 21:14 today, else 11月25日 09:00, in `zone`."""
    local, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M}"
    return clock if local.date() == today.date() else f"{local.month}月{local.day}日 {clock}"


_NATIVE: dict[str, Callable[[Connection, Act, Task], Outcome]] = {
    "warn": _speak,
    "say": _speak,
    "answer": _speak,
    "mute": _mute,
    "unmute": _unmute,
    "remove": _remove,
    "move": _move,
    "readmit": _readmit,
    "recall": _recall,
    "announce": _announce,
    "freeze": _freeze,
    "unfreeze": _unfreeze,
    "close": _close,
    "reopen": _reopen,
}
_EMULATED: dict[str, Callable[[Connection, Act, Task], tuple[NewEvent, ...]]] = {
    "mute": _ask_to_be_quiet,
    "unmute": _say_may_speak,
    "freeze": _announce_pause,
    "unfreeze": _announce_reopening,
}
