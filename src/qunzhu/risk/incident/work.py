"""Carrying out the steps of an incident. Each may be repeated: what exists already is found, not made again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings

from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.community.services import create_group, rename_group
from qunzhu.kernel.connectors.local import rooms
from qunzhu.kernel.connectors.local.models import Room
from qunzhu.kernel.connectors.local.services import join_room, open_room
from qunzhu.kernel.connectors.port import capability
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.models import Effect
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.risk.incident import facts
from qunzhu.risk.incident.fold import in_words
from qunzhu.risk.incident.models import Incident, IncidentStep
from qunzhu.risk.incident.policy import (
    Seat,
    first_word,
    invitation_text,
    invitees,
    invites_itself,
    last_word,
    old_name,
    outcome_of,
)

NAMES_IN_A_STEP = 20


class Result(msgspec.Struct, kw_only=True):
    """What came of a step; `events` are appended before its own."""

    state: str
    detail: str
    people: int | None = None
    effects: Sequence[str] = ()
    due: datetime | None = None
    case: int | None = None
    new_group: int | None = None
    file: str = ""
    events: list[NewEvent] = []


class Work(msgspec.Struct):
    """One step about to be carried out."""

    incident: Incident
    step: str
    attempt: int
    closed_at: datetime | None
    now: datetime

    @property
    def group(self) -> Group:
        return Group.objects.get(community_id=self.incident.community_id, pk=self.incident.group_id)

    @property
    def new_group(self) -> Group | None:
        return Group.objects.filter(community_id=self.incident.community_id, pk=self.incident.new_group_id or 0).first()

    def ask(self, kind: str, group_id: int, payload: dict[str, Any]) -> str:
        """Ask for an effect; the same step of the same attempt asks once. Returns its id."""
        wanted = EffectRequest(
            kind=kind,
            key=f"incident:{self.incident.seq}:{self.step}:{self.attempt}:{kind}:{group_id}",
            group_id=group_id,
            payload=payload,
            cause_seq=self.incident.cause_seq,
            rule="incident",
            requested_by=self.incident.confirmed_by or self.incident.started_by,
        )
        return str(outbox.request(raw_connection(), self.incident.community_id, [wanted], now=self.now)[0])


def carry_out(work: Work) -> Result:
    """Do the step. Whatever it raises leaves nothing behind (the caller's savepoint)."""
    return _STEPS[work.step](work)


def _freeze(work: Work) -> Result:
    group = work.group
    people = sum(s.role == "member" for s in facts.seats_of(group))
    if group.state != Group.State.ACTIVE:
        return Result(state="done", detail="群已冻结", people=people)
    asked = Effect.objects.filter(
        community_id=group.community_id, group_id=group.pk, kind="freeze", cause_seq=work.incident.cause_seq
    ).first()
    if asked is None or asked.status == Effect.Status.FAILED or work.attempt:
        name = work.ask("freeze", group.pk, {})
        return Result(state="running", detail="正在冻结", people=people, effects=[name])
    if asked.status == Effect.Status.PENDING:
        return Result(state="running", detail="规则正在冻结", people=people, effects=[str(asked.id)])
    state = outcome_of({str(asked.id): asked.status})
    return Result(
        state=state, detail=in_words(asked.detail), people=people, effects=[str(asked.id)], case=asked.case_id
    )


def _evidence(_work: Work) -> Result:
    # A worker writes it, asked when this is heard (`consumer.py`): asked now, it could look before the line is there.
    return Result(state="running", detail="正在写证据包", people=0)


def _close(work: Work) -> Result:
    group = work.group
    people = len(facts.seats_of(group))
    if group.state == Group.State.CLOSED:
        return Result(state="done", detail="群已关闭", people=people)
    return Result(state="running", detail="正在关闭", people=people, effects=[work.ask("close", group.pk, {})])


def _rebuild(work: Work) -> Result:
    old = work.group
    if old.connector != "local":
        steps = [
            f"在 {old.connector} 上建一个与「{old.name}」同名的新群",
            "把原来的群主和管理员拉进新群,恢复原来的身份",
            "岗位、积分和内容计划属于社群,不用搬",
            "回到本页点「已完成」",
        ]
        return _task(work, old, f"建新群({old.name})", steps, "")
    platform_id = f"{old.platform_id}-r{work.incident.seq}"
    new = Group.objects.filter(connector=old.connector, platform_id=platform_id).first()
    if new is None:
        name = old.name
        rename_group(group=old, name=old_name(name, f"{local_day(work.now, zone_of(old.community_id)):%m-%d}"))
        new = create_group(
            community=old.community, name=name, connector=old.connector, platform_id=platform_id, profile=old.profile,
            capacity=old.capacity, announcement=old.announcement, observation=old.observation, now=work.now,
        )  # fmt: skip
    room = open_room(group=new)
    out = facts.offenders_of(work.incident)
    seats = facts.seats_of(old)
    heads = [s for s in facts.leaders(seats) if s.member_id not in out]
    for head in heads:
        join_room(
            room=room, nickname=head.nickname, now=work.now, member_id=head.member_id, via="invite", role=head.role
        )
    act = rooms.Act(old.community_id, new.pk, "qunzhu", work.now)
    for seat in sorted((s for s in seats if s.member_id in out), key=lambda s: s.member_id):
        rooms.bar(raw_connection(), act, seat.member_id, seat.nickname)
    return Result(
        state="done",
        detail=f"新群「{new.name}」已建好,{len(heads)} 位群主和管理员已入座",
        people=len(heads),
        new_group=new.pk,
    )


def _invite(work: Work) -> Result:
    incident, old, new = work.incident, work.group, work.new_group
    due = (work.closed_at or work.now) + timedelta(minutes=incident.invite_after)
    if not work.attempt and due > work.now:
        return Result(state="todo", detail=f"{incident.invite_after} 分钟内还可以重新开放原群", due=due)
    out = facts.offenders_of(incident)
    seated = {s.member_id for s in facts.seats_of(new)} if new else set()
    wanted = invitees(facts.seats_of(old), out | seated)
    if new is None or not invites_itself(facts.facts_of(incident, old)):
        return _invite_by_hand(work, old, new, wanted)
    events = [_invitation(work, old, new, seat) for seat in wanted]
    return Result(
        state="done", detail=f"已邀请 {len(wanted)} 位成员,{len(out)} 位除外", people=len(wanted), events=events
    )


def _invitation(work: Work, old: Group, new: Group, seat: Seat) -> NewEvent:
    return NewEvent(
        old.community_id, event_id("member.invited", old.community_id, new.pk, seat.member_id), "member.invited",
        work.now, {"from": old.pk, "incident": work.incident.seq}, group_id=new.pk, member_id=seat.member_id,
    )  # fmt: skip


def _invite_by_hand(work: Work, old: Group, new: Group | None, wanted: list[Seat]) -> Result:
    name = new.name if new else old.name
    text = invitation_text(name)
    room = Room.objects.filter(group_id=new.pk).first() if new else None
    if room is not None:
        text += f" {settings.PUBLIC_URL}/j/{room.join_code}/"
    chunks = [wanted[i : i + NAMES_IN_A_STEP] for i in range(0, len(wanted), NAMES_IN_A_STEP)]
    steps = [f"把这段文字单独发给下面每个人:{text}"]
    steps += [f"邀请:{'、'.join(s.nickname for s in chunk)}" for chunk in chunks]
    steps.append("名单以外的人不要邀请;全部发出后点「已完成」")
    return _task(work, new or old, f"邀请 {len(wanted)} 位成员进新群({name})", steps, text, people=len(wanted))


def _task(work: Work, group: Group, title: str, steps: list[str], text: str, *, people: int | None = None) -> Result:
    opened = open_case(
        community_id=group.community_id,
        kind="incident_task",
        key=f"incident:{work.incident.seq}:{work.step}:{work.attempt}",
        title=title,
        summary="\n".join(steps),
        urgency="orange",
        group_id=group.pk,
        event_seq=work.incident.cause_seq,
        payload={
            "incident": work.incident.seq,
            "step": work.step,
            "steps": [f"{number}. {step}" for number, step in enumerate(steps, 1)],
            "text": text,
        },
        now=work.now,
    )
    events = [opened.event] if opened.event else []
    return Result(
        state="waiting", detail="已转人工,按工单里的步骤执行", people=people, case=opened.case_id, events=events
    )


def _announce(work: Work) -> Result:
    old, new = work.group, work.new_group
    raid = facts.is_raid(work.incident)
    if new is None:
        steps = ["打开人工建好的新群", "把这段公告发到新群,并设为群公告", "回到本页点「已完成」"]
        return _task(work, old, f"在新群发公告({old.name})", steps, first_word(old.announcement, raid=raid))
    names = [work.ask("announce", new.pk, {"text": first_word(old.announcement, raid=raid)})]
    if capability(old.profile).how["close"] == "native":
        names.append(work.ask("say", old.pk, {"text": last_word(new.name, raid=raid)}))
    return Result(state="running", detail="正在发公告", people=len(facts.seats_of(old)), effects=names)


def _finish(_work: Work) -> Result:
    return Result(state="done", detail="清单完成", people=0)


_STEPS: dict[str, Callable[[Work], Result]] = {
    "freeze": _freeze,
    "evidence": _evidence,
    "close": _close,
    "rebuild": _rebuild,
    "invite": _invite,
    "announce": _announce,
    "finish": _finish,
}


def step_event(incident: Incident, step: str, attempt: int, result: Result, *, by: str, now: datetime) -> NewEvent:
    """`incident.step`: what became of a step. The same state of the same attempt is the same fact."""
    body: dict[str, Any] = {
        "incident": incident.seq, "step": step, "state": result.state, "detail": result.detail, "by": by,
        "drill": incident.mode == "drill",
    }  # fmt: skip
    more = {
        "people": result.people, "effects": list(result.effects), "case": result.case, "new_group": result.new_group,
        "file": result.file, "due": result.due.isoformat() if result.due else None,
    }  # fmt: skip
    body |= {name: value for name, value in more.items() if value not in (None, "", [])}
    fact = event_id("incident.step", incident.community_id, incident.seq, step, attempt, result.state)
    return NewEvent(incident.community_id, fact, "incident.step", now, body, group_id=incident.group_id)


def ended_event(incident: Incident, result: str, *, by: str, now: datetime) -> NewEvent:
    """`incident.ended`: an incident ends once."""
    body = {"incident": incident.seq, "result": result, "by": by, "drill": incident.mode == "drill"}
    fact = event_id("incident.ended", incident.community_id, incident.seq)
    return NewEvent(incident.community_id, fact, "incident.ended", now, body, group_id=incident.group_id)


def closed_at_of(steps: dict[tuple[int, str], IncidentStep], seq: int) -> datetime | None:
    """When the group was closed."""
    row = steps.get((seq, "close"))
    return row.at if row is not None and row.state == "done" else None
