"""What can be done with a challenge. Every step is one transaction under the lock of its row; the log comes last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from qunzhu.engagement.challenge import facts, notices, policy
from qunzhu.engagement.challenge.locks import lock_challenge, lock_entries, lock_stakes
from qunzhu.engagement.challenge.models import Challenge, ChallengeEntry, ChallengeProof
from qunzhu.engagement.challenge.policy import Refused, Terms
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.community.selectors import zone_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import Insufficient

Append = Callable[[NewEvent], None]
State = Challenge.State
KEY_LENGTH = 80


@dataclass(frozen=True)
class Proof:
    """A day's proof. `seq` is the message; None: `words` came from the page and become an event of their own."""

    member_id: int
    words: str = ""
    picture: bool = False
    seq: int | None = None
    named: object = ""


def terms_of(challenge: Challenge) -> Terms:
    """The challenge as policies see it."""
    return Terms(
        challenge.name, challenge.starts_on, challenge.days, challenge.need, challenge.stake, challenge.proof,
        challenge.buddies, challenge.about,
    )  # fmt: skip


@transaction.atomic
def open_challenge(
    *, community_id: int, terms: Terms, key: str, group_id: int | None = None, by: str, now: datetime
) -> Challenge:
    """Put a challenge up for joining and tell the groups. A key again is the same challenge. Raises `Refused`."""
    before = Challenge.objects.filter(community_id=community_id, key=key[:KEY_LENGTH]).first()
    if before is not None:
        return before
    policy.check_terms(terms, local_day(now, zone_of(community_id)))
    challenge = Challenge.objects.create(
        community_id=community_id, key=key[:KEY_LENGTH], group_id=group_id, name=terms.name, about=terms.about,
        starts_on=terms.starts_on, days=terms.days, need=terms.need, stake=terms.stake, proof=terms.proof,
        buddies=terms.buddies, created_by=by, created_at=now,
    )  # fmt: skip
    body = {
        "by": by, "name": terms.name, "starts_on": terms.starts_on.isoformat(), "days": terms.days, "need": terms.need,
        "stake": terms.stake, "proof": terms.proof, "buddies": terms.buddies,
    }  # fmt: skip
    _append([facts.fact(challenge, "challenge.opened", body, now)], now)
    notices.opened(challenge, terms, now=now)
    return challenge


@transaction.atomic
def join(
    *, community_id: int, challenge_id: int, member_id: int, cause_seq: int | None = None, now: datetime,
    append: Append | None = None,
) -> ChallengeEntry:  # fmt: skip
    """Take part: the stake is put aside. Joining twice is once. Raises `Refused`; then nothing was written."""
    challenge = lock_challenge(community_id, challenge_id)
    entry = ChallengeEntry.objects.filter(challenge_id=challenge_id, member_id=member_id).first()
    if entry is not None and entry.state == ChallengeEntry.State.IN:
        return entry
    if challenge.state != State.SIGNUP or local_day(now, zone_of(community_id)) >= challenge.starts_on:
        raise Refused("late", "这个挑战已经不能报名了，等下一个吧。")
    if entry is None:
        entry = ChallengeEntry(
            challenge_id=challenge_id, member_id=member_id, community_id=community_id, joined_at=now, turn=0
        )
    entry.turn, entry.state, entry.joined_at = entry.turn + 1, ChallengeEntry.State.IN, now
    try:
        paid = facts.hold(challenge, entry, cause_seq=cause_seq, now=now)
    except Insufficient as error:
        has = balance(community_id, member_account(member_id))
        raise Refused("points", f"押金要 {challenge.stake} 积分，你有 {has}。先签到攒一攒。") from error
    entry.save(force_insert=entry.turn == 1)
    joined = facts.about(challenge, "challenge.joined", member_id, {"stake": challenge.stake}, now, entry.turn)
    _append([joined, *paid], now, append)
    return entry


@transaction.atomic
def leave(
    *, community_id: int, challenge_id: int, member_id: int, now: datetime, append: Append | None = None
) -> ChallengeEntry:
    """Step back before the first day: the stake returns. Raises `Refused`."""
    challenge = lock_challenge(community_id, challenge_id)
    entry = ChallengeEntry.objects.filter(challenge_id=challenge_id, member_id=member_id).first()
    if entry is None or entry.state == ChallengeEntry.State.OUT:
        raise Refused("out", "你没有参加这个挑战。")
    if challenge.state != State.SIGNUP:
        raise Refused("late", "挑战已经开始，不能退出了。")
    entry.state = ChallengeEntry.State.OUT
    entry.save(update_fields=["state"])
    lock_stakes(community_id, [challenge_id], [member_id])
    back = facts.give_back(challenge, entry, memo=f"退出打卡挑战：{challenge.name}", now=now)
    _append([facts.about(challenge, "challenge.left", member_id, {}, now, entry.turn), *back], now, append)
    return entry


@transaction.atomic
def start(*, community_id: int, challenge_id: int, now: datetime) -> Challenge:
    """The first day has come: buddies are given, or, where nobody joined, it is called off. Again it does nothing."""
    challenge = lock_challenge(community_id, challenge_id)
    if challenge.state != State.SIGNUP or local_day(now, zone_of(community_id)) < challenge.starts_on:
        return challenge
    entries = [e for e in lock_entries(challenge) if e.state == ChallengeEntry.State.IN]
    if not entries:
        return _cancel(challenge, by="qunzhu", reason="没有人报名", now=now)
    buddies = policy.ring([e.member_id for e in entries]) if challenge.buddies else {}
    for entry in entries:
        entry.buddy_id = buddies.get(entry.member_id)
    ChallengeEntry.objects.bulk_update(entries, ["buddy_id"])
    challenge.state = State.RUNNING
    challenge.save(update_fields=["state"])
    _append([facts.fact(challenge, "challenge.started", {"people": len(entries)}, now)], now)
    notices.started(challenge, terms_of(challenge), len(entries), now=now)
    return challenge


@transaction.atomic
def prove(
    *, community_id: int, challenge_id: int, proof: Proof, now: datetime, at: datetime, append: Append | None = None
) -> ChallengeProof:
    """Prove the local day of `at`. A second proof of a day replaces one that was not approved. Raises `Refused`."""
    challenge = lock_challenge(community_id, challenge_id)
    day = local_day(at, zone_of(community_id))
    entry = ChallengeEntry.objects.filter(challenge_id=challenge_id, member_id=proof.member_id).first()
    if entry is None or entry.state != ChallengeEntry.State.IN:
        raise Refused("out", "你没有参加这个挑战。")
    if challenge.state != State.RUNNING or not challenge.starts_on <= day <= terms_of(challenge).last_day:
        raise Refused("late", "现在不是这个挑战的打卡时间。")
    before = ChallengeProof.objects.filter(challenge_id=challenge_id, member_id=proof.member_id, day=day).first()
    if before is not None and before.state != ChallengeProof.State.REJECTED:
        return before
    if proof.seq is not None and ChallengeProof.objects.filter(challenge_id=challenge_id, seq=proof.seq).exists():
        raise Refused("used", "这条消息已经打过卡了，请发新的。")
    policy.check_proof(terms_of(challenge), words=proof.words, picture=proof.picture)
    seq = proof.seq if proof.seq is not None else _say_proof(challenge, proof, now)
    pending = entry.buddy_id is not None
    made = ChallengeProof(
        challenge_id=challenge_id, member_id=proof.member_id, day=day, community_id=community_id, seq=seq,
        state=ChallengeProof.State.PENDING if pending else ChallengeProof.State.APPROVED,
    )  # fmt: skip
    made.save(force_insert=before is None)
    body = {"day": day.isoformat(), "proof": seq, "picture": proof.picture}
    _append([facts.about(challenge, "challenge.proven", proof.member_id, body, now, (day, seq))], now, append)
    return made


def _say_proof(challenge: Challenge, proof: Proof, now: datetime) -> int:
    """Words of the page are an event of their own, so that erasing and keeping are those of any message."""
    told = NewEvent(
        challenge.community_id, event_id("challenge.said", challenge.pk, proof.member_id, proof.named, now),
        "challenge.said", now, {"challenge": challenge.pk, "text": proof.words}, challenge.group_id, proof.member_id,
    )  # fmt: skip
    return log.append(raw_connection(), [told], now=now)[0].seq


@transaction.atomic
def judge(
    *, community_id: int, challenge_id: int, member_id: int, day: date, approve: bool, buddy_id: int | None, by: str,
    now: datetime, append: Append | None = None,
) -> ChallengeProof:  # fmt: skip
    """A buddy's verdict on a proof, or (`buddy_id` None) that of staff, which stands above it. Raises `Refused`."""
    challenge = lock_challenge(community_id, challenge_id)
    proof = ChallengeProof.objects.filter(challenge_id=challenge_id, member_id=member_id, day=day).first()
    entry = ChallengeEntry.objects.filter(challenge_id=challenge_id, member_id=member_id).first()
    if proof is None or entry is None or (buddy_id is not None and entry.buddy_id != buddy_id):
        raise Refused("buddy", "这条打卡不归你认可。")
    if challenge.state != State.RUNNING:
        raise Refused("late", "这个挑战已经结束了。")
    if buddy_id is not None and proof.state != ChallengeProof.State.PENDING:
        raise Refused("judged", "这条打卡已经有结论了。")
    wanted = ChallengeProof.State.APPROVED if approve else ChallengeProof.State.REJECTED
    if proof.state == wanted:
        return proof
    proof.state, proof.judged_by, proof.judged_at = wanted, by, now
    proof.save(update_fields=["state", "judged_by", "judged_at"])
    body = {"day": day.isoformat(), "approved": approve, "by": by, "buddy": buddy_id}
    _append([facts.about(challenge, "challenge.judged", member_id, body, now, (day, proof.seq, now))], now, append)
    return proof


@transaction.atomic
def settle(*, community_id: int, challenge_id: int, now: datetime) -> Challenge:
    """After the last day: who finished gets the own stake back and a share of the others'. Again it does nothing.

    A proof that no buddy looked at counts: a silent buddy costs nobody the stake.
    """
    challenge = lock_challenge(community_id, challenge_id)
    terms = terms_of(challenge)
    if challenge.state != State.RUNNING or local_day(now, zone_of(community_id)) < terms.settles_on:
        return challenge
    entries = [e for e in lock_entries(challenge) if e.state == ChallengeEntry.State.IN]
    done = days_done(challenge.pk)
    here = _not_erased(community_id, [e.member_id for e in entries])
    finished = [e for e in entries if done.get(e.member_id, 0) >= challenge.need and e.member_id in here]
    failed = [e for e in entries if e not in finished]
    pot = challenge.stake * len(failed)
    won = policy.shares(pot, [e.member_id for e in finished])
    lock_stakes(community_id, [challenge.pk], [e.member_id for e in finished])
    moved: list[NewEvent] = []
    for entry in finished:
        entry.state, entry.won = ChallengeEntry.State.FINISHED, won[entry.member_id]
        moved += facts.give_back(challenge, entry, memo=f"打卡挑战完成，退回押金：{challenge.name}", now=now)
    for entry in failed:
        entry.state = ChallengeEntry.State.FAILED
    ChallengeEntry.objects.bulk_update(entries, ["state", "won"])
    moved += facts.pay(challenge, {e.member_id: e for e in finished}, won, now)
    if not finished:
        facts.burn(challenge, pot, now)
    _end(challenge, State.SETTLED, now)
    body = {"how": "settled", "finished": len(finished), "people": len(entries), "pot": pot}
    _append([facts.fact(challenge, "challenge.ended", body, now), *moved], now)
    notices.settled(challenge, terms, finished=len(finished), people=len(entries), pot=pot, now=now)
    return challenge


def days_done(challenge_id: int) -> dict[int, int]:
    """Member → proven days that nobody rejected."""
    proofs = ChallengeProof.objects.filter(challenge_id=challenge_id).exclude(state=ChallengeProof.State.REJECTED)
    done: dict[int, int] = {}
    for member in proofs.values_list("member_id", flat=True):
        done[member] = done.get(member, 0) + 1
    return done


@transaction.atomic
def cancel(*, community_id: int, challenge_id: int, by: str, reason: str, now: datetime) -> Challenge:
    """Call it off: every stake returns. Raises `Refused` without a reason or when it has ended."""
    challenge = lock_challenge(community_id, challenge_id)
    if challenge.state == State.CANCELLED:
        return challenge
    if challenge.state == State.SETTLED:
        raise Refused("late", "这个挑战已经结算，不能取消了。")
    said = reason.strip()[: policy.REASON_LENGTH]
    if not said:
        raise Refused("reason", "请写一句理由，成员会看到。")
    return _cancel(challenge, by=by, reason=said, now=now)


def _cancel(challenge: Challenge, *, by: str, reason: str, now: datetime) -> Challenge:
    entries = [e for e in lock_entries(challenge) if e.state == ChallengeEntry.State.IN]
    lock_stakes(challenge.community_id, [challenge.pk], [e.member_id for e in entries])
    moved: list[NewEvent] = []
    for entry in entries:
        entry.state = ChallengeEntry.State.REFUNDED
        moved += facts.give_back(challenge, entry, memo=f"打卡挑战取消，退回押金：{challenge.name}", now=now)
    ChallengeEntry.objects.bulk_update(entries, ["state"])
    challenge.reason = reason
    _end(challenge, State.CANCELLED, now)
    body = {"how": "cancelled", "by": by, "reason": reason, "people": len(entries)}
    _append([facts.fact(challenge, "challenge.ended", body, now), *moved], now)
    if entries:
        notices.cancelled(challenge, now=now)
    return challenge


def _end(challenge: Challenge, state: str, now: datetime) -> None:
    challenge.state, challenge.ended_at = state, now
    challenge.save(update_fields=["state", "ended_at", "reason"])


def _not_erased(community_id: int, members: Sequence[int]) -> set[int]:
    rows = Member.objects.filter(community_id=community_id, pk__in=members, erased_at=None)
    return set(rows.values_list("pk", flat=True))


def _append(events: Sequence[NewEvent], now: datetime, append: Append | None = None) -> None:
    """Last in every step: the log's head is the lock that everybody shares."""
    if append is None:
        log.append(raw_connection(), list(events), now=now)
        return
    for event in events:
        append(event)
