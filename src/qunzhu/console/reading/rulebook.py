"""Versions of the rulebook, how often each rule was hit, and what changed between two versions, field by field."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from qunzhu.kernel.engine.models import Decision, RulebookVersion

VERSIONS = 100
# Decisions that count as hits: what the rule concluded on live traffic, done or on trial. Imported history does not.
_LIVE_OUTCOMES = ["live", "shadow", "yielded", "exempt", "cleared"]


@dataclass(frozen=True)
class Hits:
    """Hits of one rule in the last 7 and 30 days, and how many of the 30 were only on trial."""

    week: int
    month: int
    shadow: int


@dataclass(frozen=True)
class Change:
    """One field of one rule: `kind` is added, removed or changed; `path` is e.g. "limit.count" ("" is the rule)."""

    rule: str
    kind: str
    path: str
    old: Any
    new: Any


def versions(community_id: int) -> list[RulebookVersion]:
    """The newest hundred versions without their rules."""
    rows = RulebookVersion.objects.filter(community_id=community_id).order_by("-version").defer("rules")
    return list(rows[:VERSIONS])


def live(community_id: int) -> RulebookVersion | None:
    """The version that is in force."""
    rows = RulebookVersion.objects.filter(community_id=community_id, state=RulebookVersion.State.LIVE)
    return rows.order_by("-version").first()


def version(community_id: int, number: int) -> RulebookVersion | None:
    return RulebookVersion.objects.filter(community_id=community_id, version=number).first()


def hits(community_id: int, *, now: datetime) -> dict[str, Hits]:
    """Hits per rule in the last 30 days.

    Decisions are found by seq, so the first seq of the window is searched by halving over the log's primary key:
    the cost is that of the window, not of the history. Received times never run backwards by more than a
    transaction, which the hour of slack covers; events may be received later than they occurred, never earlier.
    """
    month, week = now - timedelta(days=30), now - timedelta(days=7)
    with connection.cursor() as cursor:
        cursor.execute(_HITS, {
            "c": community_id, "since": month - timedelta(hours=1), "month": month, "week": week,
            "outcomes": _LIVE_OUTCOMES,
        })  # fmt: skip
        return {rule: Hits(w, m, s) for rule, w, m, s in cursor.fetchall()}


def latest_hits(community_id: int, rule: str, *, limit: int) -> list[Decision]:
    """What a rule concluded last, newest first; imported history is left out."""
    rows = Decision.objects.filter(community_id=community_id, rule=rule).exclude(outcome="historic")
    return list(rows.order_by("-seq")[:limit])


_HITS = """
WITH RECURSIVE search(low, high) AS (
    SELECT 0::int8, coalesce((SELECT seq FROM event_head WHERE community_id = %(c)s), 0)
  UNION ALL
    SELECT CASE WHEN early THEN middle + 1 ELSE low END, CASE WHEN early THEN high ELSE middle END
    FROM (
        SELECT low, high, (low + high) / 2 AS middle, (
            SELECT received_at < %(since)s FROM event
            WHERE community_id = %(c)s AND seq >= (low + high) / 2 ORDER BY seq LIMIT 1) AS early
        FROM search WHERE low < high
    ) AS half
)
SELECT rule,
       count(*) FILTER (WHERE occurred_at >= %(week)s)::int,
       count(*)::int,
       count(*) FILTER (WHERE outcome = 'shadow')::int
FROM decision
WHERE community_id = %(c)s AND seq >= (SELECT min(high) FROM search)
  AND occurred_at >= %(month)s AND outcome = ANY(%(outcomes)s)
  AND NOT (outcome = 'shadow' AND EXISTS (  -- a rule on trial also looks at imported history
        SELECT FROM event WHERE event.community_id = %(c)s AND event.seq = decision.seq AND event.historic))
GROUP BY rule
"""


def changes(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[Change]:
    """What changed from one list of rules to another, in the order of the new list; removed rules come last."""
    before = {str(rule["id"]): rule for rule in old}
    after = {str(rule["id"]): rule for rule in new}
    found: list[Change] = []
    for rule_id, rule in after.items():
        if rule_id not in before:
            found.append(Change(rule_id, "added", "", None, rule))
        else:
            found.extend(_fields(rule_id, "", before[rule_id], rule))
    found.extend(Change(i, "removed", "", rule, None) for i, rule in before.items() if i not in after)
    return found


def _fields(rule: str, path: str, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(k for k in old if k not in new)]:
            yield from _entry(rule, f"{path}.{key}" if path else str(key), old, new, key)
    elif isinstance(old, list) and isinstance(new, list) and _structured(old, new):
        for number in range(max(len(old), len(new))):
            place = f"{path}[{number + 1}]"
            if number >= len(old):
                yield Change(rule, "added", place, None, new[number])
            elif number >= len(new):
                yield Change(rule, "removed", place, old[number], None)
            else:
                yield from _fields(rule, place, old[number], new[number])
    else:
        yield Change(rule, "changed", path, old, new)


def _structured(old: list[Any], new: list[Any]) -> bool:
    return all(isinstance(item, dict) for item in [*old, *new])


def _entry(rule: str, path: str, old: dict[str, Any], new: dict[str, Any], key: str) -> Iterator[Change]:
    if key not in old:
        yield Change(rule, "added", path, None, new[key])
    elif key not in new:
        yield Change(rule, "removed", path, old[key], None)
    else:
        yield from _fields(rule, path, old[key], new[key])
