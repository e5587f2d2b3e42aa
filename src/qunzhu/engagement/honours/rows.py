"""How events become rows: contributions by week, penalties, closed weeks, counts and badges. Plain SQL, in batches."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import psycopg

from qunzhu.engagement.honours.policy import ALL_TIME, PAST_WEEKS, settings_from, week_of
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event, event_id
from qunzhu.kernel.ledger.services import POINTS, transaction_id

UNDONE = ":undone"
_WEEK = {"community_id": "int8", "week": "date", "member_id": "int8", "points": "int8", "past": "int8",
         "reached_seq": "int8", "since": "date"}  # fmt: skip
_PAST = (
    "UPDATE honour_week t SET past = n.past FROM (SELECT w.week, w.member_id, coalesce((SELECT sum(p.points)"
    " FROM honour_week p WHERE p.community_id = w.community_id AND p.member_id = w.member_id"
    " AND p.week BETWEEN w.week - %(days)s AND w.week - 7), 0) AS past FROM honour_week w"
    " WHERE w.community_id = %(c)s AND w.member_id = ANY(%(m)s) AND w.week >= %(first)s) n"
    " WHERE t.community_id = %(c)s AND t.week = n.week AND t.member_id = n.member_id AND t.past <> n.past"
)
_COUNTS = {"checkin.done": ("checkin", 1), "quality.marked": ("quality", 1), "quality.unmarked": ("quality", -1),
           "report.upheld": ("report", 1), "report.overturned": ("report", -1)}  # fmt: skip


def project_points(batch: Batch) -> None:
    """Add what was earned to its week, take off what was reversed, from the week in which it was earned."""
    told = [e for e in batch.events if e.kind == "points.posted" and e.member_id and e.body.get("unit") == POINTS]
    if not told:
        return
    kinds = frozenset(settings_from(blueprint_of(batch.community_id)).kinds)
    zone = zone_of(batch.community_id)
    moved: dict[tuple[date, int], list[int]] = defaultdict(lambda: [0, 0])
    for event, amount, seq in (*_earned(told, kinds), *_reversed(batch, told, kinds)):
        week = week_of(local_day(event.occurred_at, zone))
        for key in ((week, event.member_id or 0), (ALL_TIME, event.member_id or 0)):
            moved[key][0] += amount
            moved[key][1] = max(moved[key][1], seq)
    if moved:
        _add(batch, moved, zone)


def _earned(told: Iterable[Event], kinds: frozenset[str]) -> list[tuple[Event, int, int]]:
    return [(e, int(e.body["amount"]), e.seq) for e in told if e.body["kind"] in kinds and e.body["amount"] > 0]


def _reversed(batch: Batch, told: Iterable[Event], kinds: frozenset[str]) -> list[tuple[Event, int, int]]:
    """The whole of what was reversed leaves the list, also where the account had less by then."""
    undoing = [e.body["transaction"] for e in told if e.body["kind"].split(".")[-1] in {"undone", "reversed"}]
    if not undoing:
        return []
    run = psycopg.Cursor(batch.connection).execute
    entries = run(
        "SELECT reverses, idempotency_key FROM ledger_transaction WHERE community_id = %s AND id = ANY(%s::uuid[])",
        [batch.community_id, undoing],
    ).fetchall()
    of = [undone or transaction_id(batch.community_id, key.removesuffix(UNDONE)) for undone, key in entries]
    rows = run(
        "SELECT member_id, occurred_at, body FROM event WHERE community_id = %s AND id = ANY(%s) AND body IS NOT NULL",
        [batch.community_id, [event_id("points.posted", one) for one in of]],
    ).fetchall()
    found = [
        Event(batch.community_id, 0, event_id(member), "points.posted", None, member, at, at, "", False, body)
        for member, at, body in rows
    ]
    return [(event, -amount, 0) for event, amount, _ in _earned(found, kinds)]


def _add(batch: Batch, moved: dict[tuple[date, int], list[int]], zone: str) -> None:
    members = sorted({member for _, member in moved})
    run = psycopg.Cursor(batch.connection).execute
    seen = dict(
        run(
            "SELECT id, created_at FROM member WHERE community_id = %s AND id = ANY(%s)", [batch.community_id, members]
        ).fetchall()
    )
    rows = [
        (batch.community_id, week, member, points, 0, seq, local_day(seen[member], zone) if member in seen else None)
        for (week, member), (points, seq) in sorted(moved.items())
    ]
    conflict = (
        "(community_id, week, member_id) DO UPDATE SET points = t.points + excluded.points,"
        " reached_seq = greatest(t.reached_seq, excluded.reached_seq)"
    )
    upsert(batch.connection, "honour_week", _WEEK, rows, conflict)
    first = min(week for week, _ in moved if week != ALL_TIME)
    run(_PAST, {"c": batch.community_id, "m": members, "first": first, "days": timedelta(weeks=PAST_WEEKS).days})


def project_penalties(batch: Batch) -> None:
    """Who is punished, and since when; a penalty that was taken back never was."""
    run = psycopg.Cursor(batch.connection).execute
    for event in batch.events:
        if not event.body or event.member_id is None:
            continue
        if (cause := _punishes(event)) is not None:
            rule = str(event.body.get("rule") or "human")
            run(
                "INSERT INTO honour_penalty (community_id, member_id, cause_seq, rule, at) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT DO NOTHING",
                [batch.community_id, event.member_id, cause, rule, event.occurred_at],
            )
        elif event.kind == "penalty.reversed":
            run(
                "DELETE FROM honour_penalty WHERE community_id = %s AND member_id = %s AND cause_seq = %s",
                [batch.community_id, event.member_id, event.body["cause_seq"]],
            )


def _punishes(event: Event) -> int | None:
    body = event.body
    if event.kind == "penalty.given":
        return event.seq
    if event.kind == "decision.made" and body.get("outcome") == "live" and body.get("strike") is True:
        return int(body["cause_seq"])
    return None


def project_closed(batch: Batch) -> None:
    """Weeks as they were announced."""
    run = psycopg.Cursor(batch.connection).execute
    for event in batch.events:
        if event.kind != "honour.closed":
            continue
        body, week = event.body, date.fromisoformat(event.body["week"])
        run(
            "INSERT INTO honour_closed (community_id, week, seq, at, people, more) VALUES (%s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [batch.community_id, week, event.seq, event.occurred_at, body["people"], body["more"]],
        )
        for board in ("top", "newcomers", "progress"):
            for number, place in enumerate(body[board], 1):
                run(
                    "INSERT INTO honour_place (community_id, week, board, member_id, rank, place, points)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                    [batch.community_id, week, board, place["member"], place["rank"], number, place["points"]],
                )


def project_counts(batch: Batch) -> set[int]:
    """What badges count; returns whose counts moved."""
    added: dict[tuple[int, str], int] = defaultdict(int)
    longest: dict[int, int] = {}
    for event in batch.events:
        if event.kind == "honour.closed":
            for place in event.body["top"]:
                added[place["member"], "top"] += 1
        elif event.kind in _COUNTS and event.member_id is not None:
            what, n = _COUNTS[event.kind]
            added[event.member_id, what] += n
            if event.kind == "checkin.done":
                longest[event.member_id] = max(longest.get(event.member_id, 0), int(event.body["streak"]))
    columns = {"community_id": "int8", "member_id": "int8", "what": "text", "n": "int4"}
    key = "(community_id, member_id, what) DO UPDATE SET n = "
    rows = [(batch.community_id, member, what, n) for (member, what), n in sorted(added.items())]
    upsert(batch.connection, "honour_count", columns, rows, f"{key}t.n + excluded.n")
    streaks = [(batch.community_id, member, "streak", n) for member, n in sorted(longest.items())]
    upsert(batch.connection, "honour_count", columns, streaks, f"{key}greatest(t.n, excluded.n)")
    return {member for member, _ in added}


def project_badges(batch: Batch) -> set[int]:
    """Badges as the log gives and takes them; returns whose moved."""
    told = [e for e in batch.events if e.kind in {"badge.awarded", "badge.taken"} and e.member_id is not None]
    run = psycopg.Cursor(batch.connection).execute
    for e in told:
        run(
            "INSERT INTO honour_badge (community_id, member_id, badge, turn, held, at, seq)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (community_id, member_id, badge) DO UPDATE"
            " SET turn = excluded.turn, held = excluded.held, at = excluded.at, seq = excluded.seq",
            [
                batch.community_id, e.member_id, e.body["badge"], e.body["turn"], e.kind == "badge.awarded",
                e.occurred_at, e.seq,
            ],
        )  # fmt: skip
    return {e.member_id for e in told if e.member_id is not None}


def forget(batch: Batch, members: Sequence[int]) -> None:
    """Who was erased is in no list any more; the closed weeks keep the number without a name."""
    run = psycopg.Cursor(batch.connection).execute
    for table in ("honour_week", "honour_penalty"):
        run(
            f"DELETE FROM {table} WHERE community_id = %s AND member_id = ANY(%s)",
            [batch.community_id, list(members)],
        )
