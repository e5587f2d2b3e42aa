"""`/metrics` for Prometheus: what the database knows, read on each scrape with a fixed number of queries.

Counters that processes keep themselves (the receiver's) come from prometheus_client's registry; with several
workers set PROMETHEUS_MULTIPROC_DIR, as that library documents.
"""

import hmac
import os
from collections.abc import Iterator
from typing import Any

import psycopg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from qunzhu.kernel.database import database_url

LOOPBACK = frozenset({"127.0.0.1", "::1"})
CONNECT_SECONDS = 3

# name, what it says, its labels, and the query: label columns, then the value. Each scrape runs each once.
GAUGES: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("qunzhu_log_events", "Events in the log", ("community",), "SELECT community_id::text, seq FROM event_head"),
    (
        "qunzhu_consumer_lag_events",
        "Events a consumer has not worked off, over all communities",
        ("consumer",),
        (
            "SELECT consumer, sum(h.seq - c.seq) FROM consumer_cursor c JOIN event_head h USING (community_id)"
            " GROUP BY consumer"
        ),
    ),
    (
        "qunzhu_consumer_failing",
        "Communities in which a consumer's last batch failed",
        ("consumer",),
        "SELECT consumer, count(*) FILTER (WHERE failures > 0) FROM consumer_cursor GROUP BY consumer",
    ),
    (
        "qunzhu_poisoned_events",
        "Events put aside because a consumer could not digest them",
        ("consumer",),
        "SELECT consumer, count(*) FROM poisoned_event GROUP BY consumer",
    ),
    (
        "qunzhu_effects_unfinished",
        "Effects that wait (pending), are with a human (task_created) or were given up (failed) and nobody has decided",
        ("status",),
        (
            "SELECT s, (SELECT count(*) FROM effect e WHERE status = s AND (s <> 'failed' OR EXISTS"
            " (SELECT FROM \"case\" c WHERE c.id = e.case_id AND c.state = 'open')))"
            " FROM unnest(ARRAY['pending', 'task_created', 'failed']) AS u(s)"
        ),
    ),
    (
        "qunzhu_effect_oldest_due_seconds",
        "How long the oldest waiting effect has been due",
        (),
        (
            "SELECT greatest(0, coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)) FROM effect"
            " WHERE status = 'pending'"
        ),
    ),
    (
        "qunzhu_cases_open",
        "Cases that wait for a human",
        ("urgency",),
        (
            "SELECT u, (SELECT count(*) FROM \"case\" WHERE state = 'open' AND urgency = u)"
            " FROM unnest(ARRAY['grey', 'yellow', 'orange', 'red']) AS n(u)"
        ),
    ),
    (
        "qunzhu_unsealed_events",
        "Events that no sealed block covers yet",
        ("community",),
        (
            "SELECT h.community_id::text, h.seq - coalesce(b.last_seq, 0) FROM event_head h LEFT JOIN LATERAL"
            " (SELECT last_seq FROM sealed_block WHERE community_id = h.community_id ORDER BY number DESC LIMIT 1) b"
            " ON true"
        ),
    ),
)


class DatabaseCollector(Collector):
    """Reads `GAUGES` when asked; `qunzhu_up` is 0 when the database does not answer."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("qunzhu_up", "Whether the database answers")
        try:
            with psycopg.connect(database_url(), autocommit=True, connect_timeout=CONNECT_SECONDS) as conn:
                families = [_family(conn, *gauge) for gauge in GAUGES]
        except (psycopg.Error, OSError):
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from families


def _family(
    conn: psycopg.Connection[Any], name: str, text: str, labels: tuple[str, ...], query: str
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for *values, figure in conn.execute(query.encode()):
        family.add_metric(values, float(figure))
    return family


def metrics_routes() -> list[BaseRoute]:
    """The scrape address."""
    return [Route("/metrics", metrics)]


async def metrics(request: Request) -> Response:
    """The figures, for this machine itself or a bearer of `QUNZHU_METRICS_TOKEN`; 403 for anybody else."""
    if not may_scrape(request):
        return PlainTextResponse("metrics are for loopback, or for the bearer of QUNZHU_METRICS_TOKEN\n", 403)
    return Response(await run_in_threadpool(exposition), media_type=CONTENT_TYPE_LATEST)


def may_scrape(request: Request) -> bool:
    """A request that a proxy passed on comes from loopback too; its forwarding header gives it away."""
    token = os.environ.get("QUNZHU_METRICS_TOKEN", "")
    given = request.headers.get("authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return True
    forwarded = any(name in request.headers for name in ("x-forwarded-for", "forwarded", "x-real-ip"))
    return request.client is not None and request.client.host in LOOPBACK and not forwarded


def exposition() -> bytes:
    """The page in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(REGISTRY)
