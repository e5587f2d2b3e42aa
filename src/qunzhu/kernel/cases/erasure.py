"""Ask for a member to be erased: a case, so that it is seen, reasoned and, where the rule says so, confirmed."""

from datetime import datetime

from django.db import transaction

from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.community.models import Member
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection


def request_erasure(
    *, community_id: int, member_id: int, user: str, role: str | None, reason: str, now: datetime
) -> Case:
    """Open the case (or find it) and press its button as `user`: proposed under the two-person rule, else done at once.

    Raises Member.DoesNotExist, and what `decide_case` raises; then no case was opened either.
    """
    Member.objects.get(community_id=community_id, pk=member_id)
    with transaction.atomic():
        opened = open_case(
            community_id=community_id, kind="member_erasure", key=f"erase:{member_id}", title=f"抹除成员 #{member_id}",
            member_id=member_id, now=now,
        )  # fmt: skip
        if opened.event is not None:
            log.append(raw_connection(), [opened.event], now=now)
        case = Case.objects.get(pk=opened.case_id)
        return decide_case(
            community_id=community_id, case_id=case.pk, action="erase", user=user, role=role, version=case.version,
            note=reason, now=now,
        )  # fmt: skip
