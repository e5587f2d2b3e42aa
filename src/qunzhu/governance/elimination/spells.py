"""One silence of a member while a batch is folded into it: pure changes, and what is to follow from them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.effects.details import put_into_words
from qunzhu.kernel.effects.outbox import effect_id
from qunzhu.kernel.events.runner import Batch
from qunzhu.kernel.events.schema import Event

UNDECIDED = frozenset({"tagged", "review"})

_COLUMNS = {
    "community_id": "int8",
    "seq": "int8",
    "member_id": "int8",
    "state": "text",
    "tag": "text",
    "days": "int4",
    "last_on": "date",
    "joined_on": "date",
    "tagged_at": "timestamptz",
    "counts_as": "jsonb",
    "case_id": "int8",
    "decided_by": "text",
    "decided_at": "timestamptz",
    "note": "text",
    "from_groups": "jsonb",
    "to_group": "int8",
    "pending": "jsonb",
    "problem": "text",
    "said": "int4",
    "moved_at": "timestamptz",
    "why": "text",
    "returned_by": "text",
    "ended_at": "timestamptz",
    "move_seq": "int8",
    "last_seq": "int8",
}
_CONFLICT = "(community_id, seq) DO UPDATE SET " + ", ".join(f"{c} = excluded.{c}" for c in list(_COLUMNS)[3:])


@dataclass
class Spell:
    """A row of `observation`."""

    seq: int
    member_id: int
    state: str
    tag: str
    days: int
    last_on: date | None
    joined_on: date | None
    tagged_at: datetime
    counts_as: list[str]
    case_id: int | None
    decided_by: str = ""
    decided_at: datetime | None = None
    note: str = ""
    from_groups: list[int] = field(default_factory=list)
    to_group: int | None = None
    pending: list[str] = field(default_factory=list)
    problem: str = ""
    said: int = 0
    moved_at: datetime | None = None
    why: str = ""
    returned_by: str = ""
    ended_at: datetime | None = None
    move_seq: int | None = None
    last_seq: int = 0

    def end(self, state: str, event: Event, why: str = "") -> None:
        self.state, self.ended_at, self.why = state, event.occurred_at, why or self.why
        self.pending, self.last_seq = [], event.seq

    def decide(self, event: Event) -> bool:
        """Take a human's decision in; whether the member is to be moved."""
        body = event.body
        if self.state not in UNDECIDED or body.get("case") != self.case_id:
            return False  # spoke, took leave or was decided on meanwhile
        self.decided_by, self.decided_at = body["by"], event.occurred_at
        self.note, self.last_seq = body.get("note") or "", event.seq
        if body["choice"] != "move":
            self.end({"keep": "kept", "leave": "leave"}[body["choice"]], event)
            return False
        if not body.get("from"):
            self.end("left", event)
            return False
        self.state, self.move_seq = "moving", event.seq
        self.from_groups, self.to_group = list(body["from"]), body["to"]
        self.pending = [str(effect_id(event.community_id, move_key(event.seq, g))) for g in self.from_groups]
        return True

    def send_back(self, event: Event) -> bool:
        """The member is to return; whether moves are to be asked for."""
        if self.state != "observed":
            return False
        self.state, self.move_seq, self.last_seq = "returning", event.seq, event.seq
        self.why, self.returned_by = event.body["why"], event.body["by"]
        self.pending = [str(effect_id(event.community_id, move_key(event.seq, g))) for g in self.from_groups]
        return True

    def move_ended(self, event: Event) -> None:
        """What became of an awaited move. Who spoke meanwhile is not moved any more, or comes back at once."""
        effect, result = event.body.get("effect"), event.body.get("result")
        if effect not in self.pending:
            return
        self.last_seq = event.seq
        if result == "task_created":
            self.problem = "等人在平台上执行"
            return
        if result not in {"done", "emulated"} and not (self.state == "moving" and self.said):
            self.problem = _told(event.body.get("detail")) or str(result)
            return
        self.pending = [other for other in self.pending if other != effect]
        if self.state == "moving" and result in {"done", "emulated"}:
            self.moved_at = self.moved_at or event.occurred_at
        if self.pending:
            return
        self.problem = ""
        if self.state == "returning":
            self.end("returned", event)
        elif self.moved_at is None:
            self.end("spoke", event)
        else:
            self.state = "observed"


def _told(came_of_it: Any) -> str:
    """What came of an effect, in words; the same at every replay."""
    return put_into_words(came_of_it, translate=str, time=datetime.isoformat) if isinstance(came_of_it, dict) else ""


def move_key(seq: int, group: int) -> str:
    """The idempotency key of a move out of, or back into, `group`: the same decision never moves twice."""
    return f"elimination:{seq}:{group}"


def tagged(event: Event) -> Spell:
    """The silence that a `member.tagged` begins."""
    body = event.body
    if event.member_id is None:
        raise ValueError(f"event {event.seq} tags nobody")
    return Spell(
        seq=event.seq,
        member_id=event.member_id,
        state="review" if body.get("case") else "tagged",
        tag=body["tag"],
        days=body["days"],
        last_on=_day(body.get("last")),
        joined_on=_day(body.get("joined")),
        tagged_at=event.occurred_at,
        counts_as=list(body["counts_as"]),
        case_id=body.get("case"),
        last_seq=event.seq,
    )


def load_open(batch: Batch) -> dict[int, Spell]:
    """Member → the silence that is open."""
    # jsonb as text: Django's connections hand it out undecoded, plain ones decoded.
    names = ", ".join(f"{n}::text" if kind == "jsonb" else n for n, kind in list(_COLUMNS.items())[1:])
    rows = psycopg.Cursor(batch.connection).execute(
        f"SELECT {names} FROM observation WHERE community_id = %s AND ended_at IS NULL",
        [batch.community_id],
        binary=True,
    )
    decoded = [n for n, kind in enumerate(list(_COLUMNS.values())[1:]) if kind == "jsonb"]
    found = {}
    for row in rows.fetchall():
        values = list(row)
        for number in decoded:
            values[number] = msgspec.json.decode(values[number])
        found[row[1]] = Spell(*values)
    return found


def save(batch: Batch, spells: list[Spell]) -> None:
    """Write silences that changed; ended ones first, so that a member never has two open rows."""
    spells = sorted(spells, key=lambda s: (s.ended_at is None, s.seq))
    for ended in (True, False):
        rows: list[tuple[Any, ...]] = [
            (
                batch.community_id, s.seq, s.member_id, s.state, s.tag, s.days, s.last_on, s.joined_on, s.tagged_at,
                _json(s.counts_as), s.case_id, s.decided_by, s.decided_at, s.note, _json(s.from_groups), s.to_group,
                _json(s.pending), s.problem, s.said, s.moved_at, s.why, s.returned_by, s.ended_at, s.move_seq,
                s.last_seq,
            )
            for s in spells
            if (s.ended_at is not None) == ended
        ]  # fmt: skip
        upsert(batch.connection, "observation", _COLUMNS, rows, _CONFLICT)


def _json(values: list[Any]) -> str:
    return msgspec.json.encode(values).decode()


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if value else None
