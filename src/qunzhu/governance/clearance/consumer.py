"""Consumer `clearance`: requests and grants as a projection; 报备 in the chat; a case for each request; the answers."""

from datetime import datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from qunzhu.governance.clearance import policy
from qunzhu.governance.clearance.locks import lock_requests
from qunzhu.governance.clearance.policy import Ask, Limits
from qunzhu.governance.clearance.standing import ask_from, body_of, standing_of, with_asked
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import Stale, decide_case, open_case
from qunzhu.kernel.community.selectors import blueprint_of, names_of, zone_of
from qunzhu.kernel.connectors.commands import WORDS
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.kernel.text.links import canonical_links

COMMAND = "clearance"
SPOKEN = frozenset({"message.posted", "command.posted"})
MEMBER = "成员本人"
SOON = timedelta(hours=1)

_INSERT = (
    "INSERT INTO clearance (community_id, seq, member_id, group_id, asked_in, via, cause_seq, name, text, links,"
    " images, wanted_since, wanted_until, asked_at, state, granted_seq, since, until, decided_by, decided_at, reason,"
    f" ended_by, last_seq) VALUES ({', '.join(['%s'] * 20)}, '', '', %s) ON CONFLICT DO NOTHING"
)
_DECIDE = (
    "UPDATE clearance SET state = %s, decided_by = %s, decided_at = %s, reason = %s, last_seq = %s"
    " WHERE community_id = %s AND seq = %s AND state = 'waiting'"
)
_GRANT = (
    "UPDATE clearance SET state = 'granted', granted_seq = %s, since = %s, until = %s, group_id = %s, text = %s,"
    " links = %s, decided_by = %s, decided_at = %s, reason = %s, last_seq = %s"
    " WHERE community_id = %s AND seq = %s AND state = 'waiting'"
)


def handle(batch: Batch) -> None:
    """Project in log order; outside a rebuild, also serve the command, open cases and answer."""
    for event in batch.events:
        if event.body and event.kind in _FOLDS:
            _FOLDS[event.kind](batch, event)
    if not batch.rebuilding:
        _act(batch)


def _requested(batch: Batch, event: Event) -> None:
    body, ask = event.body, ask_from(event.body)
    values = [
        event.community_id, event.seq, event.member_id, body.get("group"), event.group_id, body["via"],
        body.get("cause_seq"), "", ask.text, Jsonb(list(ask.links)), Jsonb(list(ask.images)), ask.since, ask.until,
        event.occurred_at, "waiting", None, None, None, "", None, event.seq,
    ]  # fmt: skip
    psycopg.Cursor(batch.connection).execute(_INSERT, values)


def _granted(batch: Batch, event: Event) -> None:
    body = event.body
    since, until = _time(body.get("since")), datetime.fromisoformat(body["until"])
    links = body.get("links") or ([body["link"]] if body.get("link") else [])
    if (request := body.get("request")) is not None:
        psycopg.Cursor(batch.connection).execute(
            _GRANT,
            [
                event.seq, since, until, body.get("group"), body.get("text") or "", Jsonb(links), body["by"],
                event.occurred_at, body.get("note") or "", event.seq, batch.community_id, request,
            ],
        )  # fmt: skip
        return
    values = [
        event.community_id, event.seq, event.member_id, body.get("group"), None, "", None, body.get("name") or "",
        body.get("text") or "", Jsonb(links), Jsonb([]), None, None, event.occurred_at, "granted", event.seq, since,
        until, body["by"], event.occurred_at, event.seq,
    ]  # fmt: skip
    psycopg.Cursor(batch.connection).execute(_INSERT, values)


def _declined(batch: Batch, event: Event) -> None:
    _decide(batch, event, "declined", event.body["by"], event.body.get("reason") or "")


def _withdrawn(batch: Batch, event: Event) -> None:
    _decide(batch, event, "withdrawn", event.body["by"], "")


def _decide(batch: Batch, event: Event, state: str, by: str, reason: str) -> None:
    psycopg.Cursor(batch.connection).execute(
        _DECIDE, [state, by, event.occurred_at, reason, event.seq, batch.community_id, event.body["request"]]
    )


def _ended(batch: Batch, event: Event) -> None:
    psycopg.Cursor(batch.connection).execute(
        "UPDATE clearance SET state = 'ended', ended_by = %s, ended_at = %s, last_seq = %s"
        " WHERE community_id = %s AND granted_seq = %s AND state = 'granted'",
        [event.body["by"], event.occurred_at, event.seq, batch.community_id, event.body["granted"]],
    )


_FOLDS = {
    "clearance.requested": _requested,
    "clearance.granted": _granted,
    "clearance.declined": _declined,
    "clearance.withdrawn": _withdrawn,
    "clearance.ended": _ended,
}


def _time(value: Any) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


# --- what follows from it -----------------------------------------------------------------------------------------


def _act(batch: Batch) -> None:
    commands = [
        e
        for e in batch.events
        if e.kind == "command.posted" and not e.historic and e.body.get("command") == COMMAND and e.group_id is not None
    ]
    told = [e for e in batch.events if e.kind in _FOLDS and e.body and not e.historic]
    if not commands and not told:
        return
    zone, limits = zone_of(batch.community_id), policy.limits_from(blueprint_of(batch.community_id))
    answers = _serve(batch, commands, limits, zone) if commands else []
    for event in told:
        if event.kind == "clearance.requested":
            _open(batch, event, limits, zone)
        elif event.kind == "clearance.withdrawn":
            close_case(batch.community_id, event.body["request"], now=batch.now)
        elif answer := _answer_to(batch, event, zone):
            answers.append(answer)
    outbox.request(batch.connection, batch.community_id, answers, now=batch.now)


def _serve(batch: Batch, commands: list[Event], limits: Limits, zone: str) -> list[EffectRequest]:
    lock_requests(batch.connection, batch.community_id)
    asked: dict[int, list[Ask]] = {}
    answers = []
    for event in commands:
        member = event.member_id
        if member is None:
            continue
        ask = _ask_of(batch, event, zone)
        known = standing_of(batch.connection, batch.community_id, member, now=event.occurred_at, zone=zone)
        known = with_asked(known, asked.get(member, ()))
        said = policy.problem_of(ask, known, limits, now=event.occurred_at)
        if not said:
            asked.setdefault(member, []).append(ask)
            batch.append(_request_event(event, ask))
            said = policy.say_asked(ask, limits, zone)
        answers.append(_private(event, said, f"command.{COMMAND}", reply_to=event.seq))
    return answers


def _ask_of(batch: Batch, event: Event, zone: str) -> Ask:
    """What is asked for: what stands after 报备, and what is quoted."""
    said = policy.content_of(str(event.body.get("text") or ""), WORDS[COMMAND])
    typed = policy.read_window(said, now=event.occurred_at, zone=zone)
    text, links, images = typed.text, list(canonical_links(typed.text)), []
    quoted = event.body.get("reply_to")
    found = log.read_at(batch.connection, batch.community_id, [quoted]) if quoted else []
    for message in found:
        if message.kind in SPOKEN and message.group_id == event.group_id:
            words = str(message.body.get("text") or "")
            if message.body.get("command") == COMMAND:
                words = policy.content_of(words, WORDS[COMMAND])
            text = "\n".join(part for part in (words, text) if part)
            links += canonical_links(words, message.body.get("links") or ())
            images += [message.body["image"]] if isinstance(message.body.get("image"), dict) else []
    return Ask(text[: policy.TEXT_LENGTH + 1], tuple(dict.fromkeys(links)), tuple(images), typed.since, typed.until)


def _request_event(event: Event, ask: Ask) -> NewEvent:
    body = body_of(ask, via="chat", group=event.group_id, cause_seq=event.seq)
    fact = event_id("clearance.requested", event.community_id, event.seq)
    return NewEvent(
        event.community_id, fact, "clearance.requested", event.occurred_at, body, event.group_id, event.member_id
    )


def _open(batch: Batch, event: Event, limits: Limits, zone: str) -> None:
    """One case for each request, due before the wished time begins."""
    body, ask = event.body, ask_from(event.body)
    name = names_of(batch.community_id, [event.member_id or 0]).get(event.member_id or 0, "成员")
    lines = [ask.text, *(link for link in ask.links if link not in ask.text)]
    wished = f"想发的时间：{policy.window(ask.since, ask.until, zone)}" if ask.until else ""
    due = batch.now + timedelta(hours=24)
    if ask.since is not None and ask.since < due:
        due = max(ask.since, batch.now + SOON)
    cause = body.get("cause_seq") or event.seq
    opened = open_case(
        community_id=batch.community_id,
        kind="clearance_request",
        key=case_key(event.seq),
        title=policy.title_of(name, ask.text, ask.links),
        summary="\n".join(line for line in (*lines, wished) if line),
        urgency="yellow",
        group_id=event.group_id,
        member_id=event.member_id,
        event_seq=cause,
        evidence=[cause],
        payload={
            "request": event.seq,
            "text": ask.text,
            "links": list(ask.links),
            "images": [str(i.get("sha256")) for i in ask.images if i.get("sha256")],
            "since": body.get("since"),
            "until": body.get("until"),
            "group": body.get("group"),
            "hours": limits.window,
        },
        deadline=due,
        now=batch.now,
    )
    if opened.event is not None:
        batch.append(opened.event)


def case_key(request: int) -> str:
    """The key of the case of a request."""
    return f"clearance:{request}"


def close_case(community_id: int, request: int, *, now: datetime) -> bool:
    """Close the open case of a request as withdrawn by its member; False when there is none (any more)."""
    case = Case.objects.filter(community_id=community_id, key=case_key(request), state=Case.State.OPEN).first()
    if case is None:
        return False
    try:
        decide_case(
            community_id=community_id, case_id=case.pk, action="withdrawn", user=MEMBER, role=None,
            version=case.version, now=now,
        )  # fmt: skip
    except Stale:  # decided in this very moment
        return False
    return True


def _answer_to(batch: Batch, event: Event, zone: str) -> EffectRequest | None:
    """What the member is told of a decision; nothing where nobody asked, or the member did it alone."""
    body = event.body
    which, value = (
        ("granted_seq", body.get("granted")) if event.kind == "clearance.ended" else ("seq", body.get("request"))
    )
    if value is None or body.get("by") == "member":
        return None
    row = (
        psycopg.Cursor(batch.connection)
        .execute(
            f"SELECT member_id, asked_in, cause_seq, until FROM clearance WHERE community_id = %s AND {which} = %s",
            [batch.community_id, value],
        )
        .fetchone()
    )
    if row is None or row[0] is None or row[1] is None:
        return None
    if event.kind == "clearance.granted":
        until = datetime.fromisoformat(body["until"])
        said = policy.say_granted(
            _time(body.get("since")),
            until,
            zone,
            everywhere=body.get("group") is None,
            note=str(body.get("note") or ""),
        )
    elif event.kind == "clearance.declined":
        said = policy.say_declined(str(body.get("reason") or ""))
    else:
        said = policy.say_ended(row[3], zone)
    return _private(event, said, event.kind, reply_to=row[2], member_id=row[0], group_id=row[1])


def _private(
    event: Event,
    text: str,
    rule: str,
    *,
    reply_to: int | None,
    member_id: int | None = None,
    group_id: int | None = None,
) -> EffectRequest:
    member, group = member_id or event.member_id, group_id or event.group_id
    if member is None or group is None:
        raise ValueError(f"nobody to answer to event {event.seq}")
    payload: dict[str, Any] = {"text": text, "to": member, "private": True}
    if reply_to is not None:
        payload["reply_to"] = reply_to
    return EffectRequest(
        kind="answer", key=f"clearance:{event.seq}", group_id=group, member_id=member, payload=payload,
        cause_seq=event.seq, rule=rule,
    )  # fmt: skip


CONSUMER = Consumer("clearance", handle, kinds=frozenset(_FOLDS) | {"command.posted"}, tables=("clearance",))
