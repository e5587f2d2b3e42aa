"""Once a day, after the community's 4 o'clock: the levels of the day just over. Restartable; a missed day is left."""

from collections import defaultdict
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import psycopg
import structlog
from django.db import IntegrityError, transaction

from qunzhu.engagement.levels import run as reckoning
from qunzhu.engagement.levels import sayings
from qunzhu.engagement.levels.locks import lock_run
from qunzhu.engagement.levels.models import LevelRun
from qunzhu.engagement.levels.policy import LevelSettings, settings_from
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community
from qunzhu.kernel.effects import outbox
from qunzhu.kernel.effects.outbox import EffectRequest
from qunzhu.kernel.events.runner import LOST, raw_connection

HOUR = 4
HEARD = ("quality_score", "levels")
logger = structlog.get_logger("qunzhu.levels")
# Each once: in the group of the lowest number among those they are in.
_PLACES = (
    "SELECT DISTINCT ON (f.member_id) f.member_id, m.group_id, m.nickname, f.level FROM level_figure f"
    " JOIN membership m ON m.community_id = f.community_id AND m.member_id = f.member_id"
    " AND m.state NOT IN ('left', 'removed') JOIN community_group g ON g.id = m.group_id AND g.state <> 'closed'"
    " WHERE f.community_id = %(c)s AND f.day = %(d)s AND {which} ORDER BY f.member_id, m.group_id"
)


def run_due(*, now: datetime) -> list[str]:
    """Run every community whose hour has come and that was not done today; the slugs of those that were finished."""
    done = []
    for community in Community.objects.order_by("pk"):
        try:
            if run_community(community, now=now):
                done.append(community.slug)
        except LOST:
            raise
        except Exception:  # one broken community must not keep the others waiting
            logger.exception("levels failed", community=community.slug)
    return done


def run_community(community: Community, *, now: datetime) -> bool:
    """Begin or go on with today's run; False when its hour has not come, it was done, or consumers are behind."""
    if now.astimezone(ZoneInfo(community.timezone)).hour < HOUR:
        return False
    day, settings = local_day(now, community.timezone), settings_from(community.blueprint)
    if not _begun(community, day, settings, now):
        return False
    while True:
        with transaction.atomic():
            run = lock_run(community.pk)
            if run is None or run.day != day or run.done_at:
                return False
            if not reckoning.advance(run, settings, now=now):
                _tell(run, settings, now)
                run.done_at = now
                run.save(update_fields=["done_at"])
                return True


def _begun(community: Community, day: date, settings: LevelSettings, now: datetime) -> bool:
    try:
        with transaction.atomic():
            run = lock_run(community.pk)
            if run is not None and run.day >= day:
                return run.day == day and run.done_at is None
            if _behind(community, day):
                logger.warning("levels put off: consumers are behind", community=community.slug)
                return False
            reckoning.begin(community.pk, day=day, settings=settings, now=now)
    except IntegrityError:
        return False  # another scheduler begins this very first run
    return True


def _behind(community: Community, day: date) -> bool:
    """Whether something that happened before the day still waits to be heard."""
    start = datetime.combine(day, time(), ZoneInfo(community.timezone))
    row = (
        psycopg.Cursor(raw_connection())
        .execute(
            "SELECT EXISTS (SELECT FROM consumer_cursor k JOIN event e ON e.community_id = k.community_id"
            " AND e.seq > k.seq WHERE k.community_id = %s AND k.consumer = ANY(%s) AND (e.occurred_at < %s"
            " OR e.kind = ANY(%s)))",
            [community.pk, list(HEARD), start, ["level.changed", "level.warned", "level.kept"]],
        )
        .fetchone()
    )
    return bool(row and row[0])


def _tell(run: LevelRun, settings: LevelSettings, now: datetime) -> None:
    """One message per group for all who rose; a notice in private for each whose level has come to be at risk."""
    conn, values = raw_connection(), {"c": run.community_id, "d": run.day}
    groups: dict[int, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for _, group, name, level in conn.execute(_PLACES.format(which="f.level > f.before"), values).fetchall():
        groups[group][level].append(name)
    wanted = []
    for group, risen in sorted(groups.items()):
        named = {settings.names[level]: sorted(names) for level, names in sorted(risen.items(), reverse=True)}
        key = f"levels:{run.community_id}:{run.day}:{group}"
        wanted.append(EffectRequest("say", key, group, None, {"text": sayings.say_risen(named)}, rule="levels"))
    fresh = "f.until IS NOT NULL AND f.until = %(u)s"
    values["u"] = fresh_until = _fresh_until(run, settings)
    for member, group, _, level in conn.execute(_PLACES.format(which=fresh), values).fetchall():
        text = sayings.say_at_risk(settings.names[level], settings.names[level - 1], fresh_until)
        key = f"levels:{run.community_id}:{run.day}:risk:{member}"
        payload = {"text": text, "to": member, "private": True}
        wanted.append(EffectRequest("answer", key, group, member, payload, rule="levels"))
    outbox.request(conn, run.community_id, wanted, now=now)


def _fresh_until(run: LevelRun, settings: LevelSettings) -> date:
    """The end of grace of those who were warned by this run."""
    return date.fromordinal(run.day.toordinal() + settings.grace_days)
