"""Incidents folded from the log into their tables. Nothing here looks at anything but events and those tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from qunzhu.kernel.connectors.port import Detail
from qunzhu.kernel.effects.details import put_into_words
from qunzhu.kernel.events.schema import Event
from qunzhu.risk.incident.models import Incident, IncidentStep, Invitation
from qunzhu.risk.incident.policy import Checklist, Step, outcome_of

BY_HAND = frozenset({"confirmed", "cannot"})  # codes of effect details that name who did it
RED_CASES, TASK_CASE = frozenset({"red_keyword", "raid"}), "incident_task"


def in_words(detail: Detail) -> str:
    """What came of an effect, as the checklist keeps it."""
    return put_into_words(detail, translate=str, time=datetime.isoformat)


def _group(event: Event) -> int:
    """Every event of an incident stands in a group. Raises ValueError for one that does not."""
    if event.group_id is None:
        raise ValueError(f"event {event.seq} ({event.kind}) stands in no group")
    return event.group_id


class Open:
    """The open incidents of a community with their steps, kept for one batch."""

    def __init__(self, community_id: int) -> None:
        self.community_id = community_id
        self.incidents = {i.seq: i for i in Incident.objects.filter(community_id=community_id, state="open")}
        self.steps: dict[tuple[int, str], IncidentStep] = {}
        self._awaited: set[tuple[int | None, int | None]] = set()
        for row in IncidentStep.objects.filter(community_id=community_id, incident__in=list(self.incidents)):
            self.steps[row.incident, row.step] = row

    def of_group(self, group_id: int | None) -> Incident | None:
        """The open live incident of a group, by its old number."""
        live = (i for i in self.incidents.values() if i.group_id == group_id and i.mode == "live" and i.state == "open")
        return next(live, None)

    def checklist(self, incident: Incident) -> Checklist:
        """The incident as the policy reads it."""
        rows = {step: row for (seq, step), row in self.steps.items() if seq == incident.seq}
        return Checklist(
            steps={name: Step(r.state, r.attempt, dict(r.effects), r.due) for name, r in rows.items()},
            allowed=frozenset(incident.allowed),
            confirmed=bool(incident.confirmed_by),
            ended=incident.state != "open",
        )

    def hear_all(self, events: Sequence[Event]) -> None:
        """Fold events in order. Who is awaited is asked once: people come in by the thousand, few of them invited."""
        came = {e.member_id for e in events if e.kind == "member.joined" and e.member_id is not None}
        if came:
            waiting = Invitation.objects.filter(community_id=self.community_id, member_id__in=came, joined_at=None)
            self._awaited = set(waiting.values_list("group_id", "member_id"))
        for event in events:
            self._hear(event)

    def _hear(self, event: Event) -> None:
        tell = _FOLDS.get(event.kind)
        if tell is not None and (event.body or event.kind == "member.joined"):
            tell(self, event)

    def _started(self, event: Event) -> None:
        body = event.body
        incident, _ = Incident.objects.get_or_create(
            community_id=event.community_id,
            seq=event.seq,
            defaults={
                "mode": body["mode"], "state": "open", "group_id": _group(event), "case_id": body.get("case"),
                "cause_seq": body.get("cause_seq"), "offenders": body["offenders"], "allowed": body["allowed"],
                "invite_after": body["invite_after"], "started_by": body["by"], "started_at": event.occurred_at,
                "confirmed_by": "", "proposed_by": "", "ended_by": "",
            },
        )  # fmt: skip
        self.incidents[incident.seq] = incident

    def _step(self, event: Event) -> None:
        body = event.body
        incident = self.incidents.get(body["incident"])
        if incident is None or incident.state != "open":
            return
        known = self.steps.get((incident.seq, body["step"]))
        attempt = known.attempt if known else 0
        state = body["state"]
        again = state == "retry"
        row = IncidentStep(
            community_id=event.community_id,
            incident=incident.seq,
            step=body["step"],
            state="todo" if again else state,
            attempt=attempt + 1 if again else attempt,
            detail=body["detail"],
            people=body.get("people"),
            by=body["by"],
            at=event.occurred_at,
            due=datetime.fromisoformat(body["due"]) if body.get("due") else None,
            effects=dict.fromkeys(body.get("effects", ()), ""),
            case_id=body.get("case"),
            file=body.get("file", ""),
        )
        self._keep(row)
        if body.get("new_group"):
            incident.new_group_id = body["new_group"]
            incident.save(update_fields=["new_group_id"])

    def _effect(self, event: Event) -> None:
        name, body = event.body["effect"], event.body
        for row in self._waiting():
            if name in row.effects and row.state in {"running", "waiting", "failed"}:
                row.effects = {**row.effects, name: body["result"]}
                row.state, row.detail, row.at = outcome_of(row.effects), in_words(body["detail"]), event.occurred_at
                row.case_id = body.get("case")
                if body["detail"].get("code") in BY_HAND:
                    row.by = body["detail"]["user"]
                self._keep(row)

    def _decided(self, event: Event) -> None:
        body = event.body
        if body["kind"] == TASK_CASE:
            for row in self._waiting():
                if row.case_id == body["case"] and row.state == "waiting":
                    row.state = "done" if body["action"] == "mark_done" else "failed"
                    row.by, row.at = body["by"], event.occurred_at
                    said = "confirmed" if row.state == "done" else "cannot"
                    row.detail = in_words({"code": said, "user": body["by"], "note": body["note"]})
                    self._keep(row)
            return
        incident = self.of_group(event.group_id)
        if body["kind"] in RED_CASES and body["action"] == "rebuild" and incident is not None:
            incident.confirmed_by, incident.proposed_by = body["by"], body.get("proposed_by", "")
            incident.save(update_fields=["confirmed_by", "proposed_by"])

    def _invited(self, event: Event) -> None:
        Invitation.objects.get_or_create(
            community_id=event.community_id, group_id=_group(event), member_id=event.member_id or 0,
            defaults={
                "old_group_id": event.body["from"], "incident": event.body["incident"], "at": event.occurred_at,
            },
        )  # fmt: skip
        self._awaited.add((event.group_id, event.member_id))

    def _joined(self, event: Event) -> None:
        if (event.group_id, event.member_id) not in self._awaited:
            return
        Invitation.objects.filter(
            community_id=event.community_id,
            group_id=event.group_id or 0,
            member_id=event.member_id or 0,
            joined_at=None,
        ).update(joined_at=event.occurred_at)

    def _ended(self, event: Event) -> None:
        incident = self.incidents.get(event.body["incident"])
        if incident is not None and incident.state == "open":
            incident.state, incident.ended_by = event.body["result"], event.body["by"]
            incident.ended_at = event.occurred_at
            incident.save(update_fields=["state", "ended_by", "ended_at"])

    def _waiting(self) -> list[IncidentStep]:
        """The lines of what is still open: an incident that ended stays as it ended."""
        return [row for (seq, _), row in self.steps.items() if self.incidents[seq].state == "open"]

    def _keep(self, row: IncidentStep) -> None:
        self.steps[row.incident, row.step] = row
        values: dict[str, Any] = {
            name: getattr(row, name)
            for name in ("state", "attempt", "detail", "people", "by", "at", "due", "effects", "case_id", "file")
        }
        IncidentStep.objects.update_or_create(
            community_id=row.community_id, incident=row.incident, step=row.step, defaults=values
        )


_FOLDS = {
    "incident.started": Open._started,  # noqa: SLF001  (the table of this very class)
    "incident.step": Open._step,  # noqa: SLF001
    "incident.ended": Open._ended,  # noqa: SLF001
    "effect.done": Open._effect,  # noqa: SLF001
    "case.decided": Open._decided,  # noqa: SLF001
    "member.invited": Open._invited,  # noqa: SLF001
    "member.joined": Open._joined,  # noqa: SLF001
}
KINDS = frozenset(_FOLDS)
