"""Whatever a killed PostgreSQL leaves behind, the next caller starts it again; a lost machine is noticed."""

import contextlib
import os
import pwd
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from qunzhu.kernel.database import django_database, postmaster_runs, start_embedded, with_timeouts
from tests.faults.parts import Database
from tests.operations.installation import Installation, wait_for

pytestmark = pytest.mark.faults


@pytest.fixture
def dead(place: Installation) -> Path:
    """The data folder of a server that was killed."""
    folder = place.home / "pg"
    with psycopg.connect(start_embedded(folder)) as conn:
        conn.execute("CREATE TABLE kept (x int)")
        conn.execute("INSERT INTO kept VALUES (7)")
    assert Database(place.home).kill()
    wait_for("its end", lambda: not postmaster_runs(folder))
    return folder


def kept(url: str) -> list[tuple[int]]:
    with psycopg.connect(url) as conn:
        return conn.execute("SELECT x FROM kept").fetchall()


def name_in_file(folder: Path, pid: int) -> None:
    file = folder / "postmaster.pid"
    file.write_text("\n".join([str(pid), *file.read_text().split("\n")[1:]]))


@contextlib.contextmanager
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    """Another program of the user that PostgreSQL runs as, so that it cannot tell it from a server."""
    user = "pgserver" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    process = subprocess.Popen(["sleep", "60"], user=user if os.geteuid() == 0 else None)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_it_starts_over_a_half_written_file(dead: Path):
    file = dead / "postmaster.pid"
    file.write_text("\n".join(file.read_text().split("\n")[:5]))
    assert kept(start_embedded(dead)) == [(7,)]


def test_it_starts_when_a_stranger_has_its_process_id(dead: Path):
    with stranger() as process:
        name_in_file(dead, process.pid)
        assert kept(start_embedded(dead)) == [(7,)]
        assert process.poll() is None  # it has nothing to do with us


def test_it_starts_when_nobody_reaps_its_zombie(dead: Path):
    with stranger() as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # dead, and still there
        name_in_file(dead, process.pid)
        assert kept(start_embedded(dead)) == [(7,)]


def test_many_callers_at_once_start_one_server(dead: Path):
    """Threads here, processes in the storm. Those told that it is still starting are served when they ask again."""
    found: list[list[tuple[int]]] = []

    def ask() -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(psycopg.OperationalError):
                found.append(kept(start_embedded(dead)))
                return

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[(7,)]] * 6


def test_connections_over_the_network_notice_a_lost_machine():
    url = with_timeouts("postgresql://u:p@db.example:5433/q?connect_timeout=3&sslmode=require")
    assert django_database(url)["OPTIONS"] == {
        "connect_timeout": "3",
        "keepalives_idle": "20",
        "keepalives_interval": "10",
        "keepalives_count": "3",
        "tcp_user_timeout": "50000",
        "sslmode": "require",
    }
    assert url.startswith("postgresql://u:p@db.example:5433/q?")
    on_a_socket = "postgresql://postgres:@/q?host=/tmp/x"
    assert with_timeouts(on_a_socket) == on_a_socket
