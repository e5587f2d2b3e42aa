"""A small community for tests, and a pen to write its log with."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.db import transaction

from qunzhu.kernel.clock import FixedClock
from qunzhu.kernel.community.models import Community, Group, Member
from qunzhu.kernel.community.services import create_community, create_group
from qunzhu.kernel.events import log
from qunzhu.kernel.events.models import Event
from qunzhu.kernel.events.rebuild import check_projections
from qunzhu.kernel.events.runner import Consumer, Runner, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai
_number = count(1)


def make_community(blueprint: dict[str, Any] | None = None, timezone: str = "Asia/Shanghai") -> Community:
    return create_community(
        slug=f"c{next(_number)}", name="职场知识社", timezone=timezone, blueprint=blueprint or {}, now=NOW
    )


def make_group(community: Community, name: str = "一群", connector: str = "local") -> Group:
    return create_group(
        community=community,
        name=name,
        connector=connector,
        platform_id=f"g{next(_number)}",
        profile="full",
        capacity=500,
        announcement="",
        now=NOW,
    )


def make_member(community: Community, name: str = "小林") -> Member:
    return Member.objects.create(community=community, display_name=name, created_at=NOW)


def write(
    community: Community,
    kind: str,
    /,
    *,
    group: Group | None = None,
    member: Member | None = None,
    at: datetime = NOW,
    historic: bool = False,
    **body: Any,
) -> int:
    """Append one event; returns its seq."""
    event = NewEvent(
        community.pk,
        event_id("test", next(_number)),
        kind,
        at,
        body,
        group_id=group.pk if group else None,
        member_id=member.pk if member else None,
        connector="local",
        historic=historic,
    )
    with transaction.atomic():
        return log.append(raw_connection(), [event], now=NOW)[0].seq


def run(*consumers: Consumer, now: datetime = NOW) -> Runner:
    runner = Runner(consumers, clock=FixedClock(now))
    runner.run_once()
    return runner


def events_of(community: Community, *kinds: str) -> list[Event]:
    return list(Event.objects.filter(community_id=community.pk, kind__in=kinds).order_by("seq"))


def assert_rebuild_equals(community: Community, *consumers: Consumer) -> None:
    for result in check_projections(community.pk, consumers):
        assert [str(d) for d in result.differences] == []
        assert result.differing == 0
