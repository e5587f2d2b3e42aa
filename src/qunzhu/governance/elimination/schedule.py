"""Once a day, at the community's hour: who has been silent for too long. Restartable; a missed day is not caught up."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog
from django.db import transaction

from qunzhu.governance.elimination.consumer import NAME, STATEFUL
from qunzhu.governance.elimination.locks import lock_elimination
from qunzhu.governance.elimination.people import presences
from qunzhu.governance.elimination.policy import Presence, Settings, Verdict, judge, settings_from
from qunzhu.governance.elimination.run import Batch, tag_batch
from qunzhu.kernel.cases.models import Case
from qunzhu.kernel.cases.services import decide_case, open_case
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import LOST, raw_connection
from qunzhu.kernel.events.schema import NewEvent, event_id

OVER_CAP, NO_CALENDAR = "inactive:over-cap", "calendar:missing"
logger = structlog.get_logger("qunzhu.elimination")


@dataclass(frozen=True)
class Preview:
    """Whom a run on `day` would touch. `over_cap`: more than the setting allows without a human's confirmation."""

    day: date
    settings: Settings
    people: dict[int, Presence] = field(default_factory=dict)
    verdict: Verdict = field(default_factory=lambda: Verdict({}, {}))

    @property
    def over_cap(self) -> bool:
        return len(self.verdict.silent) > self.settings.at_most


def run_due(*, now: datetime) -> list[str]:
    """Look at every community whose hour has come and that was not looked at today; returns their slugs."""
    done = []
    for community in Community.objects.order_by("pk"):
        try:
            if run_community(community, now=now):
                done.append(community.slug)
        except LOST:
            raise
        except Exception:  # one broken community must not keep the others from being looked at
            logger.exception("run failed", community=community.slug)
    return done


def run_community(community: Community, *, now: datetime) -> bool:
    """Today's run of one community; False when its hour has not come, it was done, or consumers are behind."""
    settings = settings_from(community.blueprint)
    if now.astimezone(ZoneInfo(community.timezone)).time() < settings.run_at:
        return False
    with transaction.atomic():
        raw = raw_connection()
        lock_elimination(raw, community.pk)
        fact = event_id("inactive.ran", community.pk, local_day(now, community.timezone))
        if log.seq_of(raw, community.pk, fact) is not None:
            return False
        after = heard_up_to(raw, community.pk)
        if after is None:
            logger.warning("run put off: consumers are behind", community=community.slug)
            return False
        found = preview(community, settings=settings, after=after, now=now)
        events = _decide(community.pk, found, now)
        log.append(raw, [*events, _ran(community.pk, fact, found, now)], now=now)
    return True


def heard_up_to(conn: psycopg.Connection[Any], community_id: int) -> int | None:
    """How far the consumer has heard; None when something that changes who may be tagged still waits for it."""
    after = _cursor(conn, community_id)
    waiting = (
        psycopg.Cursor(conn)
        .execute(
            "SELECT 1 FROM event WHERE community_id = %s AND seq > %s AND kind = ANY(%s) LIMIT 1",
            [community_id, after, list(STATEFUL)],
        )
        .fetchone()
    )
    return None if waiting else after


def _cursor(conn: psycopg.Connection[Any], community_id: int) -> int:
    row = (
        psycopg.Cursor(conn)
        .execute("SELECT seq FROM consumer_cursor WHERE consumer = %s AND community_id = %s", [NAME, community_id])
        .fetchone()
    )
    return int(row[0]) if row else 0


def preview(
    community: Community, *, now: datetime, settings: Settings | None = None, after: int | None = None
) -> Preview:
    """Whom a run would touch now; nothing is written."""
    settings = settings or settings_from(community.blueprint)
    raw = raw_connection()
    if after is None:
        after = _cursor(raw, community.pk)
    day = local_day(now, community.timezone)
    people = presences(raw, community.pk, zone=community.timezone, after=after, now=now)
    return Preview(day, settings, people, judge(people, day, settings))


def _decide(community_id: int, found: Preview, now: datetime) -> list[NewEvent]:
    events = _tell_of_calendar(community_id, found, now)
    _close_older(community_id, now)
    if found.over_cap:
        return events + _ask_first(community_id, found, now)
    batch = Batch(community_id, found.day, found.people, found.verdict.silent, found.settings)
    return events + tag_batch(batch, now=now)


def _close_older(community_id: int, now: datetime) -> None:
    """Yesterday's list over the cap is worth nothing once there is a newer one."""
    case = Case.objects.filter(community_id=community_id, key=OVER_CAP, state=Case.State.OPEN).first()
    if case is not None:
        decide_case(
            community_id=community_id, case_id=case.pk, action="newer", user="qunzhu", role=None, version=case.version,
            now=now,
        )  # fmt: skip


def _ask_first(community_id: int, found: Preview, now: datetime) -> list[NewEvent]:
    """Over the cap nothing happens before a human has looked at the list."""
    count = len(found.verdict.silent)
    opened = open_case(
        community_id=community_id,
        kind="inactive_over_cap",
        key=OVER_CAP,
        title=f"有 {count} 位成员沉默，超过一次 {found.settings.at_most} 人的上限",
        summary="还没有对任何人做任何事。人数突然变多，常常是放假、平台故障或刚导入成员，请先看名单再确认。",
        urgency="yellow",
        payload={
            "day": found.day.isoformat(),
            "members": list(found.verdict.silent),
            "at_most": found.settings.at_most,
        },
        now=now,
    )
    return [opened.event] if opened.event else []


def _tell_of_calendar(community_id: int, found: Preview, now: datetime) -> list[NewEvent]:
    """Days of a year whose holidays are not known judge nobody; a human is told, once."""
    if not found.verdict.unknown:
        return []
    years = "、".join(map(str, found.verdict.years))
    opened = open_case(
        community_id=community_id,
        kind="calendar_missing",
        key=f"{NO_CALENDAR}:{years}",
        title=f"还没有 {years} 年的放假安排，沉默成员暂不处理",
        summary=(
            f"有 {len(found.verdict.unknown)} 位成员要看这些日子是不是节假日才能判断，系统不猜。"
            "升级 chinesecalendar，或在蓝图 governance.elimination.calendar 里填上这一年。"
        ),
        urgency="yellow",
        payload={"years": list(found.verdict.years)},
        now=now,
    )
    return [opened.event] if opened.event else []


def _ran(community_id: int, fact: Any, found: Preview, now: datetime) -> NewEvent:
    body = {
        "day": found.day.isoformat(),
        "looked_at": len(found.people),
        "silent": len(found.verdict.silent),
        "unknown": len(found.verdict.unknown),
        "at_most": found.settings.at_most,
        "over_cap": found.over_cap,
    }
    return NewEvent(community_id, fact, "inactive.ran", now, body)
