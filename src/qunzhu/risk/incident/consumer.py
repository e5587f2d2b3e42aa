"""Consumer `incident`: red cases become incidents, and incidents take one step after the other.

Hears red cases, what became of steps and acts, and who came in. Writes the incident's tables, effects, cases and the
events of each step. Everything about one step is one transaction with the cursor; the next one begins when its event
is heard.
"""

import structlog
from django.db import InterfaceError, OperationalError, transaction

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.risk.incident import facts, fold
from qunzhu.risk.incident.locks import lock_incident
from qunzhu.risk.incident.models import Incident
from qunzhu.risk.incident.policy import STEPS, Position, plan, position
from qunzhu.risk.incident.services import call_off
from qunzhu.risk.incident.work import Result, Work, carry_out, closed_at_of, ended_event, step_event
from qunzhu.risk.tasks import write_evidence

NAME = "incident"
BY = "qunzhu"
CALLS_OFF = frozenset({"unfreeze", "remove", "dismiss", "remove_raiders", "keep"})
OPENS = frozenset({"case.opened", "case.reopened"})
OF_A_RAID = frozenset({"freeze", "recall"})  # more than that asks first, whatever holds for fraud
logger = structlog.get_logger("qunzhu.incident")


def handle(batch: Batch) -> None:
    """Fold the batch; outside a rebuild, start what has to start and go one step on."""
    known = fold.Open(batch.community_id)
    known.hear_all([event for event in batch.events if not event.historic])
    if batch.rebuilding:
        return
    begun: set[int] = set()
    for event in batch.events:
        if event.historic or not event.body:
            continue
        if event.kind in OPENS and event.body["kind"] in fold.RED_CASES:
            _start(batch, known, event, begun)
        elif event.kind == "case.decided" and event.body["kind"] in fold.RED_CASES:
            _called_off(batch, known, event)
        elif event.kind == "incident.started" and event.body["mode"] == "drill":
            _drill(batch, known.incidents[event.seq])
        elif event.kind == "incident.step" and _asks_for_evidence(known, event):
            write_evidence.defer(community_id=batch.community_id, incident=event.body["incident"])
    for incident in list(known.incidents.values()):
        if incident.mode == "live" and incident.state == "open":
            _go_on(batch, known, incident)


def _asks_for_evidence(known: fold.Open, event: Event) -> bool:
    body = event.body
    incident = known.incidents.get(body["incident"])
    running = body["step"] == "evidence" and body["state"] == "running"
    return running and incident is not None and incident.mode == "live" and incident.state == Incident.State.OPEN


def _start(batch: Batch, known: fold.Open, event: Event, begun: set[int]) -> None:
    """One incident a group: a second red case there belongs to the one that runs."""
    group_id = event.group_id
    if group_id is None or group_id in begun or known.of_group(group_id) is not None:
        return
    case = Case.objects.get(community_id=batch.community_id, pk=event.body["case"])
    if case.state != Case.State.OPEN:
        return  # decided before this was heard
    begun.add(group_id)
    allowed, invite_after = facts.settings_of(batch.community_id)
    if case.kind == "raid":
        allowed = [what for what in allowed if what in OF_A_RAID]
    named = case.payload.get("members", []) if case.kind == "raid" else [case.member_id]
    body = {
        "mode": "live", "by": BY, "case": case.pk, "cause_seq": case.event_seq, "allowed": allowed,
        "offenders": [member for member in named if member is not None], "invite_after": invite_after,
    }  # fmt: skip
    again = [event.seq] if event.kind == "case.reopened" else []
    fact = event_id("incident.started", batch.community_id, case.pk, *again)
    batch.append(NewEvent(batch.community_id, fact, "incident.started", event.occurred_at, body, group_id=group_id))


def _called_off(batch: Batch, known: fold.Open, event: Event) -> None:
    incident = known.of_group(event.group_id)
    if incident is None or incident.case_id != event.body["case"] or event.body["action"] not in CALLS_OFF:
        return
    locked = lock_incident(batch.community_id, incident.seq)
    if locked.state == Incident.State.OPEN:
        for said in call_off(locked, by=event.body["by"], now=batch.now):
            batch.append(said)
        incident.state = Incident.State.CANCELLED  # for this batch: its own event is still to be heard


def _drill(batch: Batch, incident: Incident) -> None:
    """Say of every step what it would do, and do nothing."""
    group = Group.objects.get(community_id=batch.community_id, pk=incident.group_id)
    known = facts.facts_of(incident, group)
    for step in STEPS:
        planned = plan(step, known)
        said = Result(state="done", detail=planned.sentence, people=planned.people)
        batch.append(step_event(incident, step, 0, said, by=incident.started_by, now=batch.now))
    batch.append(ended_event(incident, "done", by=incident.started_by, now=batch.now))
    incident.state = Incident.State.DONE


def _go_on(batch: Batch, known: fold.Open, incident: Incident) -> None:
    checklist = known.checklist(incident)
    at = position(checklist, batch.now)
    if at.do != "run":
        return
    if lock_incident(batch.community_id, incident.seq).state != Incident.State.OPEN:
        return  # somebody called it off a moment ago
    step = checklist.steps.get(at.step)
    attempt = step.attempt if step else 0
    result = _try(Work(incident, at.step, attempt, closed_at_of(known.steps, incident.seq), batch.now), at)
    for said in result.events:
        batch.append(said)
    batch.append(step_event(incident, at.step, attempt, result, by=_by(incident, at.step), now=batch.now))
    if at.step == "finish" and result.state == "done":
        batch.append(ended_event(incident, "done", by=_by(incident, at.step), now=batch.now))


def _by(incident: Incident, step: str) -> str:
    """Who answers for a step: whoever confirmed it, else the product itself."""
    return BY if step in {"freeze", "evidence"} or not incident.confirmed_by else incident.confirmed_by


def _try(work: Work, at: Position) -> Result:
    """The step behind a savepoint; what goes wrong is written on the checklist for a human to try again or skip."""
    try:
        with transaction.atomic():
            return carry_out(work)
    except (OperationalError, InterfaceError):
        raise  # the database went away: the whole batch is done again
    except Exception as error:
        logger.exception("incident step failed", incident=work.incident.seq, step=at.step)
        return Result(state="failed", detail=f"没有成功:{error}"[:500])


CONSUMER = Consumer(
    NAME,
    handle,
    kinds=fold.KINDS | OPENS,
    tables=("incident", "incident_step", "incident_invitation"),
)
