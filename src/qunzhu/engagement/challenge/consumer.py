"""Consumer `challenge`: serves 挑战, 打卡 with words or as the answer to a picture, 打卡通过 and 打卡不通过.

Challenges are no projection: what a command does is done here, once, in the batch that moves the cursor. Rows are
locked for the whole batch first and in the one order of locks.py; events are queued, so the log comes last.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings as installation
from django.db import transaction

from qunzhu.engagement.answers import Said, collect
from qunzhu.engagement.challenge import policy, selectors, services
from qunzhu.engagement.challenge.locks import lock_challenges, lock_stakes
from qunzhu.engagement.challenge.models import Challenge
from qunzhu.engagement.challenge.notices import link
from qunzhu.engagement.challenge.policy import Refused
from qunzhu.engagement.challenge.selectors import Standing
from qunzhu.engagement.challenge.services import Proof, terms_of
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event

COMMANDS = frozenset({"challenge", "proof", "approve", "reject", "checkin"})
JOIN, LEAVE = ("报名", "報名", "参加", "加入"), ("退出", "取消")


@dataclass
class Work:
    """A batch with what its commands quote, and the answers that came of it."""

    batch: Batch
    zone: str
    quoted: dict[int, Event] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)


def handle(batch: Batch) -> None:
    """A rebuild does nothing; without an open challenge nobody is meant by 打卡."""
    commands = [] if batch.rebuilding else [event for event in batch.events if _is_command(event)]
    if not commands:
        return
    there = selectors.challenges(batch.community_id, selectors.OPEN)
    numbers = list(there.values_list("pk", flat=True))
    commands = [e for e in commands if numbers or e.body["command"] == "challenge"]
    if not commands:
        return
    lock_challenges(batch.community_id, numbers)
    joining = [e.member_id or 0 for e in commands if e.body["command"] == "challenge" and e.body.get("args")]
    if joining:
        lock_stakes(batch.community_id, numbers, joining)
    work = Work(batch, zone_of(batch.community_id))
    seqs = sorted({e.body["reply_to"] for e in commands if e.body.get("reply_to") is not None})
    work.quoted = {e.seq: e for e in log.read_at(batch.connection, batch.community_id, seqs)} if seqs else {}
    for event in commands:
        text = SERVE[event.body["command"]](work, event, event.member_id or 0)
        if text:
            nickname = str(event.body.get("nickname") or "")
            command = event.body["command"]
            work.said.append(Said(event.seq, event.group_id or 0, event.member_id or 0, nickname, command, text))
    wanted = collect(
        work.said, part="challenge", community_id=batch.community_id, more=f"{installation.PUBLIC_URL}/me/challenges/"
    )
    outbox.request(batch.connection, batch.community_id, wanted, now=batch.now)


def _is_command(event: Event) -> bool:
    if event.kind != "command.posted" or event.historic or event.member_id is None or event.group_id is None:
        return False
    command = event.body.get("command")
    # 打卡 alone is the day's check-in; as the answer to something it may be a proof as well
    return command in COMMANDS and (command != "checkin" or event.body.get("reply_to") is not None)


def _challenge(work: Work, event: Event, member_id: int) -> str:
    """挑战: what there is and how I stand; 挑战 报名 · 退出 [number]."""
    batch, words = work.batch, str(event.body.get("args") or "").split()
    there = list(selectors.challenges(batch.community_id, selectors.OPEN))
    here = [c for c in there if c.group_id in {None, event.group_id}]
    if not words:
        return _list(work, event, member_id, here)
    signup = [c for c in here if c.state == Challenge.State.SIGNUP]
    if len(words) > 1 and words[1].isascii() and words[1].isdigit():
        signup = [c for c in signup if str(c.pk) == words[1].lstrip("0")]
    if words[0] not in JOIN + LEAVE:
        return "发“挑战”看看有哪些，发“挑战 报名”参加，发“挑战 退出”退出。"
    if not signup:
        return "现在没有可以报名的挑战。"
    if len(signup) > 1:
        listed = "、".join(f"{c.pk} {c.name}" for c in signup)
        return f"是哪一个？{listed}。请发“挑战 {words[0]} 编号”。"
    (chosen,) = signup
    return _try(lambda: _join(work, event, member_id, chosen, leaving=words[0] in LEAVE))


def _join(work: Work, event: Event, member_id: int, chosen: Challenge, *, leaving: bool) -> str:
    batch = work.batch
    if leaving:
        services.leave(
            community_id=batch.community_id, challenge_id=chosen.pk, member_id=member_id, now=batch.now,
            append=batch.append,
        )  # fmt: skip
        return f"已退出“{chosen.name}”，押金退回了。"
    services.join(
        community_id=batch.community_id, challenge_id=chosen.pk, member_id=member_id, cause_seq=event.seq,
        now=batch.now, append=batch.append,
    )  # fmt: skip
    starts = f"{chosen.starts_on.month}月{chosen.starts_on.day}日"
    stake = f"，押 {chosen.stake} 积分" if chosen.stake else ""
    return f"报名成功：“{chosen.name}”{starts}开始{stake}。"


def _list(work: Work, event: Event, member_id: int, here: Sequence[Challenge]) -> str:
    if not here:
        return "现在没有打卡挑战，有新的会告诉大家。"
    today = local_day(event.occurred_at, work.zone)
    own = {s.challenge.pk: s for s in selectors.standings(work.batch.community_id, member_id, today)}
    lines = []
    for one in here:
        if one.pk in own and one.state == Challenge.State.RUNNING:
            lines.append(_standing(own[one.pk], work, event))
        elif one.pk in own:
            lines.append(f"“{one.name}”已报名，{one.starts_on.month}月{one.starts_on.day}日开始。")
        elif one.state == Challenge.State.SIGNUP:
            stake = f"押 {one.stake} 积分" if one.stake else "不用押积分"
            lines.append(f"“{one.name}”报名中，{stake}，发“挑战 报名 {one.pk}”参加。{link(one.pk)}")
        else:
            lines.append(f"“{one.name}”进行中。{link(one.pk)}")
    return "\n".join(lines)


def _standing(found: Standing, work: Work, event: Event) -> str:
    terms, today = terms_of(found.challenge), local_day(event.occurred_at, work.zone)
    number = min(terms.number_of(today), terms.days)
    return policy.say_standing(terms, day=number, done=found.done, today_done=found.today_done)


def _proof(work: Work, event: Event, member_id: int) -> str:
    """打卡 with words, or as the answer to an own message: proves today in every running challenge of mine."""
    batch, today = work.batch, local_day(event.occurred_at, work.zone)
    own = selectors.standings(batch.community_id, member_id, today)
    running = [s for s in own if s.challenge.state == Challenge.State.RUNNING]
    quoted = work.quoted.get(event.body.get("reply_to") or 0)
    mine = quoted is not None and quoted.member_id == member_id and quoted.kind in {"message.posted", "command.posted"}
    if not running:  # 打卡 to somebody's words is the day's check-in and nothing else
        return "你还没有参加进行中的打卡挑战，发“挑战”看看。" if event.body["command"] == "proof" else ""
    if event.body["command"] == "checkin" and not mine:
        return ""
    body = quoted.body if mine and quoted is not None and quoted.body else {}
    if body and quoted is not None and local_day(quoted.occurred_at, work.zone) != today:
        return "那条消息不是今天的，请发今天的。"
    words = " ".join(filter(None, (str(event.body.get("args") or ""), str(body.get("text") or ""))))
    proof = Proof(member_id, words, body.get("image") is not None, seq=quoted.seq if body and quoted else event.seq)
    return "\n".join(_try(partial(_prove, work, event, proof, found)) for found in running)


def _prove(work: Work, event: Event, proof: Proof, found: Standing) -> str:
    batch = work.batch
    if not found.today_done:
        services.prove(
            community_id=batch.community_id, challenge_id=found.challenge.pk, proof=proof, now=batch.now,
            at=event.occurred_at, append=batch.append,
        )  # fmt: skip
    terms = terms_of(found.challenge)
    number, done = terms.number_of(local_day(event.occurred_at, work.zone)), found.done + (not found.today_done)
    said = policy.say_standing(terms, day=number, done=done, today_done=True)
    return f"今天已经打过卡了。{said}" if found.today_done else f"打卡成功！{said}"


def _verdict(work: Work, event: Event, member_id: int) -> str:
    """打卡通过 · 打卡不通过 as the answer to a proof, by its buddy."""
    proof = selectors.proof_at(work.batch.community_id, event.body.get("reply_to") or 0)
    if proof is None:
        return "请引用搭档的打卡消息再发。"
    return _try(lambda: _judge(work, event, member_id, proof))


def _judge(work: Work, event: Event, member_id: int, proof: selectors.ChallengeProof) -> str:
    approve = event.body["command"] == "approve"
    services.judge(
        community_id=work.batch.community_id, challenge_id=proof.challenge_id, member_id=proof.member_id,
        day=proof.day, approve=approve, buddy_id=member_id, by=f"m:{member_id}", now=work.batch.now,
        append=work.batch.append,
    )  # fmt: skip
    day = f"{proof.day.month}月{proof.day.day}日"
    return f"已认可搭档 {day}的打卡。" if approve else f"没有认可搭档 {day}的打卡，对方可以重新打卡。"


def _try(deed: Callable[[], str]) -> str:
    """What the deed says, or why it was refused; a refusal leaves nothing behind."""
    try:
        with transaction.atomic():
            return deed()
    except Refused as reason:
        return str(reason)


SERVE: dict[str, Callable[[Work, Event, int], str]] = {
    "challenge": _challenge,
    "proof": _proof,
    "checkin": _proof,
    "approve": _verdict,
    "reject": _verdict,
}
CONSUMER = Consumer("challenge", handle, kinds=frozenset({"command.posted"}))
