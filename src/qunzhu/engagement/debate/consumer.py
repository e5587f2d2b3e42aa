"""Consumer `debate`: the only one that moves a debate or a poll, in the order of the log."""

from collections.abc import Callable

from qunzhu.engagement.debate import floor, policy, polls, prizes, sayings, services, steps
from qunzhu.engagement.debate.policy import SIDES, VOTING
from qunzhu.engagement.debate.work import Work, current, running_of
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

_START = ("发起", "發起")
_PUNISHING = frozenset({"message.recalled", "case.decided", "decision.made"})
_ASKED: dict[str, Callable[[Work, Event], None]] = {
    "open": steps.do_open,
    "skip": steps.do_skip,
    "close": steps.do_close,
    "end": steps.do_end,
    "extend": steps.do_extend,
    "cancel": steps.do_cancel,
    "poll": polls.do_poll,
    "end_poll": polls.do_end_poll,
}


def handle(batch: Batch) -> None:
    """Work off the batch in order; a rebuild does nothing, because debates are no projection."""
    if batch.rebuilding:
        return
    row = current(batch.community_id)
    told = [e for e in batch.events if not e.historic and (row is not None or e.kind != "message.posted")]
    if not told and row is None:
        return
    work = Work(batch, Community.objects.get(pk=batch.community_id), running_of(row) if row else None)
    # A message that came before the debate was opened in this very batch is no argument; one that came after it is.
    for event in batch.events:
        if not event.historic:
            _work(work, event)
    work.flush()
    _answer(work)
    outbox.request(batch.connection, batch.community_id, work.effects, now=batch.now)


def _work(work: Work, event: Event) -> None:
    body = event.body
    if event.kind == "message.posted":
        floor.hear(work, event)
    elif event.kind == "debate.asked" and body:
        if body.get("do") == "vote":
            _vote(work, event, str(body.get("words") or ""))
        else:
            _ASKED[body["do"]](work, event)
    elif event.kind == "command.posted" and event.member_id is not None and event.group_id is not None:
        if body.get("command") == "debate":
            floor.serve_debate(work, event)
        elif body.get("command") == "vote":
            _vote(work, event, str(body.get("args") or ""))
    elif event.kind in _PUNISHING and body:
        if seqs := policy.punished(event.kind, body):
            prizes.take_back(work, floor.strike(work, set(seqs)))
    elif event.kind == "rulebook.published":
        services.take_topics(work.community, now=work.batch.now, append=work.batch.append)


def _vote(work: Work, event: Event, words: str) -> None:
    if event.group_id is not None and words.startswith(_START):
        polls.ask_in_chat(work, event, words[2:])
        return
    found = work.running
    if (
        found is not None
        and found.row.state == VOTING
        and (event.group_id is None or event.group_id in found.row.groups)
    ):
        floor.vote(work, event, words)
        return
    poll = polls.open_poll_of(work.community_id, event.group_id)
    if poll is not None:
        polls.vote(work, event, poll, words)
    elif event.group_id is not None:
        work.answer(event, sayings.NO_VOTE, about="none")


def _answer(work: Work) -> None:
    """One answer each; of votes and sign-ups from three on one message with the tally."""
    for (group_id, about), said in work.answers.items():
        if len(said) < sayings.TOGETHER or not about:
            work.effects += [
                EffectRequest(
                    "answer", f"debate:{work.community_id}:{event.seq}", group_id, event.member_id,
                    {"text": text, "to": event.member_id, "reply_to": event.seq}, event.seq,
                    f"command.{event.body.get('command') or 'debate'}",
                )
                for event, text, _ in said
            ]  # fmt: skip
            continue
        text = _together(work, group_id, about, sum(not taken for _, _, taken in said)) or said[0][1]
        first = said[0][0]
        key = f"debate:{work.community_id}:{about}:{first.seq}"
        work.effects.append(EffectRequest("say", key, group_id, None, {"text": text}, first.seq, "command.vote"))


def _together(work: Work, group_id: int, about: str, refused: int) -> str:
    found = work.running
    if about == floor.SIGNED and found is not None:
        counts = {side: sum(own == side for own in found.sides.values()) for side in SIDES}
        return sayings.say_joined_many(counts)
    if about != floor.VOTES:
        return ""
    if found is not None and found.row.state == VOTING and group_id in found.row.groups:
        tally = [(name, sum(b.side == side for b in found.ballots.values())) for side, name in SIDES.items()]
        return sayings.say_tally(found.row.title, tally, refused)
    poll = polls.open_poll_of(work.community_id, group_id)
    return (
        sayings.say_tally(poll.question, polls.tally_of(poll), refused) if poll else "投票已经结束，结果见群里的消息。"
    )


CONSUMER = Consumer(
    "debate",
    handle,
    kinds=frozenset({"message.posted", "command.posted", "debate.asked", "rulebook.published"}) | _PUNISHING,
)
