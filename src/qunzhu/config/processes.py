"""The parts of the product as commands. `up` starts them as child processes; alone they need a `DATABASE_URL`."""

import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import Any

import click
import structlog

from qunzhu.config.logs import configure_logs
from qunzhu.config.parent import die_with_parent
from qunzhu.config.problems import Problem
from qunzhu.kernel.database import require_installation

HOST = "127.0.0.1"
PORT = 8000
STOP_SECONDS = 5  # an answer that a client does not take may hold a stopping server that long
SUPERVISOR = "QUNZHU_SUPERVISOR"  # process id of `qunzhu up`, set for its children
logger = structlog.get_logger("qunzhu.process")

_host = click.option("--host", default=HOST, envvar="QUNZHU_HOST", show_default=True, help="address to listen on")
_port = click.option("--port", default=PORT, envvar="QUNZHU_PORT", show_default=True, type=click.IntRange(1, 65535))
_workers = click.option(
    "--workers", default=1, envvar="QUNZHU_WORKERS", show_default=True, type=click.IntRange(1, 64), help="processes"
)


@click.command()
@_host
@_port
@_workers
def web(host: str, port: int, workers: int) -> None:
    """Run the part that answers HTTP: receiver, live stream, console and member pages."""
    _serve("web", host, port, workers)


@click.command()
@_host
@_port
@_workers
def receive(host: str, port: int, workers: int) -> None:
    """Run the receiver and the live stream alone."""
    _serve("receive", host, port, workers)


@click.command()
@_host
@_port
@_workers
def console(host: str, port: int, workers: int) -> None:
    """Run the console and the member pages alone."""
    _serve("console", host, port, workers)


@click.command()
@click.option("--once", is_flag=True, help="work off what there is, then end")
def consume(once: bool) -> None:
    """Run the consumers of the event log; any number of these may run at once."""
    begin_part("consume")
    from qunzhu.config.subscriptions import CONSUMERS
    from qunzhu.kernel.events.runner import Runner

    runner = Runner(CONSUMERS)
    if once:
        click.echo(f"{runner.run_once()} events")
        return
    on_stop(lambda: setattr(runner, "stopping", True))
    logger.info("consuming", consumers=len(CONSUMERS))
    runner.run_forever()
    logger.info("stopped")


@click.command()
@click.option("--once", is_flag=True, help="carry out what is due, then end")
def deliver(once: bool) -> None:
    """Carry out effects; any number of these may run at once."""
    begin_part("deliver")
    from qunzhu.kernel.effects.deliver import Deliverer

    deliverer = Deliverer()
    if once:
        click.echo(f"{deliverer.run_once()} effects")
        return
    on_stop(lambda: setattr(deliverer, "stopping", True))
    logger.info("delivering")
    deliverer.run_forever()
    logger.info("stopped")


@click.command()
def schedule() -> None:
    """Run jobs that time starts: seals, deadlines, invariants (docs/operations/jobs.md)."""
    begin_part("schedule")
    from qunzhu.config.jobs import run_worker

    logger.info("scheduling")
    run_worker()
    logger.info("stopped")


def begin_part(name: str) -> None:
    """What every part does first: logs, ending with its supervisor, Django."""
    configure_logs(name)
    if supervisor := os.environ.get(SUPERVISOR):
        die_with_parent(parent=int(supervisor))
    from qunzhu.kernel.bootstrap import setup_django

    setup_django()


def on_stop(stop: Callable[[], Any]) -> None:
    """Call `stop` on SIGTERM and SIGINT: the loop in hand finishes its transaction and returns."""

    def handle(_signum: int, _frame: FrameType | None) -> None:
        stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _serve(name: str, host: str, port: int, workers: int) -> None:
    configure_logs(name)
    if supervisor := os.environ.get(SUPERVISOR):
        die_with_parent(parent=int(supervisor))
    require_installation()
    check_port(host, port)
    from granian import Granian
    from granian.constants import Interfaces, Loops
    from granian.log import LogLevels

    Granian(
        f"qunzhu.config.asgi:{name}",
        factory=True,
        address=host,
        port=port,
        workers=workers,
        interface=Interfaces.ASGI,
        loop=Loops.uvloop,
        websockets=False,
        log_level=LogLevels.warning,
        workers_kill_timeout=STOP_SECONDS,
    ).serve()


def check_port(host: str, port: int) -> None:
    """Raise Problem when `host:port` cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except PermissionError:
            raise Problem(f"port {port} is reserved for root", "choose one above 1023 with --port") from None
        except OSError as error:
            reason = error.strerror or "cannot be bound"
            raise Problem(
                f"{host}:{port} cannot be listened on: {reason}",
                f"stop the program that uses port {port}, or choose another one: --port {port + 1}",
            ) from None
