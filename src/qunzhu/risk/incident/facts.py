"""What a checklist needs to know of its group: who sits there, who is left out, what the platform can do."""

import psycopg

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.community.models import Group, Membership, Staff
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.connectors.local.models import Occupant
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.engine.models import Decision
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.risk.incident.models import Incident
from qunzhu.risk.incident.policy import Facts, Seat, invitees, offenders

WITHOUT_A_HUMAN = ("freeze", "recall")  # where a blueprint says nothing (blueprint/chapters/risk.py: Red)
INVITE_AFTER = 5
GUARDED = ("rebuild_group", "erase_member")


def seats_of(group: Group) -> list[Seat]:
    """Who is in the group now; the roles as its room has them."""
    if group.connector == "local":
        rows = Occupant.objects.filter(group_id=group.pk, removed_at=None).order_by("member_id")
        return [Seat(r.member_id, r.nickname, r.role) for r in rows]
    gone = (Membership.State.LEFT, Membership.State.REMOVED, Membership.State.CANDIDATE)
    members = Membership.objects.filter(community_id=group.community_id, group_id=group.pk).exclude(state__in=gone)
    return [Seat(m.member_id, m.nickname) for m in members.order_by("member_id")]


def leaders(seats: list[Seat]) -> list[Seat]:
    """The owner and the admins of the room."""
    return [s for s in seats if s.role != "member"]


def offenders_of(incident: Incident) -> set[int]:
    """Whom the rules and the start named, without those whose penalty was taken back."""
    named_now = {*incident.offenders, *_raiders(incident)}
    if incident.cause_seq is None:
        return named_now
    red = Decision.objects.filter(
        community_id=incident.community_id, group_id=incident.group_id, level="red", seq__gte=incident.cause_seq,
        outcome__in=("live", "yielded"), member_id__isnull=False,
    ).values_list("member_id", "seq")  # fmt: skip
    rows = psycopg.Cursor(raw_connection()).execute(
        "SELECT (body->>'cause_seq')::int8 FROM event WHERE community_id = %s AND kind = 'penalty.reversed'"
        " AND seq > %s AND body->>'cause_seq' IS NOT NULL",
        [incident.community_id, incident.cause_seq],
    )
    named = [(member, seq) for member, seq in red if member is not None]
    return offenders(named_now, named, (row[0] for row in rows.fetchall()))


def _raiders(incident: Incident) -> list[int]:
    """Whom the breaker named until now: a raid may have gone on after the incident began."""
    payload = Case.objects.filter(community_id=incident.community_id, pk=incident.case_id or 0, kind="raid")
    return [member for found in payload.values_list("payload", flat=True) for member in found.get("members", [])]


def is_raid(incident: Incident) -> bool:
    """Whether it is about a raid, and not about what somebody wrote."""
    return Case.objects.filter(community_id=incident.community_id, pk=incident.case_id or 0, kind="raid").exists()


def settings_of(community_id: int) -> tuple[list[str], int]:
    """(what runs without a human, minutes before the invitations)."""
    red = blueprint_of(community_id).get("risk", {}).get("red", {})
    return list(red.get("without_a_human", WITHOUT_A_HUMAN)), int(red.get("invite_after", INVITE_AFTER))


def facts_of(incident: Incident, group: Group) -> Facts:
    """Everything the sentences of a checklist speak of."""
    seats = seats_of(group)
    out = offenders_of(incident)
    heads = [s for s in leaders(seats) if s.member_id not in out]
    governance = blueprint_of(incident.community_id).get("governance", {})
    return Facts(
        group=group.name,
        connector=group.connector,
        profile=group.profile,
        capacity=group.capacity,
        how=dict(capability(group.profile).how),
        members=len(seats),
        leaders=len(heads),
        offenders=len(out),
        invited=len(invitees(seats, out | {s.member_id for s in heads})),
        posts=Staff.objects.filter(community_id=incident.community_id).count(),
        invite_after=incident.invite_after,
        two_people="rebuild_group" in governance.get("two_person_rule", GUARDED),
        without_a_human=frozenset(incident.allowed),
    )
