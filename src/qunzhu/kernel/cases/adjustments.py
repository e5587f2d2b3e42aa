"""Points given or taken by hand (调整积分): alone up to a sum, above it with a second person.

What counts is the sum of a member's adjustments on the local day, so that splitting a gift gets round nothing; to
oneself nobody gives alone. Guide, chapter 2: points; `engagement.points.alone_up_to`.
"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

import psycopg
from django.db import transaction

from qunzhu.kernel.cases.actions import ADJUSTMENT
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Staff
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.locks import lock_accounts
from qunzhu.kernel.ledger.selectors import member_account
from qunzhu.kernel.ledger.services import POINTS

ALONE_UP_TO = 200


def alone_up_to(community_id: int) -> int:
    """Points that one person may give or take of one member on one day; 0: any number."""
    given = blueprint_of(community_id).get("engagement", {}).get("points", {}).get("alone_up_to")
    return ALONE_UP_TO if given is None else int(given)


@transaction.atomic
def needs_second_person(*, community_id: int, member_id: int, amount: int, user: str, now: datetime) -> bool:
    """Whether `user` may not do this alone. Locks the member's account: of two at once, the second sees the first."""
    own = Staff.objects.filter(community_id=community_id, user__username=user, member_id=member_id)
    if amount > 0 and own.exists():
        return True
    limit = alone_up_to(community_id)
    if not limit:
        return False
    zone = zone_of(community_id)
    midnight = datetime.combine(local_day(now, zone), time(), ZoneInfo(zone))
    owner = member_account(member_id)
    lock_accounts(raw_connection(), community_id, [(owner, POINTS)])
    row = psycopg.Cursor(raw_connection()).execute(
        "SELECT coalesce(sum(abs(p.amount)), 0)::int8 FROM posting p JOIN ledger_transaction t"
        " ON t.community_id = p.community_id AND t.id = p.transaction_id"
        " WHERE p.community_id = %s AND p.owner = %s AND p.unit = 'PTS' AND p.at >= %s AND t.kind = %s"
        " AND t.idempotency_key NOT LIKE 'case:%%'",  # what two people gave is no part of what one may
        [community_id, owner, midnight, ADJUSTMENT],
    )
    (before,) = row.fetchone() or (0,)
    return int(before) + abs(amount) > limit


def request_adjustment(
    *, community_id: int, member_id: int, amount: int, reason: str, key: str, user: str, role: str | None, now: datetime
) -> Case:
    """Propose it as `user`: a case that a second person confirms. The same `key` asks once.

    Raises what `decide_case` raises; then no case was opened.
    """
    with transaction.atomic():
        before = Case.objects.filter(community_id=community_id, key=f"adjust:{key}").first()
        if before is not None:
            return before
        opened = open_case(
            community_id=community_id, kind="points_adjustment", key=f"adjust:{key}",
            title=f"调整成员 #{member_id} 的积分：{amount:+d}", summary=reason, member_id=member_id,
            payload={"amount": amount, "reason": reason}, now=now,
        )  # fmt: skip
        if opened.event is not None:
            log.append(raw_connection(), [opened.event], now=now)
        case = Case.objects.get(pk=opened.case_id)
        return decide_case(
            community_id=community_id, case_id=case.pk, action="adjust", user=user, role=role, version=case.version,
            note=reason, now=now,
        )  # fmt: skip
