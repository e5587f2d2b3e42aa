"""`qunzhu invariants` says what is broken, where, and leaves with 1; health is 0."""

import json

import pytest
from click.testing import CliRunner
from django.db import connection

from qunzhu.config.invariants import CHECKS, broken, command
from qunzhu.kernel.community.tests.factories import NOW, make_community, make_member
from qunzhu.kernel.events import log
from qunzhu.kernel.events.runner import raw_connection
from qunzhu.kernel.ledger.selectors import check_against_log
from qunzhu.kernel.ledger.services import award

pytestmark = pytest.mark.django_db(transaction=True)


def execute(sql, values):
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def give(community, member, amount, key):
    given = award(community_id=community.pk, member_id=member.pk, amount=amount, key=key, kind="checkin", now=NOW)
    log.append(raw_connection(), [given.event], now=NOW)
    return given


def test_health_is_one_line_for_each_check_and_nought():
    c = make_community()
    give(c, make_member(c), 5, "k")
    done = CliRunner().invoke(command, [])
    assert done.exit_code == 0, done.output
    assert [line.split(":")[0] for line in done.output.splitlines()[:-1]] == [f"✓ {c.slug} {n}" for n in CHECKS]
    assert done.output.splitlines()[-1].startswith("0 broken, 1 communities, ")


def test_a_posting_that_the_log_does_not_know_and_an_event_without_one_are_found():
    c, other = make_community(), make_community()
    lin, wang = make_member(c), make_member(c)
    give(c, lin, 5, "a")
    give(other, make_member(other), 9, "a")
    award(community_id=c.pk, member_id=lin.pk, amount=3, key="b", kind="checkin", now=NOW)  # nobody told the log
    lost = give(c, wang, 4, "c")
    execute("DELETE FROM posting WHERE community_id = %s AND transaction_id = %s", [c.pk, lost.id])
    execute("DELETE FROM ledger_transaction WHERE community_id = %s AND id = %s", [c.pk, lost.id])
    execute("DELETE FROM account WHERE community_id = %s AND owner = %s", [c.pk, f"m:{wang.pk}"])
    assert check_against_log(c.pk) == [
        f"account m:{lin.pk} has 8 PTS, the log sums to 5", f"account m:{wang.pk} has 0 PTS, the log sums to 4",
    ]  # fmt: skip
    assert check_against_log(other.pk) == []
    done = CliRunner().invoke(command, ["--json", "--check", "log", "--community", c.slug])
    assert done.exit_code == 1
    assert [(b["community"], b["check"]) for b in json.loads(done.output)] == [(c.slug, "log")] * 2


def test_what_was_erased_from_the_log_is_no_accusation():
    c = make_community()
    lin = make_member(c)
    give(c, lin, 5, "a")
    execute("UPDATE event SET body = NULL, salt = NULL WHERE community_id = %s", [c.pk])
    assert check_against_log(c.pk) == []


def test_an_unknown_community_is_refused_and_every_check_is_there():
    done = CliRunner().invoke(command, ["--community", "nowhere"])
    assert (done.exit_code, "no community has the slug 'nowhere'" in done.output) == (2, True)
    c = make_community()
    assert list(broken([(c.pk, c.slug)], CHECKS)) == []
