"""Consumer `governance`: penalties, appeals, reports, consent and verdicts on rules as projections.

Serves 举报, 申诉, 同意群规 and 帮助.
"""

from typing import Any

import psycopg
from django.conf import settings

from qunzhu.governance import appeals, consent, points, reporting, rows
from qunzhu.governance.policy import say_help
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

COMMANDS = frozenset({"report", "appeal", "consent", "help"})
PRIVATE = frozenset({"report", "appeal"})  # who reports or appeals is nobody else's business

_REPORT_STATES = {"report.upheld": "upheld", "report.dismissed": "dismissed", "report.overturned": "overturned"}
_APPEAL_STATES = {"appeal.upheld": "upheld", "appeal.rejected": "rejected"}
_KEEP_VERDICT = (
    "(community_id, seq, rule) DO UPDATE SET held = excluded.held, source = excluded.source, by = excluded.by,"
    " at = excluded.at"
)


def handle(batch: Batch) -> None:
    """Project in log order; outside a rebuild, also draw the consequences and serve the commands."""
    _insert(batch)
    consent.project(batch)
    for event in batch.events:  # an answer to what stands above: it always comes later in the log
        if not event.body:
            continue  # erased: there is nothing to say of it any more
        if event.kind == "penalty.reversed":
            _reverse(batch, event)
        elif event.kind in _REPORT_STATES:
            _settle_report(batch, event)
        elif event.kind in _APPEAL_STATES:
            _settle_appeal(batch, event)
        verdict = rows.verdict_of(event)
        if verdict is not None:
            upsert(batch.connection, "rule_verdict", rows.VERDICT, [verdict], _KEEP_VERDICT)
    if not batch.rebuilding:
        points.follow(batch)
        reporting.watch_abuse(batch)
        appeals.close_settled(batch)
        _serve(batch)


def _insert(batch: Batch) -> None:
    found = [row for event in batch.events if (row := rows.penalty_of(event)) is not None]
    upsert(batch.connection, "penalty", rows.PENALTY, found, "(community_id, seq) DO NOTHING")
    reports = [rows.report_of(event) for event in batch.events if event.kind == "report.filed" and event.body]
    upsert(batch.connection, "report", rows.REPORT, reports, "(community_id, seq) DO NOTHING")
    filed = [rows.appeal_of(event) for event in batch.events if event.kind == "appeal.filed" and event.body]
    upsert(batch.connection, "appeal", rows.APPEAL, filed, "(community_id, penalty_seq) DO NOTHING")
    upsert(
        batch.connection, "rule_record", rows.RECORD, rows.records_of(batch.events),
        "(community_id, rule, rulebook_version) DO UPDATE SET decisions = t.decisions + excluded.decisions",
    )  # fmt: skip


def _reverse(batch: Batch, event: Event) -> None:
    """The penalty no longer holds; when a human had decided it, the rule behind that case was wrong as well."""
    run = psycopg.Cursor(batch.connection).execute
    run(
        "UPDATE penalty SET reversed_at = %s, reversed_by = %s, last_seq = %s"
        " WHERE community_id = %s AND seq = %s AND reversed_at IS NULL AND last_seq < %s",
        [event.occurred_at, event.body["by"], event.seq, batch.community_id, event.body["cause_seq"], event.seq],
    )
    if event.body["rule"] == rows.HUMAN:
        run(
            "INSERT INTO rule_verdict (community_id, seq, rule, rulebook_version, member_id, held, source, by, at)"
            " SELECT community_id, cause_seq, cause_rule, cause_version, member_id, false, 'reversal', %s, %s"
            " FROM penalty WHERE community_id = %s AND seq = %s AND cause_seq IS NOT NULL AND cause_rule <> ''"
            f" ON CONFLICT {_KEEP_VERDICT}",
            [event.body["by"], event.occurred_at, batch.community_id, event.body["cause_seq"]],
        )


def _settle_report(batch: Batch, event: Event) -> None:
    psycopg.Cursor(batch.connection).execute(
        "UPDATE report SET state = %s, case_id = %s WHERE community_id = %s AND seq = %s",
        [_REPORT_STATES[event.kind], event.body.get("case"), batch.community_id, event.body["report"]],
    )


def _settle_appeal(batch: Batch, event: Event) -> None:
    body = event.body
    psycopg.Cursor(batch.connection).execute(
        "UPDATE appeal SET state = %s, decided_by = %s, decided_at = %s, answer = %s, alone = %s, settled = %s"
        " WHERE community_id = %s AND penalty_seq = %s",
        [
            _APPEAL_STATES[event.kind], body["by"], event.occurred_at, body.get("answer", ""),
            bool(body.get("alone")), bool(body.get("settled")), batch.community_id, body["penalty"],
        ],
    )  # fmt: skip


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
    desk = reporting.Desk(batch)
    for event in commands:
        command = event.body["command"]
        if command == "report":
            answers.append(_answer(event, desk.hear(event)))
        elif command == "appeal":
            answers.append(_answer(event, appeals.hear(batch, event)))
        elif command == "consent":
            answers.append(_answer(event, consent.hear(batch, event)))
        elif event.group_id not in helped:  # one message for many who ask at once
            helped.add(event.group_id)
            answers.append(_answer(event, say_help(f"{settings.PUBLIC_URL}/g/{event.group_id}/")))
    outbox.request(batch.connection, batch.community_id, answers, now=batch.now)


def _answer(event: Event, text: str) -> EffectRequest:
    if event.group_id is None:
        raise ValueError(f"command {event.seq} was posted in no group")
    payload: dict[str, Any] = {"text": text, "to": event.member_id, "reply_to": event.seq}
    if event.body["command"] in PRIVATE:
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
            "penalty.given",
            "penalty.reversed",
            "case.decided",
            "report.filed",
            "command.posted",
            "appeal.filed",
            "consent.given",
            *_REPORT_STATES,
            *_APPEAL_STATES,
        }
    ),
    tables=("penalty", "appeal", "report", "consent", "rule_record", "rule_verdict"),
)
