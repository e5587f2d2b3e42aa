"""What people do with an incident: start a drill, try a step again, leave one out, reopen the closed group."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from django.conf import settings
from django.db import transaction

from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.services import rename_group
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events import bundle, bundle_check, log
from qunzhu.kernel.events.erase import erased_since
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.risk.incident import facts, fold
from qunzhu.risk.incident.locks import lock_incident
from qunzhu.risk.incident.models import Incident, IncidentStep
from qunzhu.risk.incident.policy import GOES_ON_WITHOUT, position
from qunzhu.risk.incident.work import Result, ended_event, step_event

BY = "qunzhu"
SILENT = timedelta(minutes=2)  # so long a worker may take for the evidence; then another one tries
REASON_LENGTH = 500


class CannotAct(ValueError):
    """The act makes no sense now; the message is a Chinese sentence for the person who pressed."""


@transaction.atomic
def start_drill(*, community_id: int, group_id: int, by: str, now: datetime) -> int:
    """Begin a drill over a group; returns its seq. Nobody is touched: every step only says what it would do."""
    if not Group.objects.filter(community_id=community_id, pk=group_id).exclude(state=Group.State.CLOSED).exists():
        raise CannotAct("这个群不存在或已经关闭,不能演练")
    allowed, invite_after = facts.settings_of(community_id)
    body = {"mode": "drill", "by": by, "allowed": allowed, "offenders": [], "invite_after": invite_after}
    fact = event_id("incident.drill", community_id, group_id, uuid4())
    started = NewEvent(community_id, fact, "incident.started", now, body, group_id=group_id)
    return log.append(raw_connection(), [started], now=now)[0].seq


@transaction.atomic
def retry_step(*, community_id: int, seq: int, step: str, by: str, now: datetime) -> None:
    """Try a step again that failed, or one that waits, at once. Raises CannotAct or Incident.DoesNotExist."""
    incident, row = _line(community_id, seq, step)
    if row.state not in {"failed", "running", "waiting"} and not (row.state == "todo" and row.due):
        raise CannotAct("这一步不需要重试")
    _say(incident, step, row.attempt, Result(state="retry", detail=f"{by} 重试"), by, now)


@transaction.atomic
def skip_step(*, community_id: int, seq: int, step: str, reason: str, by: str, now: datetime) -> None:
    """Leave a step out, with a reason, so that the next one begins. Raises CannotAct or Incident.DoesNotExist."""
    incident, row = _line(community_id, seq, step)
    reason = reason.strip()[:REASON_LENGTH]
    if not reason:
        raise CannotAct("跳过一步要写明理由")
    if step not in GOES_ON_WITHOUT:
        raise CannotAct("这一步不能跳过")
    if row.state not in {"failed", "running", "waiting"}:
        raise CannotAct("这一步已经完成,不用跳过")
    _say(incident, step, row.attempt, Result(state="skipped", detail=f"跳过:{reason}"), by, now)


def _line(community_id: int, seq: int, step: str) -> tuple[Incident, IncidentStep]:
    """The open incident, locked, and the line where it stands."""
    incident = lock_incident(community_id, seq)
    row = IncidentStep.objects.filter(community_id=community_id, incident=seq, step=step).first()
    if incident.state != Incident.State.OPEN or incident.mode != Incident.Mode.LIVE or row is None:
        raise CannotAct("这一步现在不能操作,请刷新页面")
    return incident, row


def _say(incident: Incident, step: str, attempt: int, result: Result, by: str, now: datetime) -> None:
    said = step_event(incident, step, attempt, result, by=by, now=now)
    log.append(raw_connection(), [said], now=now)


def may_reopen(incident: Incident, states: dict[str, str]) -> bool:
    """Whether the closed group can be opened again: only before the invitations went out."""
    live = incident.state == Incident.State.OPEN and incident.mode == Incident.Mode.LIVE
    return live and states.get("close") == "done" and states.get("invite", "todo") == "todo"


@transaction.atomic
def reopen_group(*, community_id: int, seq: int, by: str, now: datetime) -> None:
    """Open the closed group again and end the incident. Raises CannotAct or Incident.DoesNotExist."""
    incident = lock_incident(community_id, seq)
    states = dict(IncidentStep.objects.filter(community_id=community_id, incident=seq).values_list("step", "state"))
    if not may_reopen(incident, states):
        raise CannotAct("邀请已经发出或群没有关闭,不能重新开放")
    log.append(raw_connection(), call_off(incident, by=by, now=now), now=now)


def call_off(incident: Incident, *, by: str, now: datetime) -> list[NewEvent]:
    """End the locked incident: what was closed opens again, unless people were invited elsewhere already.

    The caller appends the returned events. The row is written here too, so that a step that waits for its lock sees it.
    """
    rows = IncidentStep.objects.filter(community_id=incident.community_id, incident=incident.seq)
    states = dict(rows.values_list("step", "state"))
    closed = states.get("close") in {"running", "done"}
    if closed and states.get("invite", "todo") != "todo":
        return []  # the new group is where everybody goes: there is no way back
    if closed:
        _open_again(incident, by, now)
    result = Incident.State.REOPENED if closed else Incident.State.CANCELLED
    incident.state, incident.ended_by, incident.ended_at = result, by, now
    incident.save(update_fields=["state", "ended_by", "ended_at"])
    return [ended_event(incident, str(result), by=by, now=now)]


def _open_again(incident: Incident, by: str, now: datetime) -> None:
    old = Group.objects.get(community_id=incident.community_id, pk=incident.group_id)
    new = Group.objects.filter(community_id=incident.community_id, pk=incident.new_group_id or 0).first()
    wanted = [("reopen", old.pk)]
    if new is not None:
        name = new.name
        rename_group(group=new, name=f"{name}(未启用)"[:80])
        rename_group(group=old, name=name)
        wanted.append(("close", new.pk))
    requests = [
        EffectRequest(
            kind=kind, key=f"incident:{incident.seq}:reopen:{kind}", group_id=group, cause_seq=incident.cause_seq,
            rule="incident", requested_by=by,
        )
        for kind, group in wanted
    ]  # fmt: skip
    outbox.request(raw_connection(), incident.community_id, requests, now=now)


def wake(*, now: datetime) -> int:
    """Incidents whose time has come go on: invitations that waited, evidence whose worker vanished. How many."""
    woken = 0
    for community_id, seq in list(
        Incident.objects.filter(state="open", mode="live").values_list("community_id", "seq")
    ):
        with transaction.atomic():
            incident = lock_incident(community_id, seq)
            known = fold.Open(community_id)
            if incident.state != Incident.State.OPEN or seq not in known.incidents:
                continue
            checklist = known.checklist(incident)
            at = position(checklist, now)
            row = known.steps.get((seq, at.step))
            if row is None:
                continue
            due = at.do == "run" and row.due is not None
            vanished = at.step == "evidence" and row.state == "running" and now - row.at > SILENT
            if due or vanished:
                _say(incident, at.step, row.attempt, Result(state="retry", detail="时间到"), BY, now)
                woken += 1
    return woken


def evidence_file(community_id: int, seq: int) -> Path:
    """Where the evidence bundle of an incident lies, readable by this installation only."""
    folder = Path(settings.HOME) / "jobs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"incident-{community_id}-{seq}.zip"


def renew_evidence(incident: Incident, *, now: datetime) -> None:
    """Write the bundle again where contents went out of the log since, or where it is gone; nothing before its step."""
    row = IncidentStep.objects.filter(
        community_id=incident.community_id, incident=incident.seq, step="evidence"
    ).first()
    if row is None or row.state != "done":
        return
    path = evidence_file(incident.community_id, incident.seq)
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC) if path.exists() else None
    if written is None or erased_since(incident.community_id, written):
        bundle.export(
            community_id=incident.community_id, selection=bundle.Selection(case_id=incident.case_id), path=path, by=BY,
            now=now,
        )  # fmt: skip


def write_evidence(*, community_id: int, seq: int, now: datetime) -> None:
    """Write the bundle of the incident's case and say so on the checklist; again, it is written anew."""
    row = IncidentStep.objects.filter(community_id=community_id, incident=seq, step="evidence").first()
    incident = Incident.objects.get(community_id=community_id, seq=seq)
    if row is None or row.state != "running" or incident.state != Incident.State.OPEN:
        return
    try:
        path = evidence_file(community_id, seq)
        made = bundle.export(
            community_id=community_id, selection=bundle.Selection(case_id=incident.case_id), path=path, by=BY, now=now
        )
        result = Result(state="done", detail=f"证据包已写好,{made.events} 条记录", people=0, file=path.name)
    except (LookupError, bundle_check.Wrong, OSError) as error:
        result = Result(state="failed", detail=f"证据包没有写成:{error}"[:REASON_LENGTH])
    with transaction.atomic():
        _say(incident, "evidence", row.attempt, result, BY, now)
