"""Among 10,000 sealed events any single change to a row of the log or of the chain is found and named."""

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qunzhu.kernel.events.tests.black import fill, names, sealed_community, verify

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = 10_000
BLOCKS = 10

# column → (SQL for another value, the reasons that may be named)
COLUMNS = {
    "id": ("gen_random_uuid()", {"header_changed"}),
    "kind": ("kind || 'x'", {"header_changed"}),
    "group_id": ("coalesce(group_id, 0) + 1", {"header_changed"}),
    "member_id": ("NULL", {"header_changed"}),
    "occurred_at": ("occurred_at + interval '1 microsecond'", {"header_changed"}),
    "received_at": ("received_at - interval '1 day'", {"header_changed"}),
    "connector": ("'other'", {"header_changed"}),
    "historic": ("NOT historic", {"header_changed"}),
    "body": ("""'{"nickname":"x","text":"y"}'::json""", {"body_changed"}),
    "body white space": ("(body::text || ' ')::json", {"body_changed"}),
    "body gone": ("NULL", {"body_changed"}),
    "salt": ("decode(repeat('ab', 16), 'hex')", {"body_changed"}),
    "salt gone": ("NULL", {"body_changed"}),
    "digest": ("sha256(digest)", {"digest_changed"}),
    "digest longer": ("digest || decode('00', 'hex')", {"digest_changed"}),
}
# column → another value. A root that was changed makes the leaves unusable: the block is named, no row is accused.
BLOCK_COLUMNS = {
    "community_id": "community_id + 1000",
    "number": "number + 1000",
    "first_seq": "first_seq + 1",
    "last_seq": "last_seq - 1",
    "leaves": "set_byte(leaves, 40, (get_byte(leaves, 40) + 1) %% 256)",
    "root": "sha256(root)",
    "previous_hash": "sha256(previous_hash)",
    "block_hash": "sha256(block_hash)",
    "signature": "set_byte(signature, 1, (get_byte(signature, 1) + 1) %% 256)",
    "key_id": "'0123456789abcdef'",
    "sealed_at": "sealed_at + interval '1 microsecond'",
}


def execute(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        assert cursor.rowcount == 1


@contextmanager
def undone():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def column_of(name):
    return name.split(" ")[0]


operations = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(sorted(COLUMNS)), st.integers(1, EVENTS)),
    st.tuples(st.just("delete"), st.just(""), st.integers(1, EVENTS)),
    st.tuples(st.just("erase"), st.just(""), st.integers(1, EVENTS)),
    st.tuples(st.just("move away"), st.just("community_id"), st.integers(1, EVENTS)),
    st.tuples(st.just("insert"), st.sampled_from(["before", "after"]), st.just(0)),
    st.tuples(st.just("swap"), st.integers(1, EVENTS), st.integers(1, EVENTS)).filter(lambda o: o[1] != o[2]),
    st.tuples(st.just("block"), st.sampled_from(sorted(BLOCK_COLUMNS)), st.integers(1, BLOCKS)),
    st.tuples(st.just("block gone"), st.just(""), st.integers(1, BLOCKS)),
    st.tuples(st.just("cut"), st.just(""), st.integers(1, EVENTS - 1)),
)


def tamper_with_row(box, what, column, seq):
    if what == "change":
        value, reasons = COLUMNS[column]
        name = column_of(column)
        execute(f"UPDATE event SET {name} = {value} WHERE community_id = %s AND seq = %s", [box, seq])
        return lambda found: len(found) == 1 and found[0][:2] == ("event", seq) and found[0][2] in reasons
    if what == "erase":
        execute("UPDATE event SET body = NULL, salt = NULL WHERE community_id = %s AND seq = %s", [box, seq])
        return lambda found: found == [("event", seq, "erased_without_record")]
    if what == "move away":
        execute("UPDATE event SET community_id = 999999 WHERE community_id = %s AND seq = %s", [box, seq])
    else:
        execute("DELETE FROM event WHERE community_id = %s AND seq = %s", [box, seq])
    return lambda found: found == [("event", seq, "deleted")]


def tamper_with_order(box, what, detail, seq):
    if what == "insert":
        new = 0 if detail == "before" else EVENTS + 1
        execute(
            "INSERT INTO event SELECT community_id, %s, gen_random_uuid(), kind, group_id, member_id, occurred_at,"
            " received_at, connector, historic, body, salt, digest FROM event WHERE community_id = %s AND seq = 7",
            [new, box],
        )
        return lambda found: found == [("event", new, "inserted")]
    for old, new in ((detail, -1), (seq, detail), (-1, seq)):
        execute("UPDATE event SET seq = %s WHERE community_id = %s AND seq = %s", [new, box, old])
    return lambda found: found == [("event", n, "swapped") for n in sorted((detail, seq))]


def tamper_with_chain(box, what, column, number):
    if what == "cut":
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM event WHERE community_id = %s AND seq > %s", [box, number])
            cursor.execute("DELETE FROM sealed_block WHERE community_id = %s AND last_seq > %s", [box, number])
            cursor.execute("UPDATE event_head SET seq = %s WHERE community_id = %s", [number, box])
        gone = [("block", n, "truncated") for n in range(number // 1024 + 1, BLOCKS + 1)]
        return lambda found: found == gone
    if what == "block gone":
        execute("DELETE FROM sealed_block WHERE community_id = %s AND number = %s", [box, number])
        reason = "truncated" if number == BLOCKS else "block_missing"
        return lambda found: ("block", number, reason) in found and all(f[0] == "block" for f in found)
    execute(
        f"UPDATE sealed_block SET {column} = {BLOCK_COLUMNS[column]} WHERE community_id = %s AND number = %s",
        [box, number],
    )
    return lambda found: any(f[:2] == ("block", number) for f in found) and all(f[0] == "block" for f in found)


def tamper(box, operation):
    if operation[0] in {"change", "delete", "erase", "move away"}:
        return tamper_with_row(box, *operation)
    if operation[0] in {"insert", "swap"}:
        return tamper_with_order(box, *operation)
    return tamper_with_chain(box, *operation)


def test_any_single_change_among_ten_thousand_is_found_and_named():
    box = sealed_community(EVENTS, "tamper")
    clean = verify(box)
    assert (clean.findings, clean.events, clean.blocks, clean.sealed) == ([], EVENTS, BLOCKS, EVENTS)

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(operations)
    def found_and_named(operation):
        with undone():
            expected = tamper(box, operation)
            report = verify(box)
        assert expected(names(report)), (operation, [str(f) for f in report.findings[:5]])

    found_and_named()
    assert verify(box).clean  # every example was undone


@pytest.mark.parametrize("column", sorted(COLUMNS))
def test_every_column_of_a_row(column):
    box = sealed_community(20, "columns")
    expected = tamper_with_row(box, "change", column, 11)
    assert expected(names(verify(box)))


@pytest.mark.parametrize("column", sorted(BLOCK_COLUMNS))
def test_every_column_of_a_block(column):
    box = sealed_community(20, "blocks")
    expected = tamper_with_chain(box, "block", column, 1)
    assert expected(names(verify(box)))


def test_rows_that_are_not_sealed_yet_have_no_gaps_and_fitting_bodies():
    box = sealed_community(20, "tail")
    fill(box, 10, first=20)
    assert verify(box).notes == ["10 events are not sealed yet"]
    execute("DELETE FROM event WHERE community_id = %s AND seq = %s", [box, 25])
    execute("UPDATE event SET body = '{}' WHERE community_id = %s AND seq = %s", [box, 27])
    execute("DELETE FROM event WHERE community_id = %s AND seq = %s", [box, 30])
    assert names(verify(box)) == [
        ("event", 25, "deleted"),
        ("event", 27, "body_changed"),
        ("event", 30, "deleted"),
    ]


def test_a_chain_signed_anew_with_another_key_is_found(monkeypatch):
    from qunzhu.kernel.events import keys, seal
    from qunzhu.kernel.events.tests.black import NOW

    box = sealed_community(20, "forged")
    execute("UPDATE event SET historic = NOT historic WHERE community_id = %s AND seq = %s", [box, 3])
    execute("DELETE FROM sealed_block WHERE community_id = %s AND number = %s", [box, 1])
    own = keys.public_keys()
    monkeypatch.setenv(keys.ENVIRONMENT, "77" * 32)
    seal.seal_now(community_id=box, now=NOW + timedelta(days=1))
    monkeypatch.setattr(keys, "public_keys", lambda: own)
    assert names(verify(box)) == [("block", 1, "unknown_key"), ("block", 1, "truncated")]
