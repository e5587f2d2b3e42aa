"""Projections are functions of the log: replay it into shadow tables and compare, or put the shadow in their place.

The shadow tables have the same names in a schema of their own that stands first in the search path, so handlers write
there without knowing. A check works in one repeatable-read snapshot and leaves nothing behind; consumers go on
meanwhile. A rebuild holds the consumer's cursor, so that consumer waits. Events put aside as poisoned stay out.
Rows whose events were erased with a person cannot be derived any more: they are kept (erased_rows.py).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
import psycopg
from django.db import transaction
from psycopg import sql

from qunzhu.kernel.clock import SYSTEM_CLOCK, Clock
from qunzhu.kernel.events import log
from qunzhu.kernel.events.erased_rows import ErasedRows, erased_rows
from qunzhu.kernel.events.runner import Batch, Consumer, raw_connection

SHOWN = 20  # differing rows named per table; all are counted


@dataclass(frozen=True)
class Difference:
    """A row that is not what the log says. `live` or `rebuilt` is None where the row is missing there."""

    table: str
    key: dict[str, Any]
    live: dict[str, Any] | None
    rebuilt: dict[str, Any] | None

    def __str__(self) -> str:
        named = ", ".join(f"{name}={value}" for name, value in self.key.items())
        if self.live is None:
            return f"{self.table}({named}) is missing"
        if self.rebuilt is None:
            return f"{self.table}({named}) should not be there"
        changed = [name for name, value in self.live.items() if self.rebuilt.get(name) != value]
        values = "; ".join(f"{name} is {self.live[name]!r}, should be {self.rebuilt.get(name)!r}" for name in changed)
        return f"{self.table}({named}): {values}"


@dataclass
class Replayed:
    """What a replay of one consumer in one community found: rows per table, how many differ, and the first of them.

    `kept` rows differ too, but rest on what was erased with a person: they stay as they are.
    """

    consumer: str
    community_id: int
    events: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    differing: int = 0
    kept: int = 0
    differences: list[Difference] = field(default_factory=list)


def check_projections(
    community_id: int, consumers: Sequence[Consumer], *, clock: Clock = SYSTEM_CLOCK
) -> list[Replayed]:
    """Replay the log up to each consumer's cursor and compare row by row; changes nothing.

    Cannot run inside another transaction. Consumers without projections are left out of the result.
    """
    results = []
    for consumer in consumers:
        if not consumer.tables:
            continue
        with transaction.atomic(durable=True):
            raw_connection().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            with _Shadow(consumer, community_id) as shadow:
                result = shadow.replay(clock)
                shadow.compare(result)
            transaction.set_rollback(True)
        results.append(result)
    return results


def rebuild(community_id: int, consumer: Consumer, *, clock: Clock = SYSTEM_CLOCK) -> Replayed:
    """Write the consumer's projections anew from the log, up to its cursor; says what was different before."""
    with transaction.atomic(), _Shadow(consumer, community_id) as shadow:
        raw_connection().execute(
            "SELECT 1 FROM consumer_cursor WHERE consumer = %s AND community_id = %s FOR UPDATE",
            [consumer.name, community_id],
        )
        result = shadow.replay(clock)
        shadow.compare(result)
        shadow.replace_live()
    return result


def _row(text: str | None) -> dict[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])


class _Shadow:
    """The shadow tables of one consumer in one community, for the length of a transaction."""

    def __init__(self, consumer: Consumer, community_id: int) -> None:
        self.consumer = consumer
        self.community_id = community_id
        self.schema = f"rebuild_{secrets.token_hex(6)}"
        self.conn = raw_connection()
        self.path = ""
        self.home = ""
        self.erased = ErasedRows()

    def __enter__(self) -> Self:
        row = self._run("SELECT current_setting('search_path'), current_schema()").fetchone()
        self.path, self.home = row or ("public", "public")
        self.erased = erased_rows(self.conn, self.community_id, self.consumer.tables)
        self._forget()
        return self

    def __exit__(self, *error: object) -> None:
        self._forget()

    def replay(self, clock: Clock) -> Replayed:
        """Make the tables and hand the whole log to the handler, batch by batch, as the runner would."""
        self._make_tables()
        cursor = self._run(
            "SELECT seq FROM consumer_cursor WHERE consumer = %s AND community_id = %s",
            [self.consumer.name, self.community_id],
        ).fetchone()
        poisoned = {
            row[0]
            for row in self._run(
                "SELECT seq FROM poisoned_event WHERE consumer = %s AND community_id = %s",
                [self.consumer.name, self.community_id],
            )
        }
        result = Replayed(self.consumer.name, self.community_id)
        end = cursor[0] if cursor else 0
        self._point_at(f"{self.schema}, {self.path}")
        for after in range(0, end, self.consumer.batch):
            upto = min(end, after + self.consumer.batch)
            events = log.read(self.conn, self.community_id, after=after, upto=upto, kinds=self.consumer.kinds)
            events = [event for event in events if event.seq not in poisoned]
            if events:
                now = clock.now()
                batch = Batch(
                    self.community_id, self.consumer.name, events, after, upto, now, self.conn, rebuilding=True
                )
                self.consumer.handle(batch)
                batch.flush()
            result.events += len(events)
        self._point_at(self.path)
        return result

    def compare(self, result: Replayed) -> None:
        """Count and name the rows that differ between the live tables and the shadow."""
        for table in self.consumer.tables:
            key = self._key_of(table)
            count = sql.SQL("SELECT count(*) FROM {}").format(self._rows(self.schema, table))
            found = self._run(count, self._scope()).fetchone()
            result.rows[table] = found[0] if found else 0
            differ = sql.SQL(
                "FROM {live} l FULL JOIN {shadow} s USING ({key}) WHERE to_jsonb(l) IS DISTINCT FROM to_jsonb(s)"
            ).format(
                key=sql.SQL(", ").join(map(sql.Identifier, key)),
                live=self._rows(self.home, table),
                shadow=self._rows(self.schema, table),
            )
            kept = sql.SQL("({} OR l IS NULL AND {})").format(
                self.erased.kept(table, "l"), self.erased.never_were(table, "s")
            )
            counted = self._run(sql.SQL("SELECT count(*) {} AND {}").format(differ, kept), self._scope()).fetchone()
            result.kept += counted[0] if counted else 0
            query = sql.SQL(
                "SELECT {key}, to_jsonb(l)::text, to_jsonb(s)::text, count(*) OVER () {differ} AND NOT {kept}"
                " ORDER BY {key} LIMIT {shown}"
            ).format(
                key=sql.SQL(", ").join(map(sql.Identifier, key)), differ=differ, kept=kept, shown=sql.Literal(SHOWN)
            )
            rows = self._run(query, self._scope()).fetchall()
            result.differing += rows[0][-1] if rows else 0
            for *values, live, rebuilt, _ in rows:
                named = dict(zip(key, values, strict=True))
                result.differences.append(Difference(table, named, _row(live), _row(rebuilt)))

    def replace_live(self) -> None:
        """Put the shadow's rows in the place of the live ones, but for those that are kept, and drop the shadow."""
        for table in self.consumer.tables:
            live, shadow = sql.Identifier(self.home, table), sql.Identifier(self.schema, table)
            where = sql.SQL(" WHERE community_id = %(c)s") + self._of_consumer(table)
            stale = sql.SQL(" AND NOT {}").format(self.erased.kept(table, "r"))
            self._run(sql.SQL("DELETE FROM {} r").format(live) + where + stale, self._scope())
            self._run(
                sql.SQL("INSERT INTO {} SELECT * FROM {} r WHERE NOT {} ON CONFLICT DO NOTHING").format(
                    live, shadow, self.erased.never_were(table, "r")
                ),
                self._scope(),
            )
        self._run(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(self.schema)))

    def _make_tables(self) -> None:
        self._run(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))
        for table in self.consumer.tables:
            self._run(
                sql.SQL("CREATE UNLOGGED TABLE {} (LIKE {} INCLUDING ALL)").format(
                    sql.Identifier(self.schema, table), sql.Identifier(self.home, table)
                )
            )

    def _rows(self, schema: str, table: str) -> sql.Composable:
        source = sql.SQL("(SELECT * FROM {} WHERE community_id = %(c)s").format(sql.Identifier(schema, table))
        return source + self._of_consumer(table) + sql.SQL(")")

    def _of_consumer(self, table: str) -> sql.Composable:
        """Tables that several consumers share have a column that says whose a row is."""
        shared = self._run(
            "SELECT 1 FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
            " AND column_name = 'consumer'",
            [self.home, table],
        ).fetchone()
        return sql.SQL(" AND consumer = %(n)s" if shared else "")

    def _key_of(self, table: str) -> list[str]:
        rows = self._run(
            "SELECT a.attname FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(number, place)"
            " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number"
            " WHERE i.indisprimary AND i.indrelid = format('%%I.%%I', %s::text, %s::text)::regclass ORDER BY k.place",
            [self.home, table],
        )
        return [row[0] for row in rows]

    def _scope(self) -> dict[str, Any]:
        return {"c": self.community_id, "n": self.consumer.name, **self.erased.values}

    def _point_at(self, path: str) -> None:
        self._run("SELECT set_config('search_path', %s, true)", [path])

    def _forget(self) -> None:
        if self.consumer.forget:
            self.consumer.forget(self.community_id)

    def _run(self, query: Any, values: Any = None) -> psycopg.Cursor[Any]:
        return psycopg.Cursor(self.conn).execute(query, values)
