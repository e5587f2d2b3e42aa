"""Points of a debate: given once a member and reason, taken back from who turns out to have been punished."""

from collections.abc import Sequence

from django.db import transaction

from qunzhu.engagement.debate.models import Debate, DebateArgument
from qunzhu.engagement.debate.policy import COUNTED, DONE
from qunzhu.engagement.debate.work import Work
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.models import LedgerTransaction
from qunzhu.kernel.ledger.selectors import balance, member_account
from qunzhu.kernel.ledger.services import (
    ISSUE,
    POINTS,
    Award,
    Insufficient,
    award,
    award_many,
    points_event,
    reverse,
    transaction_id,
)

WHY = {"part": "参加辩论", "win": "辩论获胜方", "best": "辩论最佳论点"}
BACK = "发言被处罚，收回辩论积分"


def key_of(debate: int, member_id: int, why: str) -> str:
    """The ledger key of one prize."""
    return f"debate:{debate}:{member_id}:{why}"


def give(work: Work, row: Debate, given: Sequence[tuple[int, str, int]], cause_seq: int) -> None:
    """Post all prizes with a fixed number of statements."""
    awards = [
        Award(member, points, key_of(row.number, member, why), "debate", f"{WHY[why]}：{row.title}", cause_seq)
        for member, why, points in given
    ]
    for posted in award_many(community_id=work.community_id, awards=awards, now=work.batch.now) if awards else []:
        if posted.event is not None:
            work.batch.append(posted.event)


def take_back(work: Work, struck: Sequence[DebateArgument]) -> None:
    """What a struck argument of a finished debate earned goes; the rest of the member's arguments keep their part."""
    over = set(
        Debate.objects.filter(
            community_id=work.community_id, number__in={a.debate for a in struck}, state=DONE
        ).values_list("number", flat=True)
    )
    touched = [a for a in struck if a.debate in over]
    if not touched:
        return
    owners = {member_account(a.member_id) for a in touched} | {ISSUE}
    lock_accounts(work.batch.connection, work.community_id, [(owner, POINTS) for owner in owners])
    for argument in touched:
        for why in _lost(work, argument):
            _reverse(work, argument, why)


def _lost(work: Work, argument: DebateArgument) -> list[str]:
    row = Debate.objects.get(community_id=work.community_id, number=argument.debate)
    lost = ["best"] if row.result.get("best") == argument.n else []
    left = DebateArgument.objects.filter(
        community_id=work.community_id, debate=argument.debate, member_id=argument.member_id, state=COUNTED
    )
    return lost if left.exists() else [*lost, "part", "win"]


def _reverse(work: Work, argument: DebateArgument, why: str) -> None:
    """Undo one prize; from who has spent it, take what is there."""
    community_id, key, now = work.community_id, key_of(argument.debate, argument.member_id, why), work.batch.now
    given = LedgerTransaction.objects.filter(community_id=community_id, id=transaction_id(community_id, key)).first()
    if given is None:
        return
    owner, back = member_account(argument.member_id), f"{key}:back"
    before = balance(community_id, owner)
    try:
        with transaction.atomic():
            done = reverse(community_id=community_id, key=back, of=given.id, memo=BACK, now=now)
    except Insufficient:
        if before > 0:
            taken = award(
                community_id=community_id, member_id=argument.member_id, amount=-before, key=back,
                kind="undone", memo=BACK, group_id=argument.group_id, now=now,
            )  # fmt: skip
            if taken.event is not None:
                work.batch.append(taken.event)
        return
    if not done.duplicate:
        after = balance(community_id, owner)
        told = Award(argument.member_id, after - before, back, "undone", BACK, None, argument.group_id)
        work.batch.append(points_event(community_id, told, done.id, after, now))
