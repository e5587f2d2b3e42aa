"""申诉: filing one from chat or page, and closing its case when the penalty was taken back in another way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from qunzhu.governance.locks import lock_penalty
from qunzhu.governance.models import Appeal, Penalty
from qunzhu.governance.policy import (
    SAY_APPEALED,
    SAY_NO_PENALTY,
    WORDS_LENGTH,
    appeal_settings,
    verdict_on_appeal,
)
from qunzhu.kernel.cases.appeals import KIND, case_key, close_settled_case
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.connectors.local.client import spoken_time
from qunzhu.kernel.effects.undo import reversal_id
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, raw_connection
from qunzhu.kernel.events.schema import Event, NewEvent, event_id


class AppealRefused(ValueError):
    """The penalty cannot be appealed against; the message is a Chinese sentence for the member."""


@dataclass(frozen=True)
class Filed:
    """A filed appeal: events for the caller to append, and by when it is to be answered."""

    events: list[NewEvent]
    deadline: datetime
    penalty: Penalty


@transaction.atomic
def appeal(*, community_id: int, penalty_seq: int, member_id: int, words: str, now: datetime) -> datetime:
    """A member objects on their page; returns the deadline. Raises AppealRefused, Penalty.DoesNotExist."""
    filed = file_appeal(community_id=community_id, penalty_seq=penalty_seq, member_id=member_id, words=words, now=now)
    log.append(raw_connection(), filed.events, now=now)
    return filed.deadline


def file_appeal(*, community_id: int, penalty_seq: int, member_id: int, words: str, now: datetime) -> Filed:
    """Open the case, in the caller's transaction; the penalty is locked, so that page and chat file one appeal.

    What was appealed or reversed before is asked of the cases and the log, which are never behind.
    """
    penalty = lock_penalty(community_id, penalty_seq)
    if penalty.member_id != member_id:
        raise Penalty.DoesNotExist
    community = Community.objects.get(pk=community_id)
    settings = appeal_settings(community.blueprint)
    why_not = _why_not(penalty, now, community)
    if why_not:
        raise AppealRefused(why_not)
    deadline = now + timedelta(hours=settings.answer_within)
    opened = _open(penalty, words[:WORDS_LENGTH], deadline, now)
    body = {
        "penalty": penalty.seq, "rule": penalty.rule, "rulebook_version": penalty.rulebook_version,
        "step": penalty.step, "words": words[:WORDS_LENGTH], "deadline": deadline.isoformat(), "case": opened[0],
        **({"first_decider": penalty.decided_by} if penalty.decided_by else {}),
    }  # fmt: skip
    filed = NewEvent(
        community_id, event_id("appeal.filed", community_id, penalty.seq), "appeal.filed", now, body,
        group_id=penalty.group_id, member_id=member_id,
    )  # fmt: skip
    return Filed([*opened[1], filed], deadline, penalty)


def _why_not(penalty: Penalty, now: datetime, community: Community) -> str:
    community_id = community.pk
    reversal = reversal_id(community_id, penalty.seq, penalty.rule)
    return verdict_on_appeal(
        at=penalty.at,
        now=now,
        is_reversed=log.find(raw_connection(), community_id, reversal) is not None,
        appealed=Case.objects.filter(community_id=community_id, key=case_key(penalty.seq)).exists(),
        settings=appeal_settings(community.blueprint),
    )


def _open(penalty: Penalty, words: str, deadline: datetime, now: datetime) -> tuple[int, list[NewEvent]]:
    opened = open_case(
        community_id=penalty.community_id,
        kind=KIND,
        key=case_key(penalty.seq),
        title=f"申诉：{Penalty.Step(penalty.step).label}",
        summary=penalty.sentence,
        urgency="yellow",
        group_id=penalty.group_id,
        member_id=penalty.member_id,
        event_seq=penalty.cause_seq if penalty.cause_seq is not None else penalty.seq,
        evidence=penalty.evidence,
        payload={
            "penalty": penalty.seq, "rule": penalty.rule, "rulebook_version": penalty.rulebook_version,
            "step": penalty.step, "penalty_at": penalty.at.isoformat(),
            "until": penalty.ends_at.isoformat() if penalty.ends_at else "", "of_case": penalty.of_case,
            "first_decider": penalty.decided_by, "words": words,
        },
        deadline=deadline,
        now=now,
    )  # fmt: skip
    return opened.case_id, [opened.event] if opened.event is not None else []


def hear(batch: Batch, event: Event) -> str:
    """`申诉 原因` in a group: about the latest penalty that can be appealed against; returns the answer."""
    if event.member_id is None:
        raise ValueError(f"command {event.seq} has no author")
    community = Community.objects.get(pk=batch.community_id)
    penalty, why_not = _latest(community, event.member_id, event.group_id, event.occurred_at)
    if penalty is None:
        return why_not or SAY_NO_PENALTY
    try:
        filed = file_appeal(
            community_id=batch.community_id,
            penalty_seq=penalty.seq,
            member_id=event.member_id,
            words=str(event.body.get("args", "")),
            now=event.occurred_at,
        )
    except AppealRefused as refused:
        return str(refused)  # settled this very moment, by somebody else or on the page
    for new in filed.events:
        batch.append(new)
    deadline = spoken_time(filed.deadline, event.occurred_at, community.timezone)
    what = f"{spoken_time(penalty.at, event.occurred_at, community.timezone)} {Penalty.Step(penalty.step).label}"
    return SAY_APPEALED.format(what=what, deadline=deadline)


def _latest(community: Community, member_id: int, group_id: int | None, at: datetime) -> tuple[Penalty | None, str]:
    """The newest penalty that can be appealed against, those of this group first; else why the newest cannot."""
    newest = list(Penalty.objects.filter(community_id=community.pk, member_id=member_id).order_by("-seq")[:20])
    newest.sort(key=lambda p: p.group_id != group_id)
    reasons = []
    for penalty in newest:
        why_not = _why_not(penalty, at, community)
        if not why_not:
            return penalty, ""
        reasons.append(why_not)
    return None, reasons[0] if reasons else ""


def close_settled(batch: Batch) -> None:
    """A penalty that was taken back while its appeal waited: the appeal is right, its case needs nobody any more."""
    for event in batch.events:
        if event.kind != "penalty.reversed" or not event.body:
            continue
        for new in close_settled_case(batch.community_id, event.body["cause_seq"], by=event.body["by"], now=batch.now):
            batch.append(new)


def open_appeals(community_id: int) -> int:
    """How many appeals wait for an answer."""
    return Appeal.objects.filter(community_id=community_id, state=Appeal.State.OPEN).count()
