"""Lists and ranks: each is one walk along an index of honour_week, however many members there are."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg

from qunzhu.engagement.honours.models import HonourClosed, HonourPlace
from qunzhu.engagement.honours.policy import ALL_TIME, Place, Scored, Top, bounds, ranked, settings_from, top_of
from qunzhu.kernel.blueprint.chapters.engagement import Honour
from qunzhu.kernel.community.models import Community, Staff
from qunzhu.kernel.events.runner import raw_connection

BOARDS = ("week", "newcomers", "progress", "all")
_FIGURE = {"progress": "points * 4 - past"}
_MORE = {"newcomers": " AND since >= %(since)s", "progress": " AND past > 0 AND points * 4 - past > 0"}


@dataclass(frozen=True)
class Board:
    """A list with where one member stands. `ahead`: points to the next better place; progress is in quarter points."""

    top: Top
    own: Place | None
    ahead: int
    people: int


def excluded(community: Community, week: date, settings: Honour) -> list[int]:
    """Who is in no list of this week: staff and the punished, as the settings say."""
    out: set[int] = set()
    if not settings.with_staff:
        rows = Staff.objects.filter(community=community, member_id__isnull=False)
        out |= set(rows.values_list("member_id", flat=True))
    if not settings.with_punished and week != ALL_TIME:
        first, end = bounds(week, community.timezone)
        found = psycopg.Cursor(raw_connection()).execute(
            "SELECT DISTINCT member_id FROM honour_penalty WHERE community_id = %s AND at >= %s AND at < %s",
            [community.pk, first, end],
        )
        out |= {row[0] for row in found.fetchall()}
    return sorted(out)


class Reader:
    """Reads one list of one week."""

    def __init__(self, community: Community, board: str, week: date, *, limit: int | None = None) -> None:
        self.settings = settings_from(community.blueprint)
        self.limit = limit or self.settings.top
        self.week = ALL_TIME if board == "all" else week
        self.figure = _FIGURE.get(board, "points")
        last = week + timedelta(days=6)
        self.values: dict[str, Any] = {
            "c": community.pk, "w": self.week, "out": excluded(community, self.week, self.settings),
            "since": last - timedelta(days=self.settings.newcomer_days), "most": 2 * self.limit,
        }  # fmt: skip
        self.where = (
            "FROM honour_week WHERE community_id = %(c)s AND week = %(w)s AND points > 0"
            f"{_MORE.get(board, '')} AND member_id <> ALL(%(out)s)"
        )

    def _ask(self, sql: str, **more: Any) -> list[tuple[Any, ...]]:
        return psycopg.Cursor(raw_connection()).execute(sql, {**self.values, **more}).fetchall()

    def people(self) -> int:
        """How many are in the list."""
        return int(self._ask(f"SELECT count(*) {self.where}")[0][0])

    def top(self) -> Top:
        """The places that are named."""
        order = f"({self.figure}) DESC, reached_seq, member_id"
        rows = self._ask(f"SELECT member_id, {self.figure} {self.where} ORDER BY {order} LIMIT %(most)s")
        scored = [Scored(*row) for row in rows]
        if len(scored) < self.values["most"]:
            return top_of(scored, self.limit)
        last = [place for place in ranked(scored) if place.rank <= self.limit][-1].points
        level = self._ask(f"SELECT count(*) {self.where} AND {self.figure} = %(last)s", last=last)[0][0]
        return top_of(scored, self.limit, level=level)

    def own(self, member_id: int) -> tuple[Place | None, int]:
        """(the member's place, what is missing to the next better one)."""
        rows = self._ask(f"SELECT {self.figure} {self.where} AND member_id = %(m)s", m=member_id)
        if not rows:
            return None, 0
        points = rows[0][0]
        better, nearest = self._ask(
            f"SELECT count(*), min({self.figure}) {self.where} AND {self.figure} > %(p)s", p=points
        )[0]
        return Place(member_id, points, better + 1), (nearest - points if better else 0)


def board(community: Community, name: str, *, week: date, member_id: int | None = None) -> Board:
    """One of BOARDS with the own place of a member."""
    reader = Reader(community, name, week)
    own, ahead = reader.own(member_id) if member_id is not None else (None, 0)
    return Board(reader.top(), own, ahead, reader.people())


def closed_weeks(community_id: int, *, limit: int = 60) -> list[HonourClosed]:
    """Closed weeks, newest first."""
    return list(HonourClosed.objects.filter(community_id=community_id).order_by("-week")[:limit])


def places_of(community_id: int, weeks: list[date], board_name: str = "top") -> dict[date, list[HonourPlace]]:
    """Week → its places as announced."""
    rows = HonourPlace.objects.filter(community_id=community_id, week__in=weeks, board=board_name)
    found: dict[date, list[HonourPlace]] = {week: [] for week in weeks}
    for row in rows.order_by("week", "place"):
        found[row.week].append(row)
    return found


def famous(community_id: int, *, limit: int = 20) -> list[tuple[int, int, int, int]]:
    """(member, times in a weekly TOP, times first, best rank), the most famous first."""
    return (
        psycopg.Cursor(raw_connection())
        .execute(
            "SELECT member_id, count(*), count(*) FILTER (WHERE rank = 1), min(rank) FROM honour_place"
            " WHERE community_id = %s AND board = 'top' GROUP BY member_id ORDER BY 2 DESC, 3 DESC, 4, 1 LIMIT %s",
            [community_id, limit],
        )
        .fetchall()
    )
