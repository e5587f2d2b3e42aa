"""`qunzhu doctor`: one line for each thing that can be wrong, with what to do about it."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import click
import msgspec
import psycopg

from qunzhu.config.addresses import allowed_hosts, public_url
from qunzhu.config.health import missing_migrations
from qunzhu.config.processes import HOST, PORT
from qunzhu.kernel.database import database_url, home_path, installed

SOCKET_PATH_BYTES = 107
FREE_BYTES = 2 * 1024**3
SKEW_SECONDS = 2.0
LAG_EVENTS = 50_000
OTHERS_WRITE = 0o022
OTHERS = 0o077
OLDEST_POSTGRESQL = 140_000
VENDOR = ("htmx.min.js", "weui.min.css", "echarts.min.js")

State = Literal["ok", "warn", "fail"]
_SIGNS: dict[State, tuple[str, str]] = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


class Finding(msgspec.Struct, frozen=True):
    """One line of the examination."""

    name: str
    state: State
    text: str
    remedy: str = ""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="print the findings as JSON")
@click.option("--port", default=PORT, envvar="QUNZHU_PORT", show_default=True, type=click.IntRange(1, 65535))
def command(as_json: bool, port: int) -> None:
    """Say what is wrong with this installation; exit code 1 when something must be mended."""
    findings = examine(port)
    if as_json:
        click.echo(json.dumps(msgspec.to_builtins(findings), ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            sign, color = _SIGNS[finding.state]
            click.secho(f"{sign} {finding.name}: {finding.text}", fg=color)
            if finding.remedy and finding.state != "ok":
                click.echo(f"    处理 remedy: {finding.remedy}")
    raise SystemExit(1 if any(f.state == "fail" for f in findings) else 0)


def examine(port: int = PORT) -> list[Finding]:
    """Every finding; a check that itself fails is a finding too."""
    findings: list[Finding] = []
    checks = (python, home_folder, black_box, socket_path, disk, secret_key, addresses)
    for check in (*checks, browser_files, translations, chinese_font):
        findings += _safely(check.__name__, check)
    findings += _safely("port", lambda: port_free(port))
    return findings + _safely("database", database)


def _safely(name: str, check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:  # noqa: BLE001  (a doctor does not faint)
        return [Finding(name, "fail", f"{type(error).__name__}: {str(error).strip().splitlines()[:1]}")]


def python() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    fine = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if fine else "fail", found, "install Python 3.11 or newer, then: make distclean setup")


def home_folder() -> Iterator[Finding]:
    """Others may pass through the home (PostgreSQL can run as another user), but only its owner writes."""
    folder = home_path()
    if not folder.exists():
        yield Finding("home", "ok", f"{folder} will be made at the first start")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding("home", "fail", str(folder), "let this user own the folder, or set QUNZHU_HOME")
    elif folder.stat().st_mode & OTHERS_WRITE:
        yield Finding("home", "fail", f"{folder} can be changed by others", f"chmod go-w {folder}")
    else:
        yield Finding("home", "ok", str(folder))


def black_box() -> Iterator[Finding]:
    """The signing key and the witness lie there: nobody else may read or write them."""
    folder = home_path() / "blackbox"
    if not folder.exists():
        yield Finding("black box", "ok", "its folder will be made at the first seal")
        return
    exposed = [path for path in (folder, *sorted(folder.rglob("*"))) if path.stat().st_mode & OTHERS]
    yield Finding(
        "black box", "fail" if exposed else "ok", f"{exposed[0]} is open to others" if exposed else str(folder),
        f"chmod -R go-rwx {folder}",
    )  # fmt: skip


def addresses() -> Iterator[Finding]:
    """Pages answer only to the names in QUNZHU_HOSTS: the public address must be one of them."""
    from django.http.request import split_domain_port, validate_host

    url, hosts = public_url(), allowed_hosts()
    host = split_domain_port(urlsplit(url).netloc)[0]
    fine = bool(host) and validate_host(host, hosts)
    yield Finding(
        "addresses", "ok" if fine else "fail",
        url if fine else f"pages refuse {host or url}: QUNZHU_PUBLIC_URL is {url}, QUNZHU_HOSTS is {','.join(hosts)}",
        "let QUNZHU_HOSTS contain the host of QUNZHU_PUBLIC_URL",
    )  # fmt: skip


def socket_path() -> Iterator[Finding]:
    """The embedded PostgreSQL's socket lies in its folder, and the system limits the length of such paths."""
    if os.environ.get("DATABASE_URL"):
        return
    length = len(os.fsencode(home_path() / "pg" / ".s.PGSQL.5432"))
    fine = length <= SOCKET_PATH_BYTES
    yield Finding(
        "socket path",
        "ok" if fine else "fail",
        f"{length} of {SOCKET_PATH_BYTES} bytes",
        "choose a shorter QUNZHU_HOME",
    )


def disk() -> Iterator[Finding]:
    place = home_path()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    state: State = "ok" if free >= FREE_BYTES else "fail" if free < FREE_BYTES // 8 else "warn"
    yield Finding("disk", state, f"{free / 1024**3:.1f} GiB free", "make room: PostgreSQL stops when the disk is full")


def secret_key() -> Iterator[Finding]:
    if os.environ.get("QUNZHU_SECRET_KEY"):
        yield Finding("secret key", "ok", "from QUNZHU_SECRET_KEY")
        return
    file = home_path() / "secret_key"
    if not file.exists():
        yield Finding("secret key", "ok", "will be made at the first start")
        return
    private = file.stat().st_mode & 0o077 == 0
    yield Finding(
        "secret key", "ok" if private else "fail", str(file) if private else f"{file} can be read by others",
        f"chmod 600 {file}",
    )  # fmt: skip


def browser_files() -> Iterator[Finding]:
    folder = Path(__file__).resolve().parents[1] / "ui" / "static" / "vendor"
    missing = [name for name in VENDOR if not (folder / name).is_file()]
    yield Finding(
        "browser files", "fail" if missing else "ok", f"missing: {', '.join(missing)}" if missing else "all there",
        "make setup",
    )  # fmt: skip


def translations() -> Iterator[Finding]:
    from qunzhu.ui.messages import catalogues, is_stale

    stale = [po for po in catalogues() if is_stale(po)]
    text = f"{len(stale)} not compiled" if stale else "compiled"
    yield Finding("translations", "warn" if stale else "ok", text, "make messages")


def chinese_font() -> Iterator[Finding]:
    """Pictures with Chinese text, and screenshots of the tests, need one on the server."""
    program = shutil.which("fc-list")
    if program is None:
        yield Finding(
            "chinese font", "warn", "fontconfig is not installed", "apt-get install fontconfig fonts-noto-cjk"
        )
        return
    found = subprocess.run([program, ":lang=zh", "family"], capture_output=True, text=True, check=False)  # noqa: S603
    families = found.stdout.strip().splitlines()
    yield Finding(
        "chinese font", "ok" if families else "warn", families[0] if families else "none",
        "apt-get install fonts-noto-cjk",
    )  # fmt: skip


def port_free(port: int) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.settimeout(1)
        used = probe.connect_ex((HOST, port)) == 0
    if not used:
        yield Finding("port", "ok", f"{port} is free")
        return
    import httpx

    try:
        ours = httpx.get(f"http://{HOST}:{port}/healthz", timeout=2, trust_env=False).text == "ok"
    except httpx.HTTPError:
        ours = False
    yield Finding(
        "port", "ok" if ours else "warn", f"{port}: Qunzhu answers" if ours else f"{port} is used by another program",
        "stop that program, or choose another port: qunzhu up --port",
    )  # fmt: skip


def database() -> Iterator[Finding]:
    if not installed():
        yield Finding(
            "database", "fail", f"no installation in {home_path()}",
            "run `qunzhu init` or `make demo`, or set QUNZHU_HOME to where it is",
        )  # fmt: skip
        return
    try:
        conn = psycopg.connect(database_url(), autocommit=True, connect_timeout=5)
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[0]
        yield Finding("database", "fail", reason, "is PostgreSQL running, and DATABASE_URL right?")
        return
    with conn:
        yield from _server(conn)
        missing = missing_migrations(conn)
        text = f"{len(missing)} missing" if missing else "all applied"
        yield Finding("migrations", "fail" if missing else "ok", text, "qunzhu migrate")
        if not missing:
            yield from _work(conn)


def _server(conn: psycopg.Connection[Any]) -> Iterator[Finding]:
    version = conn.info.server_version
    yield Finding(
        "database", "ok" if version >= OLDEST_POSTGRESQL else "fail", f"PostgreSQL {version // 10_000}",
        "use PostgreSQL 14 or newer",
    )  # fmt: skip
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        value = str(conn.execute(f"SHOW {name}".encode()).fetchone()[0])  # type: ignore[index]
        safe = value not in {"off", "local"}
        yield Finding(
            name,
            "ok" if safe else "warn",
            value,
            f"set {name} = on: acknowledged messages could be lost in a power cut",
        )
    row = conn.execute("SELECT clock_timestamp(), pg_encoding_to_char(encoding) FROM pg_database"
                       " WHERE datname = current_database()").fetchone()  # fmt: skip
    clock, encoding = row or (datetime.now(UTC), "UTF8")
    skew = abs((datetime.now(UTC) - clock).total_seconds())
    yield Finding(
        "clock", "ok" if skew < SKEW_SECONDS else "warn", f"{skew:.1f} s off the database's", "run a time service (NTP)"
    )
    yield Finding(
        "encoding", "ok" if encoding == "UTF8" else "fail", encoding, "create the database with ENCODING 'UTF8'"
    )


def _work(conn: psycopg.Connection[Any]) -> Iterator[Finding]:
    row = conn.execute(
        "SELECT (SELECT coalesce(max(h.seq - c.seq), 0) FROM consumer_cursor c JOIN event_head h USING (community_id)),"
        " (SELECT count(*) FROM consumer_cursor WHERE failures > 0), (SELECT count(*) FROM poisoned_event),"
        " (SELECT count(*) FROM effect e JOIN \"case\" k ON k.id = e.case_id AND k.state = 'open'"
        "  WHERE e.status = 'failed'), (SELECT count(*) FROM community)"
    ).fetchone()
    lag, failing, poisoned, dead, communities = row or (0, 0, 0, 0, 0)
    yield Finding(
        "consumers", "warn" if failing or lag > LAG_EVENTS else "ok", f"{lag:,} events behind, {failing} failing",
        "is `qunzhu consume` running? its log says why a consumer fails",
    )  # fmt: skip
    yield Finding(
        "poisoned events", "warn" if poisoned else "ok", str(poisoned), "decide their cases in the console (工单)"
    )
    yield Finding("dead letters", "warn" if dead else "ok", str(dead), "retry or drop them in the console (工单)")
    yield Finding(
        "communities", "ok" if communities else "warn", str(communities), "create one: qunzhu init, or: make demo"
    )
