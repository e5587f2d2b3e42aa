"""Decide about silent members (淘汰): who stays, who is on leave, who moves to the observation group (观察群)."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from qunzhu.kernel.cases.press import Outcome, Press, Unchosen
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Group, Membership, Staff
from qunzhu.kernel.community.selectors import GONE, zone_of
from qunzhu.kernel.events.schema import NewEvent, event_id

CHOICES = ("keep", "leave", "move")
LONGEST_LEAVE = 366


def choose(press: Press) -> Outcome:
    """One choice for each member of the batch: {"<member>": keep | leave | move}; `leave_until` where somebody has."""
    members = press.case.payload["members"]
    chosen = {member: press.choices.get(str(member)) for member in members}
    if not set(chosen.values()) <= set(CHOICES):
        raise Unchosen("请为名单上的每个人选一项")
    return _decided(press, {member: str(choice) for member, choice in chosen.items()})


def keep_all(press: Press) -> Outcome:
    return _decided(press, dict.fromkeys(press.case.payload["members"], "keep"))


def move_all(press: Press) -> Outcome:
    return _decided(press, dict.fromkeys(press.case.payload["members"], "move"))


def confirm_batch(press: Press) -> Outcome:
    """The list that was over the cap may be tagged: the consumer does it for those who are still silent."""
    case = press.case
    body = {"case": case.pk, "day": case.payload["day"], "members": case.payload["members"], "by": press.user}
    fact = event_id("inactive.confirmed", case.community_id, case.pk)
    return Outcome(events=[NewEvent(case.community_id, fact, "inactive.confirmed", press.now, body)])


def _decided(press: Press, chosen: dict[int, str]) -> Outcome:
    case, outcome = press.case, Outcome()
    to = observation_group(case.community_id) if "move" in chosen.values() else None
    if to is None and "move" in chosen.values():
        raise Unchosen("还没有观察群:先在“群”里把一个群设为观察群")
    leave = _leave(press) if "leave" in chosen.values() else {}
    moving = [member for member, choice in chosen.items() if choice == "move"]
    places = ordinary_groups(case.community_id, moving)
    staff = staff_members(case.community_id)
    for member, wanted in sorted(chosen.items()):
        choice = "keep" if wanted == "move" and member in staff else wanted
        body: dict[str, Any] = {"case": case.pk, "choice": choice, "by": press.user}
        if press.note:
            body["note"] = press.note
        if choice == "move" and to is not None:
            body |= {"to": to, "from": places.get(member, [])}
        outcome.events.append(_event(press, "observation.decided", member, body))
        if choice == "leave":
            outcome.events.append(_event(press, "leave.taken", member, {**leave, "by": press.user, "case": case.pk}))
    outcome.facts = {
        "kept": _count(chosen, "keep"),
        "on_leave": _count(chosen, "leave"),
        "moved": _count(chosen, "move"),
    }
    return outcome


def _leave(press: Press) -> dict[str, str]:
    today = local_day(press.now, zone_of(press.case.community_id))
    try:
        last = date.fromisoformat(str(press.choices.get("leave_until", "")))
    except ValueError as error:
        raise Unchosen("请写明请假到哪一天") from error
    if not 0 <= (last - today).days <= LONGEST_LEAVE:
        raise Unchosen("请假要到今天或以后,最长一年")
    return {"first": today.isoformat(), "last": last.isoformat(), "reason": press.note}


def observation_group(community_id: int) -> int | None:
    """Where silent members are moved to: the first observation group that is open."""
    groups = Group.objects.filter(community_id=community_id, observation=True).exclude(state=Group.State.CLOSED)
    return groups.order_by("pk").values_list("pk", flat=True).first()


def ordinary_groups(community_id: int, members: Iterable[int]) -> dict[int, list[int]]:
    """Member → the groups besides observation that they are in now."""
    rows = Membership.objects.filter(community_id=community_id, member_id__in=list(members)).exclude(state__in=GONE)
    watched = Group.objects.filter(community_id=community_id, observation=True).values("pk")
    found: dict[int, list[int]] = {}
    for member, group in rows.exclude(group_id__in=watched).order_by("group_id").values_list("member_id", "group_id"):
        found.setdefault(member, []).append(group)
    return found


def staff_members(community_id: int) -> set[int]:
    """The people in the groups who work for the community."""
    rows = Staff.objects.filter(community_id=community_id, member__isnull=False)
    return {member for member in rows.values_list("member_id", flat=True) if member is not None}


def _event(press: Press, kind: str, member: int, body: dict[str, Any]) -> NewEvent:
    case = press.case
    fact = event_id(kind, case.community_id, "case", case.pk, member)
    return NewEvent(case.community_id, fact, kind, press.now, body, None, member)


def _count(chosen: dict[int, str], choice: str) -> int:
    return sum(value == choice for value in chosen.values())
