"""The consumer `learning`: hears what people decided, keeps each rule's record, and appends what it teaches.

Lessons are events (`lesson.learned`, `lesson.unlearned`), so the consumer `order` folds them at a place in the log and
a rebuild comes out equal. Only the author's own words are learned from: no quotes, no forwards, no bot.
"""

from typing import Any

import msgspec
import psycopg

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.cases.services import open_case
from qunzhu.kernel.community.selectors import blueprint_of
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import Batch, Consumer
from qunzhu.kernel.events.schema import Event, NewEvent, event_id
from qunzhu.kernel.text.normalise import normalise
from qunzhu.risk import teaching
from qunzhu.risk.detect.grams import grams
from qunzhu.risk.detect.lessons import own_words
from qunzhu.risk.detect.verdicts import Look, Senses
from qunzhu.risk.teaching import Judged

NAME = "learning"
PRECISION, FEWEST = 0.8, 10  # unless the blueprint says otherwise (risk.learning)

_COLUMNS = {
    "community_id": "int8",
    "rule": "text",
    "seq": "int8",
    "verdict_right": "bool",
    "verdict_by": "text",
    "verdict_at": "timestamptz",
    "verdict_seq": "int8",
}


def handle(batch: Batch) -> None:
    """Note verdicts on rules; outside a rebuild also teach, and raise the alarm."""
    of_people = sorted({seq for event in batch.events if (seq := teaching.by_a_human(event)) is not None})
    decided = _decided(batch, of_people) if of_people else {}
    heard = [(event, found) for event in batch.events if (found := teaching.judged(event, decided)) is not None]
    latest = {(found.rule, found.seq): (event, found) for event, found in heard}
    rows = [
        (batch.community_id, found.rule, found.seq, found.right, found.by, event.occurred_at, event.seq)
        for event, found in latest.values()
    ]
    upsert(
        batch.connection, "rule_review", _COLUMNS, rows,
        "(community_id, rule, seq) DO UPDATE SET verdict_right = excluded.verdict_right,"
        " verdict_by = excluded.verdict_by, verdict_at = excluded.verdict_at, verdict_seq = excluded.verdict_seq",
    )  # fmt: skip
    undone = [e.body["decided"] for e in batch.events if e.kind == "case.reopened" and e.body.get("decided")]
    if undone:
        psycopg.Cursor(batch.connection).execute(
            "DELETE FROM rule_review WHERE community_id = %s AND verdict_seq = ANY(%s)", [batch.community_id, undone]
        )
    if batch.rebuilding:
        return
    _Teacher(batch).teach(heard)
    for rule in sorted({found.rule for _, found in latest.values() if not found.right}):
        _watch_precision(batch, rule)


def _decided(batch: Batch, seqs: list[int]) -> dict[int, Event]:
    """These decisions, but for those that were undone: of them case.reopened takes back what was said."""
    rows = psycopg.Cursor(batch.connection).execute(
        "SELECT (body->>'decided')::int8 FROM event WHERE community_id = %s AND kind = 'case.reopened'"
        " AND (body->>'decided')::int8 = ANY(%s)",
        [batch.community_id, seqs],
    )
    undone = {row[0] for row in rows.fetchall()}
    return {e.seq: e for e in log.read_at(batch.connection, batch.community_id, seqs) if e.seq not in undone}


class _Teacher:
    """Turns the verdicts of a batch into lessons; knows what this batch has taught already."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.senses = Senses()
        self.stand: dict[tuple[int, str], bool | None] = {}

    def teach(self, heard: list[tuple[Event, Judged]]) -> None:
        for event in self.batch.events:
            if event.kind in {"report.upheld", "report.dismissed"} and event.body:
                self._report(event, right=event.kind == "report.upheld")
        for event in self.batch.events:
            if event.kind == "case.reopened" and event.body.get("decided"):
                self._undo(event)
        for event, found in heard:
            if event.kind == "penalty.reversed" and "case" in event.body:
                continue  # the case says it too
            facts = self._facts(found)
            for category in teaching.categories_of(facts):
                self._lesson(event, found.seq, category, right=found.right, by=found.by)

    def _report(self, event: Event, *, right: bool) -> None:
        row = self._one(
            "SELECT body FROM event WHERE community_id = %s AND seq = %s AND kind = 'report.filed'",
            event.body["report"],
        )
        filed = _plain(row[0]) if row else {}
        if filed.get("target_seq") is None:
            return
        message = self._message(filed["target_seq"])
        if message is None:
            return
        look = Look(normalise(message[1]), self.senses)
        category = teaching.category_of_report(str(filed.get("reason", "")), look)
        if category:
            self._lesson(event, filed["target_seq"], category, right=right, by=event.body["by"])

    def _undo(self, event: Event) -> None:
        """Take back what the undone decision taught."""
        row = self._one(
            "SELECT body FROM event WHERE community_id = %s AND seq = %s AND kind = 'case.decided'",
            event.body["decided"],
        )
        body = _plain(row[0]) if row else {}
        if "cause_seq" not in body:
            return
        found = Judged(body["cause_seq"], body["rule"], True, event.body["by"])
        for category in teaching.categories_of(self._facts(found)):
            if self._stands(found.seq, category) is not None:
                self._append(event, found.seq, category, None, {"by": found.by})

    def _facts(self, found: Judged) -> dict[str, Any]:
        row = (
            psycopg.Cursor(self.batch.connection)
            .execute(
                "SELECT facts FROM decision WHERE community_id = %s AND seq = %s AND rule = %s",
                [self.batch.community_id, found.seq, found.rule],
            )
            .fetchone()
        )
        return _plain(row[0]) if row else {}

    def _message(self, seq: int) -> tuple[int, str] | None:
        """Author and own words of a message; None when there is nothing of his own."""
        row = self._one(
            "SELECT body, member_id FROM event WHERE community_id = %s AND seq = %s AND kind = 'message.posted'", seq
        )
        if row is None or not row[0] or row[1] is None:
            return None
        words = own_words(_plain(row[0]))
        return (row[1], words) if words else None

    def _one(self, query: str, seq: int) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = (
            psycopg.Cursor(self.batch.connection).execute(query, [self.batch.community_id, seq]).fetchone()
        )
        return row

    def _stands(self, seq: int, category: str) -> bool | None:
        key = seq, category
        if key not in self.stand:
            row = (
                psycopg.Cursor(self.batch.connection)
                .execute(
                    "SELECT body->>'positive' FROM event WHERE community_id = %s AND kind IN ('lesson.learned',"
                    " 'lesson.unlearned') AND (body->>'message')::int8 = %s AND body->>'category' = %s"
                    " ORDER BY seq DESC LIMIT 1",
                    [self.batch.community_id, seq, category],
                )
                .fetchone()
            )
            self.stand[key] = None if row is None or row[0] is None else row[0] == "true"
        return self.stand[key]

    def _lesson(self, event: Event, seq: int, category: str, *, right: bool, by: str) -> None:
        stands = self._stands(seq, category)
        wanted = teaching.change(stands, right)
        if wanted == stands:
            return
        message = self._message(seq)
        if message is None:
            return
        author, words = message
        if wanted is None:
            self._append(event, seq, category, None, {"by": by})
            return
        normal = normalise(words)
        known = round(Look(normal, self.senses).known(category), 4)
        body = {"positive": wanted, "author": author, "by": by, "known": known, "grams": grams(normal)}
        self._append(event, seq, category, author, body)

    def _append(self, event: Event, seq: int, category: str, author: int | None, body: dict[str, Any]) -> None:
        self.stand[seq, category] = body.get("positive")
        self.batch.append(
            NewEvent(
                self.batch.community_id,
                event_id(NAME, self.batch.community_id, event.seq, seq, category),
                "lesson.unlearned" if author is None else "lesson.learned",
                event.occurred_at,
                {"message": seq, "category": category, **body},
                group_id=event.group_id,
                member_id=author,
            )
        )


def _plain(value: Any) -> dict[str, Any]:
    """JSON as the raw connection gives it (text), or nothing."""
    found: dict[str, Any] = msgspec.json.decode(value) if isinstance(value, str | bytes) else value or {}
    return found


def _watch_precision(batch: Batch, rule: str) -> None:
    """Open a case when people find a rule wrong too often."""
    learning = (blueprint_of(batch.community_id).get("risk") or {}).get("learning") or {}
    at_least = float(learning.get("precision_at_least", PRECISION * 100)) / 100
    fewest = int(learning.get("verdicts", FEWEST))
    rows = (
        psycopg.Cursor(batch.connection)
        .execute(
            "SELECT verdict_right FROM rule_review WHERE community_id = %s AND rule = %s"
            " ORDER BY verdict_seq DESC LIMIT %s",
            [batch.community_id, rule, 2 * fewest],
        )
        .fetchall()
    )
    verdicts = [right for (right,) in rows]
    if not teaching.alarmed(verdicts, at_least=at_least, fewest=fewest):
        return
    opened = open_case(
        community_id=batch.community_id,
        kind="rule_precision",
        key=f"precision:{rule}",
        title="规则误判太多",
        summary=_summary(rule, verdicts, at_least),
        urgency="yellow",
        payload={"checked_rule": rule, "right": sum(verdicts), "verdicts": len(verdicts)},
        now=batch.now,
    )
    if opened.event is not None:
        batch.append(opened.event)


def _summary(rule: str, verdicts: list[bool], at_least: float) -> str:
    return (
        f"规则 {rule} 最近 {len(verdicts)} 次人工核实中 {sum(verdicts)} 次属实"
        f"（{teaching.share_right(verdicts):.0%}，低于设定的 {at_least:.0%}），请检查条件，或先改为试运行。"
    )


CONSUMER = Consumer(NAME, handle, kinds=teaching.KINDS, tables=("rule_review",))
