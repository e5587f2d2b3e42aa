"""Backup → new home → restore → equal tables, rehearsed with the real commands."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from qunzhu.kernel.database import start_embedded
from tests.operations.installation import Installation


@pytest.fixture
def places() -> Iterator[tuple[Installation, Installation]]:
    both = Installation(), Installation()
    yield both
    for place in both:
        place.close()


def content(place: Installation) -> dict[str, list[str]]:
    """Every row of every table, as text, in order."""
    with psycopg.connect(start_embedded(place.home / "pg")) as conn:
        names = [
            row[0]
            for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        ]
        return {
            name: [row[0] for row in conn.execute(f'SELECT t::text FROM "{name}" t ORDER BY 1').fetchall()]
            for name in names
        }


def test_a_backup_restores_to_equal_tables_keys_and_uploads(places: tuple[Installation, Installation], tmp_path: Path):
    old, new = places
    made = old.run("init")
    assert made.returncode == 0, made.stderr
    assert old.run("simulate", "month", "--community", "workplace-knowledge", "--people", "20").returncode == 0
    assert old.run("consume", "--once").returncode == 0
    (old.home / "uploads" / "ab").mkdir(parents=True)
    (old.home / "uploads" / "ab" / "abcd.png").write_bytes(b"\x89PNG picture")
    file = tmp_path / "backup.tar"
    done = old.run("backup", str(file))
    assert done.returncode == 0, done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    assert old.run("backup", str(file)).returncode == 1  # never over a file that is there

    restored = new.run("restore", str(file))
    assert restored.returncode == 0, restored.stderr
    before, after = content(old), content(new)
    assert len(before["event"]) > 300
    assert before == after
    assert (new.home / "secret_key").read_text() == (old.home / "secret_key").read_text()
    assert (new.home / "uploads/ab/abcd.png").read_bytes() == b"\x89PNG picture"

    refused = new.run("restore", str(file))
    assert refused.returncode == 1
    assert refused.stderr.startswith("错误 error: this installation holds 1 communities\n")
    assert new.run("restore", str(file), "--force").returncode == 0
    assert content(new) == after

    damaged = tmp_path / "damaged.tar"
    damage(file, damaged)
    refused = new.run("restore", str(damaged), "--force")
    assert refused.returncode == 1
    assert "database.dump in" in refused.stderr
    assert content(new) == after


def test_a_file_that_is_no_backup_is_refused(places: tuple[Installation, Installation], tmp_path: Path):
    (tmp_path / "x.tar").write_text("hello")
    done = places[0].run("restore", str(tmp_path / "x.tar"))
    assert done.returncode == 1
    assert "is no backup" in done.stderr


def test_the_doctor_finds_nothing_wrong_with_a_new_installation(places: tuple[Installation, Installation]):
    place = places[0]
    assert place.run("migrate").returncode == 0
    done = place.run("doctor", "--json", "--port", str(place.port))
    findings = {f["name"]: f["state"] for f in json.loads(done.stdout)}
    assert [name for name, state in findings.items() if state == "fail"] == []
    assert findings["communities"] == "warn"
    assert done.returncode == 0
    (place.home / "secret_key").chmod(0o644)
    done = place.run("doctor", "--port", str(place.port))
    assert done.returncode == 1
    assert f"✗ secret key: {place.home}/secret_key can be read by others" in done.stdout
    assert f"处理 remedy: chmod 600 {place.home}/secret_key" in done.stdout


def damage(file: Path, to: Path) -> None:
    """The same archive with one byte of the dump changed."""
    import io

    with tarfile.open(file) as source, tarfile.open(to, "w") as target:
        for entry in source.getmembers():
            data = bytearray(source.extractfile(entry).read())
            if entry.name == "database.dump":
                data[len(data) // 2] ^= 1
            target.addfile(entry, io.BytesIO(bytes(data)))
