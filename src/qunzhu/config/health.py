"""Probes: `/healthz` says that the process answers, `/readyz` that the installation can work, with its reasons."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import psycopg
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from qunzhu.kernel.database import database_url

CONNECT_SECONDS = 3
STUCK_SECONDS = 60  # a consumer that is behind and has not moved, or an effect that is due, for that long

Checks = dict[str, dict[str, Any]]

# One round trip: how far the log is, who is behind and for how long, what waits to be carried out.
_STATE = """
SELECT (SELECT coalesce(sum(seq), 0) FROM event_head),
       (SELECT coalesce(max(h.seq - c.seq), 0) FROM consumer_cursor c JOIN event_head h USING (community_id)),
       (SELECT count(*) FROM consumer_cursor c JOIN event_head h USING (community_id)
         WHERE c.seq < h.seq AND c.moved_at < now() - make_interval(secs => %(stuck)s)),
       (SELECT count(*) FROM consumer_cursor WHERE failures > 0),
       (SELECT count(*) FROM effect WHERE status = 'pending'),
       (SELECT coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0) FROM effect WHERE status = 'pending')
"""


def health_routes() -> list[BaseRoute]:
    """The two probes."""
    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def healthz(_request: Request) -> Response:
    """200 as long as this process answers; asks nothing else, so that a busy database does not end a process."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """200 when messages can be taken; 503 else. With `?strict=1` also 503 when a part is behind or stuck."""
    checks = await run_in_threadpool(run_checks)
    can_receive = checks["database"]["ok"] and checks["migrations"]["ok"]
    all_well = all(check["ok"] for check in checks.values())
    ready = all_well if request.query_params.get("strict") == "1" else can_receive
    body = {"ready": ready, "degraded": not all_well, "checks": checks}
    return JSONResponse(body, status_code=200 if ready else 503)


def run_checks(connect: Callable[[], psycopg.Connection[Any]] | None = None) -> Checks:
    """Every check with `ok` and its figures; never raises."""
    started = time.perf_counter()
    checks: Checks = {
        "database": {"ok": False},
        "migrations": {"ok": False},
        "consumers": {"ok": False},
        "deliverer": {"ok": False},
    }
    try:
        with (connect or _connect)() as conn:
            conn.execute("SELECT 1")
            checks["database"] = {"ok": True, "milliseconds": round((time.perf_counter() - started) * 1000, 1)}
            missing = missing_migrations(conn)
            checks["migrations"] = {"ok": not missing, "missing": missing}
            if not missing:
                checks |= _work(conn)
    except (psycopg.Error, OSError, ValueError) as error:
        checks["database"] = {"ok": False, "error": str(error).strip().split("\n")[0] or type(error).__name__}
    return checks


def _work(conn: psycopg.Connection[Any]) -> Checks:
    row = conn.execute(_STATE, {"stuck": STUCK_SECONDS}).fetchone()
    head, lag, stuck, failing, pending, overdue = row or (0, 0, 0, 0, 0, 0)
    return {
        "consumers": {"ok": not stuck, "events": int(head), "lag": int(lag), "stuck": stuck, "failing": failing},
        "deliverer": {
            "ok": overdue < STUCK_SECONDS,
            "pending": pending,
            "overdue_seconds": round(max(0.0, float(overdue)), 1),
        },
    }


def missing_migrations(conn: psycopg.Connection[Any]) -> list[str]:
    """Migrations of this version that the database lacks; all of them when it is empty."""
    known: set[tuple[str, str]] = set()
    row = conn.execute("SELECT to_regclass('django_migrations') IS NOT NULL").fetchone()
    if row and row[0]:
        known = set(conn.execute("SELECT app, name FROM django_migrations").fetchall())
    return [f"{app}.{name}" for app, name in _migrations_of_this_version() if (app, name) not in known]


@lru_cache(maxsize=1)
def _migrations_of_this_version() -> tuple[tuple[str, str], ...]:
    """(app, name) of every migration file of the installed apps; Django is set up for it, lazily."""
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(None)
    replaced = {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return tuple(sorted(key for key in loader.disk_migrations if key not in replaced))


def _connect() -> psycopg.Connection[Any]:
    return psycopg.connect(database_url(), autocommit=True, connect_timeout=CONNECT_SECONDS)
