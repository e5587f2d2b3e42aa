"""Consumer `quality_score`: folds the log into scores, a batch with a fixed number of statements.

What a batch touches is loaded first, by key; events are then folded in order in memory, so that the sizes of batches do
not matter. With the setting `award`, a message that reaches the threshold is marked as quality content by the product:
the very event that a moderator's first mark would be, so the two can never both be paid.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import psycopg

from qunzhu.engagement.quality import policy
from qunzhu.engagement.quality.policy import Scored
from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.clock import local_day
from qunzhu.kernel.community.selectors import blueprint_of, zone_of
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id

SYSTEM = "qunzhu"
_SCORE = {
    "community_id": "int8", "message_seq": "int8", "group_id": "int8", "member_id": "int8", "day": "date",
    "historic": "bool", "length": "int2", "information": "int2", "sources": "int2", "copy_of": "int8",
    "replies": "int4", "reactions": "int4", "word": "text", "punished_by": "text", "score": "int2",
}  # fmt: skip
_SUPPORT = {
    "community_id": "int8", "message_seq": "int8", "member_id": "int8", "seq": "int8", "reply": "bool",
    "weight": "int2",
}  # fmt: skip
_TIE = {"community_id": "int8", "month": "int4", "author_id": "int8", "supporter_id": "int8", "times": "int4"}
_GRAM = {"community_id": "int8", "gram": "int8", "message_seq": "int8", "member_id": "int8", "day": "date"}
_FIELDS = list(_SCORE)[1:-1]


@dataclass
class Support:
    """An answer that was counted for a message: by which event, as what, and how much (in halves)."""

    seq: int
    reply: bool
    weight: int


@dataclass
class Fold:
    """A batch with all that it touches. What `changed` names is written at the end."""

    batch: Batch
    zone: str
    scores: dict[int, Scored] = field(default_factory=dict)
    supports: dict[tuple[int, int], Support] = field(default_factory=dict)  # (message, person)
    ties: dict[tuple[int, int, int], int] = field(default_factory=dict)  # (month, author, person)
    grams: dict[int, tuple[int, int, date]] = field(default_factory=dict)  # mark → message, member, day
    given_by: dict[int, tuple[int, int]] = field(default_factory=dict)  # answer → its place in `supports`
    changed: set[int] = field(default_factory=set)
    changed_supports: set[tuple[int, int]] = field(default_factory=set)
    changed_ties: set[tuple[int, int, int]] = field(default_factory=set)
    changed_grams: set[int] = field(default_factory=set)
    marks: dict[int, tuple[str, list[int]]] = field(default_factory=dict)  # seq → characters and marks of its text


def handle(batch: Batch) -> None:
    """Fold in log order, then write; outside a rebuild, mark what reached the threshold where the setting says so."""
    fold = Fold(batch, zone_of(batch.community_id))
    events = [event for event in batch.events if event.body]
    _load(fold, events)
    for event in events:
        if event.kind == "message.posted":
            _posted(fold, event)
        else:
            _judged(fold, event)
    _write(fold)
    if not batch.rebuilding and fold.changed:
        _award(fold)


def _load(fold: Fold, events: list[Event]) -> None:
    said = [e for e in events if e.kind == "message.posted" and e.member_id is not None and e.group_id is not None]
    for event in said:
        links = event.body.get("links") or ()
        characters = policy.own_characters(str(event.body.get("text") or ""), links)
        fold.marks[event.seq] = (characters, policy.grams(characters))
    wanted = {e.body["reply_to"] for e in said if isinstance(e.body.get("reply_to"), int)}
    named = {seq for e in events if (seq := _about(e)) is not None}
    run, community = psycopg.Cursor(fold.batch.connection).execute, fold.batch.community_id
    if named or wanted:
        rows = run(
            "SELECT message_seq, member_id, seq, reply, weight FROM quality_support WHERE community_id = %s"
            " AND (message_seq = ANY(%s) OR seq = ANY(%s))",
            [community, sorted(wanted), sorted(named)],
        ).fetchall()
        for seq, member, *rest in rows:
            _keep(fold, (seq, member), Support(*rest))
        touched = sorted({*wanted, *named, *(seq for seq, _ in fold.supports)})
        found = run(
            f"SELECT {', '.join(_FIELDS)} FROM message_score WHERE community_id = %s AND message_seq = ANY(%s)",
            [community, touched],
        ).fetchall()
        fold.scores = {row[0]: Scored(*row) for row in found}
        _load_ties(fold, said)
    if marks := sorted({mark for _, found in fold.marks.values() for mark in found}):
        rows = run(
            "SELECT gram, message_seq, member_id, day FROM quality_gram WHERE community_id = %s AND gram = ANY(%s)",
            [community, marks],
        ).fetchall()
        fold.grams = {gram: (seq, member, day) for gram, seq, member, day in rows}


def _load_ties(fold: Fold, said: list[Event]) -> None:
    """What the answering people and the authors of this batch had to do with each other in its months."""
    authors = {s.member_id for s in fold.scores.values()} | {e.member_id or 0 for e in said}
    people = sorted({e.member_id or 0 for e in said if e.body.get("reply_to") is not None})
    months = sorted({policy.month_of(local_day(e.occurred_at, fold.zone)) for e in said})
    if not people:
        return
    values = {"c": fold.batch.community_id, "m": months, "a": sorted(authors), "p": people}
    rows = psycopg.Cursor(fold.batch.connection).execute(
        "SELECT month, author_id, supporter_id, times FROM quality_tie WHERE community_id = %(c)s"
        " AND month = ANY(%(m)s) AND ((author_id = ANY(%(a)s) AND supporter_id = ANY(%(p)s))"
        " OR (author_id = ANY(%(p)s) AND supporter_id = ANY(%(a)s)))",
        values,
    )
    fold.ties = {(month, author, person): times for month, author, person, times in rows.fetchall()}


def _about(event: Event) -> int | None:
    """The message that a judgement is about."""
    body = event.body
    if event.kind == "message.recalled":
        seq = body.get("target")
    elif event.kind in {"quality.marked", "quality.unmarked", "quality.denied"}:
        seq = body.get("message")
    else:
        seq = body.get("cause_seq")
    return seq if isinstance(seq, int) else None


def _posted(fold: Fold, event: Event) -> None:
    if event.member_id is None or event.group_id is None:
        return
    characters, marks = fold.marks[event.seq]
    day = local_day(event.occurred_at, fold.zone)
    worth = policy.own(characters, len(event.body.get("links") or ()))
    oldest = day - timedelta(days=policy.COPY_DAYS)
    fresh = {mark: found[0] for mark in marks if (found := fold.grams.get(mark)) and found[2] >= oldest}
    fold.scores[event.seq] = Scored(
        event.seq, event.group_id, event.member_id, day, event.historic, worth.length, worth.information,
        worth.sources, policy.copied_from(marks, fresh),
    )  # fmt: skip
    fold.changed.add(event.seq)
    for mark in marks:
        if mark not in fresh:
            fold.grams[mark] = (event.seq, event.member_id, day)
            fold.changed_grams.add(mark)
    answered = event.body.get("reply_to")
    if isinstance(answered, int) and (score := fold.scores.get(answered)) is not None:
        _support(fold, score, event, day, reply=len(characters) >= policy.A_REPLY)


def _support(fold: Fold, score: Scored, event: Event, day: date, *, reply: bool) -> None:
    """Somebody answers a message: counted once a person, an answer in words before a mere reaction."""
    person = event.member_id or 0
    if person == score.member_id or event.seq == score.seq:
        return
    key = (score.seq, person)
    known = fold.supports.get(key)
    if known is not None:
        if reply and not known.reply and known.weight:
            score.reactions -= known.weight
            score.replies += known.weight
            _keep(fold, key, Support(event.seq, True, known.weight), changed=True)
            fold.changed.add(score.seq)
        return
    tie = (policy.month_of(day), score.member_id, person)
    times = fold.ties[tie] = fold.ties.get(tie, 0) + 1
    fold.changed_ties.add(tie)
    weight = policy.support(times, fold.ties.get((tie[0], person, score.member_id), 0))
    _keep(fold, key, Support(event.seq, reply, weight), changed=True)
    _count(score, reply=reply, halves=weight)
    fold.changed.add(score.seq)


def _keep(fold: Fold, key: tuple[int, int], given: Support, *, changed: bool = False) -> None:
    fold.supports[key] = given
    fold.given_by[given.seq] = key
    if changed:
        fold.changed_supports.add(key)


def _count(score: Scored, *, reply: bool, halves: int) -> None:
    if reply:
        score.replies += halves
    else:
        score.reactions += halves


def _judged(fold: Fold, event: Event) -> None:
    seq, body = _about(event), event.body
    if seq is None:
        return
    if event.kind in {"quality.marked", "quality.unmarked", "quality.denied"}:
        if (score := fold.scores.get(seq)) is not None:
            _said(score, event)
            fold.changed.add(seq)
        return
    rule = policy.RECALLED if event.kind == "message.recalled" else str(body.get("rule") or "staff")
    if event.kind == "penalty.reversed":
        if (score := fold.scores.get(seq)) is not None:
            score.pardon(rule)
            fold.changed.add(seq)
    elif _punishes(event):
        _punish(fold, seq, rule)


def _said(score: Scored, event: Event) -> None:
    """The last word of staff holds; the product's own mark is none."""
    if event.kind == "quality.denied":
        score.word = policy.DENIED
    elif event.kind == "quality.marked":
        score.word = policy.SCORED if event.body.get("via") == "score" else policy.MARKED
    elif event.body.get("why") == "staff":
        score.word = policy.DENIED
    else:  # punished: that is counted by itself, and must stay undone when the penalty is taken back
        score.word = policy.SCORED if score.word == policy.SCORED else ""


def _punishes(event: Event) -> bool:
    body = event.body
    if event.kind == "decision.made":
        acts = any(effect.get("kind") in {"warn", "mute", "remove", "recall"} for effect in body.get("effects") or ())
        return body["outcome"] == "live" and acts
    return event.kind == "message.recalled" or bool(body.get("step"))


def _punish(fold: Fold, seq: int, rule: str) -> None:
    """A punished message counts nothing, neither for its author nor as an answer to somebody else."""
    if (score := fold.scores.get(seq)) is not None:
        score.punish(rule)
        fold.changed.add(seq)
    key = fold.given_by.get(seq)
    given = fold.supports[key] if key else None
    if key and given and given.seq == seq and given.weight and (supported := fold.scores.get(key[0])) is not None:
        _count(supported, reply=given.reply, halves=-given.weight)
        _keep(fold, key, Support(seq, given.reply, 0), changed=True)
        fold.changed.add(key[0])


def _write(fold: Fold) -> None:
    conn, c = fold.batch.connection, fold.batch.community_id
    found = [fold.scores[seq] for seq in sorted(fold.changed)]
    rows: list[tuple[Any, ...]] = [
        (
            c, s.seq, s.group_id, s.member_id, s.day, s.historic, s.length, s.information, s.sources, s.copy_of,
            s.replies, s.reactions, s.word, s.punished_by, s.score,
        )
        for s in found
    ]  # fmt: skip
    changing = ", ".join(
        f"{name} = excluded.{name}" for name in ("replies", "reactions", "word", "punished_by", "score")
    )
    upsert(conn, "message_score", _SCORE, rows, f"(community_id, message_seq) DO UPDATE SET {changing}")
    given = [(c, *k, s.seq, s.reply, s.weight) for k in sorted(fold.changed_supports) if (s := fold.supports[k])]
    upsert(
        conn, "quality_support", _SUPPORT, given,
        "(community_id, message_seq, member_id) DO UPDATE SET seq = excluded.seq, reply = excluded.reply,"
        " weight = excluded.weight",
    )  # fmt: skip
    upsert(
        conn, "quality_tie", _TIE, [(c, *k, fold.ties[k]) for k in sorted(fold.changed_ties)],
        "(community_id, month, author_id, supporter_id) DO UPDATE SET times = excluded.times",
    )  # fmt: skip
    upsert(
        conn, "quality_gram", _GRAM, [(c, gram, *fold.grams[gram]) for gram in sorted(fold.changed_grams)],
        "(community_id, gram) DO UPDATE SET message_seq = excluded.message_seq, member_id = excluded.member_id,"
        " day = excluded.day",
    )  # fmt: skip


def _award(fold: Fold) -> None:
    community = fold.batch.community_id
    settings = policy.settings_from(blueprint_of(community))
    if not settings.award:
        return
    for seq in sorted(fold.changed):
        score = fold.scores[seq]
        if score.historic or score.word or score.punished_by or score.score < settings.threshold:
            continue
        fold.batch.append(
            NewEvent(
                community, event_id("quality.marked", community, seq, 1), "quality.marked", fold.batch.now,
                {"message": seq, "by": SYSTEM, "via": "score", "points": settings.points, "turn": 1},
                group_id=score.group_id, member_id=score.member_id,
            )
        )  # fmt: skip


CONSUMER = Consumer(
    "quality_score",
    handle,
    kinds=frozenset(
        {
            "message.posted", "message.recalled", "decision.made", "case.decided", "penalty.reversed",
            "quality.marked", "quality.unmarked", "quality.denied",
        }
    ),
    tables=("message_score", "quality_support", "quality_tie", "quality_gram"),
)  # fmt: skip
