"""`qunzhu backup` and `qunzhu restore`: database, keys and uploads as one file with a manifest and checksums."""

import errno
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import psycopg

from qunzhu import __version__
from qunzhu.config.problems import Problem
from qunzhu.kernel.database import database_url, home, pgserver

FORMAT = 1
DUMP = "database.dump"
MANIFEST = "manifest.json"
NOT_KEPT = frozenset({"pg", "static", "up.lock"})  # the database comes as a dump, the rest is made anew
CHUNK = 1024 * 1024


@click.command()
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="replace a file that is there")
def backup(out: Path, force: bool) -> None:
    """Write database, keys and uploads into the file OUT (a tar); the product may go on running."""
    if out.exists() and not force:
        raise Problem(f"{out} is there already", "name another file, or use --force")
    try:
        manifest = do_backup(out)
    except OSError as error:
        raise _unwritable(out, error) from None
    click.echo(f"{out}: {out.stat().st_size:,} bytes, {sum(manifest['tables'].values()):,} rows")
    click.echo("含密钥，请妥善保管 it contains the installation's keys: keep it safe")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="replace the data that is there")
def restore(file: Path, force: bool) -> None:
    """Restore FILE into this installation, which must be empty and not running; verifies it afterwards."""
    manifest = do_restore(file, force=force)
    click.echo(f"restored {sum(manifest['tables'].values()):,} rows of {manifest['made_at']}")


def _unwritable(out: Path, error: OSError) -> Problem:
    """What to do when the file `out` could not be written."""
    folder = out.parent
    if not folder.exists():
        return Problem(f"the folder {folder} does not exist", f"make it: mkdir -p {folder}, or name another file")
    if not folder.is_dir():
        return Problem(f"{folder} is not a folder", "name another file")
    if error.errno == errno.ENOSPC:
        return Problem(f"no space left in {folder}", "make room, or name a file on another disk")
    where = error.filename or out
    return Problem(f"{where}: {error.strerror or error}", "give this user access to it, or name another file")


def do_backup(out: Path) -> dict[str, Any]:
    """Write the backup; returns its manifest. The file appears whole or not at all."""
    url = database_url()
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".backup-") as folder:
        work = Path(folder)
        # Files first: the witness of the black box may then be older than the log, never newer.
        files = copy_kept_files(home(), work / "home")
        with psycopg.connect(url) as conn:
            conn.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = conn.execute("SELECT pg_export_snapshot()").fetchone()
            tables = count_rows(conn)
            # The dump sees what the counts saw, although the product goes on writing.
            same = f"--snapshot={snapshot[0] if snapshot else ''}"
            _run("pg_dump", url, "--format=custom", same, f"--file={work / DUMP}")
        files[DUMP] = work / DUMP
        manifest = {
            "format": FORMAT,
            "version": __version__,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "tables": tables,
            "sha256": {name: sha256(path) for name, path in files.items()},
        }
        (work / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1))
        draft = work / "out.tar"
        with tarfile.open(draft, "w") as tar:
            tar.add(work / MANIFEST, MANIFEST)
            for name, path in files.items():
                tar.add(path, name)
        draft.chmod(0o600)
        draft.replace(out)
    return manifest


def copy_kept_files(folder: Path, to: Path) -> dict[str, Path]:
    """Keys, uploads and what else lies in the home, except what is made anew: name in the backup → the copy.

    Uploads are named by their content and never change, so they are not copied twice.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if not path.is_file() or path.is_symlink() or relative.parts[0] in NOT_KEPT:
            continue
        if relative.parts[0] != "uploads":
            target = to / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            path = target  # noqa: PLW2901
        files[f"home/{relative}"] = path
    return files


def do_restore(file: Path, *, force: bool = False) -> dict[str, Any]:
    """Restore the backup, verify counts and black box; returns its manifest. Raises Problem, saying what is wrong."""
    from qunzhu.config.up import only_one

    with tempfile.TemporaryDirectory(prefix="qunzhu-restore-") as folder, only_one(home() / "up.lock"):
        manifest = _unpack(file, Path(folder))
        check_empty(force=force)
        for name in manifest["sha256"]:
            if name.startswith("home/"):
                target = home() / name.removeprefix("home/")
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                shutil.copyfile(Path(folder) / name, target)
                target.chmod(0o600)
        url = database_url()
        with psycopg.connect(url, autocommit=True) as conn:
            conn.execute("DROP SCHEMA public CASCADE")
            conn.execute("CREATE SCHEMA public")
        _run("pg_restore", url, "--no-owner", "--exit-on-error", "--single-transaction", str(Path(folder) / DUMP))
        with psycopg.connect(url) as conn:
            restored = count_rows(conn)
        broken = verify_black_box(url)
    if broken:
        raise Problem(f"the black box does not verify after restoring: {broken[0]}", "run: qunzhu blackbox verify")
    if restored != manifest["tables"]:
        wrong = sorted(name for name, rows in manifest["tables"].items() if restored.get(name) != rows)
        raise Problem(f"row counts differ after restoring: {', '.join(wrong)}", "the file may be damaged; try another")
    return manifest


def verify_black_box(url: str) -> list[str]:
    """What the black box's own verification finds wrong; empty when all is well."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from qunzhu.kernel.events.blackbox import Report, verify_all

    with psycopg.connect(url) as conn:
        reports = [step for step in verify_all(conn) if isinstance(step, Report)]
    return [str(finding) for report in reports for finding in report.findings]


def check_empty(*, force: bool) -> None:
    """Raise Problem when this installation holds a community, unless `force`."""
    with psycopg.connect(database_url()) as conn:
        row = conn.execute("SELECT to_regclass('community')").fetchone()
        if row is None or row[0] is None:
            return
        count = conn.execute("SELECT count(*) FROM community").fetchone()
    if count and count[0] and not force:
        raise Problem(
            f"this installation holds {count[0]} communities",
            "set QUNZHU_HOME (or DATABASE_URL) to an empty one, or use --force to lose what is here",
        )


def count_rows(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows of every table, counted."""
    names = [
        row[0]
        for row in conn.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
        ).fetchall()
    ]
    counts = {}
    for name in names:
        row = conn.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(name))).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as data:
        while chunk := data.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _unpack(file: Path, folder: Path) -> dict[str, Any]:
    """Unpack into `folder` and compare every checksum; returns the manifest."""
    try:
        with tarfile.open(file) as tar:
            tar.extractall(folder, filter="data")  # "data" refuses links and paths that lead outside
        manifest = json.loads((folder / MANIFEST).read_text())
        checksums: dict[str, str] = manifest["sha256"]
    except (tarfile.TarError, OSError, ValueError, KeyError) as error:
        raise Problem(f"{file} is no backup: {error}", "give a file that `qunzhu backup` wrote") from None
    if manifest.get("format") != FORMAT:
        raise Problem(f"{file} has format {manifest.get('format')}, this version reads {FORMAT}", "use a newer version")
    for name, expected in checksums.items():
        path = folder / name
        if not path.is_file() or sha256(path) != expected:
            raise Problem(f"{name} in {file} is damaged", "use another backup")
    return dict(manifest)


def program(name: str) -> str:
    """A PostgreSQL program: the one that ships with the embedded server, else the system's."""
    bin_folders = sorted(Path(pgserver().__file__).parent.glob("pginstall*/bin"), reverse=True)
    for folder in bin_folders:
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise Problem(f"{name} is not installed", "install PostgreSQL's client programs")
    return found


def _run(name: str, url: str, *arguments: str) -> None:
    """Run a PostgreSQL program; the password travels in the environment, where `ps` does not show it."""
    info = psycopg.conninfo.conninfo_to_dict(url)
    password = str(info.pop("password", "") or "")
    target = psycopg.conninfo.make_conninfo("", **info)
    done = subprocess.run(  # noqa: S603  (a fixed program, arguments of our own)
        [program(name), f"--dbname={target}", "--no-password", *arguments],
        env={**os.environ, **({"PGPASSWORD": password} if password else {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Problem(
            f"{name} failed: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else done.returncode}"
        )
