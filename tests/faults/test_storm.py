"""After ≥ 200 SIGKILLs under load: nothing acknowledged is lost, nothing was done twice, everything adds up."""

from collections import Counter

import pytest

from qunzhu.kernel.connectors.local.parse import message_id
from tests.faults.conftest import KILLS, SEED, Aftermath

pytestmark = pytest.mark.faults


def test_the_storm_was_one_and_everybody_came_back(aftermath: Aftermath):
    report = aftermath.report
    kills = report["kills"]
    assert set(kills) == {"consumer", "deliverer", "receiver", "postgres", "backend"}, f"seed {SEED}"
    assert sum(kills.values()) >= KILLS
    assert kills["postgres"] >= KILLS * 15 // 200
    assert (report["hung"], report["drained"]) == ([], True)
    assert report["fell"] == {}  # parts live through the loss of PostgreSQL; they end only when they are killed
    assert report["odd"] == []


@pytest.mark.skipif(KILLS < 200, reason="a short storm cannot promise that everything happens")
def test_the_load_made_everything_happen(aftermath: Aftermath):
    kinds = Counter(dict(aftermath.rows("SELECT kind, count(*) FROM event GROUP BY kind")))
    for kind in (
        "message.posted", "command.posted", "checkin.done", "points.posted", "decision.made", "member.muted",
        "member.unmuted", "group.frozen", "group.unfrozen", "report.filed", "case.opened", "effect.done",
        "message.sent",
    ):  # fmt: skip
        assert kinds[kind] > 0, kind
    assert aftermath.report["silenced"] > 0


def test_every_acknowledged_message_is_in_the_log_once_where_it_was_said_to_be(aftermath: Aftermath):
    acknowledged = [
        (s["seat"]["community"], s["seq"], message_id(s["seat"]["group"], s["seat"]["member"], s["client_id"]))
        for s in aftermath.report["said"]
    ]
    there = aftermath.rows("SELECT community_id, seq, id FROM event WHERE kind IN ('message.posted', 'command.posted')")
    assert len(acknowledged) == len(set(acknowledged)) > 0
    assert sorted(acknowledged) == sorted(there)  # none lost, none twice, none that nobody said


def test_the_log_has_no_holes(aftermath: Aftermath):
    heads = aftermath.rows("SELECT community_id, seq FROM event_head ORDER BY 1")
    found = aftermath.rows(
        "SELECT community_id, count(*), min(seq), max(seq), count(DISTINCT id) FROM event GROUP BY 1 ORDER BY 1"
    )
    assert found == [(community, head, 1, head, head) for community, head in heads]


def test_every_consumer_is_at_the_end_and_nothing_was_put_aside(aftermath: Aftermath):
    assert (
        aftermath.rows(
            "SELECT consumer, community_id, c.seq, h.seq, failures, last_error FROM consumer_cursor c"
            " JOIN event_head h USING (community_id) WHERE c.seq <> h.seq OR failures > 0 OR last_error <> ''"
        )
        == []
    )
    assert aftermath.rows("SELECT * FROM poisoned_event") == []


def test_every_effect_was_carried_out_once(aftermath: Aftermath):
    ends = aftermath.rows("SELECT DISTINCT status FROM effect ORDER BY 1")
    assert {"done"} <= {end for (end,) in ends} <= {"done", "unsupported"}
    # One end each, the one that the effect itself remembers.
    assert (
        aftermath.rows(
            "SELECT e.community_id, e.id, e.status, array_agg(d.body->>'result') FROM effect e"
            " LEFT JOIN event d ON d.community_id = e.community_id AND d.kind = 'effect.done'"
            " AND d.body->>'effect' = e.id::text"
            " GROUP BY e.community_id, e.id, e.status HAVING array_agg(d.body->>'result') <> ARRAY[e.status]"
        )
        == []
    )
    # What an effect did stands in the log once.
    assert (
        aftermath.rows(
            "SELECT body->>'effect', kind, count(*) FROM event WHERE body->>'effect' IS NOT NULL"
            " GROUP BY 1, 2 HAVING count(*) > 1"
        )
        == []
    )
    # And what was asked for once was said or done: an answer for every command, a mute for every mute.
    assert (
        aftermath.rows(
            "SELECT e.kind, e.id FROM effect e WHERE e.status = 'done' AND e.kind IN ('answer', 'warn', 'mute')"
            " AND NOT EXISTS (SELECT 1 FROM event v WHERE v.community_id = e.community_id"
            " AND v.body->>'effect' = e.id::text"
            " AND v.kind = CASE e.kind WHEN 'mute' THEN 'member.muted' ELSE 'message.sent' END)"
        )
        == []
    )


def test_the_rooms_are_as_the_log_says(aftermath: Aftermath):
    differing_mutes = aftermath.rows(
        "SELECT o.group_id, o.member_id, o.muted_until, last.until FROM local_occupant o"
        " LEFT JOIN LATERAL (SELECT (body->>'until')::timestamptz AS until FROM event e"
        " WHERE e.community_id = o.community_id AND e.group_id = o.group_id AND e.member_id = o.member_id"
        " AND e.kind IN ('member.muted', 'member.unmuted') ORDER BY seq DESC LIMIT 1) last ON true"
        " WHERE o.muted_until IS DISTINCT FROM last.until"
    )
    assert differing_mutes == []
    differing_freezes = aftermath.rows(
        "SELECT r.group_id, r.frozen FROM local_room r WHERE r.frozen <> coalesce((SELECT e.kind = 'group.frozen'"
        " FROM event e WHERE e.community_id = r.community_id AND e.group_id = r.group_id"
        " AND e.kind IN ('group.frozen', 'group.unfrozen') ORDER BY seq DESC LIMIT 1), false)"
    )
    assert differing_freezes == []


def test_points_add_up_and_every_check_in_was_rewarded_once(aftermath: Aftermath):
    assert aftermath.report["ledger"] == []  # sums of zero, balances equal postings, nobody below zero
    check_ins = aftermath.rows("SELECT community_id, member_id, points FROM check_in ORDER BY 1, 2, day")
    told = aftermath.rows(
        "SELECT community_id, member_id, (body->>'points')::int FROM event WHERE kind = 'checkin.done'"
        " ORDER BY 1, 2, body->>'day'"
    )
    awarded = aftermath.rows(
        "SELECT p.community_id, substr(p.owner, 3)::bigint, amount::int FROM posting p"
        " JOIN ledger_transaction t ON t.community_id = p.community_id AND t.id = p.transaction_id"
        " WHERE t.kind = 'checkin' AND p.owner <> 'sys:issue' ORDER BY 1, 2, t.at"
    )
    posted = aftermath.rows(
        "SELECT community_id, member_id, (body->>'amount')::int FROM event"
        " WHERE kind = 'points.posted' AND body->>'kind' = 'checkin' ORDER BY 1, 2, seq"
    )
    assert check_ins == told == awarded == posted
    assert len(check_ins) > 0


def test_projections_equal_a_rebuild(aftermath: Aftermath):
    done = aftermath.place.run("rebuild", "--check")
    assert (done.returncode, "differ" in done.stdout) == (0, False), done.stdout + done.stderr
    assert done.stdout.count(": equal\n") == 2 * 14  # so many consumers with projections in two communities


def test_the_black_box_is_clean(aftermath: Aftermath):
    done = aftermath.place.run("blackbox", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
