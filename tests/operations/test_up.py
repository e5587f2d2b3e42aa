"""`qunzhu up` with real processes: ready, restarted after a crash, alone in its home, stopped without a trace."""

import os
import signal
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from qunzhu.config.processes import STOP_SECONDS
from tests.operations.installation import Installation, wait_for


@pytest.fixture
def place() -> Iterator[Installation]:
    installation = Installation()
    yield installation
    installation.close()


def get(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, timeout=10, trust_env=False, headers=headers)


def test_one_command_runs_everything_survives_a_crash_and_stops_cleanly(place: Installation):
    place.up()
    assert set(place.parts()) == {"web", "schedule", "consume", "deliver"}
    assert get(f"{place.url}/healthz").text == "ok"
    ready = get(f"{place.url}/readyz?strict=1")
    assert (ready.status_code, ready.json()["ready"], ready.json()["degraded"]) == (200, True, False)
    assert list(ready.json()["checks"]) == ["database", "migrations", "consumers", "deliverer"]
    metrics = get(f"{place.url}/metrics")
    assert (metrics.status_code, "\nqunzhu_up 1.0\n" in metrics.text) == (200, True)
    assert get(f"{place.url}/metrics", **{"x-forwarded-for": "8.8.8.8"}).status_code == 403

    again = place.run("up", "--port", str(place.port + 1))
    assert again.returncode == 1
    assert f"Qunzhu already runs in {place.home} (process {place.process.pid})" in again.stderr

    for name in ("consume", "web"):
        crashed = place.parts()[name]
        crashed.kill()
        wait_for(
            f"{name} runs again",
            lambda name=name, crashed=crashed: (found := place.parts().get(name)) and found.pid != crashed.pid,
        )
        assert f"up       │ {name} ended (signal SIGKILL); starting it again in 0.5 s" in place.lines
    wait_for("answers again", lambda: _answers(place))

    everyone = place.everyone()
    place.process.send_signal(signal.SIGTERM)
    assert place.wait() == 0
    assert [p for p in everyone if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert not place.database_runs()
    assert place.lines[-1] == "up       │ stopping PostgreSQL"


def test_an_open_live_page_ends_properly_and_does_not_hold_the_stop(place: Installation):
    made = place.run("init")
    assert made.returncode == 0, made.stderr
    place.up()
    token = place.console_token(1)
    with httpx.stream("GET", f"{place.url}/live/console?token={token}", timeout=30, trust_env=False) as page:
        assert page.status_code == 200
        chunks = page.iter_bytes()
        assert next(chunks) == b"retry: 1000\n\n"
        workers = place.parts()["web"].children()
        began = time.monotonic()
        place.process.send_signal(signal.SIGTERM)
        assert b"".join(chunks).replace(b": still here\n\n", b"") == b""  # raises when cut off in the middle
    assert place.wait() == 0
    assert time.monotonic() - began < 2 * STOP_SECONDS  # of which PostgreSQL takes its part
    assert [line for line in place.lines if "Killing" in line or "killing" in line] == []
    assert [w for w in workers if w.is_running()] == []


def test_parts_end_when_their_supervisor_is_killed_and_the_next_start_finds_the_database(place: Installation):
    place.up()
    everyone = place.everyone()
    assert len(everyone) >= 5  # four parts and the worker of the server
    os.kill(place.process.pid, signal.SIGKILL)
    place.wait()
    gone, alive = psutil.wait_procs(everyone, timeout=30)
    assert (len(gone), alive) == (len(everyone), [])
    assert place.database_runs()
    place.lines.clear()
    place.up()
    place.process.send_signal(signal.SIGTERM)
    assert place.wait() == 0
    assert not place.database_runs()  # started by the one that was killed, so it is ours to stop


def test_a_port_in_use_is_one_line_with_a_remedy(place: Installation):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", place.port))
        other.listen()
        done = place.run("up", "--port", str(place.port))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"错误 error: 127.0.0.1:{place.port} cannot be listened on: Address already in use",
        f"处理 remedy: stop the program that uses port {place.port}, or choose another one: --port {place.port + 1}",
    ]


@pytest.mark.parametrize("part", ["up", "consume", "doctor", "migrate"])
def test_a_wrong_database_url_is_a_clear_line_and_no_crash_loop(place: Installation, part: str):
    done = place.run(part, DATABASE_URL="mysql://localhost/x")
    assert done.returncode == 78
    assert done.stderr.splitlines()[0] == "错误 error: DATABASE_URL must start with postgresql://"


def test_an_unreachable_database_is_a_clear_line(place: Installation):
    done = place.run("migrate", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    assert done.returncode == 1
    assert done.stderr.startswith("错误 error: the database cannot be reached: ")
    assert "处理 remedy: run: qunzhu doctor" in done.stderr


def _answers(place: Installation) -> bool:
    try:
        return get(f"{place.url}/healthz").text == "ok"
    except httpx.HTTPError:
        return False
