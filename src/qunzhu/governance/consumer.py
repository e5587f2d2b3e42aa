"""Consumer `governance`: penalties and reports as projections; 举报 and 帮助 as commands."""

from datetime import datetime
from typing import Any

import psycopg
from django.conf import settings

from qunzhu.governance.policy import REASON_LENGTH, REPORT_AGAIN_AFTER, SAY_REPORTED, say_help, verdict_on_report
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.community.models import Member, Membership
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

HUMAN = "human"
STEPS = frozenset({"warn", "mute", "remove"})
COMMANDS = frozenset({"report", "help"})

_PENALTY = {
    "community_id": "int8",
    "seq": "int8",
    "rule": "text",
    "rulebook_version": "int4",
    "group_id": "int8",
    "member_id": "int8",
    "step": "text",
    "sentence": "text",
    "evidence": "jsonb",
    "at": "timestamptz",
    "ends_at": "timestamptz",
    "strike": "bool",
    "reversed_by": "text",
    "last_seq": "int8",
}
_REPORT = {
    "community_id": "int8",
    "seq": "int8",
    "group_id": "int8",
    "reporter_id": "int8",
    "target_id": "int8",
    "message_seq": "int8",
    "reason": "text",
    "state": "text",
    "at": "timestamptz",
}
_VERDICTS = {"report.upheld": "upheld", "report.dismissed": "dismissed"}


def handle(batch: Batch) -> None:
    """Project in log order; outside a rebuild, also serve the commands."""
    penalties: list[tuple[Any, ...]] = []
    for event in batch.events:
        row = _penalty_of(event)
        if row is not None:
            penalties.append(row)
    upsert(batch.connection, "penalty", _PENALTY, penalties, "(community_id, seq) DO NOTHING")
    # A report whose author or target was erased has no body left: there is nothing to say of it any more.
    reports = [_report_of(event) for event in batch.events if event.kind == "report.filed" and event.body]
    upsert(batch.connection, "report", _REPORT, reports, "(community_id, seq) DO NOTHING")
    for event in batch.events:  # an answer to what stands above: it always comes later in the log
        if event.kind == "penalty.reversed":
            _reverse(batch, event)
        elif event.kind in _VERDICTS and event.body:
            _settle(batch, event)
    if not batch.rebuilding:
        _serve(batch)


def _penalty_of(event: Event) -> tuple[Any, ...] | None:
    """The row for a live decision with a step, or for a human's; None for everything else."""
    body = event.body
    if event.member_id is None or body.get("step") not in STEPS:
        return None
    until = datetime.fromisoformat(body["until"]) if body.get("until") and body["step"] == "mute" else None
    if event.kind == "decision.made" and body["outcome"] == "live":
        seq, rule, version = body["cause_seq"], body["rule"], body["rulebook_version"]
        evidence, strike = body["evidence"], body["strike"]
    elif event.kind == "case.decided":
        seq, rule, version, evidence, strike = event.seq, HUMAN, 0, [], False
    else:
        return None
    return (
        event.community_id, seq, rule, version, event.group_id, event.member_id, body["step"], body["sentence"],
        _json(evidence), event.occurred_at, until, strike, "", event.seq,
    )  # fmt: skip


def _json(value: list[int]) -> str:
    return "[" + ",".join(map(str, value)) + "]"


def _report_of(event: Event) -> tuple[Any, ...]:
    body = event.body
    return (
        event.community_id, event.seq, event.group_id, event.member_id, body["target"], body.get("target_seq"),
        body.get("reason", ""), "open", event.occurred_at,
    )  # fmt: skip


def _reverse(batch: Batch, event: Event) -> None:
    psycopg.Cursor(batch.connection).execute(
        "UPDATE penalty SET reversed_at = %s, reversed_by = %s, last_seq = %s"
        " WHERE community_id = %s AND seq = %s AND reversed_at IS NULL AND last_seq < %s",
        [
            event.occurred_at,
            event.body["by"],
            event.seq,
            batch.community_id,
            event.body["cause_seq"],
            event.seq,
        ],
    )


def _settle(batch: Batch, event: Event) -> None:
    psycopg.Cursor(batch.connection).execute(
        "UPDATE report SET state = %s WHERE community_id = %s AND seq = %s",
        [_VERDICTS[event.kind], batch.community_id, event.body["report"]],
    )


def _serve(batch: Batch) -> None:
    commands = [
        event
        for event in batch.events
        if event.kind == "command.posted"
        and not event.historic
        and event.group_id is not None
        and event.member_id is not None
        and event.body.get("command") in COMMANDS
    ]
    answers: list[EffectRequest] = []
    helped: set[int | None] = set()
    filed: dict[tuple[int, int], datetime] = {}
    for event in commands:
        if event.body["command"] == "report":
            answers.append(_answer(event, _hear_report(batch, event, filed)))
        elif event.group_id not in helped:  # one message for many who ask at once
            helped.add(event.group_id)
            answers.append(_answer(event, say_help(f"{settings.PUBLIC_URL}/g/{event.group_id}/")))
    outbox.request(batch.connection, batch.community_id, answers, now=batch.now)


def _hear_report(batch: Batch, event: Event, filed: dict[tuple[int, int], datetime]) -> str:
    """File the report when it counts; returns the answer. `filed` has what this batch filed already."""
    if event.member_id is None:
        raise ValueError(f"command {event.seq} has no author")
    target, message_seq = _target_of(batch, event)
    last = None
    if target is not None:
        last = filed.get((event.member_id, target)) or _last_report(batch, event, target)
    name = _name_of(batch, event, target) if target is not None else None
    told = verdict_on_report(
        reporter=event.member_id,
        target=target,
        is_member=name is not None,
        last_report_at=last,
        at=event.occurred_at,
        several=bool(event.body.get("target_unclear")),
    )
    if told != SAY_REPORTED or target is None:
        return told
    filed[event.member_id, target] = event.occurred_at
    body: dict[str, Any] = {
        "target": target,
        "target_name": name,
        "reason": str(event.body.get("args", ""))[:REASON_LENGTH],
        "cause_seq": event.seq,
    }
    if message_seq is not None:
        body["target_seq"] = message_seq
    batch.append(
        NewEvent(
            batch.community_id,
            event_id("governance", batch.community_id, event.seq, "report.filed"),
            "report.filed",
            event.occurred_at,
            body,
            group_id=event.group_id,
            member_id=event.member_id,
        )
    )
    return told


def _name_of(batch: Batch, event: Event, member: int) -> str | None:
    """What the member is called in the group of the event, else in the community; None when there is no such member."""
    known = Member.objects.filter(community_id=batch.community_id, pk=member).values_list("display_name", flat=True)
    here = Membership.objects.filter(community_id=batch.community_id, group_id=event.group_id or 0, member_id=member)
    display = known.first()
    return None if display is None else here.values_list("nickname", flat=True).first() or display


def _target_of(batch: Batch, event: Event) -> tuple[int | None, int | None]:
    """(member, message) that a report is about: the author of the quoted message, else the one mentioned.

    A quoted message that no member wrote gives member 0, which is nobody.
    """
    quoted = event.body.get("target_seq") or event.body.get("reply_to")
    if quoted is not None:
        row = (
            psycopg.Cursor(batch.connection)
            .execute(
                "SELECT member_id FROM event WHERE community_id = %s AND seq = %s AND group_id = %s"
                " AND kind IN ('message.posted', 'command.posted', 'message.sent')",
                [batch.community_id, quoted, event.group_id],
            )
            .fetchone()
        )
        if row is not None:
            return row[0] or 0, quoted
    target = event.body.get("target") or next(iter(event.body.get("mentions") or ()), None)
    return target, None


def _last_report(batch: Batch, event: Event, target: int) -> datetime | None:
    """When this member last reported that one, from the log itself: the projection may be behind."""
    row = (
        psycopg.Cursor(batch.connection)
        .execute(
            "SELECT max(occurred_at) FROM event WHERE community_id = %s AND kind = 'report.filed' AND member_id = %s"
            " AND occurred_at > %s AND (body->>'target')::int8 = %s",
            [batch.community_id, event.member_id, event.occurred_at - REPORT_AGAIN_AFTER, target],
        )
        .fetchone()
    )
    last: datetime | None = row[0] if row else None
    return last


def _answer(event: Event, text: str) -> EffectRequest:
    if event.group_id is None:
        raise ValueError(f"command {event.seq} was posted in no group")
    payload: dict[str, Any] = {"text": text, "to": event.member_id, "reply_to": event.seq}
    if event.body["command"] == "report":  # who reports, or tries to, is nobody else's business
        payload["private"] = True
    return EffectRequest(
        kind="answer",
        key=f"governance:{event.community_id}:{event.seq}",
        group_id=event.group_id,
        member_id=event.member_id,
        payload=payload,
        cause_seq=event.seq,
        rule=f"command.{event.body['command']}",
    )


CONSUMER = Consumer(
    "governance",
    handle,
    kinds=frozenset(
        {
            "decision.made",
            "penalty.reversed",
            "case.decided",
            "report.filed",
            "report.upheld",
            "report.dismissed",
            "command.posted",
        }
    ),
    tables=("penalty", "report"),
)
