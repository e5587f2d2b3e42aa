"""What the buttons of a case do, inside the deciding transaction; what leaves the house goes through the outbox."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from qunzhu.kernel.cases import appeals, clearances, silences
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.press import Act, Outcome, Press, Unchosen
from qunzhu.kernel.cases.reports import has_reports, reported_messages, settle_reports
from qunzhu.kernel.community.models import Group, Membership
from qunzhu.kernel.connectors.port import BY_RULE, Detail, detail
from qunzhu.kernel.effects import outbox, undo
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events.erase import erase_member
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.services import Insufficient, award

MUTE_MINUTES = 60
ADJUSTMENT = "adjustment"  # the kind of the ledger's transactions that are by hand
HUMAN = "human"  # the rule that a human's decision counts as (governance keeps it as a penalty)


def perform(
    case: Case,
    action: str,
    *,
    user: str,
    note: str,
    now: datetime,
    choices: dict[str, Any] | None = None,
    came_of_it: Detail | None = None,
) -> Outcome:
    """Do what the button says, in the caller's transaction. Raises Unchosen when the choices do not make sense.

    The facts of a penalty name what it was looked at; of a rule's case, the version of its rulebook.
    """
    outcome = ACTS[case.kind, action](Press(case, action, user, note, now, choices or {}, came_of_it))
    if case.payload.get("rule") and case.event_seq is not None:
        outcome.facts["rulebook_version"] = case.payload.get("rulebook_version", 0)
    if "step" in outcome.facts:
        outcome.facts["evidence"] = sorted({*case.evidence, *reported_messages(case)})
    return outcome


def take_back(case: Case, *, user: str, now: datetime) -> Outcome:
    """Do the opposite of what the case's decision did. Raises KeyError where that is not possible."""
    return UNDOES[case.kind, case.action](Press(case, f"undo.{case.action}", user, "", now))


def _ask(press: Press, kind: str, group_id: int, payload: dict[str, Any]) -> None:
    case = press.case
    member = case.member_id if kind in outbox.NEEDS_MEMBER else None
    wanted = EffectRequest(
        kind=kind,
        key=f"case:{case.pk}:{case.version}:{press.action}:{kind}:{group_id}",  # a reopened case may be decided alike
        group_id=group_id,
        member_id=member,
        payload=payload,
        cause_seq=case.event_seq,
        rule=str(case.payload.get("rule", "")),
        requested_by=press.user,
    )
    outbox.request(raw_connection(), case.community_id, [wanted], now=press.now)


def _groups(case: Case) -> list[int]:
    """The group of the case; without one, or where it was closed since, every open group where the member is."""
    closed = Group.objects.filter(community_id=case.community_id, state=Group.State.CLOSED).values_list("pk", flat=True)
    if case.group_id is not None and (case.member_id is None or case.group_id not in closed):
        return [case.group_id]
    if case.member_id is None:
        return []
    gone = (Membership.State.LEFT, Membership.State.REMOVED)
    return list(
        Membership.objects.filter(community_id=case.community_id, member_id=case.member_id)
        .exclude(state__in=gone)
        .exclude(group_id__in=closed)
        .order_by("group_id")
        .values_list("group_id", flat=True)
    )


def _reason(press: Press) -> str:
    return press.note or press.case.title


def _warn(press: Press) -> Outcome:
    text = f"管理员提醒:{_reason(press)}"
    for group in _groups(press.case)[:1]:
        _ask(press, "warn", group, {"text": text})
    return Outcome(facts={"step": "warn", "sentence": text})


def _mute(press: Press) -> Outcome:
    minutes = _mute_minutes(press.case)
    until = (press.now + timedelta(minutes=minutes)).isoformat()
    text = f"管理员核实后请你先休息 {_duration(minutes)}:{_reason(press)}"
    for group in _groups(press.case):
        _ask(press, "mute", group, {"until": until, "minutes": minutes, "text": text})
    return Outcome(facts={"step": "mute", "until": until, "sentence": text})


def _mute_minutes(case: Case) -> int:
    return int(case.payload.get("minutes", MUTE_MINUTES))


def _remove(press: Press) -> Outcome:
    text = f"管理员核实后移出:{_reason(press)}"
    for group in _groups(press.case):
        _ask(press, "remove", group, {"text": text})
    return Outcome(facts={"step": "remove", "sentence": text})


def _duration(minutes: int) -> str:
    return f"{minutes // 60} 小时" if minutes % 60 == 0 else f"{minutes} 分钟"


def _freeze(press: Press) -> Outcome:
    for group in _groups(press.case):
        _ask(press, "freeze", group, {"text": press.note} if press.note else {})
    return Outcome()


def _unfreeze(press: Press) -> Outcome:
    for group in _groups(press.case):
        _ask(press, "unfreeze", group, {})
    return Outcome()


def _announce(press: Press) -> Outcome:
    for group in _groups(press.case):
        _ask(press, "announce", group, {"text": press.note})
    return Outcome()


def _remove_and_unfreeze(press: Press) -> Outcome:
    outcome = _remove(press)
    _unfreeze(press)
    return outcome


def _remove_raiders(press: Press) -> Outcome:
    """Out with everybody whom the breaker named and who is still there; then the group may speak again."""
    case = press.case
    if case.group_id is None:
        return Outcome()
    gone = (Membership.State.LEFT, Membership.State.REMOVED)
    inside = Membership.objects.filter(
        community_id=case.community_id, group_id=case.group_id, member_id__in=case.payload["members"]
    ).exclude(state__in=gone)
    wanted = [
        EffectRequest(
            kind="remove",
            key=f"case:{case.pk}:{case.version}:{press.action}:{member}",
            group_id=case.group_id,
            member_id=member,
            cause_seq=case.event_seq,
            rule=str(case.payload.get("rule", "")),
            requested_by=press.user,
        )
        for member in inside.order_by("member_id").values_list("member_id", flat=True)
    ]
    outbox.request(raw_connection(), case.community_id, wanted, now=press.now)
    return _unfreeze(press)


def _take_back(press: Press) -> Outcome:
    """Undo the penalty that the case is about: it stands in the log as reversed, and what came of it ends.

    What another rule concluded of the same event is not judged by this, and stays.
    """
    case = press.case
    if case.event_seq is None:
        return Outcome()
    decisions = Decision.objects.filter(
        community_id=case.community_id, seq=case.event_seq, outcome="live", member_id__isnull=False
    ).order_by("rule")
    if rule := case.payload.get("rule"):
        decisions = decisions.filter(rule=rule)
    return Outcome(events=[undo.take_back(_taken(d), by=press.user, now=press.now, case=case.pk) for d in decisions])


def _taken(decision: Decision) -> undo.Taken:
    """A rule's decision as a penalty to be taken back: its step is the penalty among its effects."""
    penalty: dict[str, Any] = next((e for e in decision.effects if e["kind"] in {"mute", "remove"}), {})
    return undo.Taken(
        community_id=decision.community_id,
        seq=decision.seq,
        rule=decision.rule,
        rulebook_version=decision.rulebook_version,
        member_id=decision.member_id or 0,
        group_id=decision.group_id,
        step=penalty.get("kind", ""),
        at=decision.occurred_at,
        until=datetime.fromisoformat(penalty["until"]) if "until" in penalty else None,
    )


def _false_alarm(press: Press) -> Outcome:
    outcome = _take_back(press)
    _unfreeze(press)
    return outcome


def _upheld(act: Act) -> Act:
    """The act, and every open report about the member is right: reporters get their points."""

    def both(press: Press) -> Outcome:
        outcome = act(press)
        outcome.events += settle_reports(press.case, "report.upheld", by=press.user, now=press.now)
        return outcome

    return both


def _of_a_rule(act: Act, verdict: str) -> Act:
    """The act, and the verdict about the reports that joined the case (`joining.py`), if any did."""

    def both(press: Press) -> Outcome:
        outcome = act(press)
        if has_reports(press.case):
            outcome.events += settle_reports(press.case, verdict, by=press.user, now=press.now)
        return outcome

    return both


def _reports_dismissed(press: Press) -> Outcome:
    return Outcome(events=settle_reports(press.case, "report.dismissed", by=press.user, now=press.now))


def _effect_of(case: Case) -> Effect:
    return Effect.objects.select_for_update().get(community_id=case.community_id, id=UUID(case.payload["effect"]))


def _retry_effect(press: Press) -> Outcome:
    """The dead letter becomes a letter again, with all its attempts before it."""
    effect = _effect_of(press.case)
    if effect.status == Effect.Status.FAILED:
        Effect.objects.filter(community_id=effect.community_id, id=effect.id).update(
            status=Effect.Status.PENDING,
            attempts=0,
            next_attempt_at=press.now,
            last_error="",
            detail={},
            case_id=None,
            finished_at=None,
        )
        raw_connection().execute("SELECT pg_notify(%s, '')", [outbox.CHANNEL])
    return Outcome()


def _nothing(press: Press) -> Outcome:  # noqa: ARG001  (closing the case is all there is to do)
    return Outcome()


def _finish_task(status: Effect.Status, result: str, code: str) -> Act:
    def finish(press: Press) -> Outcome:
        effect = _effect_of(press.case)
        if effect.status != Effect.Status.TASK_CREATED:
            return Outcome()  # a callback of the platform confirmed it first
        came_of_it = press.detail or detail(code, user=press.user, **({"note": press.note} if press.note else {}))
        Effect.objects.filter(community_id=effect.community_id, id=effect.id).update(
            status=status, detail=came_of_it, finished_at=press.now
        )
        done = NewEvent(
            effect.community_id,
            event_id("effect.done", effect.community_id, effect.id, "case", press.case.pk),
            "effect.done",
            press.now,
            {
                "effect": str(effect.id),
                "kind": effect.kind,
                "result": result,
                "detail": came_of_it,
                "cause_seq": effect.cause_seq,
                "rule": effect.rule,
                "case": press.case.pk,
                **({"until": effect.payload["until"]} if effect.kind == "mute" else {}),
                **({"asked_by": effect.requested_by} if effect.requested_by != BY_RULE else {}),
            },
            group_id=effect.group_id,
            member_id=effect.member_id,
        )
        return Outcome(events=[done])

    return finish


def _retry_event(press: Press) -> Outcome:
    """Ask the consumer to take the event up again; the runner does it at its next round."""
    case = press.case
    psycopg.Cursor(raw_connection()).execute(
        "UPDATE poisoned_event SET retry_asked_at = %s WHERE community_id = %s AND consumer = %s AND seq = %s",
        [press.now, case.community_id, case.payload["consumer"], case.event_seq],
    )
    raw_connection().execute(  # a consumer that paused because of it goes on at once
        "UPDATE consumer_cursor SET retry_at = NULL WHERE consumer = %s AND community_id = %s",
        [case.payload["consumer"], case.community_id],
    )
    raw_connection().execute("SELECT pg_notify('qunzhu_events', '')")
    return Outcome()


def _erase(press: Press) -> Outcome:
    case = press.case
    if case.member_id is None:
        raise ValueError(f"case {case.pk} names no member to erase")
    erase_member(community_id=case.community_id, member_id=case.member_id, by=press.user, now=press.now)
    return Outcome(forget=True)


def _adjust(press: Press) -> Outcome:
    """Points given or taken by hand, above what one person may (adjustments.py)."""
    case = press.case
    try:
        done = award(
            community_id=case.community_id, member_id=case.member_id or 0, amount=int(case.payload["amount"]),
            key=f"case:{case.pk}", kind=ADJUSTMENT, memo=str(case.payload["reason"]), now=press.now,
        )  # fmt: skip
    except Insufficient as error:
        raise Unchosen(f"积分不够扣:现有 {error.balance} 分") from error
    return Outcome(events=[done.event] if done.event is not None else [])


def _lift_mute(press: Press) -> Outcome:
    """The mute ends, and the penalty that the decision was stands in the log as reversed."""
    case, decided_at = press.case, press.case.decided_at or press.now
    taken = undo.Taken(
        community_id=case.community_id,
        seq=case.decided_seq or 0,
        rule=HUMAN,
        rulebook_version=0,
        member_id=case.member_id or 0,
        group_id=case.group_id,
        step="mute",
        at=decided_at,
        until=decided_at + timedelta(minutes=_mute_minutes(case)),
        of_case=case.pk,
    )
    return Outcome(events=[undo.take_back(taken, by=press.user, now=press.now, case=case.pk)])


# What undoes a decision wholly; a button that is not here cannot be undone (a warning was read, points were paid).
UNDOES: dict[tuple[str, str], Act] = {
    ("rule_review", "mute"): _lift_mute,
    ("rule_review", "freeze"): _unfreeze,
    ("red_keyword", "unfreeze"): _freeze,
    ("raid", "unfreeze"): _freeze,
    ("effect_failed", "drop"): _nothing,
    ("poisoned_event", "ignore"): _nothing,
}
ACTS: dict[tuple[str, str], Act] = {
    ("member_reported", "warn"): _upheld(_warn),
    ("member_reported", "mute"): _upheld(_mute),
    ("member_reported", "remove"): _upheld(_remove),
    ("member_reported", "dismiss"): _reports_dismissed,
    ("red_keyword", "unfreeze"): _unfreeze,
    ("red_keyword", "remove"): _remove_and_unfreeze,
    ("red_keyword", "dismiss"): _false_alarm,
    ("raid", "unfreeze"): _unfreeze,
    ("raid", "remove_raiders"): _remove_raiders,
    ("raid", "keep"): _nothing,
    ("raid", "rebuild"): _nothing,
    ("red_keyword", "rebuild"): _nothing,  # the incident hears the decision and goes on (risk/incident)
    ("incident_task", "mark_done"): _nothing,
    ("incident_task", "cannot"): _nothing,
    ("effect_failed", "retry"): _retry_effect,
    ("effect_failed", "drop"): _nothing,
    ("effect_task", "mark_done"): _finish_task(Effect.Status.DONE, "done", "confirmed"),
    ("effect_task", "cannot"): _finish_task(Effect.Status.FAILED, "failed", "cannot"),
    ("poisoned_event", "retry"): _retry_event,
    ("poisoned_event", "ignore"): _nothing,
    ("member_erasure", "erase"): _erase,
    ("member_erasure", "keep"): _nothing,
    ("invariant_broken", "seen"): _nothing,
    ("invariant_broken", "mended"): _nothing,
    ("points_adjustment", "adjust"): _adjust,
    ("points_adjustment", "drop"): _nothing,
    ("rule_precision", "settled"): _nothing,
    ("rule_precision", "keep"): _nothing,
    ("clearance_request", "approve"): clearances.approve,
    ("clearance_request", "decline"): clearances.decline,
    ("clearance_request", "withdrawn"): clearances.withdraw,
    ("inactive_review", "choose"): silences.choose,
    ("inactive_review", "keep"): silences.keep_all,
    ("inactive_review", "move"): silences.move_all,
    ("inactive_review", "over"): _nothing,
    ("inactive_over_cap", "confirm"): silences.confirm_batch,
    ("inactive_over_cap", "drop"): _nothing,
    ("inactive_over_cap", "newer"): _nothing,
    ("calendar_missing", "seen"): _nothing,
    ("mall_low_stock", "seen"): _nothing,
    ("mall_low_stock", "restocked"): _nothing,
    ("mall_orders", "seen"): _nothing,
    ("mall_orders", "delivered"): _nothing,
    ("appeal", "uphold"): appeals.uphold,
    ("appeal", "reject"): appeals.reject,
    ("report_abuse", "warn"): _warn,
    ("report_abuse", "dismiss"): _nothing,
    ("rule_review", "warn"): _of_a_rule(_warn, "report.upheld"),
    ("rule_review", "mute"): _of_a_rule(_mute, "report.upheld"),
    ("rule_review", "remove"): _of_a_rule(_remove, "report.upheld"),
    ("rule_review", "freeze"): _freeze,
    ("rule_review", "announce"): _announce,
    ("rule_review", "dismiss"): _of_a_rule(_take_back, "report.dismissed"),
}
