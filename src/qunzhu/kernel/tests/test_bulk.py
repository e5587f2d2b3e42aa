"""What is written in bulk comes back as it was, for every type, with and without NULL."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunzhu.kernel.bulk import upsert
from qunzhu.kernel.events.runner import raw_connection

KINDS = {
    "a": "int8", "b": "int4", "c": "bool", "d": "timestamptz", "e": "date", "f": "text", "g": "bytea", "h": "uuid",
    "i": "jsonb",
}  # fmt: skip
ROW = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.booleans(),
    st.datetimes(datetime(1990, 1, 1), datetime(2190, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.dates(date(1, 1, 1), date(9999, 12, 31)),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    st.binary(),
    st.uuids(),
    st.integers(0, 9).map(lambda n: f'{{"n": {n}}}'),
)
ROWS = st.lists(ROW.flatmap(lambda row: st.tuples(*(st.none() | st.just(value) for value in row))), max_size=30)


@pytest.fixture
def table(db):
    with connection.cursor() as cursor:
        columns = ", ".join(f"{name} {kind}" for name, kind in KINDS.items())
        cursor.execute(f"CREATE TEMP TABLE bulk_row (n int8 PRIMARY KEY, {columns}) ON COMMIT DROP")


@given(rows=ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_rows_come_back_as_they_were(table, rows):
    raw = raw_connection()
    raw.execute("DELETE FROM bulk_row")
    numbered = [(n, *row) for n, row in enumerate(rows)]
    assert upsert(raw, "bulk_row", {"n": "int8", **KINDS}, numbered, "DO NOTHING") == len(rows)
    found = raw.execute("SELECT * FROM bulk_row ORDER BY n").fetchall()
    assert [(*row[:9], None if row[9] is None else f'{{"n": {row[9]["n"]}}}') for row in map(_plain, found)] == numbered


def _plain(row):
    import json

    value = row[9]
    return (*row[:9], json.loads(value) if isinstance(value, str) else value)


def test_conflicts_are_resolved_as_asked(table):
    raw = raw_connection()
    upsert(raw, "bulk_row", {"n": "int8", "b": "int4"}, [(1, 10), (2, 20)], "DO NOTHING")
    written = upsert(
        raw, "bulk_row", {"n": "int8", "b": "int4"}, [(2, 5), (3, 7)], "(n) DO UPDATE SET b = t.b + excluded.b"
    )
    assert written == 2
    assert raw.execute("SELECT n, b FROM bulk_row ORDER BY n").fetchall() == [(1, 10), (2, 25), (3, 7)]


def test_nothing_is_written_for_no_rows(table):
    assert upsert(raw_connection(), "bulk_row", {"n": "int8"}, [], "DO NOTHING") == 0


def test_ids_of_any_kind_are_bytes(table):
    key = UUID(int=7)
    upsert(raw_connection(), "bulk_row", {"n": "int8", "h": "uuid"}, [(1, key)], "DO NOTHING")
    assert raw_connection().execute("SELECT h FROM bulk_row").fetchone() == (key,)
