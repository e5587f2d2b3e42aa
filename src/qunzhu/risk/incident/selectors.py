"""Reading incidents for pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.connectors.local.models import Occupant, Room
from qunzhu.risk.incident.models import Incident, IncidentStep, Invitation
from qunzhu.risk.incident.policy import GOES_ON_WITHOUT, STEPS, Checklist, Step, position
from qunzhu.risk.incident.services import may_reopen

LISTED = 100


@dataclass(frozen=True)
class Line:
    """One step as a page shows it. `state` is that of the step, or "ask" where a human must confirm first."""

    step: str
    state: str
    row: IncidentStep | None
    may_retry: bool
    may_skip: bool
    task: Case | None  # what a human has to do, as long as it is not done
    steps: list[str]  # of that task, without their numbers


@dataclass(frozen=True)
class Shown:
    """An incident with its whole checklist."""

    incident: Incident
    lines: list[Line]
    may_reopen: bool
    invited: int
    joined: int


def show(incident: Incident, *, now: datetime) -> Shown:
    """The checklist of an incident; three queries, and one more while a human is waited for."""
    key = {"community_id": incident.community_id, "incident": incident.seq}
    rows = {row.step: row for row in IncidentStep.objects.filter(**key)}
    checklist = Checklist(
        steps={name: Step(r.state, r.attempt, r.effects, r.due) for name, r in rows.items()},
        allowed=frozenset(incident.allowed),
        confirmed=bool(incident.confirmed_by),
        ended=incident.state != Incident.State.OPEN,
    )
    at = position(checklist, now)
    tasks = _tasks(incident.community_id, rows.values())
    invitations = Invitation.objects.filter(**key)
    return Shown(
        incident,
        [
            _line(name, rows.get(name), asked=at.step == name and at.do == "ask", at=at.step, tasks=tasks)
            for name in STEPS
        ],
        may_reopen(incident, {name: row.state for name, row in rows.items()}),
        invitations.count(),
        invitations.exclude(joined_at=None).count(),
    )


def _tasks(community_id: int, rows: Iterable[IncidentStep]) -> dict[int, Case]:
    waiting = [row.case_id for row in rows if row.state == "waiting" and row.case_id is not None]
    if not waiting:
        return {}
    return {c.pk: c for c in Case.objects.filter(community_id=community_id, pk__in=waiting, state=Case.State.OPEN)}


def _line(name: str, row: IncidentStep | None, *, asked: bool, at: str, tasks: dict[int, Case]) -> Line:
    state = "ask" if asked else row.state if row else "todo"
    stuck = row is not None and at == name and row.state in {"failed", "running", "waiting"}
    waits = row is not None and at == name and row.state == "todo" and row.due is not None
    task = tasks.get(row.case_id or 0) if row else None
    steps = [step.partition(" ")[2] for step in task.payload.get("steps", ())] if task else []
    return Line(name, state, row, stuck or waits, stuck and name in GOES_ON_WITHOUT, task, steps)


def incident_of_case(community_id: int, case_id: int) -> Incident | None:
    """The incident that a red case led to."""
    return Incident.objects.filter(community_id=community_id, case_id=case_id).order_by("-seq").first()


def incident(community_id: int, seq: int) -> Incident | None:
    """One incident or drill of this community."""
    return Incident.objects.filter(community_id=community_id, seq=seq).first()


def recent(community_id: int) -> list[Incident]:
    """Incidents and drills, newest first, at most a hundred."""
    return list(Incident.objects.filter(community_id=community_id).order_by("-seq")[:LISTED])


def open_invitations(community_id: int, member_id: int) -> list[tuple[int, str]]:
    """(new group, join code) of invitations that this member has not followed; of groups they may still enter."""
    waiting = Invitation.objects.filter(community_id=community_id, member_id=member_id, joined_at=None)
    groups = list(waiting.order_by("-at").values_list("group_id", flat=True))
    if not groups:
        return []
    inside = set(Occupant.objects.filter(group_id__in=groups, member_id=member_id).values_list("group_id", flat=True))
    rooms = Room.objects.filter(group_id__in=[g for g in groups if g not in inside], community_id=community_id)
    return list(rooms.order_by("group_id").values_list("group_id", "join_code"))
