"""An appeal is decided by someone else than who decided first: upheld undoes the penalty, rejected says why, kindly."""

from datetime import datetime
from typing import Any

from qunzhu.kernel.cases.errors import Barred
from qunzhu.kernel.cases.locks import lock_open_case
from qunzhu.kernel.cases.models import Case, CaseNote
from qunzhu.kernel.cases.press import Outcome, Press
from qunzhu.kernel.community.models import Membership, Staff
from qunzhu.kernel.community.permissions import ROLE_PERMISSIONS
from qunzhu.kernel.community.selectors import GONE
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.effects.undo import Taken, reversal_id, take_back
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

KIND = "appeal"
PERMISSION = "penalty.reverse"
NOTE_SETTLED = "处罚已由 {by} 撤销，申诉自动成立"
SAY_UPHELD = "你的申诉成立：这次处罚已撤销，不再计入违规。{note}给你添麻烦了。"
SAY_REJECTED = "你的申诉看过了，这次处罚保持不变：{note}谢谢你把想法说出来。"


def case_key(seq: int) -> str:
    """The key of the case of the appeal against penalty `seq`."""
    return f"appeal:{seq}"


def why_barred(case: Case, user: str) -> str:
    """Why this person may not decide this appeal; "" when they may.

    Barred are who decided the penalty and whoever is the appealing member. Where nobody else could decide, they may
    all the same: an answer by the same person, marked as such, is better than none.
    """
    why = _own(case, user)
    return why if why and _others(case) else ""


def check_not_barred(case: Case, user: str) -> None:
    """Raise Barred when this is an appeal that this person may not decide."""
    if case.kind == KIND and (why := why_barred(case, user)):
        raise Barred(why)


def reviewers(community_id: int, *, first_decider: str, member_id: int) -> list[str]:
    """Active staff who could decide an appeal of this member against a penalty of this decider ("": a rule)."""
    roles = [role for role, granted in ROLE_PERMISSIONS.items() if PERMISSION in granted]
    posts = Staff.objects.filter(community_id=community_id, role__in=roles, user__is_active=True)
    posts = posts.exclude(user__username=first_decider).exclude(member_id=member_id)
    return list(posts.order_by("user__username").values_list("user__username", flat=True))


def _others(case: Case) -> list[str]:
    return reviewers(case.community_id, first_decider=case.payload["first_decider"], member_id=case.member_id or 0)


def _own(case: Case, user: str) -> str:
    if user == case.payload["first_decider"]:
        return "这次处罚是你决定的，申诉要请另一位同事来看"
    mine = Staff.objects.filter(community_id=case.community_id, user__username=user, member_id=case.member_id or 0)
    return "这是你自己的申诉，要请另一位同事来看" if mine.exists() else ""


def uphold(press: Press) -> Outcome:
    """Penalty, strike and points are taken back; a running mute ends, who was removed may come in again."""
    alone = _check_person(press)
    taken = _penalty_of(press.case)
    reversed_ = take_back(taken, by=press.user, now=press.now, case=press.case.pk)
    note = _sentence(press.note) if press.note else ""
    _answer(press, SAY_UPHELD.format(note=note))
    return Outcome(events=[reversed_, verdict(press.case, "appeal.upheld", press, alone=alone)])


def reject(press: Press) -> Outcome:
    """The penalty stays, and the member reads why. Refused when somebody has taken the penalty back meanwhile."""
    alone = _check_person(press)
    case = press.case
    _answer(press, SAY_REJECTED.format(note=_sentence(press.note)))
    penalty = case.payload["penalty"]
    reversal = reversal_id(case.community_id, penalty, case.payload["rule"])
    if log.find(raw_connection(), case.community_id, reversal, hold=True) is not None:
        raise Barred("这次处罚刚刚已被撤销，申诉会自动记为成立")
    return Outcome(events=[verdict(case, "appeal.rejected", press, alone=alone)])


def close_settled_case(community_id: int, penalty: int, *, by: str, now: datetime) -> list[NewEvent]:
    """Close the open appeal against a penalty that was taken back in another way; events to append. [] for none."""
    case = lock_open_case(community_id, case_key(penalty))
    if case is None:
        return []
    note = NOTE_SETTLED.format(by=by)
    case.state, case.action, case.note = Case.State.DECIDED, "uphold", note
    case.decided_by, case.decided_at, case.version = by, now, case.version + 1
    case.save(update_fields=["state", "action", "note", "decided_by", "decided_at", "version"])
    CaseNote.objects.create(community_id=community_id, case=case, at=now, author=by, text=note)
    decided = NewEvent(
        community_id, event_id("case.decided", community_id, case.pk, case.version), "case.decided", now,
        {"case": case.pk, "kind": case.kind, "action": "uphold", "by": by, "note": note},
        group_id=case.group_id, member_id=case.member_id,
    )  # fmt: skip
    return [verdict(case, "appeal.upheld", Press(case, "uphold", by, "", now), settled=True), decided]


def verdict(case: Case, kind: str, press: Press, *, alone: bool = False, settled: bool = False) -> NewEvent:
    """`appeal.upheld` or `appeal.rejected`. `alone`: nobody else could; `settled`: taken back in another way."""
    payload = case.payload
    body: dict[str, Any] = {
        "penalty": payload["penalty"], "rule": payload["rule"], "rulebook_version": payload["rulebook_version"],
        "by": press.user, "answer": press.note, "case": case.pk,
    }  # fmt: skip
    if alone:
        body["alone"] = True
    if settled:
        body["settled"] = True
    return NewEvent(
        case.community_id, event_id("appeal.verdict", case.community_id, payload["penalty"]), kind, press.now, body,
        group_id=case.group_id, member_id=case.member_id,
    )  # fmt: skip


def _check_person(press: Press) -> bool:
    """Raise Barred for a person who may not; returns whether that person decides only because nobody else could."""
    why = _own(press.case, press.user)
    if why and _others(press.case):
        raise Barred(why)
    return bool(why)


def _penalty_of(case: Case) -> Taken:
    payload = case.payload
    if case.member_id is None:
        raise ValueError(f"appeal case {case.pk} has no member")
    return Taken(
        community_id=case.community_id,
        seq=payload["penalty"],
        rule=payload["rule"],
        rulebook_version=payload["rulebook_version"],
        member_id=case.member_id,
        group_id=case.group_id,
        step=payload["step"],
        at=datetime.fromisoformat(payload["penalty_at"]),
        until=datetime.fromisoformat(payload["until"]) if payload["until"] else None,
        of_case=payload["of_case"],
    )


def _answer(press: Press, text: str) -> None:
    """Tell the member in the group, for their eyes only, when they are there to read it; the page tells always."""
    case = press.case
    group, member = case.group_id, case.member_id
    if group is None or member is None:
        return
    inside = Membership.objects.filter(community_id=case.community_id, group_id=group, member_id=member)
    if not inside.exclude(state__in=GONE).exists():
        return
    wanted = EffectRequest(
        kind="answer",
        key=f"case:{case.pk}:{press.action}:answer",
        group_id=group,
        member_id=member,
        payload={"text": text, "to": member, "private": True},
        cause_seq=case.event_seq,
        requested_by=press.user,
    )
    outbox.request(raw_connection(), case.community_id, [wanted], now=press.now)


def _sentence(note: str) -> str:
    return note if note[-1:] in "。！？.!?" else f"{note}。"
