"""What an event is, and every kind there is (documented in docs/events.md; a test keeps the two equal)."""

import hashlib
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

# Names ids that the product derives itself, so that the same fact always has the same id (de-duplication).
NAMESPACE = UUID("6a1f1f2e-7c9b-5d50-9a39-0f5a2f4f8d11")
_NAMESPACE = NAMESPACE.bytes

KINDS: dict[str, str] = {
    "message.posted": "a member posted a message in a group",
    "command.posted": "a member posted a chat command (签到 · 积分 · 举报 · 帮助 …)",
    "message.sent": "the product spoke in a group",
    "message.recalled": "a message was withdrawn",
    "member.joined": "a member entered a group",
    "member.left": "a member left a group by own will",
    "member.removed": "a member was removed from a group",
    "member.readmitted": "a removal was taken back: the member may come in again",
    "member.muted": "a member may not speak until a time",
    "member.unmuted": "a mute ended before its time",
    "member.renamed": "a member changed the name shown in a group",
    "group.created": "a group was opened",
    "group.announced": "the announcement of a group changed",
    "group.frozen": "nobody but staff may speak in a group",
    "group.unfrozen": "a frozen group was opened again",
    "group.closed": "a group was closed for good: nobody speaks or comes in",
    "group.reopened": "a closed group was opened again",
    "report.filed": "a member reported another member",
    "report.upheld": "staff found a report right",
    "report.dismissed": "staff found a report wrong",
    "report.overturned": "a report found right turned out wrong; its points were taken back",
    "decision.made": "a rule concluded something on an event",
    "penalty.given": "staff warned, muted or removed a member by hand, outside any case",
    "penalty.reversed": "a penalty was taken back, with its strike",
    "appeal.filed": "a member objected against a penalty",
    "appeal.upheld": "an appeal was found right: the penalty is taken back",
    "appeal.rejected": "an appeal was found wrong: the penalty stays, with the reason",
    "effect.done": "an effect reached its end: done, emulated, task_created, unsupported or failed",
    "case.opened": "work for a human was opened",
    "case.assigned": "somebody took a case, handed it over or gave it back",
    "case.escalated": "nobody took a case in time, or its deadline passed",
    "case.merged": "a case became part of another about the same member",
    "case.reopened": "a decision was undone and its case waits again",
    "case.proposed": "a human asked for something that a second one must confirm",
    "case.withdrawn": "a proposal ended without being carried out",
    "case.decided": "a human decided a case",
    "checkin.done": "a member checked in for a day",
    "checkin.madeup": "a member made up for a day without a check-in",
    "card.granted": "a member got cards to make up for days (补签卡), or they were taken back",
    "points.posted": "points moved in the ledger",
    "points.capped": "points were not given, because the day's cap was full",
    "quality.marked": "staff marked a message as quality content",
    "quality.unmarked": "such a mark was taken back, by staff or because the message was punished",
    "rulebook.published": "a version of the rulebook went live",
    "consent.given": "a member agreed to a version of the rulebook",
    "keywords.changed": "the keyword library changed",
    "staff.changed": "who works for the community, and as what, changed",
    "clearance.requested": "a member asked to post an ad",
    "clearance.granted": "an ad was cleared for a window",
    "clearance.declined": "staff declined to clear an ad",
    "clearance.withdrawn": "a member took a request for clearance back",
    "clearance.ended": "a cleared ad's window was closed early",
    "lesson.learned": "a human's verdict on a text became something to learn from",
    "lesson.unlearned": "such a verdict was taken back, and with it what it taught",
    "link.resolved": "where a short link leads was found out, or why not",
    "leave.taken": "a member is on leave for some days",
    "leave.ended": "a leave ended early",
    "inactive.ran": "the silent members of a day were looked for",
    "inactive.confirmed": "a human let a run go on that was over the cap",
    "member.tagged": "a member got the tag of the silent ones",
    "observation.decided": "what becomes of a silent member was decided",
    "observation.returned": "a member comes back from the observation group",
    "breaker.tripped": "many newcomers posted nearly the same within seconds: the group is frozen",
    "incident.started": "a red incident (or its drill) began: a checklist that may end in a new group",
    "incident.step": "a step of an incident began, waits, ended, failed, was skipped or is tried again",
    "incident.ended": "an incident is over: done, called off, or the group was reopened",
    "member.invited": "a member of a closed group was invited to the new one",
    "mall.changed": "a good of the points mall was put on the shelf, edited or restocked",
    "mall.ordered": "a member redeemed a good: the stock is taken, the points are held",
    "mall.shipped": "a parcel is on its way",
    "mall.done": "an order was handed over or received: the mall has the points",
    "mall.ended": "an order was cancelled or refunded: the member has the points again",
    "challenge.opened": "a check-in challenge was put up for joining",
    "challenge.joined": "a member joined a challenge: the stake is held",
    "challenge.left": "a member stepped back before the first day: the stake returned",
    "challenge.started": "the first day of a challenge has come",
    "challenge.said": "words of a proof, written on the member page",
    "challenge.proven": "a member proved a day",
    "challenge.judged": "a buddy or staff approved or rejected a proof",
    "challenge.ended": "a challenge was settled or called off: its stakes are gone from it",
    "tasks.changed": "the tasks of the blueprint changed; from here on these hold",
    "task.completed": "a member completed a task, or a step of one",
    "task.reversed": "a completion was taken back because its ground was",
    "page.opened": "a member opened a page for the first time",
    "quality.denied": "staff said that a message is no quality content, whatever its score",
    "level.changed": "a member rose to a level, or fell by one after the time of grace",
    "level.warned": "a member's level is at risk: it falls when the time of grace ends and nothing changes",
    "level.kept": "a member whose level was at risk has earned it again",
    "redpacket.month": "the packets that come by lot in a month were drawn",
    "redpacket.planned": "a red packet was planned, by hand or by lot",
    "redpacket.cancelled": "a planned red packet will not be opened",
    "redpacket.opened": "a red packet was opened: its budget is set aside, the digest of its seed is published",
    "redpacket.grabbed": "a member got a share of a red packet",
    "redpacket.closed": "a red packet is over: the rest went back, the seed is revealed",
    "debate.topic": "a topic for debates was made or changed",
    "debate.asked": "the clock, staff or a member's page asked a debate or a poll to go on",
    "debate.opened": "a debate began: members speak",
    "debate.skipped": "a debate did not take place: a holiday, too late, another one running",
    "debate.joined": "a member took a side",
    "debate.argued": "a message counts as an argument",
    "debate.struck": "an argument was punished or taken back and counts no more",
    "debate.closed": "speech is over: members vote",
    "debate.extended": "the step of a debate got more time",
    "debate.voted": "a member voted, or changed the vote",
    "debate.ended": "a debate is over: result, or cancelled",
    "poll.opened": "staff asked a group a question",
    "poll.refused": "a poll was not opened, because the group is voting already",
    "poll.voted": "a member answered a poll, or changed the answer",
    "poll.ended": "a poll is over",
    "honour.closed": "a week's list of contributions was closed and announced",
    "badge.awarded": "a member got a badge",
    "badge.taken": "a badge was taken back because its ground is gone",
    "import.finished": "a chat export was imported",
    "member.erased": "the contents of a member were erased; digests stay",
    "messages.expired": "old messages lost their contents, as the setting says; digests stay",
}


class Event(msgspec.Struct, frozen=True, gc=False):
    """One row of the log. `seq` is the total order in its community; `historic` marks imported history."""

    community_id: int
    seq: int
    id: UUID
    kind: str
    group_id: int | None
    member_id: int | None
    occurred_at: datetime
    received_at: datetime
    connector: str
    historic: bool
    body: dict[str, Any]


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that wants to be appended. `id` must be derived from what makes the fact unique (see `event_id`)."""

    community_id: int
    id: UUID
    kind: str
    occurred_at: datetime
    body: dict[str, Any]
    group_id: int | None = None
    member_id: int | None = None
    connector: str = "qunzhu"
    historic: bool = False


class Appended(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands in the log; `duplicate` when it had been there before."""

    seq: int
    duplicate: bool


def event_id(*parts: object) -> UUID:
    """The id of the fact named by `parts`, e.g. (connector, platform group, platform message id).

    RFC 9562, version 5 (the library's own function imports its hash anew at every call; every message has an id).
    """
    name = _NAMESPACE + "\x1f".join(map(str, parts)).encode()
    return UUID(bytes=hashlib.sha1(name, usedforsecurity=False).digest()[:16], version=5)
