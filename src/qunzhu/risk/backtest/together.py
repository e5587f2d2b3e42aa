"""Which groups and members a backtest must keep together when rules count per group, and how they are shared out.

A group's count needs all its messages, a member's standing all of his: whoever is in two groups ties them together.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import psycopg

from qunzhu.kernel.engine.rules import JUDGED_KINDS
from qunzhu.kernel.events import log
from qunzhu.risk.backtest.share import REPORT_KIND, Share

MOST_IN_ONE = 0.8  # of all events; with more in one share the others would only wait for it


def together(conn: psycopg.Connection[Any], community_id: int, end: int, of: int) -> list[Share]:
    """Up to `of` shares of about one size, the first the largest; one where nearly all hangs together."""
    spoke = psycopg.Cursor(conn).execute(
        "SELECT group_id, member_id, count(*) FROM event WHERE community_id = %s AND seq <= %s AND kind = ANY(%s)"
        " AND group_id IS NOT NULL AND member_id IS NOT NULL GROUP BY group_id, member_id",
        [community_id, end, list(JUDGED_KINDS)],
    ).fetchall()  # fmt: skip
    reports = log.read(conn, community_id, after=0, upto=end, kinds=[REPORT_KIND])
    told = [(e.group_id, e.body["target"], 0) for e in reports if e.group_id is not None and e.body.get("target")]
    return share_out([*spoke, *told], of)


def share_out(spoke: Iterable[tuple[int, int, int]], of: int) -> list[Share]:
    """Shares of (group, member, events) so that nobody is in two; pure."""
    bundles = _bundles(spoke)
    of = min(of, max(1, len(bundles)))
    total = sum(events for events, _, _ in bundles)
    size = [0] * of
    groups: list[set[int]] = [set() for _ in range(of)]
    members: list[set[int]] = [set() for _ in range(of)]
    for events, its_groups, its_members in bundles:
        at = size.index(min(size))
        size[at] += events
        groups[at] |= its_groups
        members[at] |= its_members
    if of == 1 or max(size) > MOST_IN_ONE * total:
        return [Share(0, 1)]
    everybody = frozenset().union(*members)
    return [
        Share(n, of, frozenset(groups[n]), frozenset(members[n]), everybody - frozenset(members[n])) for n in range(of)
    ]


def _bundles(spoke: Iterable[tuple[int, int, int]]) -> list[tuple[int, set[int], set[int]]]:
    """What hangs together, as (events, groups, members): the largest first."""
    above: dict[tuple[str, int], tuple[str, int]] = {}

    def top(one: tuple[str, int]) -> tuple[str, int]:
        while (higher := above.setdefault(one, one)) != one:
            above[one] = one = above[higher]
        return one

    events: dict[tuple[str, int], int] = defaultdict(int)
    for group, member, count in spoke:
        above[top(("m", member))] = top(("g", group))
        events["g", group] += count
    found: dict[tuple[str, int], tuple[list[int], set[int], set[int]]] = {}
    for kind, number in sorted(above):
        counts, groups, members = found.setdefault(top((kind, number)), ([], set(), set()))
        counts.append(events.get((kind, number), 0))
        (groups if kind == "g" else members).add(number)
    bundles = [(sum(counts), groups, members) for counts, groups, members in found.values()]
    return sorted(bundles, key=lambda bundle: (-bundle[0], min(bundle[1])))
