"""Run a backtest: read the log from one snapshot, replay it, compare, and hand out a report that is the same each time.

Cost: the log is read once from its beginning to the end of the stretch, and each text once, also when two rulebooks
are compared; memory grows with the members who spoke and with the hits, not with the messages. At most `LISTED` rows
are listed. A long history is gone through by several processes, each with its share of the members (see `shares.py`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from qunzhu.risk.backtest import shares
from qunzhu.risk.backtest.compare import Compared, Hit, compare, short_effects
from qunzhu.risk.backtest.question import Against, Question, Rulebook
from qunzhu.risk.backtest.share import Found
from qunzhu.risk.backtest.verdicts import verdicts_of

__all__ = ["Against", "Progress", "Question", "Report", "Rulebook", "decode", "encode", "last_seq", "recorded", "run"]

FORMAT = 1


class Progress(msgspec.Struct, frozen=True):
    done: int
    total: int


class Judged(msgspec.Struct, frozen=True):
    """What the stretch held: events judged, people who spoke, events of erased members, events put aside."""

    events: int
    people: int
    erased: int
    skipped: int


class Report(msgspec.Struct, frozen=True):
    """The answer; `encode` gives the same bytes for the same question."""

    format: int
    rulebook: str
    version: int
    against: str
    other_version: int
    since: datetime
    until: datetime
    group: int | None
    upto: int
    words_of_today: bool
    judged: Judged
    compared: Compared


encode = msgspec.json.Encoder(order="sorted").encode
decode = msgspec.json.Decoder(Report).decode


def run(
    conn: psycopg.Connection[Any], question: Question, *, processes: int | None = None
) -> Iterator[Progress | Report]:
    """Yields progress, and the report last. `conn` should be in a REPEATABLE READ transaction of its own.

    `processes` (None: as the history's length and this machine suggest) changes how long it takes, never the report.
    """
    # Times in UTC come as `timezone.utc`, whose offset costs nothing to ask for; a zone's is looked up for each.
    conn.execute("SET LOCAL TIME ZONE 'UTC'")
    end = last_seq(conn, question)
    other = question.other if question.against == "rulebook" else None
    books = (question.rulebook,) if other is None else (question.rulebook, other)
    found, theirs = Found(), Found()
    for step in shares.hits(conn, question, books, end, (found, theirs)[: len(books)], processes):
        yield Progress(step, end)
    before = recorded(conn, question) if question.against == "recorded" else theirs.hits
    names = _names(question.rulebook, question.other)
    yield Report(
        format=FORMAT,
        rulebook=question.rulebook.digest,
        version=question.rulebook.version,
        against=question.against,
        other_version=0 if other is None else other.version,
        since=question.stretch.since,
        until=question.stretch.until,
        group=question.group_id,
        upto=question.upto,
        words_of_today=question.words_of_today,
        judged=Judged(found.events, len(found.people), found.erased, len(found.skipped)),
        compared=compare(
            before, found.hits, names=names, verdicts=verdicts_of(conn, question.community_id, upto=question.upto)
        ),
    )


def _names(*books: Rulebook | None) -> dict[str, str]:
    return {str(r["id"]): str(r.get("name", r["id"])) for book in reversed(books) if book for r in book.rules}


def last_seq(conn: psycopg.Connection[Any], question: Question) -> int:
    """The last event of the log that matters: later ones happened after the stretch."""
    row = psycopg.Cursor(conn).execute(
        "SELECT max(seq) FROM event WHERE community_id = %s AND seq <= %s AND occurred_at < %s AND occurred_at >= %s",
        [question.community_id, question.upto, question.stretch.until, question.stretch.since],
    ).fetchone()  # fmt: skip
    return int(row[0] or 0) if row else 0


def recorded(conn: psycopg.Connection[Any], question: Question) -> list[Hit]:
    """What was decided at the time."""
    rows = psycopg.Cursor(conn).execute(
        "SELECT seq, rule, occurred_at, group_id, member_id, outcome, strike, effects::text, sentence FROM decision"
        " WHERE community_id = %s AND occurred_at >= %s AND occurred_at < %s AND seq <= %s"
        " AND (%s::int8 IS NULL OR group_id = %s) ORDER BY seq, rule",
        [
            question.community_id, question.stretch.since, question.stretch.until, question.upto, question.group_id,
            question.group_id,
        ],
        binary=True,
    )  # fmt: skip
    return [
        Hit(seq, rule, at, group, member, outcome, strike, short_effects(msgspec.json.decode(effects)), sentence)
        for seq, rule, at, group, member, outcome, strike, effects, sentence in rows
    ]
