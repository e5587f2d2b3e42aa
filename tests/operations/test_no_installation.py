"""Commands that only use an installation never make one; settings, files and folders that are wrong are one line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.operations.installation import Installation


@pytest.fixture
def place() -> Iterator[Installation]:
    installation = Installation()
    yield installation
    installation.close()


@pytest.mark.parametrize(
    "words",
    ["blackbox verify", "backup x.tar", "staff list", "web", "consume --once", "rebuild --check",
     "import /etc/hostname", "simulate month --community x"],
)  # fmt: skip
def test_without_an_installation_it_is_one_line_and_nothing_is_left(place: Installation, words: str):
    nowhere = place.home / "none"
    done = place.run(*words.split(), QUNZHU_HOME=str(nowhere))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"错误 error: no installation in {nowhere}",
        "处理 remedy: run `qunzhu init` or `make demo`, or set QUNZHU_HOME to where it is",
    ]
    assert list(place.home.iterdir()) == []


def test_the_doctor_examines_the_machine_before_there_is_an_installation(place: Installation):
    nowhere = place.home / "none"
    done = place.run("doctor", "--json", "--port", str(place.port), QUNZHU_HOME=str(nowhere))
    failed = [(f["name"], f["text"]) for f in json.loads(done.stdout) if f["state"] == "fail"]
    assert (done.returncode, failed) == (1, [("database", f"no installation in {nowhere}")])
    assert list(place.home.iterdir()) == []


def test_a_setting_that_is_no_number_is_named(place: Installation):
    done = place.run("up", QUNZHU_PORT="abc")
    assert done.returncode == 78
    assert done.stderr.splitlines() == [
        "错误 error: QUNZHU_PORT=abc: must be a whole number from 1 to 65535",
        "处理 remedy: correct QUNZHU_PORT, or unset it",
    ]


def test_a_blueprint_that_is_not_there_has_no_lines(place: Installation):
    done = place.run("init", "--check", "--blueprint", "nosuch")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1] == "nosuch: there is no such blueprint (shipped: workplace-knowledge)"


def test_open_folders_unknown_hosts_and_backups_that_cannot_be_written(place: Installation, tmp_path: Path):
    migrated = place.run("migrate", XDG_RUNTIME_DIR="/nonexistent")
    assert (migrated.returncode, migrated.stderr) == (0, "")

    none = tmp_path / "none" / "x.tar"
    done = place.run("backup", str(none))
    assert (done.returncode, done.stderr.splitlines()) == (1, [
        f"错误 error: the folder {none.parent} does not exist",
        f"处理 remedy: make it: mkdir -p {none.parent}, or name another file",
    ])  # fmt: skip
    done = place.run("backup", str(tmp_path))
    assert (done.returncode, "is a directory" in done.stderr, "Traceback" in done.stderr) == (2, True, False)

    assert examine(place) == []
    place.home.chmod(0o777)
    (place.home / "blackbox").mkdir(mode=0o755, exist_ok=True)
    (place.home / "blackbox").chmod(0o755)
    assert examine(place, QUNZHU_PUBLIC_URL="https://group.example.com") == [
        ("home", f"{place.home} can be changed by others", f"chmod go-w {place.home}"),
        ("black box", f"{place.home}/blackbox is open to others", f"chmod -R go-rwx {place.home}/blackbox"),
        (
            "addresses",
            (
                "pages refuse group.example.com: QUNZHU_PUBLIC_URL is https://group.example.com,"
                " QUNZHU_HOSTS is localhost,127.0.0.1,[::1],testserver"
            ),
            "let QUNZHU_HOSTS contain the host of QUNZHU_PUBLIC_URL",
        ),
    ]
    place.home.chmod(0o755)
    (place.home / "blackbox").chmod(0o700)
    public = {"QUNZHU_PUBLIC_URL": "https://group.example.com", "QUNZHU_HOSTS": ".example.com"}
    assert examine(place, **public) == []


def examine(place: Installation, **more: str) -> list[tuple[str, str, str]]:
    """What the doctor says must be mended."""
    done = place.run("doctor", "--json", "--port", str(place.port), **more)
    found = [(f["name"], f["text"], f["remedy"]) for f in json.loads(done.stdout) if f["state"] == "fail"]
    assert done.returncode == (1 if found else 0)
    return found
