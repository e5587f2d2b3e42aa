"""What 今日 shows: work that waits, the day so far, yesterday against its thresholds. From rollups, not the log."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection

from qunzhu.analytics import selectors as analytics
from qunzhu.analytics.selectors import DayFigures
from qunzhu.console.reading.cases import QueueFilter, queue
from qunzhu.kernel.cases.models import Case, CaseProposal
from qunzhu.kernel.cases.two_person import standing_of
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.models import Community

CASES = 8
REACHING_BENCHMARK = 0.81  # guide: 81% 的群日均消息达标


@dataclass(frozen=True)
class Health:
    """What the machine still owes: effects not done yet, effects given up (a case is open), events not yet heard."""

    pending: int
    failed: int
    lag: int
    slowest: str


@dataclass(frozen=True)
class Kpi:
    """A number of yesterday beside its threshold; `percent`: both are ratios."""

    name: str
    value: float | None
    threshold: float
    percent: bool

    @property
    def good(self) -> bool:
        return self.value is not None and self.value >= self.threshold

    @property
    def bar(self) -> int:
        """Length of the bar in percent; the threshold stands at 70."""
        if not self.value or not self.threshold:
            return 0
        return min(100, round(self.value / self.threshold * 70))


@dataclass(frozen=True)
class Today:
    cases: list[Case]
    cases_open: int
    proposals: dict[int, CaseProposal]
    figures: DayFigures
    health: Health
    yesterday: date
    kpis: list[Kpi]


def today(community: Community, *, now: datetime) -> Today:
    """Everything on the page; ten queries, whatever the history."""
    day = local_day(now, community.timezone)
    waiting = queue(community.pk, QueueFilter(), user="", number=1)
    return Today(
        cases=list(waiting.rows[:CASES]),
        cases_open=waiting.total,
        proposals=standing_of(waiting.rows[:CASES], now=now),
        figures=analytics.today_figures(community, now=now),
        health=health(community.pk),
        yesterday=day - timedelta(days=1),
        kpis=kpis(community, day - timedelta(days=1)),
    )


def kpis(community: Community, day: date) -> list[Kpi]:
    """Three numbers of `day`: messages a group, share of lively groups, speakers against the week before."""
    groups = analytics.messages_by_group(community, day=day)
    threshold = analytics.messages_per_day(community.blueprint)
    days = analytics.messages_by_day(community, first=day - timedelta(days=7), last=day)
    week = [people for _, _, people in days[:-1]]
    count = community.groups.exclude(state="closed").count()
    lively = sum(n >= threshold for n in groups.values())
    return [
        Kpi("messages_a_group", round(sum(groups.values()) / count, 1) if count else None, threshold, percent=False),
        Kpi("lively_groups", lively / count if count else None, REACHING_BENCHMARK, percent=True),
        Kpi("speakers", days[-1][2] if count else None, round(sum(week) / len(week), 1), percent=False),
    ]


def health(community_id: int) -> Health:
    """One query over the pending index, the open cases and the cursors."""
    with connection.cursor() as cursor:
        cursor.execute(_HEALTH, {"c": community_id})
        pending, failed, lag, slowest = cursor.fetchone()
    return Health(pending, failed, max(0, lag or 0), slowest or "")


_HEALTH = """
SELECT (SELECT count(*) FROM effect WHERE community_id = %(c)s AND status = 'pending')::int,
       (SELECT count(*) FROM "case" WHERE community_id = %(c)s AND state = 'open' AND kind = 'effect_failed')::int,
       c.lag, c.consumer
FROM (SELECT 1) AS one LEFT JOIN LATERAL (
    SELECT h.seq - k.seq AS lag, k.consumer FROM consumer_cursor k JOIN event_head h USING (community_id)
    WHERE community_id = %(c)s ORDER BY k.seq LIMIT 1) AS c ON true
"""
