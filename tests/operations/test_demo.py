"""`qunzhu demo` with real processes: one home for all commands, a live act once, and nobody else's data thrown away."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest

from qunzhu.kernel.database import start_embedded, stop_embedded
from tests.operations.installation import Installation

DONE = "demo     │ 演完了，处罚、工单、积分都在控制台 done: penalties, cases and points are in the console"
DECIDED = """
    SELECT body->>'rule', body->>'outcome', m.display_name LIKE '%（模拟）', g.name, count(*)
    FROM event e JOIN member m ON m.id = e.member_id JOIN community_group g ON g.id = e.group_id
    WHERE e.kind = 'decision.made' AND NOT e.historic GROUP BY 1, 2, 3, 4 ORDER BY 1, 2
"""


@pytest.fixture
def place() -> Iterator[Installation]:
    installation = Installation()
    yield installation
    installation.close()


def demo(place: Installation, until: str) -> None:
    place.lines.clear()
    place.up(command="demo", ready=until)


def rows(place: Installation, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        return conn.execute(query).fetchall()


def test_the_demo_acts_once_in_the_home_of_every_command(place: Installation):
    demo(place, DONE)
    assert any("就绪 Ready: 职场知识分享社" in line for line in place.lines)
    group = "职场知识分享 2 群（模拟）"
    decided = rows(place, DECIDED)
    live = [(rule, marked, where) for rule, outcome, marked, where, _ in decided if outcome == "live"]
    assert live == [
        ("ad_without_clearance", True, group),
        ("equal_links", True, group),
        ("member_reported", True, group),
        ("personal_attack", True, group),
        ("red_keyword", True, group),
    ]
    cases = 'SELECT kind, urgency FROM "case" ORDER BY kind'
    assert rows(place, cases) == [("member_reported", "orange"), ("red_keyword", "red")]
    effects = "SELECT kind, status FROM effect WHERE kind IN ('freeze', 'mute', 'warn') ORDER BY kind"
    assert rows(place, effects) == [("freeze", "done"), ("mute", "done"), ("warn", "done"), ("warn", "done")]
    assert rows(place, "SELECT count(*) FROM event WHERE kind = 'checkin.done' AND NOT historic") == [(6,)]
    verified = place.run("blackbox", "verify")
    assert (verified.returncode, verified.stderr.strip()) == (0, "")
    assert verified.stdout.startswith("workplace-knowledge: 完好 clean · ")
    events = rows(place, "SELECT count(*) FROM event WHERE kind IN ('message.posted', 'command.posted')")

    place.process.send_signal(signal.SIGTERM)
    assert place.wait() == 0
    demo(place, "Ctrl-C")
    place.process.send_signal(signal.SIGTERM)
    assert place.wait() == 0
    assert rows(place, "SELECT count(*) FROM event WHERE kind IN ('message.posted', 'command.posted')") == events
    stop_embedded(place.home / "pg")

    assert place.run("init", "--slug", "ours").returncode == 0
    refused = place.run("demo", "--fresh", "--port", str(place.port))
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == f"错误 error: {place.home} holds more than the demo: ours"
    assert rows(place, "SELECT slug FROM community ORDER BY slug") == [("ours",), ("workplace-knowledge",)]


def test_a_real_installation_is_neither_mixed_with_the_demo_nor_thrown_away(place: Installation):
    assert place.run("init", "--slug", "ours").returncode == 0
    refused = place.run("demo", "--port", str(place.port))
    assert refused.returncode == 1
    assert refused.stderr.splitlines() == [
        f"错误 error: {place.home} holds the community ours: the demo is not mixed with it",
        "处理 remedy: start that one with `qunzhu up`, or set QUNZHU_HOME to another folder for the demo",
    ]
    refused = place.run("demo", "--fresh", "--port", str(place.port))
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[0] == f"错误 error: {place.home} is not a demo's"
    assert rows(place, "SELECT slug FROM community") == [("ours",)]


def test_a_demo_that_never_began_its_database_starts_over(place: Installation):
    (place.home / "demo-mark").write_text("2026-11-24T04:00:00+00:00")
    code = f"from pathlib import Path; from qunzhu.config.demo import throw_away; throw_away(Path({str(place.home)!r}))"
    subprocess.run([sys.executable, "-c", code], env=place.environment(), check=True, capture_output=True)
    assert not place.home.exists()


def test_fresh_leaves_a_given_database_alone(place: Installation):
    done = place.run("demo", "--fresh", "--port", str(place.port), DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "错误 error: --fresh does not empty the database of DATABASE_URL"
