"""Ask for an ad clearance from the member page, take the request back, end a cleared ad early."""

from datetime import datetime

from django.db import transaction

from qunzhu.governance.clearance import policy
from qunzhu.governance.clearance.consumer import close_case
from qunzhu.governance.clearance.locks import lock_requests
from qunzhu.governance.clearance.models import Clearance
from qunzhu.governance.clearance.policy import Ask
from qunzhu.governance.clearance.standing import CLOSING, body_of, standing_of
from qunzhu.kernel.community.models import Community, Membership
from qunzhu.kernel.community.selectors import GONE
from qunzhu.kernel.engine.clearance_service import end_clearance
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id


class NotTaken(ValueError):
    """What was asked cannot be done; the message is a sentence for the person who asked."""


def check_request(community: Community, member_id: int, ask: Ask, *, now: datetime) -> None:
    """Raise `NotTaken` when the member may not ask for this now."""
    standing = standing_of(raw_connection(), community.pk, member_id, now=now, zone=community.timezone)
    problem = policy.problem_of(ask, standing, policy.limits_from(community.blueprint), now=now)
    if problem:
        raise NotTaken(problem)


@transaction.atomic
def request_clearance(
    *, community: Community, member_id: int, group_id: int | None, ask: Ask, key: str, now: datetime
) -> int:
    """Ask for `group_id` (None: every group the member is in); the same `key` asks once. Raises `NotTaken`."""
    lock_requests(raw_connection(), community.pk)
    groups = list(
        Membership.objects.filter(community_id=community.pk, member_id=member_id)
        .exclude(state__in=GONE)
        .order_by("group_id")
        .values_list("group_id", flat=True)
    )
    if not groups or (group_id is not None and group_id not in groups):
        raise NotTaken("只能为你所在的群报备，请先加入这个群。")
    fact = event_id("clearance.requested", community.pk, "page", member_id, key)
    known = log.seq_of(raw_connection(), community.pk, fact)
    if known is not None:
        return known
    check_request(community, member_id, ask, now=now)
    body = body_of(ask, via="page", group=group_id)
    event = NewEvent(community.pk, fact, "clearance.requested", now, body, group_id or groups[0], member_id)
    return log.append(raw_connection(), [event], now=now)[0].seq


@transaction.atomic
def withdraw_request(*, community_id: int, member_id: int, request: int, now: datetime) -> None:
    """The member no longer wants it. Raises `NotTaken` when staff were faster, Clearance.DoesNotExist for others'."""
    own = Clearance.objects.get(community_id=community_id, seq=request, member_id=member_id)
    if close_case(community_id, request, now=now):
        return
    closed = raw_connection().execute(
        "SELECT 1 FROM event WHERE community_id = %s AND kind = ANY(%s) AND seq > %s AND (body->>'request')::int8 = %s",
        [community_id, list(CLOSING), request, request],
    )
    if own.state != Clearance.State.WAITING or closed.fetchone() is not None:
        raise NotTaken("这条报备刚刚已经有结果了，不能再撤回。")
    fact = event_id("clearance.withdrawn", community_id, "request", request)
    body = {"request": request, "by": "member"}
    withdrawn = NewEvent(community_id, fact, "clearance.withdrawn", now, body, own.asked_in, member_id)
    log.append(raw_connection(), [withdrawn], now=now)


@transaction.atomic
def end_early(*, community_id: int, seq: int, by: str, now: datetime, member_id: int | None = None) -> None:
    """Close the window of a granted clearance now; `member_id`: only one of that member's own.

    Raises `NotTaken` when it does not hold any more, Clearance.DoesNotExist.
    """
    rows = Clearance.objects.filter(community_id=community_id)
    row = rows.get(seq=seq) if member_id is None else rows.get(seq=seq, member_id=member_id)
    over = row.until is not None and row.until <= now
    if row.state != Clearance.State.GRANTED or row.granted_seq is None or over:
        raise NotTaken("这条报备已经结束了。")
    end_clearance(community_id=community_id, granted=row.granted_seq, by=by, now=now)
