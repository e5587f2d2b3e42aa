"""The two-person rule: one person proposes an irreversible act, a second, different one carries it out.

A proposal is valid while it has not expired and while who made it still holds the permission: of somebody who lost it
in between, nothing is carried out. Every change of a proposal raises the case's version, so nobody confirms what they
have not seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.db import transaction

from qunzhu.kernel.cases.kinds import KINDS, CaseAction
from qunzhu.kernel.cases.locks import lock_case, lock_posts
from qunzhu.kernel.cases.models import Case, CaseNote, CaseProposal
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.permissions import ROLE_PERMISSIONS, may
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

# What holds where a community's blueprint says nothing (blueprint/chapters/governance.py: Governance).
GUARDED = ("rebuild_group", "erase_member")
ALWAYS = frozenset({"adjust_points"})  # such a case is only opened where one person is not enough
WITHIN_HOURS = 24

_ENDED = {
    CaseProposal.State.WITHDRAWN: "撤回了提议:{label}",
    CaseProposal.State.REFUSED: "不同意 {who} 的提议:{label}",
    CaseProposal.State.EXPIRED: "{who} 的提议过期了,没有执行:{label}",
    CaseProposal.State.VOID: "{who} 已没有权限,提议作废:{label}",
    CaseProposal.State.OVERRULED: "作了别的处理,{who} 的提议不再执行:{label}",
}


@dataclass(frozen=True)
class People:
    """Who holds which post now, as far as asked for; superusers are owners, as everywhere."""

    roles: dict[str, str]
    members: dict[str, int | None]

    def may(self, user: str, permission: str) -> bool:
        """Whether `user` holds `permission` at this moment."""
        return may(self.roles.get(user), permission)

    def same(self, one: str, other: str) -> bool:
        """Whether two accounts are one person: the same account, or both linked to the same member."""
        known = self.members.get(one)
        return one == other or (known is not None and known == self.members.get(other))


def guarded(community_id: int) -> frozenset[str]:
    """The guards that this community's blueprint lists."""
    governance = blueprint_of(community_id).get("governance", {})
    return frozenset(governance.get("two_person_rule", GUARDED))


def guard_of(case: Case, button: CaseAction, listed: frozenset[str]) -> str:
    """The guard that this button of this case is under, of those `listed`; "" when one person is enough."""
    if button.guard == "remove_all" and case.group_id is not None:
        return ""  # out of one group is not out of all
    return button.guard if button.guard in listed or button.guard in ALWAYS else ""


def standing(case: Case, *, now: datetime) -> CaseProposal | None:
    """The proposal of an open case that can still be confirmed by time; whether its author still may is asked later."""
    return CaseProposal.objects.filter(case=case, state=CaseProposal.State.STANDING, expires_at__gt=now).first()


def standing_of(cases: Iterable[Case], *, now: datetime) -> dict[int, CaseProposal]:
    """Case id → its standing proposal, with one query."""
    rows = CaseProposal.objects.filter(
        case_id__in=[case.pk for case in cases], state=CaseProposal.State.STANDING, expires_at__gt=now
    )
    return {row.case_id: row for row in rows}


def people(community_id: int, *usernames: str) -> People:
    """The posts of these people, locked until commit. After the case's lock."""
    posts = {post.user.username: post for post in lock_posts(community_id, usernames) if post.user.is_active}
    roles = {name: post.role for name, post in posts.items()}
    users = get_user_model().objects.filter(username__in=usernames, is_superuser=True, is_active=True)
    roles |= dict.fromkeys(users.values_list("username", flat=True), str(Staff.Role.OWNER))
    return People(roles, {name: post.member_id for name, post in posts.items()})


def seconds(case: Case, button: CaseAction, proposed_by: str) -> int:
    """How many other people could confirm; 0 means that somebody must be given the permission first."""
    roles = [role for role, granted in ROLE_PERMISSIONS.items() if button.permission in granted]
    posts = Staff.objects.filter(community_id=case.community_id, role__in=roles, user__is_active=True)
    return posts.exclude(user__username=proposed_by).count()


def propose(case: Case, button: CaseAction, guard: str, *, user: str, note: str, now: datetime) -> CaseProposal:
    """Write down that `user` asks for it, in the transaction that holds the case's lock."""
    proposal = CaseProposal.objects.create(
        community_id=case.community_id,
        case=case,
        action=button.name,
        guard=guard,
        note=note,
        proposed_by=user,
        proposed_at=now,
        expires_at=now + _within(case.community_id),
    )
    _touch(case, user, now, f"提议“{button.label}”,等另一位同事确认" + (f":{note}" if note else ""))
    body = {
        "case": case.pk, "kind": case.kind, "action": button.name, "guard": guard, "by": user, "note": note,
        "expires_at": proposal.expires_at.isoformat(),
    }  # fmt: skip
    _say(case, "case.proposed", proposal, body, now)
    return proposal


def close(case: Case, state: CaseProposal.State, *, by: str, now: datetime) -> None:
    """End whatever proposal of the locked case stands, because of `state`; nothing happens when there is none."""
    proposal = CaseProposal.objects.filter(case=case, state=CaseProposal.State.STANDING).first()
    if proposal is None:
        return
    proposal.state, proposal.ended_by, proposal.ended_at = state, by, now
    proposal.save(update_fields=["state", "ended_by", "ended_at"])
    if state == CaseProposal.State.CONFIRMED:
        return
    button = KINDS[case.kind].action(proposal.action)
    label = button.label if button else proposal.action
    _touch(case, by, now, _ENDED[state].format(who=proposal.proposed_by, label=label))
    body = {
        "case": case.pk, "kind": case.kind, "action": proposal.action, "proposed_by": proposal.proposed_by,
        "why": str(state), "by": by,
    }  # fmt: skip
    _say(case, "case.withdrawn", proposal, body, now)


def expire_proposals(*, now: datetime) -> int:
    """Close every proposal that nobody confirmed in time, each in its own transaction; returns how many."""
    late = CaseProposal.objects.filter(state=CaseProposal.State.STANDING, expires_at__lte=now)
    closed = 0
    for community_id, case_id, proposal in list(late.order_by("pk").values_list("community_id", "case_id", "pk")):
        with transaction.atomic():
            case = lock_case(community_id, case_id)
            if late.filter(pk=proposal).exists():  # not confirmed while the lock was waited for
                close(case, CaseProposal.State.EXPIRED, by="qunzhu", now=now)
                closed += 1
    return closed


def _within(community_id: int) -> timedelta:
    governance = blueprint_of(community_id).get("governance", {})
    return timedelta(hours=int(governance.get("second_person_within", WITHIN_HOURS)))


def _touch(case: Case, author: str, now: datetime, text: str) -> None:
    case.version += 1
    case.save(update_fields=["version"])
    CaseNote.objects.create(community_id=case.community_id, case=case, at=now, author=author, text=text)


def _say(case: Case, kind: str, proposal: CaseProposal, body: dict[str, object], now: datetime) -> None:
    event = NewEvent(
        case.community_id,
        event_id(kind, case.community_id, proposal.pk),
        kind,
        now,
        body,
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [event], now=now)
