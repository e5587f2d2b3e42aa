"""Make one case of two about the same member, so that nobody decides the same matter twice."""

from datetime import datetime

from django.db import transaction

from qunzhu.kernel.cases import two_person
from qunzhu.kernel.cases.errors import CaseError
from qunzhu.kernel.cases.kinds import KINDS, URGENCIES
from qunzhu.kernel.cases.locks import lock_case
from qunzhu.kernel.cases.models import Case, CaseNote, CaseProposal
from qunzhu.kernel.cases.services import Stale
from qunzhu.kernel.community import audit
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class CannotMerge(CaseError):
    """The two cases are not about the same, or closing one would leave something undone."""


def check_mergeable(case: Case, into: Case) -> None:
    """Raise `CannotMerge` unless both are open cases of one mergeable kind about one member."""
    if case.pk == into.pk:
        raise CannotMerge("不能把工单并入它自己")
    if case.member_id is None or case.member_id != into.member_id or case.kind != into.kind:
        raise CannotMerge("只能合并同一位成员的同类工单")
    if not KINDS[case.kind].mergeable:
        raise CannotMerge("这类工单各有要做的事,不能合并")


@transaction.atomic
def merge_case(*, community_id: int, case_id: int, version: int, into_id: int, user: str, now: datetime) -> Case:
    """Close `case_id` as part of `into_id`, which gets its evidence, its notes by reference and the higher urgency.

    Raises `Stale`, `CannotMerge` or Case.DoesNotExist. Returns the case that goes on.
    """
    locked = {number: lock_case(community_id, number) for number in sorted({case_id, into_id})}
    case, into = locked[case_id], locked[into_id]
    if case.state != Case.State.OPEN or case.version != version:
        raise Stale(case)
    if into.state != Case.State.OPEN:
        raise Stale(into)
    check_mergeable(case, into)
    two_person.close(case, CaseProposal.State.OVERRULED, by=user, now=now)
    found = {*case.evidence, *([case.event_seq] if case.event_seq is not None else [])}
    more = sorted(found - {*into.evidence, into.event_seq})
    case.state, case.merged_into, case.version = Case.State.MERGED, into.pk, case.version + 1
    case.decided_by, case.decided_at = user, now
    case.save(update_fields=["state", "merged_into", "version", "decided_by", "decided_at"])
    into.evidence = sorted({*into.evidence, *more})
    into.urgency = min(case.urgency, into.urgency, key=URGENCIES.index)
    times = [t for t in (case.deadline, into.deadline) if t is not None]
    into.deadline, into.version = min(times, default=None), into.version + 1
    into.save(update_fields=["evidence", "urgency", "deadline", "version"])
    for one, text in ((case, f"并入 #{into.pk}"), (into, f"并入了 #{case.pk}“{case.title}”的 {len(more)} 条证据")):
        CaseNote.objects.create(community_id=community_id, case=one, at=now, author=user, text=text)
    audit.record(
        community_id=community_id, user=user, action="case.merge", target=f"case:{case_id}",
        detail={"into": into_id}, now=now,
    )  # fmt: skip
    event = NewEvent(
        community_id,
        event_id("case.merged", community_id, case_id),
        "case.merged",
        now,
        {"case": case_id, "kind": case.kind, "into": into_id, "evidence": more, "by": user},
        group_id=case.group_id,
        member_id=case.member_id,
    )
    log.append(raw_connection(), [event], now=now)
    return into
