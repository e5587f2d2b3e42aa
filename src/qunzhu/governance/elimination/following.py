"""What follows from a silence and its turns, outside a rebuild: tags, moves, the way back, 请假 and 销假."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from qunzhu.governance.elimination import policy
from qunzhu.governance.elimination.leaves import Taken, current, ended_event, leaves_of, taken_event
from qunzhu.governance.elimination.locks import lock_elimination
from qunzhu.governance.elimination.people import presences
from qunzhu.governance.elimination.policy import Settings, judge, settings_from
from qunzhu.governance.elimination.run import Batch as Run
from qunzhu.governance.elimination.run import tag_batch
from qunzhu.governance.elimination.spells import Spell, move_key
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import Stale, decide_case
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.connectors.port import Detail, detail
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.details import WORDS
from qunzhu.kernel.effects.locks import lock_open_tasks
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

COMMANDS = frozenset({"leave", "back"})
OUT, BACK = "elimination.out", "elimination.back"
SPOKE = detail("spoke_again")
MACHINE = "qunzhu"


class Wanted(NamedTuple):
    """Something that is to follow from an event."""

    what: str
    event: Event
    spell: Spell | None


@dataclass
class Following:
    """What a batch asks for."""

    batch: Batch
    zone: str
    settings: Settings
    effects: list[EffectRequest] = field(default_factory=list)
    cases: set[int] = field(default_factory=set)
    # leaves taken in this batch, which the log does not have yet
    leaves: dict[int, list[Taken]] = field(default_factory=dict)


def act(batch: Batch, zone: str, wanted: Iterable[Wanted]) -> None:
    """Do all that is wanted, in its order."""
    wanted = list(wanted)
    if not wanted:
        return
    work = Following(batch, zone, settings_from(blueprint_of(batch.community_id)))
    if any(w.what in {"command", "confirmed"} for w in wanted):
        lock_elimination(batch.connection, batch.community_id)
    for w in wanted:
        _DO[w.what](work, w.event, w.spell)
    outbox.request(batch.connection, batch.community_id, work.effects, now=batch.now)
    for case_id in sorted(work.cases):
        _close_empty(batch, case_id)


def _tag(work: Following, _event: Event, spell: Spell | None) -> None:
    assert spell is not None  # noqa: S101  (for the type checker; every turn but a command has its silence)
    psycopg.Cursor(work.batch.connection).execute(
        "UPDATE member SET tags = tags || to_jsonb(%s::text) WHERE community_id = %s AND id = %s AND NOT tags ? %s",
        [spell.tag, work.batch.community_id, spell.member_id, spell.tag],
    )


def _untag(work: Following, _event: Event, spell: Spell | None) -> None:
    assert spell is not None  # noqa: S101
    psycopg.Cursor(work.batch.connection).execute(
        "UPDATE member SET tags = tags - %s WHERE community_id = %s AND id = %s",
        [spell.tag, work.batch.community_id, spell.member_id],
    )


def _reviewed(work: Following, _event: Event, spell: Spell | None) -> None:
    if spell is not None and spell.case_id is not None:
        work.cases.add(spell.case_id)


def _close_empty(batch: Batch, case_id: int) -> None:
    """Everybody of the batch has spoken or is on leave: there is nothing left to decide."""
    row = (
        psycopg.Cursor(batch.connection)
        .execute(
            "SELECT 1 FROM observation WHERE community_id = %s AND case_id = %s AND state = 'review' LIMIT 1",
            [batch.community_id, case_id],
        )
        .fetchone()
    )
    case = Case.objects.filter(community_id=batch.community_id, pk=case_id, state=Case.State.OPEN).first()
    if row is None and case is not None:
        _decide(batch, case, "over", "名单上的人都已恢复互动或请假")


def _decide(batch: Batch, case: Case, action: str, note: str, *, came_of_it: Detail | None = None) -> None:
    try:
        decide_case(
            community_id=batch.community_id, case_id=case.pk, action=action, user=MACHINE,
            role=None if action == "over" else "owner", version=case.version, note=note, now=batch.now,
            came_of_it=came_of_it,
        )  # fmt: skip
    except Stale:  # a human was faster
        return


def _move(work: Following, event: Event, spell: Spell | None) -> None:
    assert spell is not None  # noqa: S101
    for group in spell.from_groups:
        payload = {"to": spell.to_group, "text": policy.say_moved(spell.tag), "observed": True}
        work.effects.append(_effect(event, spell, group, group, payload, OUT))


def _send_back(work: Following, event: Event, spell: Spell | None) -> None:
    """Into every old group first; out of the observation group with the last of them."""
    assert spell is not None  # noqa: S101
    for number, group in enumerate(spell.from_groups, 1):
        payload: dict[str, Any] = {"to": group, "text": policy.SAY_RETURNED}
        if number < len(spell.from_groups):
            payload["stays"] = True
        work.effects.append(_effect(event, spell, spell.to_group or group, group, payload, BACK))


def _effect(event: Event, spell: Spell, group: int, about: int, payload: dict[str, Any], rule: str) -> EffectRequest:
    return EffectRequest(
        kind="move", key=move_key(event.seq, about), group_id=group, member_id=spell.member_id, payload=payload,
        cause_seq=event.seq, rule=rule, requested_by=str(event.body.get("by") or MACHINE),
    )  # fmt: skip


def _activity(work: Following, event: Event, spell: Spell | None) -> None:
    """Enough was said in the observation group: back at once."""
    assert spell is not None  # noqa: S101
    if spell.said >= work.settings.returns_after:
        _return(work, event, spell, "activity", "member")


def _post(work: Following, event: Event, spell: Spell | None) -> None:
    assert spell is not None  # noqa: S101
    _return(work, event, spell, "post", MACHINE)


def _return(work: Following, event: Event, spell: Spell, why: str, by: str) -> None:
    work.batch.append(
        return_event(event.community_id, spell.seq, spell.member_id, why=why, by=by, now=event.occurred_at)
    )


def return_event(community_id: int, spell: int, member_id: int, *, why: str, by: str, now: Any) -> NewEvent:
    """`observation.returned`: a silence has one way back, however many find it at once."""
    body = {"spell": spell, "why": why, "by": by}
    return NewEvent(
        community_id,
        event_id("observation.returned", community_id, spell),
        "observation.returned",
        now,
        body,
        None,
        member_id,
    )


def _call_off(work: Following, event: Event, spell: Spell | None) -> None:
    """The member spoke before the move: what has not left the house stays, what a human was asked for is taken back."""
    assert spell is not None  # noqa: S101
    batch = work.batch
    stopped = (
        psycopg.Cursor(batch.connection)
        .execute(
            "UPDATE effect SET status = 'unsupported', detail = %s, finished_at = %s WHERE community_id = %s"
            " AND id = ANY(%s::uuid[]) AND status IN ('pending', 'failed') RETURNING id::text, group_id",
            [Jsonb(SPOKE), batch.now, batch.community_id, spell.pending],
        )
        .fetchall()
    )
    for effect, group in stopped:
        body = {
            "effect": effect, "kind": "move", "result": "unsupported", "detail": SPOKE, "cause_seq": spell.move_seq,
            "rule": OUT,
        }  # fmt: skip
        fact = event_id("effect.done", effect, "called off")
        batch.append(NewEvent(batch.community_id, fact, "effect.done", event.occurred_at, body, group, spell.member_id))
    for group in spell.from_groups:
        tasks = lock_open_tasks(
            batch.connection, batch.community_id, group_id=group, kind="move", member_id=spell.member_id, seq=None
        )
        for case in Case.objects.filter(community_id=batch.community_id, pk__in=tasks, state=Case.State.OPEN):
            _decide(batch, case, "cannot", WORDS["spoke_again"], came_of_it=SPOKE)


def _confirmed(work: Following, event: Event, _spell: Spell | None) -> None:
    """A human let a run over the cap go on: those who are still silent are tagged."""
    batch = work.batch
    day = local_day(event.occurred_at, work.zone)
    people = presences(
        batch.connection, batch.community_id, zone=work.zone, after=batch.upto, now=event.occurred_at,
        only=event.body["members"],
    )  # fmt: skip
    found = judge(people, day, work.settings)
    run = Run(batch.community_id, date.fromisoformat(event.body["day"]), people, found.silent, work.settings)
    for made in tag_batch(run, now=batch.now):
        batch.append(made)


def _command(work: Following, event: Event, _spell: Spell | None) -> None:
    if event.member_id is None or event.group_id is None:
        return
    today = local_day(event.occurred_at, work.zone)
    known = leaves_of(work.batch.connection, event.community_id, [event.member_id]).get(event.member_id, [])
    known += work.leaves.get(event.member_id, [])
    serve = _take_leave if event.body["command"] == "leave" else _end_leave
    payload = {"text": serve(work, event, known, today), "to": event.member_id, "reply_to": event.seq, "private": True}
    work.effects.append(
        EffectRequest(
            kind="answer",
            key=f"elimination:{event.seq}",
            group_id=event.group_id,
            member_id=event.member_id,
            payload=payload,
            cause_seq=event.seq,
            rule=f"command.{event.body['command']}",
        )
    )


def _take_leave(work: Following, event: Event, known: list[Taken], today: date) -> str:
    leave = policy.read_leave(str(event.body.get("args") or ""), today)
    if leave is None or event.member_id is None:
        return policy.SAY_LEAVE_HOW
    taken = [(t.first, t.last) for t in known]
    if problem := policy.problem_of_leave(leave, taken, today, work.settings):
        return problem
    work.leaves.setdefault(event.member_id, []).append(Taken(0, leave.first, leave.last))
    work.batch.append(
        taken_event(
            event.community_id,
            event.member_id,
            leave,
            by="member",
            fact=event.seq,
            now=event.occurred_at,
            group_id=event.group_id,
        )
    )
    return policy.say_leave(leave)


def _end_leave(work: Following, event: Event, known: list[Taken], today: date) -> str:
    running = current([t for t in known if t.seq], today)
    if running is None or event.member_id is None:
        return policy.SAY_NO_LEAVE
    work.batch.append(
        ended_event(
            event.community_id,
            event.member_id,
            running,
            today=today,
            by="member",
            now=event.occurred_at,
            group_id=event.group_id,
        )
    )
    return policy.SAY_BACK


_DO: dict[str, Callable[[Following, Event, Spell | None], None]] = {
    "tag": _tag,
    "untag": _untag,
    "reviewed": _reviewed,
    "move": _move,
    "send_back": _send_back,
    "activity": _activity,
    "post": _post,
    "call_off": _call_off,
    "confirmed": _confirmed,
    "command": _command,
}
