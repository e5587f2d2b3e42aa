"""知道了，我同意: members agree to a version of the rulebook, on their page or by a word in chat; counted per group.

The event says which version; a member who agrees twice to one has agreed once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import psycopg
from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from qunzhu.governance.models import Consent
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.community.models import Membership
from qunzhu.kernel.community.selectors import GONE
from qunzhu.kernel.engine.models import RulebookVersion
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, raw_connection
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

SAY_AGREED = "记下了：你同意第 {version} 版群规，谢谢。"
SAY_NO_RULES = "群里还没有发布群规，发布后再同意就好。"

_COLUMNS = {
    "community_id": "int8", "version": "int4", "member_id": "int8", "at": "timestamptz", "via": "text", "seq": "int8",
}  # fmt: skip


class NotInForce(ValueError):
    """The version is not the one in force; `version` is (0: none)."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version} is in force")
        self.version = version


def consent_event(
    community_id: int, member_id: int, version: int, *, via: Literal["page", "chat"], at: datetime
) -> NewEvent:
    """The fact that a member agreed to a version; the same fact has the same id."""
    return NewEvent(
        community_id, event_id("consent.given", community_id, version, member_id), "consent.given", at,
        {"version": version, "via": via}, member_id=member_id,
    )  # fmt: skip


@transaction.atomic
def give_consent(*, community_id: int, member_id: int, version: int, now: datetime) -> None:
    """A member has read `version` on his page and agrees. Raises NotInForce when another one holds by now."""
    live = version_in_force(community_id)
    if version != live:
        raise NotInForce(live)
    log.append(raw_connection(), [consent_event(community_id, member_id, version, via="page", at=now)], now=now)


def version_in_force(community_id: int) -> int:
    """The number of the live version; 0 when there is none."""
    live = RulebookVersion.objects.filter(community_id=community_id, state=RulebookVersion.State.LIVE)
    return live.values_list("version", flat=True).first() or 0


def in_force_for(community_id: int, member_id: int) -> tuple[int, bool]:
    """The version in force (0: none), and whether the member agreed to it; one query, for every page of theirs."""
    given = Consent.objects.filter(community_id=community_id, member_id=member_id, version=OuterRef("version"))
    live = RulebookVersion.objects.filter(community_id=community_id, state=RulebookVersion.State.LIVE)
    return live.annotate(agreed=Exists(given)).values_list("version", "agreed").first() or (0, False)


def project(batch: Batch) -> None:
    """Keep the table `consent`."""
    rows: list[tuple[Any, ...]] = [
        (e.community_id, e.body["version"], e.member_id, e.occurred_at, e.body["via"], e.seq)
        for e in batch.events
        if e.kind == "consent.given" and e.body and e.member_id is not None
    ]
    upsert(batch.connection, "consent", _COLUMNS, rows, "(community_id, version, member_id) DO NOTHING")


def hear(batch: Batch, event: Event) -> str:
    """同意群规 in chat: the version in force is agreed to; returns the answer."""
    row = psycopg.Cursor(batch.connection).execute(
        "SELECT version FROM rulebook_version WHERE community_id = %s AND state = 'live'", [batch.community_id]
    ).fetchone()  # fmt: skip
    if row is None or event.member_id is None:
        return SAY_NO_RULES
    batch.append(consent_event(batch.community_id, event.member_id, row[0], via="chat", at=event.occurred_at))
    return SAY_AGREED.format(version=row[0])


def agreed_to(community_id: int, member_id: int, version: int) -> Consent | None:
    """The member's consent to a version, or None."""
    return Consent.objects.filter(community_id=community_id, member_id=member_id, version=version).first()


@dataclass(frozen=True)
class GroupConsent:
    """Of `members` in the group now, how many agreed to the version."""

    group_id: int
    members: int
    agreed: int


def by_group(community_id: int, version: int) -> list[GroupConsent]:
    """Consent per group, by group; everybody who is in it now is asked for."""
    present = Membership.objects.filter(community_id=community_id).exclude(state__in=GONE)
    members = dict(present.values_list("group_id").annotate(n=Count("member_id")))
    who = Consent.objects.filter(community_id=community_id, version=version).values("member_id")
    agreed = dict(present.filter(member_id__in=who).values_list("group_id").annotate(n=Count("member_id")))
    return [GroupConsent(group, members[group], agreed.get(group, 0)) for group in sorted(members)]


def counts(community_id: int, versions: Iterable[int]) -> dict[int, int]:
    """How many members agreed to each version."""
    rows = Consent.objects.filter(community_id=community_id, version__in=list(versions))
    return dict(rows.values_list("version").annotate(n=Count("member_id")))
