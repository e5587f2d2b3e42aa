"""The steps of a debate: open, close speech and open the vote, result; skip, extend, cancel. Asked twice, done once."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db.models import Max

from qunzhu.engagement.debate import card, policy, prizes, sayings
from qunzhu.engagement.debate.models import Debate, DebateTopic
from qunzhu.engagement.debate.policy import CANCELLED, DONE, SKIPPED, SPEAKING, VOTING
from qunzhu.engagement.debate.polls import end_polls
from qunzhu.engagement.debate.work import Running, Work, link, running_of
from qunzhu.kernel.community.models import Group
from qunzhu.kernel.events import log
from qunzhu.kernel.events.schema import Event

REASON_LENGTH = 100


def next_topic(community_id: int, wanted: int | None = None) -> DebateTopic | None:
    """The topic whose turn it is; `wanted` goes before."""
    topics = {t.number: t for t in DebateTopic.objects.filter(community_id=community_id, active=True)}
    if wanted is not None:
        return topics.get(wanted)
    turn = turns(community_id, list(topics.values()))
    return topics[turn[0].number] if turn else None


def turns(community_id: int, topics: list[DebateTopic]) -> list[policy.Topic]:
    """Topics in the order in which they come."""
    held = Debate.objects.filter(community_id=community_id, topic__isnull=False).order_by("topic")
    last = dict(held.values_list("topic").annotate(Max("number")))
    return policy.in_turn(policy.Topic(t.number, last.get(t.number, 0), t.pinned) for t in topics)


def do_open(work: Work, event: Event) -> None:
    """Open the debate of a slot, unless it was, one runs, or it is too late by now."""
    body, community_id, now = event.body, work.community_id, work.batch.now
    slot, rules = str(body["slot"]), policy.settings_from(work.community.blueprint)
    if Debate.objects.filter(community_id=community_id, slot=slot).exists():
        return
    if work.running is not None:
        _skip(work, slot, "running")
        return
    if body.get("at") and policy.too_late(datetime.fromisoformat(body["at"]), now, rules):
        _skip(work, slot, "late")
        return
    topic = next_topic(community_id, body.get("topic"))
    groups = _groups(work, rules)
    if topic is None or not groups:
        return
    row = Debate.objects.create(
        community_id=community_id, number=_number(community_id), slot=slot, state=SPEAKING, topic=topic.number,
        title=topic.title, pro=topic.pro, con=topic.con, settings=msgspec.to_builtins(rules), groups=groups,
        opened_at=now, speech_ends_at=now + timedelta(minutes=rules.minutes), by=str(body.get("by") or ""),
    )  # fmt: skip
    if topic.pinned:  # a pin is for one debate
        DebateTopic.objects.filter(community_id=community_id, number=topic.number).update(pinned=False)
    work.running = running_of(row)
    until = row.opened_at + timedelta(minutes=rules.minutes)
    told = {
        "debate": row.number, "slot": slot, "topic": topic.number, "title": row.title, "pro": row.pro, "con": row.con,
        "mode": rules.mode, "until": until.isoformat(), "by": row.by,
    }  # fmt: skip
    work.fact("debate.opened", (slot,), told)
    text = sayings.say_opened(row.title, row.pro, row.con, rules, work.clock(until))
    work.say(groups, f"{row.number}:open", text)


def do_skip(work: Work, event: Event) -> None:
    """A slot passes without a debate."""
    _skip(work, str(event.body["slot"]), str(event.body["why"]))


def _skip(work: Work, slot: str, why: str) -> None:
    community_id, now = work.community_id, work.batch.now
    if Debate.objects.filter(community_id=community_id, slot=slot).exists():
        return
    number = _number(community_id)
    Debate.objects.create(
        community_id=community_id, number=number, slot=slot, state=SKIPPED, opened_at=now, ended_at=now, reason=why
    )
    work.fact("debate.skipped", (slot,), {"debate": number, "slot": slot, "why": why})


def do_close(work: Work, event: Event) -> None:
    """No more speech: the vote begins, with its whole time, however late it is."""
    found = _asked_of(work, event, SPEAKING)
    if found is None:
        return
    row, rules = found.row, found.rules
    row.vote_ends_at = work.batch.now + timedelta(minutes=rules.vote)
    _save(row, state=VOTING, vote_ends_at=row.vote_ends_at, speech_ends_at=work.batch.now)
    said = found.counts
    work.fact(
        "debate.closed", (row.number,),
        {"debate": row.number, "arguments": said, "until": row.vote_ends_at.isoformat(), "by": _by(event)},
    )  # fmt: skip
    end_polls(work, row.groups)  # one vote at a time in a group
    text = sayings.say_closed(row.title, said, rules, work.clock(row.vote_ends_at), link(row.number))
    work.say(row.groups, f"{row.number}:vote", text)


def do_end(work: Work, event: Event) -> None:
    """Count, award, announce."""
    found = _asked_of(work, event, VOTING)
    if found is None:
        return
    work.flush()
    row, said = found.row, found.said
    came = policy.outcome(said, found.ballots, found.rules)
    given = policy.prizes(said, came, found.rules)
    best = next((a for a in found.arguments if a.n == came.best), None)
    result = {**msgspec.to_builtins(came), "points": sum(points for _, _, points in given)}
    _save(row, state=DONE, ended_at=work.batch.now, result=result)
    work.running = None
    prizes.give(work, row, given, event.seq)
    work.fact(
        "debate.ended", (row.number,),
        {
            "debate": row.number, "how": DONE, **result, "best_by": best.member_id if best else None,
            "by": _by(event),
        },
    )  # fmt: skip
    name, quote = _best_words(work, best)
    images = card.post(work, row, came, name=name, quote=quote)
    text = sayings.say_result(
        row.title, came, f"{name}（{best.n} 号）" if best else "", result["points"], link(row.number)
    )
    work.say(row.groups, f"{row.number}:result", text, images)


def _best_words(work: Work, best: Any) -> tuple[str, str]:
    if best is None:
        return "", ""
    (said,) = log.read_at(work.batch.connection, work.community_id, [best.message])
    return str(said.body.get("nickname") or "成员"), policy.substance(str(said.body.get("text") or ""))


def do_extend(work: Work, event: Event) -> None:
    """More time for the step that is on."""
    found, minutes = work.running, event.body.get("minutes")
    if found is None or found.row.number != event.body.get("debate") or not isinstance(minutes, int):
        return
    row = found.row
    name = "speech_ends_at" if row.state == SPEAKING else "vote_ends_at"
    until = max(getattr(row, name), work.batch.now) + timedelta(minutes=min(minutes, policy.LONGEST_EXTENSION))
    _save(row, **{name: until})
    body = {"debate": row.number, "step": row.state, "until": until.isoformat(), "by": _by(event)}
    work.fact("debate.extended", (event.seq,), body)
    work.say(row.groups, f"{row.number}:extended:{event.seq}", sayings.say_extended(row.state, work.clock(until)))


def do_cancel(work: Work, event: Event) -> None:
    """It ends without a result and without points."""
    found = work.running
    if found is None or found.row.number != event.body.get("debate"):
        return
    work.flush()
    row, reason = found.row, str(event.body.get("reason") or "")[:REASON_LENGTH]
    _save(row, state=CANCELLED, ended_at=work.batch.now, reason=reason)
    work.running = None
    body = {"debate": row.number, "how": CANCELLED, "reason": reason, "by": _by(event)}
    work.fact("debate.ended", (row.number,), body)
    work.say(row.groups, f"{row.number}:cancelled", sayings.say_cancelled(row.title, reason))


def _asked_of(work: Work, event: Event, state: str) -> Running | None:
    """The debate, if it still is at the step that was asked to end; who asks by an old clock is not heard."""
    found, body = work.running, event.body
    if found is None or found.row.number != body.get("debate") or found.row.state != state:
        return None
    ends = found.row.speech_ends_at if state == SPEAKING else found.row.vote_ends_at
    by_hand = bool(body.get("by"))
    return found if by_hand or (ends is not None and body.get("at") == ends.isoformat()) else None


def _by(event: Event) -> str:
    return str(event.body.get("by") or "")


def _save(row: Debate, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    Debate.objects.filter(community_id=row.community_id, number=row.number).update(**fields)


def _number(community_id: int) -> int:
    return int(Debate.objects.filter(community_id=community_id).aggregate(last=Max("number"))["last"] or 0) + 1


def _groups(work: Work, rules: policy.Settings) -> list[int]:
    rows = Group.objects.filter(community_id=work.community_id, state="active").order_by("pk")
    return [group.pk for group in rows if not rules.groups or group.name in rules.groups]
