"""The consumer `order`: runs the rulebook over the log, writes decisions, asks for effects and cases.

State is loaded for the subjects of a batch in one query and kept in this thread while nobody else works on the
community (`forget`). All that it remembers is folded from the log, so that a rebuild comes out equal.
"""

import threading
from collections import OrderedDict
from typing import Any

import msgspec
import psycopg
import structlog
from prometheus_client import Counter

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.cases.joining import REPORTED, join_reports
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.effects.outbox import EffectRequest, request
from qunzhu.kernel.engine.evaluate import Decision, Tally
from qunzhu.kernel.events.log import drop_nul
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.risk.policy import KINDS, Order, subjects_of
from qunzhu.risk.state import PEOPLE, Subject, World, decode_people, decode_subject, encode

NAME = "order"
COMMUNITIES_KEPT = 256
SUBJECTS_KEPT = 100_000

logger = structlog.get_logger("qunzhu.order")
EVALUATED = Counter("qunzhu_rules_evaluated_total", "Rules asked about an event")
MATCHED = Counter("qunzhu_rules_matched_total", "Rules that matched an event", ["rule"])
FAILED = Counter("qunzhu_rules_failed_total", "Rules that raised an error", ["rule"])

_DECISION_COLUMNS = {
    "community_id": "int8",
    "seq": "int8",
    "rule": "text",
    "rulebook_version": "int4",
    "chapter": "text",
    "level": "text",
    "group_id": "int8",
    "member_id": "int8",
    "occurred_at": "timestamptz",
    "outcome": "text",
    "yielded_to": "text",
    "yield_reason": "text",
    "effects": "jsonb",
    "facts": "jsonb",
    "evidence": "jsonb",
    "sentence": "text",
    "strike": "bool",
}


class _Memory(threading.local):
    """What this thread remembers: community → (cursor it stands at, its Order)."""

    def __init__(self) -> None:
        self.orders: OrderedDict[int, tuple[int, Order]] = OrderedDict()


_memory = _Memory()


def forget(community_id: int) -> None:
    """Drop what this thread remembers of a community; the next batch loads it."""
    _memory.orders.pop(community_id, None)


def handle(batch: Batch) -> None:
    """Judge a batch and write everything that follows from it."""
    at, order = _memory.orders.pop(batch.community_id, (0, None))
    if order is None or at > batch.after:  # ahead of the log: that batch was rolled back
        order = _load_order(batch)
    _load_subjects(batch, order)
    decisions = [(event, decision) for event in batch.events for decision in order.hear(event)]
    _save(batch, order)
    if decisions:
        _write_decisions(batch, decisions)
        if not batch.rebuilding:
            _act(batch, decisions)
    _report(order)
    _remember(batch, order)


def _load_order(batch: Batch) -> Order:
    found = _state_rows(batch, [PEOPLE])
    world = World(decode_people(found[PEOPLE]) if found else None)
    for part, blob in _state_rows(batch, world.needs()).items():
        world.give(part, blob)
    return Order(world)


def _load_subjects(batch: Batch, order: Order) -> None:
    wanted = {key for event in batch.events for key in subjects_of(event)}
    missing = sorted(wanted - order.subjects.keys())
    found = _state_rows(batch, missing)
    for key in missing:
        # A subject without a row is remembered as new, so that it is not asked for again.
        order.subjects[key] = decode_subject(found[key]) if key in found else Subject()


def _state_rows(batch: Batch, subjects: list[str]) -> dict[str, bytes]:
    if not subjects:
        return {}
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT subject, data FROM engine_state WHERE community_id = %s AND consumer = %s AND subject = ANY(%s)",
        [batch.community_id, batch.consumer, subjects],
        binary=True,
    )
    return dict(rows.fetchall())


def _save(batch: Batch, order: Order) -> None:
    changed = [(key, encode(order.subjects[key])) for key in order.dirty] + order.world.rows()
    order.dirty = set()
    if not changed:
        return
    changed.sort()  # in the order of the key, which is kinder to the index
    # Written for nearly every message: two binary arrays and nothing repeated per row.
    psycopg.Cursor(batch.connection).execute(
        "INSERT INTO engine_state (community_id, consumer, subject, data)"
        " SELECT %s, %s, s, d FROM unnest(%b::text[], %b::bytea[]) AS u(s, d)"
        " ON CONFLICT (community_id, consumer, subject) DO UPDATE SET data = excluded.data",
        [batch.community_id, batch.consumer, [key for key, _ in changed], [data for _, data in changed]],
    )


def _write_decisions(batch: Batch, decisions: list[tuple[Event, Decision]]) -> None:
    rows = [
        (
            batch.community_id, d.seq, d.rule, d.rulebook_version, d.chapter, d.level, d.group_id, d.member_id,
            d.occurred_at, d.outcome, d.yielded_to, d.yield_reason, _json(d.effects), _json(d.facts), _json(d.evidence),
            d.sentence.replace("\x00", ""), d.strike,
        )
        for _, d in decisions
    ]  # fmt: skip
    upsert(batch.connection, "decision", _DECISION_COLUMNS, rows, "(community_id, seq, rule) DO NOTHING")


def _json(value: Any) -> str:
    return drop_nul(msgspec.json.encode(value).decode())


def _act(batch: Batch, decisions: list[tuple[Event, Decision]]) -> None:
    """Ask for effects and cases of live decisions (a yielded one keeps its case) and tell the log of each decision."""
    requests: list[EffectRequest] = []
    for event, decision in decisions:
        for effect in decision.effects:
            if effect["kind"] == "case":
                if decision.outcome in {"live", "yielded"}:
                    _open_case(batch, event, decision, effect)
            elif decision.outcome == "live" and decision.group_id is not None:
                requests.append(_effect_request(decision, effect))
        batch.append(_decision_made(batch, event, decision))
    request(batch.connection, batch.community_id, requests, now=batch.now)


def _effect_request(decision: Decision, effect: dict[str, Any]) -> EffectRequest:
    kind = effect["kind"]
    assert decision.group_id is not None  # noqa: S101  (the caller looked; for the type checker)
    return EffectRequest(
        kind=kind,
        key=f"{NAME}:{decision.seq}:{decision.rule}:{kind}",
        group_id=decision.group_id,
        member_id=decision.member_id,
        payload={name: value for name, value in effect.items() if name != "kind"},
        cause_seq=decision.seq,
        rule=decision.rule,
    )


def _open_case(batch: Batch, event: Event, decision: Decision, effect: dict[str, Any]) -> None:
    payload: dict[str, Any] = {"rule": decision.rule, "rulebook_version": decision.rulebook_version}
    if (weight := event.body.get("total")) is not None:  # of all who reported; it orders the queue
        payload["weight"] = weight
    joined = None
    if effect["case"] == REPORTED:
        joined = join_reports(
            community_id=batch.community_id, key=effect["key"], urgency=effect["urgency"], now=batch.now,
            member_id=decision.member_id, evidence=decision.evidence, weight=payload.get("weight"),
        )  # fmt: skip
    opened = joined or open_case(
        community_id=batch.community_id,
        kind=effect["case"],
        key=effect["key"],
        title=effect["title"],
        summary=decision.sentence,
        urgency=effect["urgency"],
        group_id=decision.group_id,
        member_id=decision.member_id,
        event_seq=decision.seq,
        evidence=decision.evidence,
        payload=payload,
        now=batch.now,
    )
    if opened.event is not None:
        batch.append(opened.event)


def _decision_made(batch: Batch, event: Event, decision: Decision) -> NewEvent:
    body: dict[str, Any] = {
        "rule": decision.rule,
        "rulebook_version": decision.rulebook_version,
        "chapter": decision.chapter,
        "level": decision.level,
        "cause_seq": decision.seq,
        "outcome": decision.outcome,
        "strike": decision.strike,
        "sentence": decision.sentence,
        "facts": decision.facts,
        "evidence": decision.evidence,
        "effects": decision.effects,
    }
    for name in ("yielded_to", "yield_reason", "step", "until", "strike_until"):
        if value := getattr(decision, name):
            body[name] = value
    return NewEvent(
        batch.community_id,
        event_id(NAME, batch.community_id, decision.seq, "decision", decision.rule),
        "decision.made",
        decision.occurred_at,
        body,
        group_id=decision.group_id,
        member_id=decision.member_id,
        historic=event.historic,
    )


def _report(order: Order) -> None:
    """Hand the batch's tally to the metrics; each failing rule is logged once a batch."""
    tally, order.tally = order.tally, Tally()
    EVALUATED.inc(tally.evaluated)
    for rule, count in tally.matched.items():
        MATCHED.labels(rule).inc(count)
    for rule, count in tally.failed.items():
        FAILED.labels(rule).inc(count)
        logger.error("rule failed", rule=rule, times=count, error=tally.errors[rule])


def _remember(batch: Batch, order: Order) -> None:
    """Keep the order in this thread, within bounds: the communities and subjects seen longest ago go first."""
    if len(order.subjects) > SUBJECTS_KEPT:
        seen = {key for event in batch.events for key in subjects_of(event)}
        order.subjects = {key: order.subjects[key] for key in seen}
    _memory.orders[batch.community_id] = (batch.upto, order)
    while len(_memory.orders) > COMMUNITIES_KEPT:
        _memory.orders.popitem(last=False)


CONSUMER = Consumer(
    name=NAME,
    handle=handle,
    kinds=KINDS,
    tables=("decision", "engine_state"),
    forget=forget,
)
