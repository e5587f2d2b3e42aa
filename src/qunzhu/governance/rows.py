"""From events to rows of this chapter's tables: pure, so that a rebuild comes out equal."""

from collections import Counter
from datetime import datetime
from typing import Any

from qunzhu.kernel.events.schema import Event

HUMAN = "human"
STEPS = frozenset({"warn", "mute", "remove"})
DISMISSED = "dismiss"  # the button that says: the rule was wrong
# Buttons that say neither that the rule was right nor that it was wrong.
_SILENT = frozenset({"announce", "unfreeze"})
_REVIEWED = frozenset({"member_reported", "red_keyword", "rule_review"})

PENALTY = {
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
    "strike_until": "timestamptz",
    "decided_by": "text",
    "of_case": "int8",
    "cause_seq": "int8",
    "cause_rule": "text",
    "cause_version": "int4",
    "reversed_by": "text",
    "last_seq": "int8",
}
APPEAL = {
    "community_id": "int8",
    "penalty_seq": "int8",
    "seq": "int8",
    "case_id": "int8",
    "rule": "text",
    "group_id": "int8",
    "member_id": "int8",
    "words": "text",
    "at": "timestamptz",
    "deadline": "timestamptz",
    "state": "text",
    "first_decider": "text",
    "decided_by": "text",
    "answer": "text",
    "alone": "bool",
    "settled": "bool",
}
REPORT = {
    "community_id": "int8",
    "seq": "int8",
    "group_id": "int8",
    "reporter_id": "int8",
    "target_id": "int8",
    "message_seq": "int8",
    "reason": "text",
    "weight": "float8",
    "upheld_before": "int4",
    "wrong_before": "int4",
    "fresh": "bool",
    "ring": "int4",
    "state": "text",
    "at": "timestamptz",
}
RECORD = {"community_id": "int8", "rule": "text", "rulebook_version": "int4", "decisions": "int8"}
VERDICT = {
    "community_id": "int8",
    "seq": "int8",
    "rule": "text",
    "rulebook_version": "int4",
    "member_id": "int8",
    "held": "bool",
    "source": "text",
    "by": "text",
    "at": "timestamptz",
}


def penalty_of(event: Event) -> tuple[Any, ...] | None:
    """The row for a live decision with a step, or for a human's; None for everything else."""
    body = event.body
    if event.member_id is None or body.get("step") not in STEPS:
        return None
    until = _moment(body.get("until")) if body["step"] == "mute" else None
    if event.kind == "decision.made" and body["outcome"] == "live":
        seq, rule, version = body["cause_seq"], body["rule"], body["rulebook_version"]
        human: tuple[Any, ...] = ("", None, seq, rule, version)
        strike = body["strike"]
    elif event.kind == "case.decided":
        seq, rule, version, strike = event.seq, HUMAN, 0, False
        cause = (body.get("cause_seq"), body.get("rule", ""), body.get("rulebook_version", 0))
        human = (body["by"], body["case"], *cause)
    elif event.kind == "penalty.given":
        seq, rule, version, strike = event.seq, HUMAN, 0, False
        human = (body["by"], None, None, "", 0)
    else:
        return None
    return (
        event.community_id, seq, rule, version, event.group_id, event.member_id, body["step"], body["sentence"],
        _json(body.get("evidence", [])), event.occurred_at, until, strike, _moment(body.get("strike_until")), *human,
        "", event.seq,
    )  # fmt: skip


def _moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def _json(value: list[int]) -> str:
    return "[" + ",".join(map(str, value)) + "]"


def appeal_of(event: Event) -> tuple[Any, ...]:
    """The row of an `appeal.filed`."""
    body = event.body
    return (
        event.community_id, body["penalty"], event.seq, body["case"], body["rule"], event.group_id, event.member_id,
        body["words"], event.occurred_at, datetime.fromisoformat(body["deadline"]), "open",
        body.get("first_decider", ""), "", "", False, False,
    )  # fmt: skip


def report_of(event: Event) -> tuple[Any, ...]:
    """The row of a `report.filed`."""
    body = event.body
    return (
        event.community_id, event.seq, event.group_id, event.member_id, body["target"], body.get("target_seq"),
        body.get("reason", ""), float(body.get("weight", 0)), body.get("upheld", 0), body.get("wrong", 0),
        bool(body.get("fresh")), body.get("ring", 1), "open", event.occurred_at,
    )  # fmt: skip


def records_of(events: list[Event]) -> list[tuple[Any, ...]]:
    """How many decisions of each rule and version were carried out, in these events."""
    counted = Counter(
        (event.community_id, event.body["rule"], event.body["rulebook_version"])
        for event in events
        if event.kind == "decision.made" and event.body and event.body["outcome"] == "live"
    )
    return [(*key, count) for key, count in sorted(counted.items())]


def verdict_of(event: Event) -> tuple[Any, ...] | None:
    """What an event says of a rule's decision; None when it says nothing.

    A reversal of a human's penalty is not here: which rule it speaks of stands in the penalty's row.
    """
    body = event.body
    if not body or body.get("rule", HUMAN) == HUMAN:
        return None
    if event.kind == "penalty.reversed":
        said: tuple[Any, ...] | None = (body["cause_seq"], False, "reversal")
    elif event.kind == "appeal.rejected":
        said = (body["penalty"], True, "appeal")
    elif event.kind == "appeal.upheld":
        said = (body["penalty"], False, "appeal")
    elif event.kind == "case.decided" and body["kind"] in _REVIEWED and body["action"] not in _SILENT:
        said = (body["cause_seq"], body["action"] != DISMISSED, "case")
    else:
        said = None
    if said is None:
        return None
    seq, held, source = said
    return (
        event.community_id, seq, body["rule"], body.get("rulebook_version", 0), event.member_id, held, source,
        body["by"], event.occurred_at,
    )  # fmt: skip
