"""What pages, the mall and other parts read of levels, and what must always hold."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
from django.db.models import Count, QuerySet

from qunzhu.engagement.levels import policy
from qunzhu.engagement.levels.models import LevelFigure, LevelRun, MemberLevel
from qunzhu.engagement.levels.policy import Composite, LevelSettings, Missing, Reference
from qunzhu.engagement.levels.run import COUNTED, values_of
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events.runner import raw_connection

ONE = "AND member_id = %(m)s"


@dataclass(frozen=True)
class LevelCard:
    """How a member stands. `day` is None before the first run has looked at them; figures in points."""

    level: int
    name: str
    score: int = 0
    quality: int = 0
    active: int = 0
    messages: int = 0
    hours: int = 0
    progress: int = 0
    following: str = ""
    missing: Missing | None = None
    since: date | None = None
    until: date | None = None
    day: date | None = None


@dataclass(frozen=True)
class Counted:
    """A message (`message` is its seq) or a day of activity, and what it counts after decay, in points of the score."""

    day: date
    message: int | None
    score: int
    hours: int
    points: float


def level_of(community_id: int, member_id: int) -> int:
    """The member's level as a number, 0 the lowest."""
    rows = MemberLevel.objects.filter(community_id=community_id, member_id=member_id)
    return rows.values_list("level", flat=True).first() or 0


def level_name(community: Community, member_id: int) -> str:
    """What the member's level is called. One query."""
    names = policy.settings_from(community.blueprint).names
    return names[min(level_of(community.pk, member_id), len(names) - 1)]


def eligible(community_id: int, member_id: int, group_id: int | None = None) -> bool:  # noqa: ARG001
    """Whether levels are shown to this member; an experiment decides here and records the exposure."""
    return True


def last_run(community_id: int) -> LevelRun | None:
    """The latest run that ended."""
    return LevelRun.objects.filter(community_id=community_id, done_at__isnull=False).order_by("-day").first()


def cards(community_id: int, members: Iterable[int], settings: LevelSettings | None = None) -> dict[int, LevelCard]:
    """A card for each of the members. Three queries."""
    settings = settings or policy.settings_from(blueprint_of(community_id))
    wanted = set(members)
    run = LevelRun.objects.filter(community_id=community_id).order_by("-day").first()
    levels = {r.member_id: r for r in MemberLevel.objects.filter(community_id=community_id, member_id__in=wanted)}
    figures = {r.member_id: r for r in LevelFigure.objects.filter(community_id=community_id, member_id__in=wanted)}
    return {m: _card(levels.get(m), figures.get(m), run, settings) for m in wanted}


def _card(
    row: MemberLevel | None, figure: LevelFigure | None, run: LevelRun | None, settings: LevelSettings
) -> LevelCard:
    highest = len(settings.names) - 1
    level = min(row.level if row else 0, highest)
    name = settings.names[level]
    following = settings.names[level + 1] if level < highest else ""
    if figure is None or run is None:
        return LevelCard(level, name, following=following, since=row.since if row else None)
    found = Composite(figure.quality_points, figure.active_points)
    reference = Reference(run.quality_reference, run.active_reference)
    usual = max(run.threshold, 1)  # a message that just is quality content
    return LevelCard(
        level, name, found.score, found.quality, found.active, figure.messages, figure.hours,
        policy.progress(level, found.score, settings.thresholds), following,
        policy.missing(level, found, reference, settings, message_score=usual),
        row.since if row else None, row.until if row else None, figure.day,
    )  # fmt: skip


def counted_of(community_id: int, member_id: int, settings: LevelSettings, run: LevelRun) -> list[Counted]:
    """Down to messages: what the latest run counted for a member, newest first."""
    values = values_of(community_id, run.day, settings, run.threshold, member_id=member_id)
    rows = (
        psycopg.Cursor(raw_connection())
        .execute(
            f"SELECT day, message_seq, score, hours, quality, active FROM ({COUNTED.format(member=ONE)})"
            " t ORDER BY day DESC, message_seq DESC NULLS LAST",
            values,
        )
        .fetchall()
    )
    per_quality = policy.FULL * settings.quality_weight * 100 / max(run.quality_reference, policy.QUALITY_FLOOR)
    per_active = policy.FULL * settings.active_weight * 100 / max(run.active_reference, policy.ACTIVE_FLOOR)
    return [
        Counted(day, seq, score or 0, hours, round(quality * per_quality + active * per_active, 1))
        for day, seq, score, hours, quality, active in rows
    ]


def sizes(community_id: int) -> dict[int, int]:
    """Level → members the latest run found on it."""
    rows = LevelFigure.objects.filter(community_id=community_id).values_list("level").annotate(n=Count("member_id"))
    return dict(rows.order_by())


def figures(community_id: int, *, level: int | None = None, at_risk: bool = False) -> QuerySet[LevelFigure]:
    """Members of the latest run, the highest first."""
    rows = LevelFigure.objects.filter(community_id=community_id).order_by("-level", "-score", "member_id")
    if at_risk:
        rows = rows.filter(until__isnull=False)
    return rows if level is None else rows.filter(level=level)


def check_levels(community_id: int) -> list[str]:
    """Levels that are not what the last event about them says; for the hourly check of invariants."""
    rows: list[tuple[Any, ...]] = (
        psycopg.Cursor(raw_connection())
        .execute(
            "SELECT l.member_id, l.level, e.level FROM member_level l JOIN LATERAL ("
            "  SELECT (body->>'level')::int2 AS level FROM event WHERE community_id = l.community_id"
            "  AND member_id = l.member_id AND kind LIKE 'level.%%' AND seq <= (SELECT seq FROM consumer_cursor"
            "   WHERE consumer = 'levels' AND community_id = l.community_id)"
            "  ORDER BY seq DESC LIMIT 1) e ON true"
            " WHERE l.community_id = %s AND l.level <> e.level",
            [community_id],
        )
        .fetchall()
    )
    return [f"member {member} is at level {level}, the log says {said}" for member, level, said in rows]
