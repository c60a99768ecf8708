"""One structured line per decision, on stderr: JSON, or colours on a terminal. No line holds a body or a row's value.

The message of an exception is shown only if it is ours or the operating system's. The message of any other may quote
its input: a text message, or the DETAIL of a database error. The type and the frames are enough to find a bug.
"""

import logging
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from deploy.log_writer import LineWriter, never_failing
from schemas.errors import LedgerError

# The level at which each chatty library is logged; with `debug`, WARNING for all of them.
# aiokafka repeats an error as long as Kafka is unavailable. Our own line is logged once.
LIBRARIES = {
    "aiokafka": logging.CRITICAL,
    "uvicorn": logging.WARNING,
    "asyncpg": logging.WARNING,
    "alembic": logging.WARNING,
}


def configure(level: str, stream: TextIO | None = None, *, on_failure: Callable[[], object] = lambda: None) -> None:
    """Set up structlog, and the standard library's logging under it. `level` as in LEDGER_LOG_LEVEL.

    No call of a logger raises an Exception afterwards. `on_failure` is called for each line that is lost.
    """
    stream = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    writer = LineWriter(stream)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception_without_values,
            *_renderer(stream),
        ],
        wrapper_class=never_failing(structlog.make_filtering_bound_logger(threshold), on_failure),
        logger_factory=lambda *_: writer,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Forward()], level=max(threshold, logging.INFO), force=True)
    for name, quiet in LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.WARNING if level == "debug" else quiet)


def _renderer(stream: TextIO | None) -> list[Processor]:
    if stream is not None and not stream.closed and stream.isatty():
        return [structlog.dev.ConsoleRenderer()]
    return [lambda _logger, _method, fields: orjson.dumps(fields, default=str).decode()]


class _Forward(logging.Handler):
    """Passes log messages of libraries to structlog, the first line only: asyncio adds reprs of exceptions after it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage().split("\n", 1)[0]
        except Exception:  # noqa: BLE001 -- arguments that do not fit the text: the text alone says enough
            message = str(record.msg)
        structlog.get_logger().log(record.levelno, message, logger=record.name, exc_info=record.exc_info)


def _exception_without_values(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    given = fields.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        fields["exception"] = describe(error)
    return fields


def describe(error: BaseException) -> str:
    """Return type, frames and (if it is ours) message of an exception and of its causes, the root cause first."""
    lines = [*_frames(error.__traceback__), _headline(error)]
    if isinstance(error, BaseExceptionGroup):
        lines += [describe(part) for part in error.exceptions]
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join([describe(cause), "which led to:", *lines] if cause else lines)


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)]


def _headline(error: BaseException) -> str:
    name = type(error).__qualname__
    sqlstate: Any = getattr(error, "sqlstate", None)
    if sqlstate:
        return f"{name} (SQLSTATE {sqlstate})"
    return f"{name}: {error}" if isinstance(error, LedgerError | OSError) else name
