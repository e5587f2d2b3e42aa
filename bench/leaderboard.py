"""The list and the own rank among many members: `python bench/leaderboard.py [MEMBERS]`; against summing postings."""

import statistics
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta

from common import START, scratch_home, set_up

WEEK = date(2026, 11, 23)
REPEATS = 30
POSTINGS = 3  # of a member in the week
NAIVE = (
    "SELECT owner, sum(amount), rank() OVER (ORDER BY sum(amount) DESC) FROM posting WHERE community_id = %s"
    " AND unit = 'PTS' AND at >= %s AND at < %s AND amount > 0 GROUP BY owner ORDER BY 2 DESC LIMIT 10"
)


def milliseconds(act: Callable[[], object]) -> float:
    """The 95th percentile of some calls, after one to warm up."""
    act()
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        act()
        times.append((time.perf_counter() - begun) * 1000)
    return statistics.quantiles(times, n=20)[-1]


def fill(community_id: int, members: int) -> None:
    """Members with points and a past, and the postings that they come from."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO honour_week SELECT %s, %s, n, 1 + n * 7919 %% 5000, n %% 3000, n, %s FROM"
            " generate_series(1, %s) n",
            [community_id, WEEK, WEEK - timedelta(days=90), members],
        )
        cursor.execute(
            "UPDATE honour_week SET since = %s WHERE community_id = %s AND member_id %% 20 = 0", [WEEK, community_id]
        )
        cursor.execute(
            "INSERT INTO posting SELECT %s, gen_random_uuid(), 0, 'm:' || n, 'PTS', 1 + (n * 7919 + k) %% 1500, 0,"
            " %s FROM generate_series(1, %s) n, generate_series(1, %s) k",
            [community_id, START + timedelta(hours=1), members, POSTINGS],
        )
        cursor.execute("VACUUM ANALYZE honour_week")
        cursor.execute("VACUUM ANALYZE posting")


def main() -> None:
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with scratch_home():
        set_up()
        from django.db import connection

        from qunzhu.engagement.honours.selectors import BOARDS, board
        from qunzhu.kernel.community.services import create_community

        club = create_community(slug="club", name="Club", timezone="Asia/Shanghai", blueprint={}, now=START)
        fill(club.pk, members)

        def naive() -> object:
            with connection.cursor() as cursor:
                cursor.execute(NAIVE, [club.pk, START, START + timedelta(days=7)])
                return cursor.fetchall()

        for name in BOARDS[:3]:
            spent = milliseconds(lambda name=name: board(club, name, week=WEEK, member_id=members // 2))
            print(f"{name}: top, own rank and size of {members:,} p95 {spent:.1f} ms")
        print(f"summing the postings p95 {milliseconds(naive):.1f} ms")
        connection.close()


if __name__ == "__main__":
    main()
