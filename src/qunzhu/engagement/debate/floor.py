"""What members do in a debate: choose a side, speak, vote. What is said counts in the order of the log."""

from typing import Any

from qunzhu.engagement.debate import policy, sayings
from qunzhu.engagement.debate.facts import fact
from qunzhu.engagement.debate.models import DebateArgument, DebateSide
from qunzhu.engagement.debate.policy import COUNTED, SIDES, SIGN_UP, SPEAKING, STRUCK, VOTING, Ballot
from qunzhu.engagement.debate.standing import eligible
from qunzhu.engagement.debate.work import Running, Work, link
from qunzhu.kernel.events.schema import Event, NewEvent
from qunzhu.kernel.text.likeness import shape_of

VOTES, SIGNED = "votes", "signed"


def hear(work: Work, event: Event) -> None:
    """A message while a debate is on: a sign-up, an argument, or just talk."""
    found = work.running
    if found is None or found.row.state != SPEAKING or not _takes_part(work, event, found):
        return
    text, member = str(event.body.get("text") or ""), event.member_id or 0
    if found.rules.mode == SIGN_UP and (side := policy.read_side(text)) and not text.strip().isdigit():
        work.answer(event, join(work, event, side), about=SIGNED)
        return
    quoted = next((a.side for a in found.arguments if a.message == event.body.get("reply_to")), "")
    side = policy.stance(text, found.rules.mode, found.sides.get(member, ""), quoted)
    if side and policy.long_enough(text, found.rules.length):
        _argue(work, found, event, side, text)


def _takes_part(work: Work, event: Event, found: Running) -> bool:
    inside = event.group_id is None or event.group_id in found.row.groups
    return event.member_id is not None and inside and eligible(work.community_id, event.member_id, event.group_id)


def _argue(work: Work, found: Running, event: Event, side: str, text: str) -> None:
    member = event.member_id or 0
    own = [a for a in found.said if a.member_id == member]
    shape = shape_of(policy.substance(text))
    if len(own) >= found.rules.per_member or policy.repeats(shape, work.shapes().values()):
        return
    n = len(found.arguments) + 1
    made = DebateArgument.objects.create(
        community_id=work.community_id, message=event.seq, debate=found.row.number, n=n, member_id=member,
        group_id=event.group_id or 0, side=side, at=event.occurred_at,
    )  # fmt: skip
    found.arguments.append(made)
    found.shapes[event.seq] = shape
    if member not in found.sides:
        _take_side(work, found, event, side)
    body = {"debate": found.row.number, "n": n, "side": side, "message": event.seq}
    work.fact("debate.argued", (event.seq,), body, cause=event)


def _take_side(work: Work, found: Running, event: Event, side: str) -> None:
    own: dict[str, Any] = {
        "community_id": work.community_id, "debate": found.row.number, "member_id": event.member_id or 0,
    }  # fmt: skip
    DebateSide.objects.update_or_create(**own, defaults={"side": side})
    found.sides[event.member_id or 0] = side
    body = {"debate": found.row.number, "side": side}
    work.fact("debate.joined", (found.row.number, event.seq), body, cause=event)


def join(work: Work, event: Event, side: str) -> str:
    """Sign up for a side; it can be changed until the first argument. Returns what is answered."""
    found, member = work.running, event.member_id or 0
    if found is None or found.row.state != SPEAKING or not _takes_part(work, event, found):
        return sayings.NONE_NOW
    has = found.sides.get(member)
    if has and has != side and any(a.member_id == member for a in found.said):
        return f"你已经为{SIDES[has]}发过言，不能换边。"
    if has != side:
        _take_side(work, found, event, side)
    return sayings.say_joined(side, found.rules.length)


def serve_debate(work: Work, event: Event) -> None:
    """辩论: how it stands; 辩论 正方: sign up."""
    found = work.running
    side = policy.read_side(str(event.body.get("args") or ""))
    if found is None:
        work.answer(event, sayings.NONE_NOW, about="debate")
    elif side:
        work.answer(event, join(work, event, side), about=SIGNED)
    else:
        voting = found.row.state == VOTING
        until = found.row.vote_ends_at if voting else found.row.speech_ends_at
        text = sayings.say_standing(
            found.row.title,
            found.counts,
            work.clock(until or work.batch.now),
            voting=voting,
            link=link(found.row.number),
        )
        work.answer(event, text, about="debate")


def vote(work: Work, event: Event, words: str) -> None:
    """Cast or change a vote in the debate that is voting."""
    found, member = work.running, event.member_id or 0
    if found is None or not _takes_part(work, event, found):
        return
    ballot = policy.read_ballot(words)
    why = sayings.say_unknown_vote(0) if ballot is None else policy.vote_refusal(ballot, member, found.said)
    if ballot is None or why:
        work.answer(event, why, about=VOTES, taken=False)
        return
    before = found.ballots.get(member, Ballot())
    after = Ballot(ballot.side or before.side, before.best if ballot.best is None else ballot.best)
    if after != before:
        found.ballots[member] = after
        found.changed[member] = event.occurred_at
        body = {"debate": found.row.number, "side": after.side, "best": after.best}
        work.fact("debate.voted", (found.row.number, event.seq), body, cause=event)
    said = f" {ballot.best} 号为最佳论点" if ballot.best is not None else SIDES[ballot.side]
    work.answer(event, sayings.say_voted(said), about=VOTES)


def strike(work: Work, seqs: set[int]) -> list[DebateArgument]:
    """Punished messages are no arguments; returns those that were."""
    rows = DebateArgument.objects.filter(community_id=work.community_id, message__in=seqs, state=COUNTED)
    struck = list(rows.order_by("message"))
    DebateArgument.objects.filter(community_id=work.community_id, message__in=[a.message for a in struck]).update(
        state=STRUCK
    )
    for argument in struck:
        if work.running is not None and work.running.row.number == argument.debate:
            for kept in work.running.arguments:
                if kept.message == argument.message:
                    kept.state = STRUCK
        body = {"debate": argument.debate, "n": argument.n, "message": argument.message}
        work.batch.append(_struck(work, argument, body))
    return struck


def _struck(work: Work, argument: DebateArgument, body: dict[str, Any]) -> NewEvent:
    return fact(
        work.community_id, "debate.struck", (argument.message,), body, work.batch.now, member_id=argument.member_id,
        group_id=argument.group_id,
    )  # fmt: skip
