"""Polls: a question of staff with two to six answers, one at a time in a group."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db.models import Count, Max

from qunzhu.engagement.debate import policy, sayings
from qunzhu.engagement.debate.floor import VOTES
from qunzhu.engagement.debate.models import Poll, PollVote
from qunzhu.engagement.debate.policy import VOTING, Question, Refused
from qunzhu.engagement.debate.standing import eligible
from qunzhu.engagement.debate.work import Work
from qunzhu.kernel.community.models import Group, Staff
from qunzhu.kernel.community.permissions import may
from qunzhu.kernel.events.schema import Event

PERMISSION = "debate.run"


def open_poll_of(community_id: int, group_id: int | None) -> Poll | None:
    """The poll that runs in a group."""
    return Poll.objects.filter(community_id=community_id, group_id=group_id or 0, state="open").first()


def tally_of(poll: Poll) -> list[tuple[str, int]]:
    """Option → votes, in the order of the options."""
    rows = PollVote.objects.filter(community_id=poll.community_id, poll=poll.number).order_by("option")
    counted = dict(rows.values_list("option").annotate(n=Count("member_id")))
    return [(option, counted.get(n, 0)) for n, option in enumerate(poll.options, 1)]


def ask_in_chat(work: Work, event: Event, words: str) -> None:
    """投票 发起 …: staff only."""
    post = (
        Staff.objects.filter(community_id=work.community_id, member_id=event.member_id or 0)
        .select_related("user")
        .first()
    )
    if post is None or not may(post.role, PERMISSION):
        work.answer(event, sayings.NOT_STAFF)
        return
    try:
        start(work, event, event.group_id or 0, policy.read_question(words), post.user.get_username())
    except Refused as reason:
        work.answer(event, str(reason))


def do_poll(work: Work, event: Event) -> None:
    """A poll from the console."""
    body = event.body
    asked = Question(str(body["question"]), tuple(body["options"]), int(body["minutes"]))
    group = Group.objects.filter(community_id=work.community_id, pk=int(body.get("group") or 0), state="active").first()
    if group is not None:
        try:
            start(work, event, group.pk, asked, str(body.get("by") or ""))
        except Refused as reason:
            work.fact("poll.refused", (event.seq,), {"why": str(reason), "by": body.get("by", "")})


def start(work: Work, event: Event, group_id: int, asked: Question, by: str) -> None:
    """Open it. Raises `Refused` where another vote is on in the group."""
    found = work.running
    if found is not None and found.row.state == VOTING and group_id in found.row.groups:
        raise Refused(sayings.VOTING_NOW)
    if open_poll_of(work.community_id, group_id) is not None:
        raise Refused(sayings.ONE_POLL)
    now = work.batch.now
    last = Poll.objects.filter(community_id=work.community_id).aggregate(last=Max("number"))["last"] or 0
    poll = Poll.objects.create(
        community_id=work.community_id, number=int(last) + 1, group_id=group_id, question=asked.question,
        options=list(asked.options), by=by, opened_at=now, ends_at=now + timedelta(minutes=asked.minutes),
    )  # fmt: skip
    body = {
        "poll": poll.number, "group": group_id, "question": poll.question, "options": poll.options,
        "until": poll.ends_at.isoformat(), "by": by,
    }  # fmt: skip
    work.fact("poll.opened", (event.seq,), body)
    text = sayings.say_poll(poll.question, poll.options, work.clock(poll.ends_at))
    work.say([group_id], f"poll:{poll.number}:open", text)


def vote(work: Work, event: Event, poll: Poll, words: str) -> None:
    """Cast or change a vote in a poll."""
    option = policy.read_option(words, poll.options)
    if option is None or event.member_id is None or not eligible(work.community_id, event.member_id, event.group_id):
        work.answer(event, sayings.say_unknown_vote(len(poll.options)), about=VOTES, taken=False)
        return
    own: dict[str, Any] = {"community_id": work.community_id, "poll": poll.number, "member_id": event.member_id}
    before = PollVote.objects.filter(**own).first()
    if before is None or before.option != option:
        PollVote.objects.update_or_create(**own, defaults={"option": option, "at": event.occurred_at})
        body = {"poll": poll.number, "option": option}
        work.fact("poll.voted", (poll.number, event.seq), body, cause=event)
    work.answer(event, sayings.say_voted(f"“{poll.options[option - 1]}”"), about=VOTES)


def do_end_poll(work: Work, event: Event) -> None:
    """Its time is over, or staff ended it."""
    polls = Poll.objects.filter(community_id=work.community_id, number=int(event.body.get("poll") or 0), state="open")
    for poll in polls:
        if event.body.get("by") or event.body.get("at") == poll.ends_at.isoformat():
            _end(work, poll)


def end_polls(work: Work, groups: Iterable[int]) -> None:
    """A debate's vote needs the groups for itself."""
    for poll in Poll.objects.filter(community_id=work.community_id, group_id__in=list(groups), state="open"):
        _end(work, poll)


def _end(work: Work, poll: Poll) -> None:
    Poll.objects.filter(community_id=poll.community_id, number=poll.number).update(
        state="closed", ended_at=work.batch.now
    )
    tally = tally_of(poll)
    work.fact("poll.ended", (poll.number,), {"poll": poll.number, "votes": [n for _, n in tally]})
    work.say([poll.group_id], f"poll:{poll.number}:result", sayings.say_poll_result(poll.question, tally))
